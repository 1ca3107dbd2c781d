package demo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/clickstream"
	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// config runs n made-up events without limits.
func config(n int) demo.Config {
	return demo.Config{
		Source: clickstream.New(1, n), Parse: input.ParseCombined,
		Shards: 4, Producers: 3, Limits: weir.Unlimited(),
	}
}

// sum adds up one field of all shards.
func sum(r *demo.Result, field func(demo.ShardResult) int64) (n int64) {
	for _, s := range r.Shards {
		n += field(s)
	}
	return n
}

// requireConsistent checks what holds after any run that broke nothing.
func requireConsistent(t *testing.T, r *demo.Result) {
	t.Helper()
	require.True(t, r.Complete, "%+v", r)
	require.Equal(t, r.RecordsIn, r.RecordsOut)
	require.Zero(t, r.Lost+r.Duplicated+r.OrderViolations)
	require.Equal(t, r.RecordsIn, sum(r, func(s demo.ShardResult) int64 { return s.Records }))
	require.Equal(t, r.RecordsIn, sum(r, func(s demo.ShardResult) int64 { return s.Read }))
	require.Equal(t, r.BytesIn, sum(r, func(s demo.ShardResult) int64 { return s.Bytes }))
	require.Equal(t, r.Throttled, sum(r, func(s demo.ShardResult) int64 { return s.Throttled }))
	require.Equal(t, r.RecordsIn, r.Latency.Put.Count)
	require.Equal(t, r.RecordsOut, r.Latency.EndToEnd.Count)
	events := int64(0)
	for _, m := range r.Minutes {
		events += m.Events
	}
	require.Equal(t, r.RecordsOut, events)
	require.Len(t, r.KeyShares, r.Keys)
}

func TestRun_withoutLimits(t *testing.T) {
	r, err := demo.Run(t.Context(), config(6_000))
	require.NoError(t, err)
	requireConsistent(t, r)
	assert.Equal(t, int64(6_000), r.RecordsIn)
	assert.Zero(t, r.Throttled)
	assert.Len(t, r.Shards, 4)
	assert.Len(t, r.HotKeys, 10)
	assert.Len(t, r.TopPages, 10)
	assert.InDelta(t, 1, r.KeyShares[r.Keys-1], 1e-9)
	assert.Equal(t, "none", r.Limits)
}

// Under the service's limits the busiest shard takes a second's worth at once
// and 1,000 a second from then on; what is refused comes again, in order.
func TestRun_underTheServicesLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(6_000)
		c.Limits = weir.Limits{}
		r, err := demo.Run(t.Context(), c)
		require.NoError(t, err)
		requireConsistent(t, r)
		assert.Equal(t, int64(6_000), r.RecordsIn)
		assert.Positive(t, r.Throttled)
		for _, s := range r.Shards {
			assert.LessOrEqual(t, float64(s.Records), 1000+1000*r.Duration+1, "%v", s.Shard)
			assert.LessOrEqual(t, s.Busiest, int64(2000), "%v", s.Shard)
		}
		assert.Greater(t, r.Latency.Put.P99, 50*time.Millisecond, "waiting for quota counts")
		assert.Equal(t, "service", r.Limits)
	})
}

func TestRun_replaysAtASpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(0)
		c.Speed = 60
		c.Source = &events{list: []string{"09:00:00", "09:01:00", "09:00:30", "09:02:00"}}
		r, err := demo.Run(t.Context(), c)
		require.NoError(t, err)
		requireConsistent(t, r)
		assert.InDelta(t, 2, r.Duration, 0.001, "two minutes at 60 times the speed")
		assert.Less(t, r.Latency.EndToEnd.Max, time.Millisecond, "a late line is due when it comes")
	})
}

