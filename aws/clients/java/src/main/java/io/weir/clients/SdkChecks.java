package io.weir.clients;

import static io.weir.clients.Session.map;
import static io.weir.clients.Session.refused;
import static io.weir.clients.Session.texts;
import static io.weir.clients.Suite.same;
import static io.weir.clients.Suite.that;

import java.math.BigInteger;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.ExpiredIteratorException;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.LimitExceededException;
import software.amazon.awssdk.services.kinesis.model.MetricsName;
import software.amazon.awssdk.services.kinesis.model.ProvisionedThroughputExceededException;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescription;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;
import software.amazon.awssdk.services.kinesis.model.ValidationException;

/** Every operation that the AWS SDK for Java v2 has, over one protocol. */
final class SdkChecks {
  private static final String SHARD0 = "shardId-000000000000";
  private static final String SHARD1 = "shardId-000000000001";
  private static final String SHARD2 = "shardId-000000000002";

  private final Suite suite;
  private final SdkAsyncHttpClient http;
  private final String endpoint;

  SdkChecks(String protocol, Protocol version, String endpoint, boolean negotiated) {
    suite = new Suite("AWS SDK for Java v2", "kinesis " + KclChecks.version(KinesisAsyncClient.class), protocol);
    http = Clients.http(version, negotiated);
    this.endpoint = endpoint;
  }

  /** A check that is given a client of an account of its own. */
  interface Check {
    void run(Session s) throws Throwable;
  }

  private void operation(String name, Check check) {
    suite.operation(name, () -> check.run(new Session(http, endpoint)));
  }

  private void check(String name, Check check) {
    suite.check(name, () -> check.run(new Session(http, endpoint)));
  }

  void run() throws Exception {
    streams();
    shards();
    settings();
    tagsAndPolicies();
    consumers();
    records();
    errors();
    suite.run();
    http.close();
  }

