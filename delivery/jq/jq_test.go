package jq_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/jq"
)

func record(data string) *delivery.Record {
	return &delivery.Record{Record: weir.Record{Data: []byte(data)}}
}

func keys(t testing.TB, expression, data string) (map[string]string, error) {
	t.Helper()
	p, err := jq.NewPartitioner(expression, jq.Config{})
	require.NoError(t, err)
	return p.Keys(record(data))
}

func TestPartitioner_takesKeysFromTheRecord(t *testing.T) {
	for _, row := range []struct {
		expression, data string
		want             map[string]string
	}{
		{`{customer:.customer_id}`, `{"customer_id":"c1"}`, map[string]string{"customer": "c1"}},
		{`{customer_id, device: .type.device}`, ` {"customer_id":7,"type":{"device":"tv"}} ` + "\n", map[string]string{"customer_id": "7", "device": "tv"}},
		{`{year: .at | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime | strftime("%Y")}`, `{"at":"2024-03-05T07:08:09Z"}`, map[string]string{"year": "2024"}},
		{`{n}`, `{"n":9007199254740993}`, map[string]string{"n": "9007199254740993"}},
		{`{n}`, `{"n":0.1}`, map[string]string{"n": "0.1"}},
		{`{b: (.n > 3)}`, `{"n":4}`, map[string]string{"b": "true"}},
		{`{s: ""}`, `{}`, map[string]string{"s": ""}},
		{`{(.k): .v}`, `{"k":"x","v":"y"}`, map[string]string{"x": "y"}},
		{`{s: ("a\(.n)")}`, `{"n":1}`, map[string]string{"s": "a1"}},
		{`def f: .a; {k: f}`, `{"a":"x"}`, map[string]string{"k": "x"}},
		{`.keys`, `{"keys":{"k":"x"}}`, map[string]string{"k": "x"}},
		{`{}`, `5`, map[string]string{}},
	} {
		got, err := keys(t, row.expression, row.data)
		require.NoError(t, err, row.expression)
		assert.Equal(t, row.want, got, row.expression)
	}
}

func TestPartitioner_saysWhyARecordHasNoKeys(t *testing.T) {
	for _, row := range []struct{ expression, data, want string }{
		{`{c:.c}`, `{}`, `jq: key "c": it is null, and a key is a string, a number or a boolean`},
		{`{c:.c}`, `{"c":[1]}`, `jq: key "c": it is array, and a key is a string, a number or a boolean`},
		{`{c:.c}`, `{"c":{}}`, `jq: key "c": it is object, and a key is a string, a number or a boolean`},
		{`.c`, `{"c":"x"}`, "jq: the expression makes no object of the record"},
		{`empty`, `{}`, "jq: the expression makes no object of the record"},
		{`{c:.c[]}`, `{"c":["x","y"]}`, "jq: the expression makes more than one value of the record"},
		{`{c:.c}`, `[1]`, `jq: expected an object but got: array ([1])`},
		{`{c:.c}`, `{"c":`, "jq: the record is not JSON: unexpected EOF"},
		{`{c:.c}`, ``, "jq: the record is not JSON: there is nothing"},
		{`{c:.c}`, `{"c":"x"} {"c":"y"}`, "jq: the record has more than one JSON value"},
		{`{c:.c}`, `{"c":"x"}x`, "jq: the record has more than one JSON value"},
		{`{c: error("no")}`, `{}`, "jq: error: no"},
		{`{c: halt}`, `{}`, "jq: halt error: null"},
		{`{c: ("x" * .n)}`, `{"n":1e300}`, `jq: repeat string result too large: "x" * 1e+300`},
	} {
		_, err := keys(t, row.expression, row.data)
		assert.EqualError(t, err, row.want, row.expression)
	}
}

