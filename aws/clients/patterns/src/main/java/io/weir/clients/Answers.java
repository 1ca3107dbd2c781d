package io.weir.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/**
 * Answers each line, a pattern and an event with a tab between them, with one word:
 * match, none, or invalid if the pattern is.
 */
public final class Patterns {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      int tab = line.indexOf('\t');
      out.println(answer(line.substring(0, tab), line.substring(tab + 1)));
    }
    out.flush();
  }

  private static String answer(String pattern, String event) throws Exception {
    Machine machine = new Machine();
    try {
      machine.addRule("rule", pattern);
    } catch (Exception e) {
      return "invalid";
    }
    return machine.rulesForJSONEvent(event).isEmpty() ? "none" : "match";
  }
}
