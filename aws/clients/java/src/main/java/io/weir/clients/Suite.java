package io.weir.clients;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** The checks of one client over one protocol, and the file of their results. */
final class Suite {
  /** A check: it passes unless it throws. */
  interface Check {
    void run() throws Throwable;
  }

  private record Entry(String kind, String name, Check check) {}

  private final String client;
  private final String version;
  private final String protocol;
  private final List<Entry> entries = new ArrayList<>();
  private static boolean failed;

  Suite(String client, String version, String protocol) {
    this.client = client;
    this.version = version;
    this.protocol = protocol;
  }

  void operation(String name, Check check) {
    entries.add(new Entry("operation", name, check));
  }

  void check(String name, Check check) {
    entries.add(new Entry("check", name, check));
  }

  /** Runs the checks, eight at a time. */
  void run() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<Void>> running = new ArrayList<>();
    for (Entry e : entries) {
      running.add(pool.submit((Callable<Void>) () -> {
        one(e);
        return null;
      }));
    }
    for (Future<Void> f : running) {
      f.get();
    }
    pool.shutdown();
  }

  private void one(Entry e) throws IOException {
    String detail = "";
    try {
      e.check().run();
    } catch (Throwable t) { // whatever it is, the check failed
      detail = t.toString();
      System.err.println("FAIL " + client + ", " + protocol + ": " + e.name());
      t.printStackTrace();
    }
    record(e.kind(), e.name(), detail);
  }

  /** Adds a result; it is a failure if there is a detail. */
  void record(String kind, String name, String detail) throws IOException {
    String line = String.format("{\"client\":%s,\"version\":%s,\"protocol\":%s,%s:%s,\"pass\":%s,\"detail\":%s}%n",
        quote(client), quote(version), quote(protocol), quote(kind), quote(name), detail.isEmpty(), quote(detail));
    synchronized (Suite.class) {
      failed |= !detail.isEmpty();
      Files.writeString(Path.of(System.getenv("WEIR_RESULTS")), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  /** Whether any check of any suite failed. */
  static synchronized boolean failed() {
    return failed;
  }

  private static String quote(String s) {
    String cut = s.length() > 300 ? s.substring(0, 300) : s;
    return '"' + cut.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ") + '"';
  }

  static void same(Object got, Object want) {
    if (!Objects.equals(got, want)) {
      throw new AssertionError("got " + got + ", want " + want);
    }
  }

  static void that(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}
