package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is what a run found.
type report struct {
	bench      bench
	begin      time.Time
	load, end  string  // load averages before and after
	others     float64 // processors that others used before the run
	rounds     map[string]map[string][]round
	produced   map[string][]round // by way to put
	queues     map[string][]round // by server
	pushes     [][]time.Duration  // over HTTP/1.1 and HTTP/2, sorted
	footprints map[string]footprint
	handler    map[string]*handlerRate

	interrupted bool
}

// The goals: how many times a peer's rate weir is to reach at least.
var goals = map[string]map[string]float64{
	"put-records": {nameKinesalite: 40, nameMock: 200},
	"get-records": {nameKinesalite: 40},
	"put-record":  {nameKinesalite: 6},
}

const missing = "not installed"

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d processors, %s, %s/%s, commit %s, %s. Load average %s before, %s after; others used %.2f processors before.\n",
		runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, r.bench.commit,
		r.begin.UTC().Format("2006-01-02 15:04 UTC"), r.load, r.end, r.others)
	fmt.Fprintf(w, "Medians of %d rounds (kinesis-mock: %d); in parentheses the slowest and the fastest.\n", r.bench.rounds, (r.bench.rounds+1)/2)
	r.printRates(w)
	r.printCosts(w)
	r.printProduced(w)
	r.printQueues(w)
	r.printPush(w)
	r.printFootprints(w)
	r.printHandler(w)
}

// table prints a table in Markdown: cells, numbers on the right.
func table(w io.Writer, rows ...[]string) {
	fmt.Fprintln(w)
	for i, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintln(w, "|---|"+strings.Repeat("---:|", len(row)-1))
		}
	}
}

func (r *report) printRates(w io.Writer) {
	if len(r.rounds) == 0 {
		return
	}
	rows := [][]string{{"per second", nameWeir, nameKinesalite, nameMock, "÷ kinesalite", "÷ kinesis-mock", nameNull}}
	for _, work := range workloads {
		by := r.rounds[work.id]
		if by == nil {
			continue
		}
		weir := median(rates(by[nameWeir]))
		rows = append(rows, []string{work.name, spread(by[nameWeir]), spread(by[nameKinesalite]), spread(by[nameMock]),
			ratio(work.id, nameKinesalite, weir, by), ratio(work.id, nameMock, weir, by), spread(by[nameNull])})
	}
	table(w, rows...)
}

// spread prints the median of some rounds, the worst and the best.
func spread(rounds []round) string {
	if len(rounds) == 0 {
		return missing
	}
	values := rates(rounds)
	return fmt.Sprintf("**%s** (%s–%s)", grouped(median(values)), grouped(slices.Min(values)), grouped(slices.Max(values)))
}

// ratio prints how many times a peer's rate weir's is, and the goal if there is
// one.
func ratio(work, peer string, weir float64, by map[string][]round) string {
	theirs := median(rates(by[peer]))
	if theirs == 0 {
		return missing
	}
	text := fmt.Sprintf("**%.1f**", weir/theirs)
	if goal, ok := goals[work][peer]; ok {
		text += fmt.Sprintf(" (goal %g%s)", goal, verdict(weir/theirs >= goal))
	}
	return text
}

func verdict(reached bool) string {
	if reached {
		return ", reached"
	}
	return ", missed"
}

// printCosts prints what a record or a call costs in processor time, which other
// processes on the machine disturb less than rates.
func (r *report) printCosts(w io.Writer) {
	if len(r.rounds) == 0 {
		return
	}
	rows := [][]string{{"µs of processor time for each", "weir", "its client", nameKinesalite, nameMock, nameNull}}
	for _, work := range workloads {
		by := r.rounds[work.id]
		if by == nil {
			continue
		}
		unit, _, _ := strings.Cut(work.unit, "s/")
		row := []string{unit + ": " + work.name}
		row = append(row, cost(by[nameWeir]), micros(median(each(by[nameWeir], func(r round) float64 { return r.client.Seconds() }))))
		for _, name := range []string{nameKinesalite, nameMock, nameNull} {
			row = append(row, cost(by[name]))
		}
		rows = append(rows, row)
	}
	table(w, rows...)
}

func cost(rounds []round) string {
	return micros(median(each(rounds, func(r round) float64 { return r.cpu.Seconds() })))
}

func (r *report) printPush(w io.Writer) {
	if len(r.pushes) == 0 {
		return
	}
	rows := [][]string{{"PutRecord sent → event with its subscriber", "p50", "p99", "goal, p50"}}
	for i, took := range r.pushes {
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		const goal = 500 * time.Microsecond
		rows = append(rows, []string{[]string{"over HTTP/1.1", "over HTTP/2"}[i], micros(p50.Seconds()) + " µs", micros(p99.Seconds()) + " µs",
			"≤ 500 µs" + verdict(p50 <= goal)})
	}
	table(w, rows...)
	fmt.Fprintln(w, "\nThe peers have no SubscribeToShard.")
}

func (r *report) printFootprints(w io.Writer) {
	if len(r.footprints) == 0 {
		return
	}
	rows := [][]string{{"process", nameWeir, nameKinesalite, nameMock, "goal"}}
	all := func(name, goal string, print func(f footprint) string) {
		row := []string{name}
		for _, server := range []string{nameWeir, nameKinesalite, nameMock} {
			if f, ok := r.footprints[server]; ok {
				row = append(row, print(f))
			} else {
				row = append(row, missing)
			}
		}
		rows = append(rows, append(row, goal))
	}
	weir := r.footprints[nameWeir]
	all("start to ready, median (slowest)", "≤ 20 ms"+verdict(median(weir.startups) <= 0.020), func(f footprint) string {
		return fmt.Sprintf("**%.1f ms** (%.1f)", median(f.startups)*1e3, slices.Max(f.startups)*1e3)
	})
	all("resident, idle", "≤ 20 MiB"+verdict(weir.idle <= 20<<20), func(f footprint) string {
		return fmt.Sprintf("**%.1f MiB**", float64(f.idle)/(1<<20))
	})
	all("resident for each 100-byte record", "≤ 200 B"+verdict(weir.perRecord <= 200), func(f footprint) string {
		return fmt.Sprintf("**%.0f B** (of %s)", f.perRecord, grouped(float64(f.records)))
	})
	table(w, rows...)
}

func (r *report) printHandler(w io.Writer) {
	if len(r.handler) == 0 {
		return
	}
	rows := [][]string{{"weir's handler alone, one caller", "records/s", "records per second of processor time", "goal"}}
	for _, name := range slices.Sorted(maps.Keys(r.handler)) {
		rate, goal := r.handler[name], ""
		if strings.Contains(name, "PutRecords") {
			goal = "≥ 2,000,000" + verdict(median(rate.clock) >= 2e6)
		}
		rows = append(rows, []string{strings.TrimPrefix(name, "Benchmark"),
			"**" + grouped(median(rate.clock)) + "**", grouped(median(rate.processor)), goal})
	}
	table(w, rows...)
}

// micros prints seconds in microseconds, to three digits.
func micros(seconds float64) string {
	us := seconds * 1e6
	switch {
	case us == 0:
		return "–"
	case us < 10:
		return fmt.Sprintf("%.2f", us)
	case us < 100:
		return fmt.Sprintf("%.1f", us)
	}
	return grouped(us)
}

// grouped prints a whole number with commas.
func grouped(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
