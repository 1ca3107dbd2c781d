package weir_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// eighthConfig is an on-demand stream whose shards take an eighth of a MiB/s.
func eighthConfig() weir.Config {
	return weir.Config{
		Settings: weir.Settings{Mode: weir.OnDemand, Retention: time.Second}, MetricsWindow: time.Minute,
		Limits: weir.Limits{WriteBytesPerSecond: 128 << 10, MinRetention: -1},
	}
}

func TestWarm_throughputBeforeASpike(t *testing.T) {
	spike := func(second int) demand {
		if second >= 670 && second < 690 {
			return demand{16, 50 << 10, 1} // 6.25 shards' limits
		}
		return demand{}
	}
	c := eighthConfig()
	t.Run("without", func(t *testing.T) {
		r := newRig(t, c)
		r.run(700, spike)
		assert.Equal(t, []string{"670: throttled", "690: no longer"}, r.events)
	})
	t.Run("with", func(t *testing.T) {
		r := newRig(t, c)
		require.NoError(t, r.s.SetWarmThroughput(context.Background(), 1))
		r.run(700, spike)
		assert.Equal(t, []string{"660: 8 shards"}, r.events)
		assert.Equal(t, 1, r.s.Capacity().WarmThroughput)
	})
	t.Run("from the beginning", func(t *testing.T) {
		c := c
		c.WarmThroughput = 1
		r := newRig(t, c)
		assert.Equal(t, 8, r.shards)
		r.run(700, spike)
		assert.Empty(t, r.events)
	})
}

// A release forgets the peak of the first seconds, which needs 16 shards, but
// not that of the last hour, and takes effect at the end of the eleventh
// minute.
func TestWarm_release(t *testing.T) {
	tests := []struct {
		name     string
		warm     int
		lastHour int // size of 16 records a second for a minute
		events   []string
	}{
		{"all", 0, 1 << 10, []string{"8460: 4 shards"}},
		{"to the last hour's peak", 0, 25 << 10, []string{"8460: 8 shards"}}, // 3.1 shards' limits
		{"to what is asked for", 1, 1 << 10, []string{"8460: 8 shards"}},
		{"the same value", 2, 1 << 10, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := eighthConfig()
			c.WarmThroughput = 2
			r := newRig(t, c)
			r.run(60, always(demand{16, 64 << 10, 1}))
			r.pause(6000 * time.Second)
			r.run(6120, always(demand{16, tt.lastHour, 1}))
			r.pause(1690 * time.Second)
			require.NoError(t, r.s.SetWarmThroughput(context.Background(), tt.warm))
			r.run(9000, always(demand{}))
			assert.Equal(t, tt.events, r.events)
		})
	}
}

func TestWarm_bounds(t *testing.T) {
	s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}})
	assert.NoError(t, s.SetWarmThroughput(context.Background(), 200))
	assert.ErrorIs(t, s.SetWarmThroughput(context.Background(), 201), weir.ErrInvalidArgument)
	assert.ErrorIs(t, s.SetWarmThroughput(context.Background(), -1), weir.ErrInvalidArgument)
	assert.Equal(t, 200, s.Settings().WarmThroughput)

	s = newStream(t, weir.Config{})
	assert.ErrorIs(t, s.SetWarmThroughput(context.Background(), 1), weir.ErrWrongMode)
}

func TestMode_switches(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	require.NoError(t, setMode(s, weir.Provisioned), "the same mode is no switch")
	require.NoError(t, setMode(s, weir.OnDemand))
	clock.Advance(time.Hour)
	require.NoError(t, setMode(s, weir.Provisioned))

	err := setMode(s, weir.OnDemand)
	require.ErrorIs(t, err, weir.ErrLimitExceeded)
	var over *weir.LimitError
	require.ErrorAs(t, err, &over)
	assert.Equal(t, &weir.LimitError{Quota: weir.QuotaModeSwitches, Stream: "test", Most: 2, RetryAfter: 23 * time.Hour}, over)

	clock.Advance(23*time.Hour - time.Nanosecond)
	assert.ErrorIs(t, setMode(s, weir.OnDemand), weir.ErrLimitExceeded)
	clock.Advance(time.Nanosecond)
	assert.NoError(t, setMode(s, weir.OnDemand))
	assert.ErrorIs(t, setMode(s, weir.Provisioned), weir.ErrLimitExceeded, "the second one is an hour younger")
	assert.ErrorIs(t, setMode(s, 2), weir.ErrInvalidArgument)
}

