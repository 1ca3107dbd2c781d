package patterns_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
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
func TestPatterns_answersOfEventRuler(t *testing.T) {
	t.Cleanup(func() { record(t) })
	r := source{rand.New(rand.NewPCG(*seed, 0))}
	pairs, in := make([][2]string, *cases), new(bytes.Buffer)
	for i := range pairs {
		pairs[i] = [2]string{r.pattern(3), r.event(3)}
		fmt.Fprintf(in, "%s\t%s\n", pairs[i][0], pairs[i][1])
	}
	java := exec.CommandContext(t.Context(), "java", "-cp", "target/classes:target/lib/*", "io.weir.clients.Patterns")
	java.Stdin, java.Stderr = in, os.Stderr
	out, err := java.Output()
	require.NoError(t, err)
	answers := strings.Fields(string(out))
	require.Len(t, answers, len(pairs))
	count, wrong := map[string]int{}, 0
	for i, pair := range pairs {
		count[answers[i]]++
		if got := answer(pair[0], pair[1]); got != answers[i] && wrong < 20 {
			wrong++
			assert.Equal(t, answers[i], got, "seed %d: %s\n%s", *seed, pair[0], pair[1])
		}
	}
	t.Log(count)
	for _, a := range []string{"match", "none", "invalid"} {
		assert.Greater(t, count[a], len(pairs)/50, a)
	}
}

func answer(pattern, event string) string {
	p, err := eventpattern.Compile([]byte(pattern))
	if err != nil {
		return "invalid"
	}
	switch ok, err := p.Match([]byte(event)); {
	case err != nil:
		return err.Error()
	case ok:
		return "match"
	}
	return "none"
}

func record(t *testing.T) {
	path := os.Getenv("WEIR_RESULTS")
	if path == "" {
		return
	}
	line, err := json.Marshal(map[string]any{
		"client": "event-ruler", "version": "2.0.1", "protocol": "-", "check": "verdicts on random patterns and events", "pass": !t.Failed(),
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(line, '\n'), 0o644))
}

// A source makes patterns and events of few names and values, so that they meet.
type source struct{ *rand.Rand }

func (r source) of(s ...string) string { return s[r.IntN(len(s))] }

func (r source) list(least, most int, one func() string) string {
	n := least + r.IntN(most-least+1)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, ",")
}

func (r source) name() string { return r.of(`"a"`, `"b"`, `"c"`, `"a.b"`) }
func (r source) str() string {
	return r.of(`"x"`, `"xy"`, `"XY"`, `""`, `"yx"`, `"ä"`, `"Ä"`, `"10.0.0.7"`, `"300"`, `"x*"`, `"\u0078"`)
}
func (r source) num() string {
	return r.of("0", "-0.0", "1", "1.0", "5", "300", "3e2", "0.1", "0.10", "-7", "123456789012345678901234567890")
}
func (r source) scalar() string {
	return r.of(r.str(), r.str(), r.num(), r.num(), "true", "false", "null")
}

func (r source) pattern(depth int) string {
	return "{" + r.list(min(1, r.IntN(40)), 2, func() string {
		switch n := r.IntN(8); {
		case n == 0:
			return `"$or":[` + r.list(2-min(1, 1/(1+r.IntN(20))), 3, func() string { return r.pattern(depth - 1) }) + "]"
		case n < 4 && depth > 0:
			return r.name() + ":" + r.pattern(depth-1)
		}
		return r.name() + ":[" + r.list(min(1, r.IntN(60)), 2, r.element) + "]"
	}) + "}"
}

func (r source) element() string {
	values := func() string { return r.of(r.str(), "["+r.list(1, 2, r.str)+"]") }
	switch r.IntN(14) {
	case 0:
		return fmt.Sprintf(`{"prefix":%s}`, r.of(r.str(), r.str(), `{"equals-ignore-case":`+r.str()+`}`, "1"))
	case 1:
		return fmt.Sprintf(`{"suffix":%s}`, r.of(r.str(), r.str(), `{"equals-ignore-case":`+r.str()+`}`))
	case 2:
		return fmt.Sprintf(`{"equals-ignore-case":%s}`, r.str())
	case 3:
		return fmt.Sprintf(`{"wildcard":%s}`, r.of(`"x*"`, `"*"`, `"*y"`, `"x*x"`, `"*x*"`, `""`, `"x\\*"`, `"x**"`))
	case 4:
		op := r.of(">", ">=", "<", "<=", "=")
		return fmt.Sprintf(`{"numeric":["%s",%s%s]}`, op, r.num(), r.of("", "", fmt.Sprintf(`,"%s",%s`, r.of("<", "<="), r.num())))
	case 5, 6:
		return r.of(`{"exists":true}`, `{"exists":false}`)
	case 7:
		return fmt.Sprintf(`{"anything-but":%s}`, r.of(values(), r.num(), "["+r.list(1, 2, r.num)+"]", "["+r.list(0, 2, r.scalar)+"]"))
	case 8:
		return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, r.of("prefix", "suffix", "equals-ignore-case", "wildcard"), values())
	case 9:
		return fmt.Sprintf(`{"cidr":"%s"}`, r.of("10.0.0.0/24", "11.0.0.0/8", "2001:db8::/32", "10.0.0.7/32"))
	}
	return r.scalar()
}

func (r source) event(depth int) string {
	used := map[string]bool{}
	members := []string{}
	for range 1 + r.IntN(4) {
		if name := r.name(); !used[name] {
			used[name] = true
			members = append(members, name+":"+r.value(depth-1))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r source) value(depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		return r.event(depth)
	case n < 4 && depth > 0:
		return "[" + r.list(0, 3, func() string { return r.value(depth - 1) }) + "]"
	}
	return r.scalar()
}
