package io.weir.clients;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.http.Protocol;
import software.amazon.kinesis.coordinator.CoordinatorConfig.ClientVersionConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.KinesisClientLibException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/**
 * A worker of the Kinesis Client Library that writes what it is given to the end of a file, until it is told to end. Its
 * arguments are an application, which has the name of its stream, an account, the worker's name, the file, "fan-out" or
 * "polling", the version of the protocol for leases, and how many milliseconds make a worker that is silent a dead one.
 */
public final class Worker implements ShardRecordProcessor {
  private final String worker;
  private final FileChannel journal;
  private String shard;

  private Worker(String worker, FileChannel journal) {
    this.worker = worker;
    this.journal = journal;
  }

  public static void main(String[] args) throws Exception {
    FileChannel journal = FileChannel.open(Path.of(args[3]), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    Scheduler scheduler = KclChecks.scheduler(args[0], args[2],
        Clients.kinesis(Clients.http(Protocol.HTTP2, false), Clients.HTTPS, args[1], Clients.LIMITED), KclChecks.dynamo(),
        args[4].equals("fan-out"), ClientVersionConfig.valueOf(args[5]), Long.parseLong(args[6]),
        () -> new Worker(args[2], journal));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        scheduler.startGracefulShutdown().get(30, TimeUnit.SECONDS);
      } catch (Exception e) {
        e.printStackTrace();
      }
    }));
    scheduler.run();
    System.exit(0); // what still runs in the clients
  }

  /** Adds lines to the journal in one write, which comes behind all that was written before. */
  private void write(String lines) {
    try {
      journal.write(ByteBuffer.wrap(lines.getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
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
      lines.append(worker).append(' ').append(shard).append(' ').append(new String(data, StandardCharsets.UTF_8)).append('\n');
    });
    if (lines.length() > 0) {
      write(lines.toString());
      checkpoint(in.checkpointer());
    }
  }

  /** Checkpoints, unless the lease is another's. */
  private void checkpoint(RecordProcessorCheckpointer checkpointer) {
    try {
      checkpointer.checkpoint();
    } catch (KinesisClientLibException e) {
      System.err.println(worker + " " + shard + ": no checkpoint: " + e);
    }
  }

  @Override
  public void leaseLost(LeaseLostInput in) {
    System.err.println(worker + " " + shard + ": lease lost");
  }

  @Override
  public void shardEnded(ShardEndedInput in) {
    checkpoint(in.checkpointer());
  }

  @Override
  public void shutdownRequested(ShutdownRequestedInput in) {
    checkpoint(in.checkpointer());
  }
}
