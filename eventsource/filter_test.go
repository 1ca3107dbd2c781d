package eventsource_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

func filters(patterns ...string) (c eventsource.FilterCriteria) {
	for _, p := range patterns {
		c.Filters = append(c.Filters, eventsource.Filter{Pattern: p})
	}
	return c
}

// Each row of the service's table, and what is not in it.
func TestFilter_matchesDataAndMetadata(t *testing.T) {
	const order = `{"kind":"order","n":300.0,"addr":{"city":"Bern"}}`
	for _, row := range []struct {
		data     string
		patterns []string
		want     bool
	}{
		{order, nil, true},
		{order, []string{`{"data":{"kind":["order"]}}`}, true},
		{order, []string{`{"data":{"kind":["refund"]}}`}, false},
		{order, []string{`{"data":{"kind":["refund"]}}`, `{"data":{"n":[{"numeric":[">",299]}]}}`}, true},
		{order, []string{`{"data":{"addr":{"city":["Bern"]}},"partitionKey":["k"]}`}, true},
		{order, []string{`{"data.kind":["order"]}`}, true},
		{order, []string{`{"partitionKey":["k"]}`}, true},
		{order, []string{`{"partitionKey":["other"]}`}, false},
		{order, []string{`{"partitionKey":[{"prefix":"x"}],"data":{"kind":["order"]}}`}, false},
		{order, []string{`{"approximateArrivalTimestamp":[{"numeric":[">",1699999999]}]}`}, true},
		{order, []string{`{"kinesis":{"partitionKey":["k"]}}`}, false},
		{`{"kind":"a","kind":"b"}`, []string{`{"data":{"kind":["b"]}}`}, true},
		{`{"kind":"a","kind":"b"}`, []string{`{"data":{"kind":["a"]}}`}, false},

		{"no JSON", nil, true},
		{"no JSON", []string{`{"data":{"kind":["order"]}}`}, false},
		{"no JSON", []string{`{"data":{"kind":[{"exists":false}]}}`}, false},
		{"no JSON", []string{`{"data.kind":[{"exists":false}]}`}, false},
		{"no JSON", []string{`{"$or":[{"partitionKey":["k"]},{"data":{"kind":["order"]}}]}`}, false},
		{"no JSON", []string{`{"partitionKey":["k"]}`}, true},
		{"no JSON", []string{`{"data":{"kind":["order"]}}`, `{"partitionKey":["k"]}`}, true},
		{"", []string{`{"data":{"kind":[{"exists":false}]}}`}, false},
		{`{"kind":"order"} `, []string{`{"data":{"kind":["order"]}}`}, true},
		{`{"kind":"order"}{}`, []string{`{"data":{"kind":["order"]}}`}, false},
		{`1},"partitionKey":"x`, []string{`{"partitionKey":["x"]}`, `{"data":[1]}`}, false},
		{`{"a":1},"partitionKey":"x"`, []string{`{"partitionKey":["x"]}`}, false},
		{`5`, []string{`{"data":[5]}`}, true},
		{`"text"`, []string{`{"data":["text"]}`}, true},
		{strings.Repeat("[", 5000) + strings.Repeat("]", 5000), []string{`{"data":{"kind":["order"]}}`}, true}, // nobody can say: it is not lost
	} {
		r := record(t, "101", "k", row.data, 1_700_000_000_000)
		assert.Equal(t, row.want, eventsource.Matches(filters(row.patterns...), r), "%.60s %v", row.data, row.patterns)
	}
}

func TestSettings_patternsThatDoNotParse(t *testing.T) {
	s := eventsource.Settings{StartingPosition: "LATEST", FilterCriteria: filters(`{"data":{"kind":"order"}}`, `{"data":{"kind":["order"]}}`, ``, `null`, `"x"`)}
	err := s.Validate()
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 4)
	for i, n := range []string{"0", "2", "3", "4"} {
		assert.Contains(t, lines[i], "FilterCriteria.Filters["+n+"].Pattern: event pattern: $")
	}
	assert.Contains(t, lines[0], "$.data.kind")
	s.FilterCriteria = filters(make([]string, 11)...)
	assert.EqualError(t, s.Validate(), "FilterCriteria.Filters: has 11 entries; at most 10 are allowed")
}

// Records that match nothing are never given, and the position moves past them.
func TestSource_filtersMoveThePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		var last weir.Placed
		for _, data := range []string{`{"n":1}`, `{"n":20}`, `x`, `{"n":30}`, `{"n":2}`} {
			var err error
			last, err = s.PutRecord(t.Context(), "k", []byte(data))
			require.NoError(t, err)
		}
		c := config(s, store, f.call)
		c.Settings.FilterCriteria = filters(`{"data":{"n":[{"numeric":[">=",10]}]}}`)
		r := run(t, c)
		streamtest.Pass(5 * time.Second)
		assert.Equal(t, [][]string{{`{"n":20}`, `{"n":30}`}}, f.batches())
		at, _ := streamtest.Checkpoint(t, store)
		assert.Equal(t, last.SequenceNumber.String(), at)
		m := r.Metrics()
		assert.Equal(t, []int64{5, 3, 2, 0}, []int64{m.PolledEventCount, m.FilteredOutEventCount, m.InvokedEventCount, m.DroppedEventCount})

		last, err := s.PutRecord(t.Context(), "k", []byte(`{"n":3}`))
		require.NoError(t, err)
		streamtest.Pass(5 * time.Second)
		at, _ = streamtest.Checkpoint(t, store)
		assert.Equal(t, last.SequenceNumber.String(), at, "also if nothing else comes")
		assert.Len(t, f.batches(), 1)
	})
}
