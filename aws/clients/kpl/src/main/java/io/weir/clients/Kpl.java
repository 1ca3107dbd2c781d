package io.weir.clients;

import com.google.common.util.concurrent.ListenableFuture;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Puts user records with the Kinesis Producer Library and prints each: partition key, explicit hash key, data, and the
 * shard and the sequence number that it is told, keys and data in base64. Its arguments are a port on this machine, a
 * stream, and how many records.
 */
public final class Kpl {
  private record Put(String key, String hash, byte[] data, ListenableFuture<UserRecordResult> result) {}

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    long port = Long.parseLong(args[0]);
    KinesisProducerConfiguration c = new KinesisProducerConfiguration()
        .setKinesisEndpoint("127.0.0.1").setKinesisPort(port).setVerifyCertificate(false)
        .setStsEndpoint("127.0.0.1").setStsPort(port).setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(port)
        .setRegion("us-east-1").setMetricsLevel("none").setLogLevel("warning").setRecordMaxBufferedTime(200)
        .setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("000000000000", "secret")));
    KinesisProducer producer = new KinesisProducer(c);
    Random random = new Random(7);
    List<Put> puts = new ArrayList<>();
    for (int i = 0; i < Integer.parseInt(args[2]); i++) {
      String key = List.of("key-", "schlüssel-", "鍵-").get(i % 3) + random.nextInt(50);
      String hash = random.nextInt(5) == 0 ? new BigInteger(128, random).toString() : null;
      byte[] data = new byte[random.nextInt(150)];
      random.nextBytes(data);
      puts.add(new Put(key, hash, data, producer.addUserRecord(args[1], key, hash, ByteBuffer.wrap(data))));
    }
    producer.flushSync();
    for (Put p : puts) {
      UserRecordResult r = p.result.get();
      out.println(String.join("\t", base64(p.key.getBytes(StandardCharsets.UTF_8)), p.hash == null ? "" : p.hash,
          base64(p.data), r.getShardId(), r.getSequenceNumber()));
    }
    out.flush();
    producer.destroy();
    System.exit(0);
  }

  private static String base64(byte[] data) {
    return Base64.getEncoder().encodeToString(data);
  }
}