// Settings that several change at a time lose no change, and each change is
// made in full or not at all.
func TestStream_setByManyAtATime(t *testing.T) {
	s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, WarmThroughput: 10}})
	const callers, times = 8, 50
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range times {
				assert.NoError(t, s.Set(t.Context(), func(to *weir.Settings) {
					to.Retention += time.Second
					to.RecordBytes++
				}))
				err := s.Set(t.Context(), func(to *weir.Settings) {
					to.Retention += time.Hour
					to.WarmThroughput = -1
				})
				assert.ErrorIs(t, err, weir.ErrInvalidArgument)
				mustPut(t, s, "k", "beside it")
			}
		})
	}
	all.Wait()
	assert.Equal(t, weir.Settings{
		Mode: weir.OnDemand, WarmThroughput: 10,
		Retention: 24*time.Hour + callers*times*time.Second, RecordBytes: 1<<20 + callers*times,
	}, s.Settings())
}

// A change that a limit refuses leaves the settings beside it as they were.
func TestStream_setAllOrNone(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Limits{ModeSwitchesPerDay: 1}})
	require.NoError(t, setMode(s, weir.OnDemand))
	before := s.Settings()
	for name, refused := range map[string]func(*weir.Settings){
		"mode":           func(to *weir.Settings) { to.Mode = weir.Provisioned },
		"unknown mode":   func(to *weir.Settings) { to.Mode = 7 },
		"distribution":   func(to *weir.Settings) { to.Distribution = 7 },
		"warm":           func(to *weir.Settings) { to.WarmThroughput = 1 << 20 },
		"retention":      func(to *weir.Settings) { to.Retention = time.Hour },
		"size of record": func(to *weir.Settings) { to.RecordBytes = 5 },
	} {
		err := s.Set(t.Context(), func(to *weir.Settings) {
			*to = weir.Settings{
				Mode: weir.OnDemand, Distribution: weir.DistributeAuto, WarmThroughput: 5,
				Retention: 48 * time.Hour, RecordBytes: 2 << 20,
			}
			if refused(to); to.Mode == weir.Provisioned {
				to.Distribution, to.WarmThroughput = weir.ByPartitionKey, 0
			}
		})
		assert.Error(t, err, name)
		assert.Equal(t, before, s.Settings(), name)
	}
}

func TestMode_switchesLifted(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Limits{ModeSwitchesPerDay: -1}})
	for i := range 100 {
		require.NoError(t, setMode(s, weir.Mode(1-i%2)))
	}
}

func TestMode_switchKeepsShards(t *testing.T) {
	c := onDemandConfig()
	c.Mode, c.Shards = weir.Provisioned, 7
	r := newRig(t, c)
	require.NoError(t, setMode(r.s, weir.OnDemand))
	r.run(2, always(demand{16, 10, 1}))
	r.pause(719 * time.Hour)
	r.run(r.second+60, always(demand{16, 10, 1}))
	assert.Empty(t, r.events, "they are kept for 30 days")
	r.pause(3 * 24 * time.Hour)
	r.run(r.second+60, always(demand{16, 10, 1}))
	require.Len(t, r.events, 0, "seven shards of a seventh cannot be merged and stay below a quarter")
	require.NoError(t, setMode(r.s, weir.Provisioned))
	assert.Equal(t, 7, r.s.Capacity().OpenShards)
}

