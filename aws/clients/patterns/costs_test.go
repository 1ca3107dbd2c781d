package patterns_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

var costs = flag.Int("costs", 0, "measure so many rounds of matches; wants the machine alone")

// TestPatterns_costs prints what a match takes at best here, what it takes in
// event-ruler, and what encoding/json takes to read the event. It judges nothing.
func TestPatterns_costs(t *testing.T) {
	if *costs == 0 {
		t.Skip("only with -costs")
	}
	in := new(bytes.Buffer)
	for _, p := range costlyPatterns {
		for _, e := range costlyEvents {
			fmt.Fprintf(in, "%s\t%s\n", p.json, e.json)
		}
	}
	ours, rulers, reads := make([][]float64, 9), make([][]float64, 9), make([][]float64, 9)
	for range *costs {
		for i, d := range costsOfEventRuler(t, in.String()) {
			p, e := costlyPatterns[i/3], costlyEvents[i%3]
			rulers[i] = append(rulers[i], d)
			ours[i] = append(ours[i], costOfMatch(t, p.json, e.json))
			data := []byte(e.json)
			reads[i] = append(reads[i], costOf(func() {
				var v any
				_ = json.Unmarshal(data, &v)
			}))
		}
	}
	fmt.Println("| pattern | event | Match | ÷ json.Unmarshal | event-ruler ÷ Match |\n|---|---|--:|--:|--:|")
	for i := range ours {
		a, b, c := slices.Min(ours[i]), slices.Min(rulers[i]), slices.Min(reads[i])
		fmt.Printf("| %s | %s | %.0f ns | %.2f | %.1f |\n", costlyPatterns[i/3].name, costlyEvents[i%3].name, a, a/c, b/a)
	}
}

// costOf returns the nanoseconds of a call in the best of some short parts: what
// others do on the machine does not make a part shorter.
func costOf(f func()) float64 {
	best := math.Inf(1)
	for n, parts := 1, 0; parts < 20; {
		begin := time.Now()
		for range n {
			f()
		}
		if d := time.Since(begin); d < part/2 {
			n *= 2
		} else {
			best, parts = min(best, float64(d)/float64(n)), parts+1
		}
	}
	return best
}

const part = 20 * time.Millisecond

func costOfMatch(t *testing.T, pattern, event string) float64 {
	p, err := eventpattern.Compile([]byte(pattern))
	require.NoError(t, err)
	data := []byte(event)
	ok, err := p.Match(data)
	require.NoError(t, err)
	require.True(t, ok, "%s\n%s", pattern, event)
	return costOf(func() { _, _ = p.Match(data) })
}

func costsOfEventRuler(t *testing.T, in string) []float64 {
	t.Helper()
	java := exec.CommandContext(t.Context(), "java", "-cp", "target/classes:target/lib/*", "io.weir.clients.Costs")
	java.Stdin, java.Stderr = strings.NewReader(in), os.Stderr
	out, err := java.Output()
	require.NoError(t, err)
	var ns []float64
	for _, word := range strings.Fields(string(out)) {
		f, err := strconv.ParseFloat(word, 64)
		require.NoError(t, err)
		ns = append(ns, f)
	}
	require.Len(t, ns, len(costlyPatterns)*len(costlyEvents))
	return ns
}

type named struct{ name, json string }

var costlyPatterns = [3]named{
	{"one field", `{"kind":["order"]}`},
	{"five fields", `{"kind":["order"],"amount":[{"numeric":[">",100]}],"customer":{"country":["CH","DE"],"name":[{"prefix":"An"}]},` +
		`"state":[{"anything-but":"void"}]}`},
	{"an element of an array, $or, wildcard", `{"lines":{"sku":[{"wildcard":"y*9"}],"qty":[9]},"$or":[{"kind":["refund"]},` +
		`{"amount":[{"numeric":[">",100,"<",1000]}]}],"gone":[{"exists":false}]}`},
}

var costlyEvents = [3]named{{"0.5 KB", order(1, 312)}, {"4 KB", order(100, 2_000)}, {"57 KB", order(2_000, 10_000)}}

// order has some lines, of which the last is looked for, and a note.
func order(lines, note int) string {
	var b strings.Builder
	b.WriteString(`{"id":"5f0c1d","kind":"order","amount":250.5,"customer":{"id":7,"name":"Anna","country":"CH"},"lines":[`)
	for i := range lines {
		fmt.Fprintf(&b, `{"sku":"x%d","qty":%d},`, i, i%10)
	}
	b.WriteString(`{"sku":"y1-9","qty":9}],"state":"paid","note":"` + strings.Repeat("n", note) + `"}`)
	return b.String()
}
