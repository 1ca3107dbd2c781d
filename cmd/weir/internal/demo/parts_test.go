package demo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

func TestEnvelope_opensAsSealed(t *testing.T) {
	want := demo.Envelope{Number: 1<<63 + 5, Due: 3 * time.Second, Sent: time.Nanosecond}
	got, line, err := demo.OpenEnvelope(want.Seal([]byte("line")))
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, "line", string(line))

	_, _, err = demo.OpenEnvelope(make([]byte, 23))
	assert.EqualError(t, err, "a record of 23 bytes has no envelope of 24")
}

func TestWindows_countByMinuteOfTheEvent(t *testing.T) {
	start := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	a, b := demo.NewWindows(), demo.NewWindows()
	a.Count(input.Event{Time: start.Add(60 * time.Second), Status: 200, Page: "/x"})
	a.Count(input.Event{Time: start, Status: 200, Page: "/y"}) // late, and counted
	b.Count(input.Event{Time: start.Add(60*time.Second - 1), Status: 503, Page: "/x"})
	b.Count(input.Event{Time: time.Unix(-1, 0)})
	a.Add(b)
	assert.Equal(t, []demo.Minute{
		{Start: time.Unix(-60, 0).UTC(), Events: 1, Statuses: map[int]int64{0: 1}},
		{Start: start, Events: 2, Statuses: map[int]int64{200: 1, 503: 1}},
		{Start: start.Add(time.Minute), Events: 1, Statuses: map[int]int64{200: 1}},
	}, a.Minutes())
	assert.Equal(t, []demo.PageCount{{Page: "/x", Events: 2}}, a.TopPages(1))
	assert.Len(t, a.TopPages(10), 2)
}

func TestMinute_classes(t *testing.T) {
	m := demo.Minute{Statuses: map[int]int64{0: 1, 100: 2, 200: 3, 206: 4, 301: 5, 404: 6, 503: 7, 999: 8}}
	assert.Equal(t, [6]int64{0: 11, 2: 7, 3: 5, 4: 6, 5: 7}, m.Classes())
}

func TestRates_overTheSecondBefore(t *testing.T) {
	samples := func(pairs ...int64) (list []demo.Sample) { // milliseconds, records
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, demo.Sample{
				At: time.Duration(pairs[i]) * time.Millisecond, Shards: []demo.ShardSample{{Records: pairs[i+1]}},
			})
		}
		return list
	}
	records := func(s demo.Sample) int64 { return s.Shards[0].Records }
	tests := []struct {
		name    string
		samples []demo.Sample
		want    []float64
	}{
		{"none", nil, []float64{}},
		{"one", samples(0, 5), []float64{0}},
		{"less than a second", samples(0, 0, 500, 10), []float64{0, 10}},
		{"the window moves", samples(0, 0, 500, 10, 1000, 30, 1500, 60), []float64{0, 10, 30, 50}},
		{"seconds apart", samples(0, 0, 4000, 100), []float64{0, 25}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, demo.Rates(tt.samples, records), tt.name)
	}
}
