package io.weir.clients;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Compares how the Kinesis Client Library takes aggregates apart, and what it discards, with what
 * ../aggregates says: Aggregates WRITTEN.
 */
public final class Aggregates {
  public static void main(String[] args) throws Exception {
    Suite suite = new Suite("KCL's AggregatorUtil", KclChecks.version(AggregatorUtil.class), "-");
    suite.check("it delivers and discards what package aggregate does", () -> {
      int n = 0;
      for (String line : Files.readAllLines(Path.of(args[0]))) {
        compare(line.split("\t", -1));
        n++;
      }
      Suite.that(n > 0, "nothing was written");
    });
    suite.run();
    System.exit(Suite.failed() ? 1 : 0);
  }

  private static void compare(String[] parts) {
    KinesisClientRecord record = KinesisClientRecord.builder().partitionKey(text(parts[1]))
        .data(ByteBuffer.wrap(Base64.getDecoder().decode(parts[2]))).sequenceNumber("1").build();
    AggregatorUtil util = new AggregatorUtil();
    List<KinesisClientRecord> records = parts[3].isEmpty() ? util.deaggregate(List.of(record))
        : util.deaggregate(List.of(record), parts[3], parts[4]);
    List<String> got = new ArrayList<>();
    for (KinesisClientRecord r : records) {
      got.add(Base64.getEncoder().encodeToString(r.partitionKey().getBytes(StandardCharsets.UTF_8)));
      got.add(r.explicitHashKey() == null ? "" : r.explicitHashKey());
      byte[] data = new byte[r.data().remaining()];
      r.data().get(data);
      got.add(Base64.getEncoder().encodeToString(data));
      got.add(String.valueOf(r.subSequenceNumber()));
    }
    List<String> want = List.of(parts).subList(5, parts.length);
    Suite.that(got.equals(want), parts[0] + ": got " + got + ", want " + want + " of " + parts[2]);
  }

  private static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }
}