func TestMode_switchWithFewShardsGrowsToFour(t *testing.T) {
	c := onDemandConfig()
	c.Mode, c.Shards = weir.Provisioned, 1
	r := newRig(t, c)
	r.run(30, always(demand{}))
	require.NoError(t, setMode(r.s, weir.OnDemand))
	r.run(1000, always(demand{}))
	assert.Equal(t, []string{"660: 4 shards"}, r.events)
}

func TestMode_keptShardsAreMergedAfter30Days(t *testing.T) {
	c := onDemandConfig()
	c.Shards = 16
	r := newRig(t, c)
	r.run(1, always(demand{}))
	for range 33 * 24 {
		r.pause(time.Hour)
		r.put(nil)
	}
	day30 := 30 * 24 * hour
	assert.Equal(t, []string{fmt.Sprint(day30+1, ": 8 shards"), fmt.Sprint(day30+hour+1, ": 4 shards")}, r.events)
}

func TestMode_shardsOfAnOnDemandStreamAreItsOwn(t *testing.T) {
	s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}})
	_, err := s.SplitShard(t.Context(), 0, weir.EvenRanges(8)[1].Start)
	assert.ErrorIs(t, err, weir.ErrWrongMode)
	_, err = s.MergeShards(t.Context(), 0, 1)
	assert.ErrorIs(t, err, weir.ErrWrongMode)
	_, err = s.Resize(t.Context(), 8)
	assert.ErrorIs(t, err, weir.ErrWrongMode)
	_, err = s.PlanResize(8)
	assert.ErrorIs(t, err, weir.ErrWrongMode)
	require.NoError(t, setMode(s, weir.Provisioned))
	_, err = s.Resize(t.Context(), 8)
	assert.NoError(t, err)
}

func TestMode_config(t *testing.T) {
	tests := []struct {
		name   string
		config weir.Config
		shards int // zero: refused
	}{
		{"zero", weir.Config{}, 1},
		{"on-demand", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}}, 4},
		{"on-demand with shards", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Shards: 9}, 9},
		{"on-demand with warm throughput", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, WarmThroughput: 25}}, 25},
		{"on-demand with a low maximum", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{OnDemandWriteBytesPerSecond: 2 << 20}}, 2},
		{"automatic", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}}, 4},
		{"unknown mode", weir.Config{Settings: weir.Settings{Mode: 2}}, 0},
		{"unknown distribution", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: 2}}, 0},
		{"automatic but provisioned", weir.Config{Settings: weir.Settings{Distribution: weir.DistributeAuto}}, 0},
		{"warm but provisioned", weir.Config{Settings: weir.Settings{WarmThroughput: 1}}, 0},
		{"too warm", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, WarmThroughput: 201}}, 0},
		{"beyond the service", weir.Config{Limits: weir.Limits{OnDemandWriteBytesPerSecond: 10<<30 + 1}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := weir.NewStream("test", tt.config)
			if tt.shards == 0 {
				require.ErrorIs(t, err, weir.ErrInvalidArgument)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.shards, s.Capacity().OpenShards)
			assert.Equal(t, tt.config.Mode, s.Settings().Mode)
		})
	}
}

func TestCapacity_inWordsAndSnapshot(t *testing.T) {
	r := newRig(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}})
	r.run(60, always(demand{16, 100, 1}))
	want := weir.Capacity{
		Mode: weir.OnDemand, OpenShards: 4, WriteBytesPerSecond: 4 << 20, WriteRecordsPerSecond: 4000,
		PeakBytesPerSecond: 1600, PeakRecordsPerSecond: 16,
	}
	snap := r.s.Snapshot()
	assert.Equal(t, want, snap.Capacity)
	assert.Equal(t, "on-demand, by partition key, 4 open shards for 4194304 bytes/s and 4000 records/s, "+
		"warm 0 MiB/s, peak 1600 bytes/s and 16 records/s", snap.Capacity.String())
	assert.Contains(t, snap.String(), snap.Capacity.String())
	text, err := json.Marshal(snap.Capacity)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"mode":"on-demand","distribution":"by partition key"`)
}
