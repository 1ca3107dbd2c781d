package eventpattern_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

// many returns what one gives for 0 to n-1, with commas.
func many(n int, one func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one(i)
	}
	return strings.Join(parts, ",")
}

// or returns a $or of n alternatives.
func or(n int) string {
	return `"$or":[` + many(n, func(i int) string { return fmt.Sprintf(`{"a":[%d]}`, i) }) + `]`
}

func fields(name string, n int) string {
	return many(n, func(i int) string { return fmt.Sprintf(`"%s%d":[1]`, name, i) })
}

func nested(n int) string {
	return strings.Repeat(`{"a":`, n) + `[1]` + strings.Repeat(`}`, n)
}

func TestCompile_limits(t *testing.T) {
	long := func(n int) string { return `{"a":["` + strings.Repeat("x", n-len(`{"a":[""]}`)) + `"]}` }
	for _, row := range []struct {
		name, pattern string
		limit         error
	}{
		{"bytes at the limit", long(eventpattern.MaxPatternBytes), nil},
		{"bytes past it", long(eventpattern.MaxPatternBytes + 1), eventpattern.ErrTooComplex},
		{"combinations of one $or at the limit", `{` + or(eventpattern.MaxCombinations) + `}`, nil},
		{"combinations of one $or past it", `{` + or(eventpattern.MaxCombinations+1) + `}`, eventpattern.ErrTooComplex},
		{"combinations of three at the limit", `{"x":{` + or(10) + `},"y":{` + or(10) + `},"z":{` + or(10) + `}}`, nil},
		{"combinations of three past it", `{"x":{` + or(10) + `},"y":{` + or(10) + `},"z":{` + or(11) + `}}`, eventpattern.ErrTooComplex},
		{"combinations that would not fit in memory", `{` + many(40, func(i int) string { return fmt.Sprintf(`"f%d":{%s}`, i, or(20)) }) + `}`, eventpattern.ErrTooComplex},
		{"fields of all combinations at the limit", `{` + fields("f", 127) + `,` + or(512) + `}`, nil},
		{"fields of all combinations past it", `{` + fields("f", 128) + `,` + or(512) + `}`, eventpattern.ErrTooComplex},
		{"fields after the combinations", `{` + or(512) + `,` + fields("f", 128) + `}`, eventpattern.ErrTooComplex},
		{"levels at the limit", nested(eventpattern.MaxDepth - 1), nil},
		{"levels past it", nested(eventpattern.MaxDepth), eventpattern.ErrTooDeep},
		{"many levels past it", strings.Repeat(`{"a":`, 10_000), eventpattern.ErrTooDeep},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := eventpattern.Compile([]byte(row.pattern))
			if row.limit == nil {
				require.NoError(t, err)
				return
			}
			var broken *eventpattern.PatternError
			require.ErrorAs(t, err, &broken)
			assert.Equal(t, row.limit, broken.Limit)
			assert.Equal(t, row.limit == eventpattern.ErrTooComplex, errors.Is(err, eventpattern.ErrTooComplex))
			assert.Equal(t, row.limit == eventpattern.ErrTooDeep, errors.Is(err, eventpattern.ErrTooDeep))
			assert.Less(t, len(broken.Rule), 200)
		})
	}
}

