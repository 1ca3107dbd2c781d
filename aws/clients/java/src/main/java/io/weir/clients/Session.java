package io.weir.clients;

import static io.weir.clients.Suite.same;
import static io.weir.clients.Suite.that;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.CreateStreamRequest;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.Tag;

/** A client of an account that no other check uses. */
final class Session {
  private static final AtomicLong streams = new AtomicLong();

  final String account = Clients.newAccount();
  private final SdkAsyncHttpClient http;
  private final String endpoint;
  KinesisAsyncClient k; // of the region INSTANT, until it is moved

  Session(SdkAsyncHttpClient http, String endpoint) {
    this.http = http;
    this.endpoint = endpoint;
    move(Clients.INSTANT);
  }

  /** Goes on in another region. */
  void move(Region region) {
    k = Clients.kinesis(http, endpoint, account, region);
  }

  /** Creates a stream and returns its name. */
  String stream(int shards) {
    return stream(r -> r.shardCount(shards));
  }

  String stream(Consumer<CreateStreamRequest.Builder> more) {
    String name = "stream-" + streams.incrementAndGet();
    k.createStream(r -> more.accept(r.streamName(name))).join();
    return name;
  }

  String onDemand() {
    return stream(r -> r.streamModeDetails(m -> m.streamMode(StreamMode.ON_DEMAND)));
  }

  String arn(String stream) {
    return "arn:aws:kinesis:us-east-1:" + account + ":stream/" + stream;
  }

  StreamDescriptionSummary summary(String stream) {
    return k.describeStreamSummary(r -> r.streamName(stream)).join().streamDescriptionSummary();
  }

  List<Shard> shards(String stream) {
    return k.listShards(r -> r.streamName(stream)).join().shards();
  }

  PutRecordResponse put(String stream, String data) {
    return k.putRecord(r -> r.streamName(stream).partitionKey("k").data(SdkBytes.fromUtf8String(data))).join();
  }

  String iterator(String stream, ShardIteratorType type) {
    return iterator(stream, r -> r.shardIteratorType(type));
  }

  String iterator(String stream, Consumer<GetShardIteratorRequest.Builder> more) {
    return k.getShardIterator(r -> more.accept(r.streamName(stream).shardId("shardId-000000000000"))).join().shardIterator();
  }

  List<String> read(String iterator) {
    return texts(k.getRecords(r -> r.shardIterator(iterator)).join().records());
  }

  String register(String stream, String name) {
    return k.registerStreamConsumer(r -> r.streamARN(arn(stream)).consumerName(name)).join().consumer().consumerARN();
  }

  void split(String stream) throws InterruptedException {
    Thread.sleep(2); // not in the millisecond in which the shard began
    Shard s = shards(stream).get(0);
    BigInteger middle = new BigInteger(s.hashKeyRange().startingHashKey()).add(new BigInteger(s.hashKeyRange().endingHashKey())).shiftRight(1);
    k.splitShard(r -> r.streamName(stream).shardToSplit(s.shardId()).newStartingHashKey(middle.toString())).join();
  }

  Map<String, String> tags(String arn) {
    return map(k.listTagsForResource(r -> r.resourceARN(arn)).join().tags());
  }

  static List<String> texts(List<Record> records) {
    return records.stream().map(r -> r.data().asUtf8String()).collect(Collectors.toList());
  }

  static Map<String, String> map(List<Tag> tags) {
    return tags.stream().collect(Collectors.toMap(Tag::key, Tag::value));
  }

  /** Expects a call to be refused with an exception, and returns what it says. */
  static String refused(Class<? extends KinesisException> type, Supplier<CompletableFuture<?>> call) {
    try {
      call.get().join();
    } catch (CompletionException e) {
      if (!type.isInstance(e.getCause())) {
        throw new AssertionError("not a " + type.getSimpleName() + ": " + e.getCause(), e.getCause());
      }
      KinesisException refusal = (KinesisException) e.getCause();
      same(refusal.statusCode(), 400);
      that(refusal.requestId() != null && refusal.extendedRequestId() != null, "without request ids");
      return refusal.awsErrorDetails().errorMessage();
    }
    throw new AssertionError("not refused with a " + type.getSimpleName());
  }
}
