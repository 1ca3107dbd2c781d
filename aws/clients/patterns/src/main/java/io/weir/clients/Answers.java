package io.weir.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;
import software.amazon.event.ruler.Patterns;
import software.amazon.event.ruler.RuleCompiler;

/**
 * Answers each line, a pattern and an event with a tab between them, with two words,
 * each of them match, none, invalid if the pattern is, or error if the event is. The
 * first is about the pattern as a whole, the second about its alternatives, one by one.
 */
public final class Answers {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      int tab = line.indexOf('\t');
      String pattern = line.substring(0, tab), event = line.substring(tab + 1);
      out.println(whole(pattern, event) + " " + apart(pattern, event));
    }
    out.flush();
  }

  private static String whole(String pattern, String event) {
    Machine machine = new Machine();
    try {
      machine.addRule("rule", pattern);
    } catch (Exception e) {
      return "invalid";
    }
    return ask(machine, event);
  }

  /** The engine compiles, but no machine has more than one alternative of each field. */
  private static String apart(String pattern, String event) {
    List<Map<String, List<Patterns>>> rules;
    try {
      rules = compile(pattern);
    } catch (Exception e) {
      return "invalid";
    }
    String answer = "none";
    for (Map<String, List<Patterns>> rule : rules) {
      for (Map<String, List<Patterns>> one : combinations(rule)) {
        Machine machine = new Machine();
        try {
          machine.addPatternRule("rule", one);
        } catch (Exception e) {
          return "invalid";
        }
        String is = ask(machine, event);
        if (!is.equals("none")) {
          answer = is;
        }
      }
    }
    return answer;
  }

  /** As GenericMachine does: what the compiler with $or refuses, the older may take. */
  private static List<Map<String, List<Patterns>>> compile(String pattern) throws Exception {
    if (JsonRuleCompiler.check(pattern) == null) {
      return JsonRuleCompiler.compile(pattern);
    }
    return List.of(RuleCompiler.compile(pattern));
  }

  private static List<Map<String, List<Patterns>>> combinations(Map<String, List<Patterns>> rule) {
    List<Map<String, List<Patterns>>> all = new ArrayList<>();
    all.add(new HashMap<>());
    for (Map.Entry<String, List<Patterns>> field : rule.entrySet()) {
      List<Map<String, List<Patterns>>> more = new ArrayList<>();
      for (Map<String, List<Patterns>> begun : all) {
        for (Patterns alternative : field.getValue()) {
          Map<String, List<Patterns>> next = new HashMap<>(begun);
          next.put(field.getKey(), List.of(alternative));
          more.add(next);
        }
      }
      all = more;
    }
    return all;
  }

  private static String ask(Machine machine, String event) {
    try {
      return machine.rulesForJSONEvent(event).isEmpty() ? "none" : "match";
    } catch (Exception e) {
      return "error";
    }
  }
}
