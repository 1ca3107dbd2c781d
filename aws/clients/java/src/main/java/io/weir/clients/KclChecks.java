package io.weir.clients;

import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.BillingMode;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.CoordinatorConfig.ClientVersionConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.ShardRecordProcessorFactory;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** A worker of the Kinesis Client Library reads a stream through a split and a merge. */
final class KclChecks {
  private static final int KEYS = 10;
  private static final String SHARD0 = "shardId-000000000000";

  private final String name;
  private final boolean fanOut;
  private final Suite suite;
  private final Watch watch = new Watch();
  private final KinesisAsyncClient kinesis; // the worker's
  private final KinesisAsyncClient producer;
  private final DynamoDbAsyncClient dynamo;

  /** What came for each key, in the order in which it came. */
  private final Map<String, List<Integer>> got = new ConcurrentHashMap<>();
  private final Map<String, Integer> put = new TreeMap<>();
  private final Collection<String> ended = ConcurrentHashMap.newKeySet();

  KclChecks(boolean fanOut) {
    this.fanOut = fanOut;
    name = fanOut ? "kcl-fan-out" : "kcl-polling";
    suite = new Suite("Kinesis Client Library", "amazon-kinesis-client " + version(Scheduler.class),
        (fanOut ? "enhanced fan-out, " : "polling, ") + "CBOR, HTTP/2 TLS");
    String account = Clients.newAccount();
    kinesis = Clients.kinesis(Clients.http(Protocol.HTTP2, false), Clients.HTTPS, account, Clients.LIMITED, watch);
    producer = Clients.kinesis(Clients.http(Protocol.HTTP1_1, false), Clients.HTTP, account, Clients.LIMITED);
    dynamo = dynamo();
  }

  /** A client of the tables for leases. */
  static DynamoDbAsyncClient dynamo() {
    return DynamoDbAsyncClient.builder().endpointOverride(URI.create(System.getenv("WEIR_DYNAMODB")))
        .region(Clients.INSTANT).credentialsProvider(Clients.credentials("local")).build();
  }

  /** The version of a class's jar, from the jar's name. */
  static String version(Class<?> c) {
    return c.getProtectionDomain().getCodeSource().getLocation().getPath().replaceAll(".*-([0-9.]+)\\.jar$", "$1");
  }