// TestMatch_errors tells no JSON, too deep and too complex apart.
func TestMatch_errors(t *testing.T) {
	for _, row := range []struct {
		name, pattern, event string
		limit                error
		offset               int
	}{
		{"no JSON", `{"a":[1]}`, `{"a":1`, nil, 6},
		{"no JSON where the pattern does not look", `{"a":[1]}`, `{"a":1,"b":[tru]}`, nil, 12},
		{"no object", `{"a":[1]}`, ` [1]`, nil, 1},
		{"nothing", `{"a":[1]}`, ``, nil, 0},
		{"not UTF-8", `{"a":[1]}`, "{\"b\":\"\xff\"}", nil, 6},
		{"too deep", `{"a":[1]}`, `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, eventpattern.ErrTooDeep, 5 + 999},
		{"too deep where the pattern does not look", `{"a":[1]}`, `{"b":` + strings.Repeat("[", 100_000), eventpattern.ErrTooDeep, 5 + 999},
		{"too complex", tooMany.pattern, tooMany.event, eventpattern.ErrTooComplex, len(tooMany.event)},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := eventpattern.Compile([]byte(row.pattern))
			require.NoError(t, err)
			ok, err := p.Match([]byte(row.event))
			assert.False(t, ok)
			var broken *eventpattern.EventError
			require.ErrorAs(t, err, &broken)
			assert.Equal(t, row.limit, broken.Limit, err)
			assert.Equal(t, row.limit != nil, errors.Is(err, row.limit))
			assert.Equal(t, row.offset, broken.Offset, err)
		})
	}
	deepest := `{"a":` + strings.Repeat("[", 999) + "1" + strings.Repeat("]", 999) + `}`
	assert.Equal(t, "match", verdict(`{"a":[1]}`, deepest))
	assert.Equal(t, "match", verdict(`{"b":[{"exists":false}]}`, deepest))
}

// TestMatch_stringsOfAllLengths: strings are read eight bytes at a time.
func TestMatch_stringsOfAllLengths(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for _, c := range []string{`\"`, `\\`, `\u0041`, "ä", "\x7f", "\x1f", `"`, `\`, `\x`, "\xff"} {
				text := strings.Repeat("x", at) + c + strings.Repeat("x", n-at-1)
				want := naiveVerdict(`{"a":[{"wildcard":"*"}],"b":[1]}`, `{"a":"`+text+`","b":1}`)
				if c == "\xff" {
					want = "error"
				}
				assert.Equal(t, want, verdict(`{"a":[{"wildcard":"*"}],"b":[1]}`, `{"a":"`+text+`","b":1}`), "%q", text)
				assert.Equal(t, want, verdict(`{"b":[1]}`, `{"a":"`+text+`","b":1}`), "%q", text)
			}
		}
	}
}

// manyLines has 60,000 objects, none of which linesPattern takes.
var manyLines = `{"l":[` + many(30_000, func(i int) string { return fmt.Sprintf(`{"x":2,"y":%d},{"x":1,"y":2000}`, i%1000) }) + `]}`

func linesPattern(n int) string {
	return `{"$or":[` + many(n, func(i int) string { return fmt.Sprintf(`{"l":{"x":[1],"y":[%d]}}`, i) }) + `]}`
}

// tooMany has two to the power of 20 ways in which fields may be absent.
var tooMany = struct{ pattern, event string }{
	`{"l":{"z":[7],` + many(20, func(i int) string { return fmt.Sprintf(`"f%d":[1,{"exists":false}]`, i) }) + `}}`,
	`{"l":[` + many(100, func(int) string {
		return `{` + many(20, func(i int) string { return fmt.Sprintf(`"f%d":1`, i) }) + `}`
	}) + `,{"z":7,"f0":2}]}`,
}

// TestMatch_hostile has what would take minutes, gigabytes or the whole stack if a
// match could take more than its length times its pattern's.
func TestMatch_hostile(t *testing.T) {
	stars := strings.Repeat("*a", 30_000)
	for _, row := range []struct{ name, pattern, event, want string }{
		{"a wildcard of many stars", `{"a":[{"wildcard":"` + stars + `*b"}]}`, `{"a":"` + strings.Repeat("a", 1<<20) + `"}`, "none"},
		{"a wildcard that matches late", `{"a":[{"wildcard":"*` + strings.Repeat("a", 30_000) + `b*"}]}`, `{"a":"` + strings.Repeat("a", 1<<20) + `"}`, "none"},
		{"many wildcards", `{"a":[` + many(2_000, func(i int) string { return fmt.Sprintf(`{"wildcard":"*a*b%d*"}`, i) }) + `]}`,
			`{"a":"` + strings.Repeat("a", 1<<18) + `"}`, "none"},
		{"values deep in arrays", `{"a":[1],"b":[1]}`, `{"b":1,"a":` + strings.Repeat("[", 990) + many(200_000, func(int) string { return "[1]" }) + strings.Repeat("]", 990) + `}`, "match"},
		{"a thousand combinations and many elements", linesPattern(1_000), manyLines, "error"},
		{"forty combinations and many elements", linesPattern(40), manyLines, "none"},
		{"ways to be absent", tooMany.pattern, tooMany.event, "error"},
		{"fields deep in arrays", `{"a":{` + fields("f", 5_000) + `}}`,
			`{"a":[` + strings.Repeat("[", 990) + `{` + many(4_999, func(i int) string { return fmt.Sprintf(`"f%d":1`, i) }) + `}` + strings.Repeat("]", 990) + `,{"f4999":1}]}`, "none"},
		{"fields that could be in two arrays, at each level", deepTwice.pattern, deepTwice.event, "error"},
		{"the same name", `{"a":[2]}`, `{` + many(150_000, func(int) string { return `"a":1` }) + `}`, "none"},
		{"a long number", `{"a":[{"numeric":[">",1]}]}`, `{"a":` + strings.Repeat("9", 1<<20) + `}`, "none"},
		{"a long fraction", `{"a":[{"numeric":[">",1]}]}`, `{"a":1.` + strings.Repeat("9", 1<<20) + `}`, "none"},
		{"a long exponent", `{"a":[{"numeric":[">",1]}]}`, `{"a":1e` + strings.Repeat("9", 1<<20) + `}`, "none"},
		{"a name of dots", `{"a":[1]}`, `{"` + strings.Repeat(".", 1<<20) + `":1}`, "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			assert.Equal(t, row.want, verdict(row.pattern, row.event))
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<29), "bytes allocated")
		})
	}
}

func TestMatch_hugeEventLeavesNothing(t *testing.T) {
	p, err := eventpattern.Compile([]byte(`{"a":[1],"b":{"c":["x"]}}`))
	require.NoError(t, err)
	for _, event := range []string{
		`{"a":[` + many(100_000, func(int) string { return "[2],3" }) + `]}`, // values and contexts
		`{"b":{"c":"` + strings.Repeat(`\n`, 1<<20) + `"}}`,                  // a string with escapes
		`{"b":[` + many(100_000, func(int) string { return `{"c":[]}` }) + `]}`,
		`{` + many(100_000, func(int) string { return `"a":[],"a":[1]` }) + `}`,
	} {
		_, err := p.Match([]byte(event))
		require.NoError(t, err)
		assert.Less(t, eventpattern.RestingBytes(), 1<<19)
	}
}

// TestMatch_allocatesNothing where no field of the pattern is in an array. The
// race detector takes scans from the pool at random, so the best of some counts.
func TestMatch_allocatesNothing(t *testing.T) {
	p, err := eventpattern.Compile([]byte(benchmarks[1].pattern))
	require.NoError(t, err)
	event, least := longOrder(3, 100), 1.0
	for range 50 {
		least = min(least, testing.AllocsPerRun(1, func() {
			ok, err := p.Match(event)
			assert.True(t, ok)
			assert.NoError(t, err)
		}))
	}
	assert.Zero(t, least)
}

func TestPattern_manyGoroutines(t *testing.T) {
	p, err := eventpattern.Compile([]byte(`{"l":{"x":[1],"y":[{"wildcard":"a*"},2]},"$or":[{"b":["\u00e4"]},{"c":[{"exists":false}]}]}`))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				y := (i + j) % 3
				ok, err := p.Match([]byte(fmt.Sprintf(`{"l":[{"x":1,"y":%d},{"x":2,"y":"ab"}],"b":"ä"}`, y)))
				assert.NoError(t, err)
				assert.Equal(t, y == 2, ok)
			}
		})
	}
	wg.Wait()
}

// deepTwice has thousands of fields that are in either of two arrays, in an object
// within such an array and so on. Looking for them takes a frame for each.
var deepTwice = func() (d struct{ pattern, event string }) {
	const levels, n = 20, 5_000
	ones := many(n-1, func(i int) string { return fmt.Sprintf(`"f%d":1`, i) })
	d.pattern, d.event = `{`+fields("f", n)+`}`, `{`+ones+`},{"f4999":1}`
	straight := `{` + ones + `}`
	for range levels {
		d.event = `{"a.b":[` + straight + `],"a":{"b":[` + d.event + `]}}`
		d.pattern, straight = `{"a":{"b":`+d.pattern+`}}`, `{"a":{"b":`+straight+`}}`
	}
	return d
}()
