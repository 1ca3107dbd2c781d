package io.weir.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/**
 * Answers each line, a pattern and an event with a tab between them, with the
 * nanoseconds that a match takes once it has been compiled, in the best of some parts.
 */
public final class Costs {
  private static final long PART = 20_000_000;

  private static int matches;

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      int tab = line.indexOf('\t');
      Machine machine = new Machine();
      machine.addRule("rule", line.substring(0, tab));
      String event = line.substring(tab + 1);
      double best = Double.MAX_VALUE;
      for (int part = 0; part < 100; part++) {
        best = Math.min(best, measure(machine, event));
      }
      System.out.println(best);
    }
    System.err.println(matches + " matches");
  }

  private static double measure(Machine machine, String event) throws Exception {
    long begin = System.nanoTime(), taken = 0;
    int n = 0;
    while (taken < PART) {
      matches += machine.rulesForJSONEvent(event).size();
      n++;
      taken = System.nanoTime() - begin;
    }
    return (double) taken / n;
  }
}