  void run() {
    suite.check("every record once, in order for each key, through a split and a merge", this::readThrough);
    try {
      suite.run();
      for (Map.Entry<String, String> e : watch.outcomes.entrySet()) {
        suite.record("operation", e.getKey(), e.getValue());
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private void readThrough() throws Exception {
    producer.createStream(r -> r.streamName(name).shardCount(1)).join();
    produce(50);
    Scheduler worker = worker();
    Thread running = new Thread(worker, name);
    running.setDaemon(true);
    running.start();
    await("the first records", () -> received() == sent());

    produce(50);
    producer.splitShard(r -> r.streamName(name).shardToSplit(SHARD0)
        .newStartingHashKey(BigInteger.TWO.pow(127).toString())).join();
    produce(50);
    await("the records of both halves", () -> received() >= sent());
    List<String> halves = open();
    Suite.same(halves.size(), 2);
    producer.mergeShards(r -> r.streamName(name).shardToMerge(halves.get(0)).adjacentShardToMerge(halves.get(1))).join();
    produce(50);
    await("the records after the merge", () -> received() >= sent());
    await("three ended shards", () -> ended.size() == 3);
    Thread.sleep(1000); // for what may come twice

    for (Map.Entry<String, Integer> e : put.entrySet()) {
      List<Integer> want = new ArrayList<>();
      for (int i = 0; i < e.getValue(); i++) {
        want.add(i);
      }
      Suite.same(got.get(e.getKey()), want);
    }
    await("checkpoints at the end", () -> checkpoints().stream().filter("SHARD_END"::equals).count() == 3
        || checkpoints().size() == 1); // finished leases are cleaned up in time
    Suite.that(worker.startGracefulShutdown().get(60, TimeUnit.SECONDS), "the worker did not shut down gracefully");
  }

  /** Puts n records for each key: their data are numbers that rise. */
  private void produce(int n) {
    for (int i = 0; i < n; i++) {
      List<PutRecordsRequestEntry> batch = new ArrayList<>();
      for (int k = 0; k < KEYS; k++) {
        String key = "key-" + k;
        int number = put.merge(key, 1, Integer::sum) - 1;
        batch.add(PutRecordsRequestEntry.builder().partitionKey(key)
            .data(SdkBytes.fromUtf8String(Integer.toString(number))).build());
      }
      Suite.same(producer.putRecords(r -> r.streamName(name).records(batch)).join().failedRecordCount(), 0);
    }
  }

  private int sent() {
    return put.values().stream().mapToInt(Integer::intValue).sum();
  }

  private int received() {
    return got.values().stream().mapToInt(List::size).sum();
  }

  private List<String> open() {
    return producer.listShards(r -> r.streamName(name)).join().shards().stream()
        .filter(s -> s.sequenceNumberRange().endingSequenceNumber() == null)
        .map(Shard::shardId).collect(Collectors.toList());
  }

  /** The checkpoints of the leases in the table. */
  private List<String> checkpoints() {
    return dynamo.scan(r -> r.tableName(name)).join().items().stream()
        .filter(item -> item.containsKey("checkpoint"))
        .map(item -> item.getOrDefault("checkpoint", AttributeValue.fromS("")).s()).collect(Collectors.toList());
  }

  private void await(String what, BooleanSupplier done) throws InterruptedException {
    long deadline = System.nanoTime() + Duration.ofSeconds(150).toNanos();
    while (!done.getAsBoolean()) {
      Suite.that(System.nanoTime() < deadline, "no sign of " + what + ": received " + received() + " of " + sent()
          + ", ended " + ended + ", calls " + watch.outcomes);
      Thread.sleep(50);
    }
  }

  private Scheduler worker() {
    return scheduler(name, "worker-1", kinesis, dynamo, fanOut, ClientVersionConfig.CLIENT_VERSION_CONFIG_3X, 3000, Processor::new);
  }

  /** A worker of the application and stream of a name that looks after its leases more often than the defaults have it. */
  static Scheduler scheduler(String name, String worker, KinesisAsyncClient kinesis, DynamoDbAsyncClient dynamo, boolean fanOut,
      ClientVersionConfig version, long failoverMillis, ShardRecordProcessorFactory processors) {
    ConfigsBuilder c = new ConfigsBuilder(name, name, kinesis, dynamo,
        CloudWatchAsyncClient.builder().endpointOverride(URI.create("http://127.0.0.1:1")).region(Clients.INSTANT)
            .credentialsProvider(Clients.credentials("local")).build(), // metrics are off: nobody calls it
        worker, processors);
    InitialPositionInStreamExtended horizon =
        InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var leases = c.leaseManagementConfig().failoverTimeMillis(failoverMillis).shardSyncIntervalMillis(1000)
        .billingMode(BillingMode.PAY_PER_REQUEST).initialPositionInStream(horizon);
    leases.workerUtilizationAwareAssignmentConfig().inMemoryWorkerMetricsCaptureFrequencyMillis(200)
        .workerMetricsReporterFreqInMillis(1000);
    var retrieval = c.retrievalConfig().initialPositionInStreamExtended(horizon).retrievalSpecificConfig(fanOut
        ? new FanOutConfig(kinesis).streamName(name).applicationName(name).retryBackoffMillis(100)
        : new PollingConfig(name, kinesis).idleTimeBetweenReadsInMillis(200));
    return new Scheduler(c.checkpointConfig(),
        c.coordinatorConfig().clientVersionConfig(version).parentShardPollIntervalMillis(200).shardConsumerDispatchPollIntervalMillis(100),
        leases, c.lifecycleConfig(), c.metricsConfig().metricsFactory(new NullMetricsFactory()), c.processorConfig(), retrieval);
  }

  /** Notes what it is given, and checkpoints. */
  private final class Processor implements ShardRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput in) {
      shard = in.shardId();
    }

    @Override
    public void processRecords(ProcessRecordsInput in) {
      in.records().forEach(r -> {
        byte[] data = new byte[r.data().remaining()];
        r.data().get(data);
        got.computeIfAbsent(r.partitionKey(), k -> java.util.Collections.synchronizedList(new ArrayList<>()))
            .add(Integer.parseInt(new String(data)));
      });
      try {
        in.checkpointer().checkpoint();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void leaseLost(LeaseLostInput in) {}

    @Override
    public void shardEnded(ShardEndedInput in) {
      try {
        in.checkpointer().checkpoint();
        ended.add(shard);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput in) {
      try {
        in.checkpointer().checkpoint();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Sees the calls of a client: an operation is fine when one of its calls was answered. */
  private static final class Watch implements ExecutionInterceptor {
    final Map<String, String> outcomes = new ConcurrentHashMap<>();

    @Override
    public void afterExecution(Context.AfterExecution context, ExecutionAttributes attributes) {
      outcomes.put(attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME), "");
    }

    @Override
    public void onExecutionFailure(Context.FailedExecution context, ExecutionAttributes attributes) {
      outcomes.putIfAbsent(attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME), context.exception().toString());
    }
  }
}
