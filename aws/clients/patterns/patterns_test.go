package patterns_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

var (
	seed  = flag.Uint64("seed", 15, "of the patterns and events")
	cases = flag.Int("cases", 20_000, "how many pairs of a pattern and an event")
)

// TestPatterns_answersOfEventRuler asks both about the same patterns and events.
//
// Eventpattern must say what event-ruler says of the alternatives one by one. In a
// machine that has them all event-ruler misses a few in a hundred thousand, which
// are counted here; exceptions has two of those.
func TestPatterns_answersOfEventRuler(t *testing.T) {
	record(t, "verdicts on random patterns and events")
	r := source{rand.New(rand.NewPCG(*seed, 0))}
	pairs := make([]pair, *cases)
	for i := range pairs {
		pairs[i] = pair{r.pattern(1 + r.IntN(3)), r.event(3)}
	}
	count, wrong, torn := map[string]int{}, 0, 0
	for i, is := range eventRuler(t, pairs) {
		count[is.apart]++
		if is.whole != is.apart {
			torn++
		}
		if got := answer(pairs[i]); got != is.apart && wrong < 20 {
			wrong++
			assert.Equal(t, is.apart, got, "seed %d: %s\n%s", *seed, pairs[i].pattern, pairs[i].event)
		}
	}
	t.Log(count, "and", torn, "that event-ruler answers otherwise as a whole")
	for _, a := range []string{"match", "none", "invalid"} {
		assert.Greater(t, count[a], len(pairs)/50, a)
	}
	assert.LessOrEqual(t, torn, len(pairs)/1000)
}

// TestPatterns_exceptions has a pair for each row of exceptions.md and what is
// said of it. Where event-ruler changes its mind, the row can go.
func TestPatterns_exceptions(t *testing.T) {
	record(t, "the exceptions are what they are said to be")
	pairs := make([]pair, len(exceptions))
	for i, e := range exceptions {
		pairs[i] = pair{e.pattern, e.event}
	}
	for i, is := range eventRuler(t, pairs) {
		e := exceptions[i]
		assert.Equal(t, e.eventRuler, is.whole, "%s: %s\n%s", e.row, e.pattern, e.event)
		assert.Equal(t, e.ours, answer(pairs[i]), "%s: %s\n%s", e.row, e.pattern, e.event)
		assert.NotEqual(t, e.eventRuler, e.ours, e.row)
	}
	document, err := os.ReadFile("exceptions.md")
	require.NoError(t, err)
	assert.Equal(t, rowsOf(string(document)), rowsAsked())
}

// rowsOf returns what the rows of the document are called, after the table's head.
func rowsOf(document string) (names []string) {
	for line := range strings.Lines(document) {
		if cells := strings.Split(line, " | "); len(cells) == 4 {
			names = append(names, strings.TrimPrefix(cells[0], "| "))
		}
	}
	return names[1:]
}

func rowsAsked() (names []string) {
	for _, e := range exceptions {
		names = append(names, e.row)
	}
	return slices.Compact(names)
}

// TestPatterns_cases asks event-ruler about the cases that the tests of package
// eventpattern go by.
func TestPatterns_cases(t *testing.T) {
	record(t, "the cases of our own tests")
	file, err := os.ReadFile("../../../eventpattern/testdata/cases.txt")
	require.NoError(t, err)
	var pairs []pair
	var want []string
	for line := range strings.Lines(string(file)) {
		if parts := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(parts) == 3 {
			want, pairs = append(want, parts[0]), append(pairs, pair{parts[1], parts[2]})
		}
	}
	assert.Greater(t, len(pairs), 150)
	for i, is := range eventRuler(t, pairs) {
		assert.Equal(t, verdict{want[i], want[i]}, is, "%s\n%s", pairs[i].pattern, pairs[i].event)
	}
}

// TestPatterns_depth: both read a thousand levels, and not one more.
func TestPatterns_depth(t *testing.T) {
	record(t, "how deep patterns and events may be")
	arrays := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + "1" + strings.Repeat("]", n-1) + "}" }
	objects := func(n int) string { return strings.Repeat(`{"a":`, n) + "[1]" + strings.Repeat("}", n) }
	pairs := []pair{
		{`{"a":[1]}`, arrays(1000)}, {`{"a":[1]}`, arrays(1001)}, {`{"b":[1]}`, arrays(1000)}, {`{"b":[1]}`, arrays(1001)},
		{objects(999), `{}`}, {objects(1000), `{}`},
	}
	verdicts := eventRuler(t, pairs)
	for i, want := range []string{"match", "error", "none", "error", "none", "invalid"} {
		assert.Equal(t, want, answer(pairs[i]), i)
		assert.Equal(t, want, verdicts[i].whole, i)
	}
}

type pair struct{ pattern, event string }

// A verdict is event-ruler's: of the pattern as a whole, and of its alternatives one
// by one.
type verdict struct{ whole, apart string }

func eventRuler(t *testing.T, pairs []pair) []verdict {
	t.Helper()
	in := new(bytes.Buffer)
	for _, p := range pairs {
		fmt.Fprintf(in, "%s\t%s\n", p.pattern, p.event)
	}
	java := exec.CommandContext(t.Context(), "java", "-cp", "target/classes:target/lib/*", "io.weir.clients.Answers")
	java.Stdin, java.Stderr = in, os.Stderr
	out, err := java.Output()
	require.NoError(t, err)
	words := strings.Fields(string(out))
	require.Len(t, words, 2*len(pairs))
	verdicts := make([]verdict, len(pairs))
	for i := range verdicts {
		verdicts[i] = verdict{words[2*i], words[2*i+1]}
	}
	return verdicts
}

func answer(of pair) string {
	p, err := eventpattern.Compile([]byte(of.pattern))
	if err != nil {
		return "invalid"
	}
	switch ok, err := p.Match([]byte(of.event)); {
	case err != nil:
		return "error"
	case ok:
		return "match"
	}
	return "none"
}

// record keeps what a test found among the results of all clients.
func record(t *testing.T, check string) {
	t.Helper()
	t.Cleanup(func() { write(t, check) })
}

func write(t *testing.T, check string) {
	path := os.Getenv("WEIR_RESULTS")
	if path == "" {
		return
	}
	line, err := json.Marshal(map[string]any{
		"client": "event-ruler", "version": "2.0.1", "protocol": "-", "check": check, "pass": !t.Failed(),
	})
	require.NoError(t, err)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = file.Write(append(line, '\n'))
	require.NoError(t, err)
	require.NoError(t, file.Close())
}
