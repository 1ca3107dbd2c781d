package io.weir.clients;

import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.BillingMode;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * Reads a stream with the Kinesis Client Library and prints each user record until it is killed: the shard, partition
 * key, explicit hash key and data, the keys and data in base64. Its arguments are an account, a stream, and "fan-out" or
 * "polling".
 */
public final class Read implements ShardRecordProcessor {
  private static final PrintStream out = System.out;
  private String shard;

  public static void main(String[] args) {
    String stream = args[1];
    KinesisAsyncClient kinesis =
        Clients.kinesis(Clients.http(Protocol.HTTP2, false), Clients.HTTPS, args[0], Clients.LIMITED);
    var leaseTables = DynamoDbAsyncClient.builder().endpointOverride(URI.create(System.getenv("WEIR_DYNAMODB")))
        .region(Clients.INSTANT).credentialsProvider(Clients.credentials("local")).build();
    var noMetrics = CloudWatchAsyncClient.builder().endpointOverride(URI.create("http://127.0.0.1:1"))
        .region(Clients.INSTANT).credentialsProvider(Clients.credentials("local")).build();
    ConfigsBuilder c = new ConfigsBuilder(stream, stream, kinesis, leaseTables, noMetrics, "worker-1", Read::new);
    var horizon = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var leases = c.leaseManagementConfig().failoverTimeMillis(3000).shardSyncIntervalMillis(1000)
        .billingMode(BillingMode.PAY_PER_REQUEST).initialPositionInStream(horizon);
    leases.workerUtilizationAwareAssignmentConfig().inMemoryWorkerMetricsCaptureFrequencyMillis(200)
        .workerMetricsReporterFreqInMillis(1000);
    var retrieval = c.retrievalConfig().initialPositionInStreamExtended(horizon).retrievalSpecificConfig(
        args[2].equals("fan-out")
            ? new FanOutConfig(kinesis).streamName(stream).applicationName(stream).retryBackoffMillis(100)
            : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200));
    new Scheduler(c.checkpointConfig(),
        c.coordinatorConfig().parentShardPollIntervalMillis(200).shardConsumerDispatchPollIntervalMillis(100), leases,
        c.lifecycleConfig(), c.metricsConfig().metricsFactory(new NullMetricsFactory()), c.processorConfig(), retrieval)
        .run();
  }

  @Override
  public void initialize(InitializationInput in) {
    shard = in.shardId();
  }

  @Override
  public void processRecords(ProcessRecordsInput in) {
    StringBuilder lines = new StringBuilder();
    in.records().forEach(r -> {
      byte[] data = new byte[r.data().remaining()];
      r.data().get(data);
      String hash = r.explicitHashKey() == null ? "" : r.explicitHashKey();
      lines.append(String.join("\t", shard, base64(r.partitionKey().getBytes(StandardCharsets.UTF_8)), hash, base64(data)))
          .append('\n');
    });
    synchronized (out) {
      out.print(lines);
      out.flush();
    }
  }

  private static String base64(byte[] data) {
    return Base64.getEncoder().encodeToString(data);
  }

  @Override
  public void leaseLost(LeaseLostInput in) {}

  @Override
  public void shardEnded(ShardEndedInput in) {
    try {
      in.checkpointer().checkpoint(); // or its children are not read
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void shutdownRequested(ShutdownRequestedInput in) {}
}
