package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The figures, in words.
const (
	sourceFiles   = "source files of the root"
	withoutTest   = "source files of the root without a test file of their own"
	testOfNothing = "test files of the root named after no source file"
	largestKnot   = "files of the root that all depend on each other"
	arrowsAFile   = "arrows a file of the root"
	topLevelNames = "top-level exported names of the root"
	streamMethods = "exported methods of Stream"
	unusedNames   = "% of the root's exported names without a user outside"
	wideComments  = "comment lines over 80 columns, root and internal/"
)

// A bound is how far a figure may go, and how far it should.
type bound struct{ goal, bound float64 }

// A figure is what was counted, and what to do about it.
type figure struct {
	name   string
	n      float64
	note   string // more than the number, or empty
	cure   string
	places []string
}

// measure counts what bounds.go bounds.
func (t *tree) measure(r rules) []figure {
	knot, arrows, cuts := t.root.knot()
	names := t.names()
	idle, unwritten := withoutUser(names), unwritten(names)
	untested, strays := t.testFiles(r)
	wide, widePlaces := t.wideComments(r)
	top, methods := topLevel(names), methodsOf(names, "Stream")
	return []figure{
		{name: sourceFiles, n: float64(len(t.root.files)),
			cure: "which two are one noun?"},
		{name: withoutTest, n: float64(len(untested)), places: untested,
			cure: "x.go is tested by x_test.go, in the order of its functions"},
		{name: testOfNothing, n: float64(len(strays)), places: strays,
			cure: "move the tests to the file of what they test, or name it in testFiles of rules.go"},
		{name: largestKnot, n: float64(len(knot)), places: append([]string{strings.Join(knot, " ")}, cuts...),
			cure: "turn the smallest of these arrows around: hand in what is needed, or return what happened"},
		{name: arrowsAFile, n: tenths(float64(arrows), len(t.root.files)), note: fmt.Sprintf("%d arrows", arrows),
			cure: "as for the knot; or move what one other file uses alone to where it is used"},
		{name: topLevelNames, n: float64(len(top)), places: []string{strings.Join(top, " ")},
			cure: "could it be a method, a field, a parameter, or somebody else's?"},
		{name: streamMethods, n: float64(len(methods)), places: []string{strings.Join(methods, " ")},
			cure: "could it be a setting, a parameter of another, or a method of what that returns?"},
		// A String, an Error, an Is or a MarshalText is used through an interface,
		// where nobody writes its name: such names are told, and not judged.
		{name: unusedNames, n: tenths(100*float64(len(idle)-len(unwritten)), len(names)),
			note: fmt.Sprintf("%d of %d; %d more are reached through interfaces or values, without their name",
				len(idle)-len(unwritten), len(names), len(unwritten)),
			places: grouped(idle, unwritten),
			cure:   "unexport it, remove it, or show its use in an example or a test outside the root"},
		{name: wideComments, n: float64(wide), places: widePlaces,
			cure: "break the line"},
	}
}

// tenths divides, and rounds to one digit behind the point.
func tenths(of float64, by int) float64 {
	return math.Round(10*of/float64(max(1, by))) / 10
}

// judge compares figures with their bounds.
func judge(figures []figure, bounds map[string]bound) []result {
	var results []result
	for _, f := range figures {
		r := result{rule: f.name}
		b, ok := bounds[f.name]
		said := number(f.n)
		if f.note != "" {
			said += " (" + f.note + ")"
		}
		switch {
		case !ok:
			r.broken, r.note = true, said+", which has no bound in bounds.go"
		case f.n > b.bound:
			r.broken, r.places = true, f.places
			r.note = fmt.Sprintf("%s, the bound is %s: %s", said, number(b.bound), f.cure)
		case f.n > b.goal:
			r.places = f.places
			r.note = fmt.Sprintf("%s, %s above the goal of %s", said, number(f.n-b.goal), number(b.goal))
		default:
			r.note = fmt.Sprintf("%s, the goal is %s", said, number(b.goal))
		}
		if ok && f.n < b.bound && b.bound > b.goal {
			r.note += fmt.Sprintf("; hold it: the bound is still %s (-set)", number(b.bound))
		}
		results = append(results, r)
	}
	return results
}