  private void streams() {
    operation("CreateStream", s -> {
      String name = s.stream(r -> r.shardCount(3).tags(Map.of("team", "web")));
      StreamDescriptionSummary d = s.summary(name);
      same(List.of(d.streamARN(), d.streamStatus(), d.openShardCount()), List.of(s.arn(name), StreamStatus.ACTIVE, 3));
      Duration age = Duration.between(d.streamCreationTimestamp(), Instant.now());
      that(age.abs().toMinutes() < 1, "created " + age + " ago");
      same(refused(ResourceInUseException.class, () -> s.k.createStream(r -> r.streamName(name).shardCount(1))),
          "Stream " + name + " under account " + s.account + " already exists.");
    });
    operation("DeleteStream", s -> {
      String name = s.stream(1);
      s.register(name, "c");
      refused(ResourceInUseException.class, () -> s.k.deleteStream(r -> r.streamName(name)));
      s.k.deleteStream(r -> r.streamName(name).enforceConsumerDeletion(true)).join();
      same(refused(ResourceNotFoundException.class, () -> s.k.describeStream(r -> r.streamName(name))),
          "Stream " + name + " under account " + s.account + " not found.");
    });
    operation("DescribeStream", s -> {
      String name = s.stream(3);
      StreamDescription d = s.k.describeStream(r -> r.streamARN(s.arn(name)).limit(2)).join().streamDescription();
      same(List.of(d.streamName(), d.shards().size(), d.hasMoreShards(), d.encryptionType()),
          List.of(name, 2, true, EncryptionType.NONE));
      same(d.keyId(), null);
      same(d.enhancedMonitoring().size(), 1);
    });
    operation("DescribeStreamSummary", s -> {
      String name = s.stream(2);
      s.register(name, "c");
      StreamDescriptionSummary d = s.summary(name);
      same(List.of(d.openShardCount(), d.consumerCount(), d.retentionPeriodHours()), List.of(2, 1, 24));
    });
    operation("ListStreams", s -> {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        names.add(s.stream(1));
      }
      ConcurrentLinkedQueue<String> got = new ConcurrentLinkedQueue<>();
      s.k.listStreamsPaginator(r -> r.limit(2)).streamNames().subscribe(got::add).join();
      same(List.copyOf(got), names.stream().sorted().collect(Collectors.toList()));
    });
    operation("UpdateStreamMode", s -> {
      String name = s.stream(2);
      s.k.updateStreamMode(r -> r.streamARN(s.arn(name)).streamModeDetails(m -> m.streamMode(StreamMode.ON_DEMAND))).join();
      same(s.summary(name).streamModeDetails().streamMode(), StreamMode.ON_DEMAND);
    });
    check("Waiters: streamExists and streamNotExists", s -> {
      s.move(Clients.PACED);
      String name = s.stream(1);
      same(s.k.describeStream(r -> r.streamName(name)).join().streamDescription().streamStatus(), StreamStatus.CREATING);
      var waiter = software.amazon.awssdk.services.kinesis.waiters.KinesisAsyncWaiter.builder().client(s.k)
          .overrideConfiguration(o -> o.maxAttempts(300).backoffStrategyV2(
              software.amazon.awssdk.retries.api.BackoffStrategy.fixedDelay(Duration.ofMillis(200)))).build();
      waiter.waitUntilStreamExists(r -> r.streamName(name)).join();
      s.k.deleteStream(r -> r.streamName(name)).join();
      waiter.waitUntilStreamNotExists(r -> r.streamName(name)).join();
    });
  }

  private void shards() {
    operation("ListShards", s -> {
      String name = s.stream(3);
      s.split(name);
      var page = s.k.listShards(r -> r.streamName(name).maxResults(4)).join();
      var rest = s.k.listShards(r -> r.nextToken(page.nextToken())).join();
      same(List.of(page.shards().size(), rest.shards().size()), List.of(4, 1));
      same(rest.nextToken(), null);
      same(s.k.listShards(r -> r.streamName(name).shardFilter(f -> f.type(ShardFilterType.AT_LATEST))).join().shards().size(), 4);
      same(s.k.listShards(r -> r.streamName(name).shardFilter(f -> f.type(ShardFilterType.AT_TRIM_HORIZON))).join().shards().size(), 3);
    });
    operation("SplitShard", s -> {
      String name = s.stream(1);
      s.split(name);
      same(s.shards(name).stream().map(Shard::parentShardId).collect(Collectors.toList()), Arrays.asList(null, SHARD0, SHARD0));
      same(refused(InvalidArgumentException.class, () -> s.k.splitShard(r -> r.streamName(name).shardToSplit(SHARD0).newStartingHashKey("5"))),
          "Shard " + SHARD0 + " in stream " + name + " under account " + s.account
              + " has already been merged or split, and thus is not eligible for merging or splitting.");
    });
    operation("MergeShards", s -> {
      String name = s.stream(2);
      s.k.mergeShards(r -> r.streamName(name).shardToMerge(SHARD0).adjacentShardToMerge(SHARD1)).join();
      Shard child = s.shards(name).get(2);
      same(List.of(child.parentShardId(), child.adjacentParentShardId()), List.of(SHARD0, SHARD1));
    });
    operation("UpdateShardCount", s -> {
      String name = s.stream(2);
      var out = s.k.updateShardCount(r -> r.streamName(name).targetShardCount(4).scalingType(ScalingType.UNIFORM_SCALING)).join();
      same(List.of(out.currentShardCount(), out.targetShardCount()), List.of(2, 4));
      same(s.summary(name).openShardCount(), 4);
    });
  }

  private void settings() {
    operation("IncreaseStreamRetentionPeriod", s -> {
      String name = s.stream(1);
      s.k.increaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(8760)).join();
      same(s.summary(name).retentionPeriodHours(), 8760);
    });
    operation("DecreaseStreamRetentionPeriod", s -> {
      String name = s.stream(1);
      s.k.increaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(48)).join();
      s.k.decreaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(25)).join();
      same(s.summary(name).retentionPeriodHours(), 25);
    });
    operation("EnableEnhancedMonitoring", s -> {
      String name = s.stream(1);
      var out = s.k.enableEnhancedMonitoring(r -> r.streamName(name).shardLevelMetrics(MetricsName.ALL)).join();
      same(List.of(out.currentShardLevelMetrics().size(), out.desiredShardLevelMetrics().size()), List.of(0, 7));
    });
    operation("DisableEnhancedMonitoring", s -> {
      String name = s.stream(1);
      s.k.enableEnhancedMonitoring(r -> r.streamName(name).shardLevelMetrics(MetricsName.ALL)).join();
      var out = s.k.disableEnhancedMonitoring(r -> r.streamName(name).shardLevelMetrics(MetricsName.INCOMING_BYTES)).join();
      same(List.of(out.currentShardLevelMetrics().size(), out.desiredShardLevelMetrics().size()), List.of(7, 6));
    });
    String key = "alias/aws/kinesis";
    operation("StartStreamEncryption", s -> {
      String name = s.stream(1);
      s.k.startStreamEncryption(r -> r.streamName(name).encryptionType(EncryptionType.KMS).keyId(key)).join();
      same(s.put(name, "x").encryptionType(), EncryptionType.KMS);
      same(s.summary(name).keyId(), key);
    });
    operation("StopStreamEncryption", s -> {
      String name = s.stream(1);
      s.k.startStreamEncryption(r -> r.streamName(name).encryptionType(EncryptionType.KMS).keyId(key)).join();
      s.k.stopStreamEncryption(r -> r.streamName(name).encryptionType(EncryptionType.KMS).keyId(key)).join();
      same(s.put(name, "x").encryptionType(), null);
    });
    operation("DescribeLimits", s -> {
      s.stream(3);
      var d = s.k.describeLimits().join();
      same(List.of(d.shardLimit(), d.openShardCount(), d.onDemandStreamCountLimit()), List.of(20000, 3, 50));
    });
    operation("UpdateAccountSettings", s -> {
      var c = commit(s);
      same(c.statusAsString(), "ENABLED");
      same(Duration.between(c.startedAt(), c.earliestAllowedEndAt()), Duration.ofDays(1));
    });
    operation("DescribeAccountSettings", s -> {
      commit(s);
      same(s.k.describeAccountSettings(r -> { }).join().minimumThroughputBillingCommitment().statusAsString(), "ENABLED");
    });
    operation("UpdateStreamWarmThroughput", s -> {
      String name = s.onDemand();
      commit(s);
      same(s.k.updateStreamWarmThroughput(r -> r.streamName(name).warmThroughputMiBps(20)).join().warmThroughput().targetMiBps(), 20);
    });
    operation("UpdateMaxRecordSize", s -> {
      String name = s.stream(1);
      s.k.updateMaxRecordSize(r -> r.streamARN(s.arn(name)).maxRecordSizeInKiB(10240)).join();
      byte[] large = new byte[9 << 20];
      large[large.length - 1] = 7;
      s.k.putRecord(r -> r.streamName(name).partitionKey("k").data(SdkBytes.fromByteArray(large))).join();
      String it = s.iterator(name, ShardIteratorType.TRIM_HORIZON);
      that(Arrays.equals(s.k.getRecords(r -> r.shardIterator(it)).join().records().get(0).data().asByteArray(), large), "other data");
    });
  }

  private static software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentOutput commit(Session s) {
    return s.k.updateAccountSettings(r -> r.minimumThroughputBillingCommitment(m -> m.status("ENABLED"))).join()
        .minimumThroughputBillingCommitment();
  }

  private void tagsAndPolicies() {
    operation("AddTagsToStream", s -> {
      String name = s.stream(1);
      s.k.addTagsToStream(r -> r.streamName(name).tags(Map.of("größe", "1", "b", ""))).join();
      same(map(s.k.listTagsForStream(r -> r.streamName(name)).join().tags()), Map.of("größe", "1", "b", ""));
    });
    operation("RemoveTagsFromStream", s -> {
      String name = s.stream(r -> r.shardCount(1).tags(Map.of("a", "1", "b", "2")));
      s.k.removeTagsFromStream(r -> r.streamName(name).tagKeys("a", "unknown")).join();
      same(s.tags(s.arn(name)), Map.of("b", "2"));
    });
    operation("ListTagsForStream", s -> {
      String name = s.stream(r -> r.shardCount(1).tags(Map.of("c", "3", "a", "1", "b", "2")));
      var out = s.k.listTagsForStream(r -> r.streamName(name).limit(2)).join();
      same(out.hasMoreTags(), true);
      same(map(out.tags()), Map.of("a", "1", "b", "2"));
    });
    operation("TagResource", s -> {
      String name = s.stream(1);
      for (String arn : List.of(s.arn(name), s.register(name, "c"))) {
        s.k.tagResource(r -> r.resourceARN(arn).tags(Map.of("x", "y"))).join();
        same(s.tags(arn), Map.of("x", "y"));
      }
    });
    operation("UntagResource", s -> {
      String name = s.stream(r -> r.shardCount(1).tags(Map.of("a", "1", "b", "2")));
      s.k.untagResource(r -> r.resourceARN(s.arn(name)).tagKeys("a")).join();
      same(s.tags(s.arn(name)), Map.of("b", "2"));
    });
    operation("ListTagsForResource", s -> same(s.tags(s.arn(s.stream(1))), Map.of()));
    operation("GetResourcePolicy", s -> same(policy(s, s.arn(s.stream(1))), "{}"));
    operation("PutResourcePolicy", s -> {
      String arn = s.arn(s.stream(1));
      putPolicy(s, arn);
      that(policy(s, arn).contains("kinesis:GetRecords"), policy(s, arn));
    });
    operation("DeleteResourcePolicy", s -> {
      String arn = s.arn(s.stream(1));
      putPolicy(s, arn);
      s.k.deleteResourcePolicy(r -> r.resourceARN(arn)).join();
      same(policy(s, arn), "{}");
    });
  }

  private static String policy(Session s, String arn) {
    return s.k.getResourcePolicy(r -> r.resourceARN(arn)).join().policy();
  }

  private static void putPolicy(Session s, String arn) {
    s.k.putResourcePolicy(r -> r.resourceARN(arn).policy("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
        + "\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:root\"},\"Action\":[\"kinesis:GetRecords\"],\"Resource\":\"" + arn + "\"}]}")).join();
  }

  private void consumers() {
    operation("RegisterStreamConsumer", s -> {
      String name = s.stream(1);
      var c = s.k.registerStreamConsumer(r -> r.streamARN(s.arn(name)).consumerName("one")).join().consumer();
      same(c.consumerARN(), s.arn(name) + "/consumer/one:" + c.consumerCreationTimestamp().getEpochSecond());
      refused(ResourceInUseException.class, () -> s.k.registerStreamConsumer(r -> r.streamARN(s.arn(name)).consumerName("one")));
    });
    operation("DescribeStreamConsumer", s -> {
      String name = s.stream(1);
      String arn = s.register(name, "c");
      var d = s.k.describeStreamConsumer(r -> r.streamARN(s.arn(name)).consumerName("c")).join().consumerDescription();
      same(List.of(d.consumerARN(), d.streamARN(), d.consumerStatus()), List.of(arn, s.arn(name), ConsumerStatus.ACTIVE));
    });
    operation("ListStreamConsumers", s -> {
      String name = s.stream(1);
      for (int i = 0; i < 5; i++) {
        s.register(name, "c" + i);
      }
      ConcurrentLinkedQueue<String> got = new ConcurrentLinkedQueue<>();
      s.k.listStreamConsumersPaginator(r -> r.streamARN(s.arn(name)).maxResults(2))
          .subscribe(page -> page.consumers().forEach(c -> got.add(c.consumerName()))).join();
      same(got.size(), 5);
    });
    operation("DeregisterStreamConsumer", s -> {
      String arn = s.register(s.stream(1), "c");
      s.k.deregisterStreamConsumer(r -> r.consumerARN(arn)).join();
      refused(ResourceNotFoundException.class, () -> s.k.describeStreamConsumer(r -> r.consumerARN(arn)));
    });
    operation("SubscribeToShard", s -> {
      String name = s.stream(1);
      String consumer = s.register(name, "c");
      s.put(name, "a");
      ConcurrentLinkedQueue<String> got = new ConcurrentLinkedQueue<>();
      CompletableFuture<Long> pushed = new CompletableFuture<>();
      CompletableFuture<Void> done = subscribe(s, consumer, ev -> {
        that(ev.continuationSequenceNumber() != null && ev.childShards().isEmpty(), ev.toString());
        got.addAll(texts(ev.records()));
        if (got.contains("b")) {
          pushed.complete(System.nanoTime());
        }
      });
      waitFor(() -> got.contains("a"));
      refused(ResourceInUseException.class, () -> subscribe(s, consumer, ev -> { }));
      long begin = System.nanoTime();
      s.put(name, "b");
      that(pushed.get(1, TimeUnit.MINUTES) - begin < 4_000_000_000L, "records wait for the next idle event");
      same(List.copyOf(got), List.of("a", "b"));
      done.cancel(true);
    });
    check("SubscribeToShard: a closed shard ends with its children", s -> {
      String name = s.stream(1);
      s.put(name, "a");
      s.split(name);
      ConcurrentLinkedQueue<SubscribeToShardEvent> events = new ConcurrentLinkedQueue<>();
      subscribe(s, s.register(name, "c"), events::add).get(1, TimeUnit.MINUTES);
      SubscribeToShardEvent last = List.copyOf(events).get(events.size() - 1);
      same(last.continuationSequenceNumber(), null);
      same(last.childShards().stream().map(c -> c.parentShards()).collect(Collectors.toList()), List.of(List.of(SHARD0), List.of(SHARD0)));
    });
    check("SubscribeToShard: an exception in the stream", s -> {
      String consumer = s.register(s.stream(1), "c");
      CompletableFuture<Void> first = new CompletableFuture<>();
      CompletableFuture<Void> done = subscribe(s, consumer, ev -> first.complete(null));
      first.get(1, TimeUnit.MINUTES);
      s.k.deregisterStreamConsumer(r -> r.consumerARN(consumer)).join();
      try {
        done.get(1, TimeUnit.MINUTES);
      } catch (java.util.concurrent.ExecutionException e) {
        that(e.getCause() instanceof ResourceNotFoundException, e.getCause().toString());
        return;
      }
      throw new AssertionError("ended without an exception");
    });
  }

  private static CompletableFuture<Void> subscribe(Session s, String consumer, Consumer<SubscribeToShardEvent> each) {
    return s.k.subscribeToShard(
        r -> r.consumerARN(consumer).shardId(SHARD0).startingPosition(p -> p.type(ShardIteratorType.TRIM_HORIZON)),
        SubscribeToShardResponseHandler.builder().subscriber(ev -> each.accept((SubscribeToShardEvent) ev)).build());
  }

  private static void waitFor(Supplier<Boolean> done) throws InterruptedException {
    for (int i = 0; !done.get(); i++) {
      that(i < 6000, "a minute is over");
      Thread.sleep(10);
    }
  }

  private void records() {
    operation("PutRecord", s -> {
      String name = s.stream(3);
      var out = s.k.putRecord(r -> r.streamName(name).partitionKey("user-1").data(SdkBytes.fromByteArray(new byte[] {0, -1}))).join();
      same(out.shardId(), SHARD2);
      same(out.encryptionType(), null);
      that(out.responseMetadata().extendedRequestId() != null, "without x-amz-id-2");
      var after = s.k.putRecord(r -> r.streamName(name).partitionKey("user-1").data(SdkBytes.fromByteArray(new byte[0]))
          .sequenceNumberForOrdering(out.sequenceNumber())).join();
      that(new BigInteger(after.sequenceNumber()).compareTo(new BigInteger(out.sequenceNumber())) > 0, "not after the first");
    });
    operation("PutRecords", s -> {
      String name = s.stream(4);
      List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        entries.add(PutRecordsRequestEntry.builder().partitionKey("" + i).data(SdkBytes.fromUtf8String("" + i)).build());
      }
      var out = s.k.putRecords(r -> r.streamName(name).records(entries)).join();
      same(out.failedRecordCount(), 0);
      for (int i = 0; i < 500; i++) {
        int first = MessageDigest.getInstance("MD5").digest(("" + i).getBytes())[0] & 0xff;
        same(out.records().get(i).shardId(), String.format("shardId-%012d", first >> 6));
        same(out.records().get(i).errorCode(), null);
      }
    });
    operation("GetShardIterator", s -> {
      String name = s.stream(1);
      s.put(name, "a");
      Thread.sleep(5);
      Instant at = Instant.now();
      String b = s.put(name, "b").sequenceNumber();
      String latest = s.iterator(name, ShardIteratorType.LATEST);
      s.put(name, "c");
      same(s.read(s.iterator(name, ShardIteratorType.TRIM_HORIZON)), List.of("a", "b", "c"));
      same(s.read(s.iterator(name, r -> r.shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(b))), List.of("b", "c"));
      same(s.read(s.iterator(name, r -> r.shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(b))), List.of("c"));
      same(s.read(s.iterator(name, r -> r.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(at))), List.of("b", "c"));
      same(s.read(s.iterator(name, r -> r.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(at.minus(Duration.ofDays(365))))), List.of("a", "b", "c"));
      same(s.read(latest), List.of("c"));
      same(s.read(latest), List.of("c"));
    });
    operation("GetRecords", s -> {
      String name = s.stream(1);
      Instant begin = Instant.now();
      s.put(name, "a");
      s.put(name, "b");
      String it = s.iterator(name, ShardIteratorType.TRIM_HORIZON);
      GetRecordsResponse first = s.k.getRecords(r -> r.shardIterator(it).limit(1)).join();
      Record a = first.records().get(0);
      same(a.partitionKey(), "k");
      same(a.encryptionType(), null);
      Duration late = Duration.between(begin, a.approximateArrivalTimestamp());
      that(late.abs().toSeconds() < 60, "arrived " + late + " after the put");
      same(first.hasChildShards(), false);
      GetRecordsResponse out = s.k.getRecords(r -> r.shardIterator(first.nextShardIterator())).join();
      same(texts(out.records()), List.of("b"));
      same(out.millisBehindLatest(), 0L);
      s.split(name);
      while (out.nextShardIterator() != null) {
        String next = out.nextShardIterator();
        out = s.k.getRecords(r -> r.shardIterator(next)).join();
      }
      same(out.childShards().stream().map(c -> c.parentShards()).collect(Collectors.toList()), List.of(List.of(SHARD0), List.of(SHARD0)));
      same(refused(InvalidArgumentException.class, () -> s.k.getRecords(r -> r.shardIterator("x"))), "Invalid ShardIterator.");
    });
    check("PutRecords: partial failure of a throttled shard", s -> {
      s.move(Clients.LIMITED);
      String name = s.stream(2);
      List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (String hash : List.of("0", "0", "0", "340282366920938463463374607431768211455")) {
        entries.add(PutRecordsRequestEntry.builder().partitionKey("k").explicitHashKey(hash)
            .data(SdkBytes.fromByteArray(new byte[700 << 10])).build());
      }
      var out = s.k.putRecords(r -> r.streamName(name).records(entries)).join();
      var failed = out.records().stream().filter(r -> r.errorCode() != null).collect(Collectors.toList());
      that(!failed.isEmpty() && out.records().get(3).errorCode() == null, out.toString());
      same(out.failedRecordCount(), failed.size());
      same(failed.get(0).errorCode(), "ProvisionedThroughputExceededException");
      same(failed.get(0).errorMessage(), "Rate exceeded for shard " + SHARD0 + " in stream " + name + " under account " + s.account + ".");
    });
    check("HTTP/2 over TLS that is assumed, not negotiated, as is this SDK's default", s -> {
      try (SdkAsyncHttpClient assumed = Clients.http(Protocol.HTTP2, false)) {
        s.k = Clients.kinesis(assumed, Clients.HTTPS, s.account, Clients.INSTANT);
        String name = s.stream(1);
        s.put(name, "x");
        same(s.read(s.iterator(name, ShardIteratorType.TRIM_HORIZON)), List.of("x"));
      }
    });
    check("The synchronous client", s -> {
      try (var sync = Clients.sync(s.account)) {
        sync.createStream(r -> r.streamName("sync").shardCount(1));
        sync.waiter().waitUntilStreamExists(r -> r.streamName("sync"));
        sync.putRecord(r -> r.streamName("sync").partitionKey("k").data(SdkBytes.fromUtf8String("x")));
        String it = sync.getShardIterator(r -> r.streamName("sync").shardId(SHARD0).shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
        same(texts(sync.getRecords(r -> r.shardIterator(it)).records()), List.of("x"));
        try {
          sync.describeStream(r -> r.streamName("none"));
        } catch (ResourceNotFoundException e) {
          return;
        }
        throw new AssertionError("there is no such stream");
      }
    });
  }

  private void errors() {
    check("Error classes: validation, limits, expiry", s -> {
      String name = s.stream(1);
      same(refused(ValidationException.class, () -> s.k.createStream(r -> r.streamName("a/b").shardCount(0))),
          "2 validation errors detected: Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than "
              + "or equal to 1; Value 'a/b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression "
              + "pattern: [a-zA-Z0-9_.-]+");
      refused(LimitExceededException.class, () -> s.k.createStream(r -> r.streamName("huge").shardCount(30000)));
      s.move(Clients.HASTY);
      String old = s.stream(1);
      String it = s.iterator(old, ShardIteratorType.LATEST);
      Thread.sleep(3100); // 310 s of the server's
      refused(ExpiredIteratorException.class, () -> s.k.getRecords(r -> r.shardIterator(it)));
    });
    check("Throttling: writes, reads and calls", s -> {
      s.move(Clients.LIMITED);
      String name = s.stream(1);
      SdkBytes large = SdkBytes.fromByteArray(new byte[900 << 10]);
      untilRefused(ProvisionedThroughputExceededException.class, () -> s.k.putRecord(r -> r.streamName(name).partitionKey("k").data(large)));
      String it = s.iterator(name, ShardIteratorType.LATEST);
      untilRefused(ProvisionedThroughputExceededException.class, () -> s.k.getRecords(r -> r.shardIterator(it)));
      untilRefused(LimitExceededException.class, () -> s.k.describeLimits());
    });
  }

  private static void untilRefused(Class<? extends KinesisException> type, Supplier<CompletableFuture<?>> call) {
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos(); // a slow machine may stay below any limit for a while
    while (System.nanoTime() < end) {
      try {
        call.get().join();
      } catch (CompletionException e) {
        that(type.isInstance(e.getCause()), e.getCause().toString());
        return;
      }
    }
    throw new AssertionError("never a " + type.getSimpleName());
  }
}
