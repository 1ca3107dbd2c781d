package eventpattern_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

var (
	seed  = flag.Uint64("seed", 15, "of the patterns and events that are compared with the naive twin")
	pairs = flag.Int("pairs", 5_000, "how many of them")
)

func TestPattern_naiveTwin(t *testing.T) {
	t.Run("all", func(t *testing.T) { compare(t, false, 1) })
	// Nothing but which values are in which elements of which arrays.
	t.Run("arrays", func(t *testing.T) { compare(t, true, 5) })
}

func compare(t *testing.T, plain bool, deeper int) {
	t.Logf("seed %d", *seed)
	r := source{rand.New(rand.NewPCG(*seed, 1)), plain}
	count := map[string]int{}
	for range *pairs {
		pattern, event := r.pattern(1+r.IntN(3)), r.event(deeper+r.IntN(3))
		if _, err := eventpattern.Compile([]byte(pattern)); errors.Is(err, eventpattern.ErrTooComplex) {
			count["too complex"]++
			continue
		}
		want := naiveVerdict(pattern, event)
		count[want]++
		require.Equal(t, want, verdict(pattern, event), "seed %d: %s\n%s", *seed, pattern, event)
	}
	t.Log(count)
	assert.Greater(t, count["match"], *pairs/20)
	assert.Greater(t, count["none"], *pairs/20)
}

// The twin itself is checked by what event-ruler says.
func TestPattern_naiveTwinKnowsTheCases(t *testing.T) {
	for row := range rows(t) {
		assert.Equal(t, row[0], naiveVerdict(row[1], row[2]), "%s\n%s", row[1], row[2])
	}
}

// rows are those of testdata/cases.txt: a verdict, a pattern and an event.
func rows(t testing.TB) func(yield func([3]string) bool) {
	file, err := os.ReadFile("testdata/cases.txt")
	require.NoError(t, err)
	return func(yield func([3]string) bool) {
		for line := range strings.Lines(string(file)) {
			if row := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(row) == 3 && !yield([3]string(row)) {
				return
			}
		}
	}
}

// A source makes patterns and events of few names and values, so that they meet.
// If it is plain there are no values but two numbers, and many arrays.
type source struct {
	*rand.Rand
	plain bool
}

func (r source) of(s ...string) string { return s[r.IntN(len(s))] }

func (r source) list(least, most int, one func() string) string {
	parts := make([]string, least+r.IntN(most-least+1))
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, ",")
}

func (r source) name() string {
	return r.of(`"a"`, `"b"`, `"a"`, `"b"`, `"c"`, `"a.b"`, `"b.a"`, `""`, `"\u0061"`)
}

func (r source) str() string {
	return r.of(`"x"`, `"x"`, `"xy"`, `"XY"`, `""`, `"yxyx"`, `"ä"`, `"Ä"`, `"10.0.0.7"`, `"010.0.0.7"`, `"::1"`, `"1"`, `"x*\\"`,
		`"\u0078"`, `"\ud83d\ude00"`, `"𐐀"`, `"𐐨"`, `"\ud800"`, `"a\"b\n"`, `"null"`)
}

func (r source) num() string {
	return r.of("0", "-0.0", "1", "1", "1.0", "10e-1", "5", "0.1", "-7", "123456789012345678901234567890", "9007199254740993", "1e400",
		"1e-400", "5e-324", "2e23", "1E1")
}

func (r source) scalar() string {
	if r.plain {
		return r.of("1", "2", "3")
	}
	return r.of(r.str(), r.str(), r.num(), r.num(), "true", "false", "null")
}

func (r source) pattern(depth int) string {
	return "{" + r.list(1-1/(1+r.IntN(60)), 3, func() string {
		switch n := r.IntN(10); {
		case n == 0 && depth > 0:
			return `"$or":[` + r.list(2-1/(1+r.IntN(30)), 3, func() string { return r.pattern(depth - 1) }) + "]"
		case n < 4 && depth > 0:
			return r.name() + ":" + r.pattern(depth-1)
		}
		return r.name() + ":[" + r.list(1-1/(1+r.IntN(60)), 3, r.element) + "]"
	}) + "}"
}

func (r source) element() string {
	if r.plain {
		return r.of("1", "2", "3", `{"exists":false}`)
	}
	switch r.IntN(18) {
	case 0:
		return fmt.Sprintf(`{"%s":%s}`, r.of("prefix", "suffix", "exactly", "equals-ignore-case", "wildcard"), r.str())
	case 1:
		return fmt.Sprintf(`{"%s":{"equals-ignore-case":%s}}`, r.of("prefix", "suffix"), r.str())
	case 2:
		return fmt.Sprintf(`{"wildcard":%s}`, r.of(`"x*"`, `"*"`, `"*y"`, `"x*x"`, `"*x*x*"`, `""`, `"x\\*\\\\"`, `"x**"`, `"*\n"`, `"*ä"`))
	case 3:
		low := r.of(r.num(), "-10")
		return fmt.Sprintf(`{"numeric":["%s",%s%s]}`, r.of(">", ">=", ">", "<", "=", "x"), low, r.of("", "", fmt.Sprintf(`,"%s",%s`, r.of("<", "<="), r.num())))
	case 4, 5, 6, 7:
		return r.of(`{"exists":true}`, `{"exists":false}`, `{"exists":false}`)
	case 8:
		return fmt.Sprintf(`{"anything-but":%s}`, r.of(r.str(), r.of("1", "5"), "["+r.list(1, 2, r.str)+"]", "[1,0.1]", "["+r.list(0, 2, r.scalar)+"]"))
	case 9:
		return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, r.of("prefix", "suffix", "equals-ignore-case", "wildcard"), r.of(r.str(), `["x","ä"]`))
	case 10:
		return fmt.Sprintf(`{"cidr":"%s"}`, r.of("10.0.0.0/24", "0.0.0.0/0", "::/0", "::/64", "10.0.0.7/31", "10.0.0.7/32"))
	}
	return r.scalar()
}

func (r source) event(depth int) string {
	return "{" + r.list(1, 4, func() string { return r.name() + ":" + r.value(depth-1) }) + "}"
}

func (r source) value(depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		return r.event(depth)
	case (n < 5 || r.plain && n < 7) && depth > 0:
		return "[" + r.list(0, 4, func() string { return r.value(depth - 1) }) + "]"
	}
	return r.scalar()
}