// A prefix that refers to a key that the expression does not have is refused by
// the delivery before anything is read, if the names are known.
func TestPartitioner_knowsItsNames(t *testing.T) {
	for expression, want := range map[string][]string{
		`{customer:.customer_id, "device": .d, year}`: {"customer", "device", "year"},
		`{}`:                          {},
		`. as $x | {$x}`:              nil,
		`{"a\(.n)": 1}`:               nil,
		`{(.k): 1}`:                   nil,
		`.keys`:                       nil,
		`{a: 1} + {b: 2}`:             nil,
		`{a: {b: 1}}.a`:               nil,
		`if .x then {a:1} else . end`: nil,
	} {
		p, err := jq.NewPartitioner(expression, jq.Config{})
		require.NoError(t, err)
		assert.Equal(t, want, p.Names(), expression)
	}
}

func TestNewPartitioner_saysWhatIsWrong(t *testing.T) {
	for expression, want := range map[string]string{
		`{c:.c`:                              `expression: at byte 5: unexpected EOF`,
		``:                                   `expression: missing query (try ".")`,
		`{c:.c} }`:                           `expression: at byte 8: unexpected token "}"`,
		`{c:nosuch}`:                         `expression: function not defined: nosuch/0`,
		`{c:$x}`:                             `expression: variable not defined: $x`,
		`{c:input}`:                          `expression: input(s)/0 is not allowed`,
		`{c:(now|todate)}`:                   `expression: now does not depend on the record alone`,
		`def f(g): g; {c:[f(.x|localtime)]}`: `expression: localtime does not depend on the record alone`,
		`import "x" as x; {c:1}`:             `expression: cannot load module: "x"`,
	} {
		_, err := jq.NewPartitioner(expression, jq.Config{})
		assert.EqualError(t, err, want)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	for want, c := range map[string]jq.Config{
		"MaxSteps: -1 is negative":  {MaxSteps: -1},
		"MaxTime: -1ns is negative": {MaxTime: -1},
	} {
		_, err := jq.NewPartitioner(".", c)
		assert.EqualError(t, err, want)
		_, err = jq.NewTransform(".", false, c)
		assert.EqualError(t, err, want)
	}
}

func TestPartitioner_cannotSeeTheEnvironment(t *testing.T) {
	t.Setenv("JQ_TEST", "secret")
	got, err := keys(t, `{a: (env|length), b: ($ENV|length)}`, `{}`)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "0", "b": "0"}, got)
}

func TestPartitioner_givesUpAfterSoManySteps(t *testing.T) {
	const endless = `{c: last(range(.n))}`
	within := func(steps int, n int) error {
		p, err := jq.NewPartitioner(endless, jq.Config{MaxSteps: steps})
		require.NoError(t, err)
		_, err = p.Keys(record(fmt.Sprintf(`{"n":%d}`, n)))
		return err
	}
	// How many steps it takes is the library's; the bound is exact.
	least := 1
	for within(least, 10) != nil {
		require.Less(t, least, 1000)
		least++
	}
	assert.Greater(t, least, 10)
	assert.ErrorIs(t, within(least-1, 10), jq.ErrTooManySteps)
	assert.ErrorIs(t, within(0, 10_000_000), jq.ErrTooManySteps)
	assert.EqualError(t, within(100, 10_000_000), "jq: the expression takes too many steps")
	assert.NoError(t, within(0, 10_000))

	p, err := jq.NewPartitioner(`def f: 1 + f; {c: f}`, jq.Config{})
	require.NoError(t, err)
	_, err = p.Keys(record(`{}`))
	assert.ErrorIs(t, err, jq.ErrTooManySteps)
}

func TestPartitioner_givesUpAfterItsTime(t *testing.T) {
	p, err := jq.NewPartitioner(`{c: last(range(.n))}`, jq.Config{MaxSteps: math.MaxInt, MaxTime: time.Nanosecond})
	require.NoError(t, err)
	_, err = p.Keys(record(`{"n":1000000000000}`))
	assert.ErrorIs(t, err, jq.ErrTooLong)
}