func TestRun_shapes(t *testing.T) {
	for _, tt := range []struct{ shards, producers, events int }{
		{1, 1, 1}, {1, 8, 500}, {64, 1, 500}, {4, 4, 0},
	} {
		t.Run(fmt.Sprintf("shards=%d/producers=%d/events=%d", tt.shards, tt.producers, tt.events), func(t *testing.T) {
			c := config(tt.events)
			c.Shards, c.Producers = tt.shards, tt.producers
			r, err := demo.Run(t.Context(), c)
			require.NoError(t, err)
			requireConsistent(t, r)
			assert.Equal(t, int64(tt.events), r.RecordsIn)
			assert.Len(t, r.Shards, tt.shards)
		})
	}
}

func TestRun_interrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c := config(1_000_000)
		c.Limits = weir.Limits{}
		r, err := demo.Run(ctx, c)
		require.NoError(t, err)
		requireConsistent(t, r)
		assert.True(t, r.Interrupted)
		assert.InDelta(t, 3, r.Duration, 0.2)
		assert.Greater(t, r.RecordsIn, int64(3000))
	})
}

func TestRun_reportsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []demo.Progress
		c := config(10_000)
		c.Limits = weir.Limits{}
		c.Progress = func(p demo.Progress) { seen = append(seen, p) }
		r, err := demo.Run(t.Context(), c)
		require.NoError(t, err)
		require.Greater(t, len(seen), 5)
		for i := 1; i < len(seen); i++ {
			assert.GreaterOrEqual(t, seen[i].Records, seen[i-1].Records)
		}
		assert.Equal(t, r.RecordsIn, seen[len(seen)-1].Records)
		assert.Len(t, r.Samples, 1+len(seen), "the beginning and each look")
	})
}

// A run of an hour keeps no more samples than a short one.
func TestRun_samplesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(0)
		c.Speed = 1
		c.Source = &events{list: []string{"09:00:00", "10:00:00"}}
		r, err := demo.Run(t.Context(), c)
		require.NoError(t, err)
		assert.InDelta(t, 3600, r.Duration, 1)
		assert.LessOrEqual(t, len(r.Samples), 600)
		assert.Greater(t, len(r.Samples), 250)
		assert.Greater(t, r.Samples[len(r.Samples)-1].At, 3590*time.Second)
	})
}

func TestRun_sourceFails(t *testing.T) {
	broken := errors.New("disk gone")
	c := config(0)
	c.Source = &events{list: []string{"09:00:00"}, err: broken}
	_, err := demo.Run(t.Context(), c)
	assert.ErrorIs(t, err, broken)
}

func TestRun_recordsThatAreNotWhatWasPut(t *testing.T) {
	broken := errors.New("not a line")
	c := config(1000)
	c.Parse = func([]byte) (input.Event, error) { return input.Event{}, broken }
	_, err := demo.Run(t.Context(), c)
	assert.ErrorIs(t, err, broken)
}

func TestRun_bounds(t *testing.T) {
	for _, tt := range []struct {
		change func(*demo.Config)
		want   string
	}{
		{func(c *demo.Config) { c.Shards = 0 }, "shards: 0 is outside 1 to 1024"},
		{func(c *demo.Config) { c.Shards = demo.MaxShards + 1 }, "shards: 1025 is outside 1 to 1024"},
		{func(c *demo.Config) { c.Producers = 0 }, "producers: 0 is outside 1 to 256"},
		{func(c *demo.Config) { c.Speed = -1 }, "speed: -1 is negative"},
	} {
		c := config(1)
		tt.change(&c)
		_, err := demo.Run(t.Context(), c)
		assert.EqualError(t, err, tt.want)
	}
}

// events is a source of one client's events at times of one day, and then err.
type events struct {
	list []string
	err  error
}

func (s *events) Next() (input.Event, error) {
	if len(s.list) == 0 {
		if s.err != nil {
			return input.Event{}, s.err
		}
		return input.Event{}, io.EOF
	}
	line := fmt.Sprintf(`h - - [02/Mar/2026:%s +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, s.list[0])
	s.list = s.list[1:]
	return input.ParseCombined([]byte(line))
}