// number writes a figure with at most one digit behind the point.
func number(n float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
}

var boundLine = regexp.MustCompile(`(?m)^(\t(\w+): +\{goal: ([0-9.]+), bound: )[0-9.]+\}`)

// setBounds writes figures into the literal of bounds.go; a figure better than its
// goal has the goal as its bound.
func setBounds(name string, figures []figure) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	names := map[string]string{
		"sourceFiles": sourceFiles, "withoutTest": withoutTest, "testOfNothing": testOfNothing,
		"largestKnot": largestKnot, "arrowsAFile": arrowsAFile, "topLevelNames": topLevelNames,
		"streamMethods": streamMethods, "unusedNames": unusedNames, "wideComments": wideComments,
	}
	now := make(map[string]float64)
	for _, f := range figures {
		now[f.name] = f.n
	}
	set := boundLine.ReplaceAllFunc(text, func(line []byte) []byte {
		part := boundLine.FindSubmatch(line)
		var goal float64
		fmt.Sscan(string(part[3]), &goal)
		return fmt.Appendf(nil, "%s%s}", part[1], number(max(goal, now[names[string(part[2])]])))
	})
	return os.WriteFile(name, set, 0o644)
}

// testFiles finds source files of the root without a test file of their own, and
// test files without a source file. doc.go has nothing to test.
func (t *tree) testFiles(r rules) (untested, strays []string) {
	names := make(map[string]bool)
	for _, s := range t.files {
		if !strings.Contains(s.place, "/") {
			names[s.place] = true
		}
	}
	for name := range names {
		noun, isTest := strings.CutSuffix(name, "_test.go")
		switch {
		case isTest && !names[noun+".go"] && !names[beforeUnderscore(noun)+".go"] && !slices.Contains(r.testFiles, name):
			strays = append(strays, name)
		case !isTest && name != "doc.go" && !names[strings.TrimSuffix(name, ".go")+"_test.go"]:
			untested = append(untested, name)
		}
	}
	return sorted(untested), sorted(strays)
}

// beforeUnderscore returns the noun of a test file with a topic: reader_loss_test.go
// is of reader.go, and apart from reader_test.go because that would be too long.
func beforeUnderscore(noun string) string {
	noun, _, _ = strings.Cut(noun, "_")
	return noun
}

// wideComments finds comment lines of the root and of internal/ that are too wide,
// a line of places for each file. Indentation does not count: how wide it is
// depends on who looks.
func (t *tree) wideComments(r rules) (n int, places []string) {
	for _, s := range t.files {
		if strings.Contains(s.place, "/") && !strings.HasPrefix(s.place, "internal/") || ast.IsGenerated(s.file) {
			continue
		}
		var lines []string
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				line := s.fset.Position(c.Pos()).Line
				alone := strings.HasPrefix(strings.TrimSpace(s.lines[line-1]), "//")
				if alone && utf8.RuneCountInString(c.Text) > r.commentColumns && !strings.HasPrefix(c.Text, "//go:") {
					lines = append(lines, strconv.Itoa(line))
				}
			}
		}
		if len(lines) > 0 {
			n += len(lines)
			places = append(places, fmt.Sprintf("%s: lines %s", s.place, strings.Join(lines, " ")))
		}
	}
	return n, places
}

// topLevel are the names among names that belong to nobody.
func topLevel(names []name) []string {
	var top []string
	for _, n := range names {
		if n.owner == "" {
			top = append(top, n.name)
		}
	}
	return top
}

// methodsOf are the exported methods of a type.
func methodsOf(names []name, owner string) []string {
	var methods []string
	for _, n := range names {
		if _, ok := n.object.(*types.Func); ok && n.owner == owner {
			methods = append(methods, n.name)
		}
	}
	return methods
}