func TestPartitioner_servesManyAtATime(t *testing.T) {
	p, err := jq.NewPartitioner(`{c: (.c|ascii_upcase|sub("A";"B"))}`, jq.Config{})
	require.NoError(t, err)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				got, err := p.Keys(record(fmt.Sprintf(`{"c":"a%d-%d"}`, worker, i)))
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprintf("B%d-%d", worker, i), got["c"])
			}
		})
	}
	all.Wait()
}

func transform(t testing.TB, expression string, raw bool, data ...string) []delivery.Result {
	t.Helper()
	tr, err := jq.NewTransform(expression, raw, jq.Config{})
	require.NoError(t, err)
	records := make([]delivery.Record, len(data))
	for i, d := range data {
		records[i] = *record(d)
	}
	results, err := tr.Transform(t.Context(), records)
	require.NoError(t, err)
	require.Len(t, results, len(data))
	return results
}

func TestTransform_deliversWhatTheExpressionMakes(t *testing.T) {
	results := transform(t, `select(.level == "error") | {id, text: .text}`, false,
		`{"level":"error","id":12345678901234567890,"text":"é<"}`, `{"level":"info"}`, `nonsense`, `[1]`)
	assert.Equal(t, []delivery.Result{
		{Data: []byte(`{"id":12345678901234567890,"text":"é<"}`)},
		{Status: delivery.Dropped},
		{Status: delivery.ProcessingFailed, Code: "JQ.Failed", Message: "the record is not JSON: invalid character 'o' in literal null (expecting 'u')"},
		{Status: delivery.ProcessingFailed, Code: "JQ.Failed", Message: "expected an object but got: array ([1])"},
	}, results)
}

func TestTransform_writesEachValueOnItsLine(t *testing.T) {
	results := transform(t, `.[]`, false, `["a",1,null]`, `[]`, `["x"]`)
	assert.Equal(t, []delivery.Result{
		{Data: []byte("\"a\"\n1\nnull")}, {Status: delivery.Dropped}, {Data: []byte(`"x"`)},
	}, results)
	results = transform(t, `[.a,.b]|@csv`, true, `{"a":"x","b":1}`)
	assert.Equal(t, `"x",1`, string(results[0].Data))
	results = transform(t, `.a`, true, `{"a":""}`)
	assert.Equal(t, delivery.Ok, results[0].Status)
	assert.Empty(t, results[0].Data)
}

// What an expression made before it failed is not delivered: the record is.
func TestTransform_isAllOrNothing(t *testing.T) {
	results := transform(t, `.a, error("late")`, false, `{"a":1}`)
	assert.Equal(t, []delivery.Result{{Status: delivery.ProcessingFailed, Code: "JQ.Failed", Message: "error: late"}}, results)
}

func TestTransform_endsWithItsContext(t *testing.T) {
	tr, err := jq.NewTransform(`last(range(1000000000000))`, false, jq.Config{MaxSteps: math.MaxInt, MaxTime: time.Hour})
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("over"))
		_, err := tr.Transform(ctx, []delivery.Record{*record(`{}`)})
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// Records are what others send.
func FuzzPartitioner(f *testing.F) {
	var partitioners []delivery.Partitioner
	for _, expression := range []string{
		`{c:.c}`, `{c:(.c|tostring|ltrimstr("x")), d:(.d?//0)}`, `{c:(.c|test("^a+$"))}`, `{c:(.at|fromdate|strftime("%Y"))}`,
	} {
		p, err := jq.NewPartitioner(expression, jq.Config{})
		require.NoError(f, err)
		partitioners = append(partitioners, p)
	}
	f.Add(`{"c":"x","at":"2024-03-05T07:08:09Z"}`)
	f.Add(`{"c":1e999,"d":[{"e":"\ud800"}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		for _, p := range partitioners {
			got, err := p.Keys(record(data))
			again, errAgain := p.Keys(record(data))
			assert.Equal(t, got, again)
			assert.Equal(t, err == nil, errAgain == nil)
			for name := range got {
				assert.Contains(t, p.Names(), name)
			}
		}
	})
}
