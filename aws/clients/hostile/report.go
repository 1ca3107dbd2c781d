package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const columns = "%-40s %7s  %-44s %6s %5s %8s %8s  %s\n"

func printHead() {
	fmt.Printf(columns, "attack", "sent", "answers", "MiB", "CPUs", "p50", "p99", "")
}

func (r *result) print(verbose bool) {
	verdict := "ok"
	if r.tries > 1 {
		verdict = fmt.Sprintf("ok, try %d", r.tries)
	}
	if r.err != nil {
		verdict = "FAIL: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
	}
	fmt.Printf(columns, r.what, count(r.tally.Sent), r.tally.String(), count(int(r.high>>20)), fmt.Sprintf("%.1f", r.busy),
		duration(r.puts.quantile(0.5)), duration(r.puts.quantile(0.99)), verdict)
	if verbose && len(r.tally.Codes) > 0 {
		fmt.Println("   ", r.tally.Codes)
	}
}

// String lists how often there was which answer, and other end.
func (t *tally) String() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(t.Statuses)) {
		parts = append(parts, fmt.Sprintf("%d: %s", status, count(t.Statuses[status])))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Others)) {
		parts = append(parts, fmt.Sprintf("%s: %s", name, count(t.Others[name])))
	}
	return strings.Join(parts, ", ")
}

// count prints a number with its thousands apart.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func duration(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
}
