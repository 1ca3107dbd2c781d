// House checks the rules of the house: which way imports point, who may know
// what, and how wide and how tangled the root package may be.
//
//	cd .ci/house && GOWORK=off go run .         one line a rule, and the places where one is broken
//	cd .ci/house && GOWORK=off go run . -v      also what stands behind each figure above its goal
//	cd .ci/house && GOWORK=off go run . -set    today's figures become the bounds
//
// The rules are in rules.go, the bounds in bounds.go. That a seam has its
// conformance test is a rule too, but nothing that a program can see.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	verbose := flag.Bool("v", false, "show what stands behind each figure that is above its goal")
	set := flag.Bool("set", false, "write today's figures into bounds.go")
	flag.Parse()
	if err := run(os.Stdout, filepath.Join("..", ".."), house, *verbose, *set); err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, dir string, r rules, verbose, set bool) error {
	t, err := load(dir)
	if err != nil {
		return err
	}
	figures := t.measure(r)
	if set {
		return setBounds("bounds.go", figures)
	}
	broken := 0
	for _, r := range append(t.check(r), judge(figures, bounds)...) {
		r.print(w, verbose)
		if r.broken {
			broken++
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d rules broken; what to do about each stands in its first line", broken)
	}
	return nil
}

// A result is what became of a rule.
type result struct {
	rule   string
	broken bool
	note   string   // the figure, or what to do if the rule is broken
	places []string // where; of a rule that holds, what could be better
}

// mostPlaces are shown of a broken rule: .ci/run shows the end of a step's output.
const mostPlaces = 30

// holds says that a rule does if there are no places where it is broken.
func holds(rule, cure string, places []string) result {
	r := result{rule: rule, broken: len(places) > 0, places: places}
	if r.broken {
		r.note = cure
	}
	return r
}

func (r result) print(w io.Writer, verbose bool) {
	verdict := "ok  "
	if r.broken {
		verdict = "FAIL"
	}
	fmt.Fprintf(w, "%s  %s", verdict, r.rule)
	if r.note != "" {
		fmt.Fprintf(w, ": %s", r.note)
	}
	fmt.Fprintln(w)
	shown := r.places
	switch {
	case verbose:
	case !r.broken:
		shown = nil
	case len(shown) > mostPlaces:
		shown = append(slices.Clone(shown[:mostPlaces]), fmt.Sprintf("and %d more (-v)", len(shown)-mostPlaces))
	}
	for _, place := range shown {
		fmt.Fprintf(w, "      %s\n", place)
	}
}
