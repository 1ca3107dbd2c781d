package simulate_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A shard has 1,000 records in its bucket and gets 1,000 a second. The last of the
// 90,000 records comes at 59.9993 s, when 60,999 have had room. Put in steps of 100 ms
// the bucket is full at the end of the first step, so the 100 records of that step's
// refill do not count.
func TestRun_recordLimit(t *testing.T) {
	w := workload.Workload{Duration: lasts(time.Minute), Traffic: steady(1500, 100)}
	for _, c := range []struct {
		name     string
		step     time.Duration
		accepted int64
	}{{"records", 0, 60_999}, {"batched", step, 60_900}} {
		t.Run(c.name, func(t *testing.T) {
			r := simulated(t, w, c.step)
			assert.EqualValues(t, 90_000, r.OfferedRecords)
			assert.Equal(t, c.accepted, r.AcceptedRecords)
			assert.Equal(t, 90_000-c.accepted, r.ThrottledRecords)
			assert.Equal(t, r.ThrottledRecords, r.ThrottledByRecords)
			assert.Equal(t, r.ThrottledRecords, r.LostRecords)
			assert.EqualValues(t, 100*90_000, r.OfferedBytes)
			assert.Equal(t, 100*c.accepted, r.AcceptedBytes)
			require.Len(t, r.Episodes, 1)
			assert.Equal(t, time.Second, r.Episodes[0].From, "the bucket is empty after two seconds")
			assert.Equal(t, time.Minute, r.Episodes[0].To)
			assert.Len(t, r.Worst, simulate.MaxWorst)
		})
	}
}

// 512 records of 2 KiB are a MiB. 700 are offered in a second; the last one at
// 59.9986 s, when 512 + 512 × 59.9986 = 31,231.3 have had room.
func TestRun_byteLimit(t *testing.T) {
	w := workload.Workload{Duration: lasts(time.Minute), Traffic: steady(700, 2*kib)}
	r := simulated(t, w, 0)
	assert.EqualValues(t, 31_231, r.AcceptedRecords)
	assert.Zero(t, r.ThrottledByRecords)
	assert.EqualValues(t, 42_000-31_231, r.ThrottledRecords)
	batched := simulated(t, w, step)
	assert.InDelta(t, 31_231, batched.AcceptedRecords, 52, "a step's worth of a MiB/s")
	assert.Zero(t, batched.ThrottledByRecords)
}

// A bucket of 1,000 takes 1,000 of 1,500 records that come at once. After 100 ms
// there is room for 100 of the other 500, and 200 ms later for 200.
func TestRun_retries(t *testing.T) {
	burst := []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 1500}}, 100)}
	for _, c := range []struct {
		name                               string
		retries                            int
		accepted, throttled, lost, retried int64
	}{
		{"none", 0, 1000, 500, 500, 0},
		{"one", 1, 1100, 900, 400, 500},
		{"two", 2, 1300, 1100, 200, 900},
		{"three", 3, 1500, 1100, 0, 1100},
	} {
		t.Run(c.name, func(t *testing.T) {
			modes(t, func(t *testing.T, step time.Duration) {
				r := simulated(t, workload.Workload{
					Duration: lasts(3 * time.Second), Traffic: burst,
					Producers: workload.Producers{Retries: c.retries},
				}, step)
				want := simulate.Writes{
					OfferedRecords: 1500, OfferedBytes: 150_000,
					AcceptedRecords: c.accepted, AcceptedBytes: 100 * c.accepted,
					ThrottledRecords: c.throttled, ThrottledBytes: 100 * c.throttled, ThrottledByRecords: c.throttled,
					RetriedRecords: c.retried, LostRecords: c.lost, LostBytes: 100 * c.lost,
				}
				assert.Equal(t, want, r.Writes)
			})
		})
	}
}

func TestRun_recordsWaitingAtTheEndArePending(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration:  lasts(2 * time.Second),
			Traffic:   []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 1500}}, 100)},
			Producers: workload.Producers{Retries: 1, Backoff: lasts(time.Minute)},
		}, step)
		assert.EqualValues(t, 500, r.PendingRecords)
		assert.EqualValues(t, 1000, r.AcceptedRecords)
		assert.Zero(t, r.LostRecords)
	})
}

// A producer whose buffer is full gives up at once: of 4,000 records a second 3,000
// are throttled, and 1,048,576 may wait.
func TestRun_retriesAreBounded(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(10 * time.Minute), Traffic: steady(4000, 100),
		Producers: workload.Producers{Retries: 10, Backoff: lasts(time.Hour)},
	}, step)
	assert.LessOrEqual(t, r.PendingRecords, int64(simulate.MaxPending))
	assert.Greater(t, r.PendingRecords, int64(simulate.MaxPending-4000))
	assert.InDelta(t, 600*3000-simulate.MaxPending, r.LostRecords, 4000)
}

func TestRun_recordsTooLargeAreRefused(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(10 * time.Second), Traffic: steady(2, mib+1),
		}, step)
		assert.EqualValues(t, 20, r.RefusedRecords)
		assert.Zero(t, r.AcceptedRecords)
		assert.Zero(t, r.ThrottledRecords)
	})
}

func TestRun_warmUpIsLeftOut(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(30 * time.Second), WarmUp: lasts(10 * time.Second), Traffic: steady(1500, 100),
			Consumers: []workload.Consumer{{}},
		}, step)
		assert.EqualValues(t, 20*1500, r.OfferedRecords)
		assert.InDelta(t, 20*1000, r.AcceptedRecords, 1)
		assert.InDelta(t, 20*1000, r.Consumers[0].ReadRecords, 1000)
		assert.Equal(t, 10*time.Second, r.WarmUp)
		assert.Equal(t, 30*time.Second, r.Duration)
		require.Len(t, r.Episodes, 1)
		assert.Equal(t, simulate.Episode{
			From: 10 * time.Second, To: 30 * time.Second, ThrottledRecords: r.ThrottledRecords, ThrottledBytes: r.ThrottledBytes,
		}, r.Episodes[0])
	})
}

// 2,000 records come at once every 10 or 11 s, of which 1,000 are throttled.
func TestRun_episodes(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		want  []simulate.Episode
	}{
		{"pauses below 10 s belong to them", 10 * time.Second, []simulate.Episode{
			{To: 21 * time.Second, ThrottledRecords: 3000, ThrottledBytes: 300_000},
		}},
		{"pauses of 10 s end them", 11 * time.Second, []simulate.Episode{
			{To: time.Second, ThrottledRecords: 1000, ThrottledBytes: 100_000},
			{From: 11 * time.Second, To: 12 * time.Second, ThrottledRecords: 1000, ThrottledBytes: 100_000},
			{From: 22 * time.Second, To: 23 * time.Second, ThrottledRecords: 1000, ThrottledBytes: 100_000},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			modes(t, func(t *testing.T, step time.Duration) {
				burst := workload.Rate{Burst: &workload.Burst{Records: 2000, Every: lasts(c.every)}}
				r := simulated(t, workload.Workload{
					Duration: lasts(30 * time.Second), Traffic: []workload.Traffic{traffic(burst, 100)},
				}, step)
				assert.Equal(t, c.want, r.Episodes)
			})
		})
	}
}

func TestRun_endsWithItsRecords(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Hour), Records: 1250, Traffic: steady(100, 100),
		}, step)
		assert.EqualValues(t, 1250, r.OfferedRecords)
		assert.Equal(t, 13*time.Second, r.Duration, "12.5 s, rounded up")
	})
}

func TestRun_goesOnWhenTrafficHasEnded(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		some := traffic(workload.Rate{Constant: 100}, 100)
		some.For = lasts(5 * time.Second)
		r := simulated(t, workload.Workload{
			Duration: lasts(20 * time.Second), Traffic: []workload.Traffic{some}, Consumers: []workload.Consumer{{}},
		}, step)
		assert.EqualValues(t, 500, r.OfferedRecords)
		assert.Equal(t, 20*time.Second, r.Duration)
		assert.EqualValues(t, 500, r.Consumers[0].ReadRecords)
		assert.Zero(t, r.Consumers[0].LagRecords)
	})
}

func TestRun_isDeterministic(t *testing.T) {
	w := busyWorkload()
	modes(t, func(t *testing.T, step time.Duration) {
		text := func(seed int64) string {
			w.Seed = seed
			b, err := json.Marshal(simulated(t, w, step))
			require.NoError(t, err)
			return string(b)
		}
		first := text(1)
		assert.Equal(t, first, text(1))
		assert.NotEqual(t, first, text(2))
	})
}

func TestResult_isJSON(t *testing.T) {
	r := simulated(t, busyWorkload(), step)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var back simulate.Result
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, *r, back)
}

// busyWorkload has some of everything.
func busyWorkload() workload.Workload {
	return workload.Workload{
		Duration: lasts(50 * time.Second),
		Stream:   workload.Stream{Shards: 3},
		Traffic: []workload.Traffic{
			{Rate: workload.Rate{Constant: 2000}, Arrivals: workload.Poisson, Keys: workload.Keys{Zipf: 1, Count: 500}},
			{Rate: workload.Rate{Burst: &workload.Burst{Records: 3000, Every: lasts(20 * time.Second)}}, Keys: workload.Keys{Unique: true}},
		},
		Producers: workload.Producers{Retries: 3},
		Consumers: []workload.Consumer{
			{Count: 2, PerRecord: workload.Duration(200 * time.Microsecond), Workers: 2},
			{FanOut: true, Outages: []workload.Outage{{At: lasts(10 * time.Second), For: lasts(20 * time.Second)}}},
			{From: workload.FromLatest, Start: lasts(25 * time.Second), Poll: workload.Duration(300 * time.Millisecond)},
		},
		Reshards: []workload.Reshard{
			{At: lasts(10 * time.Second), Split: workload.BusiestShard},
			{At: lasts(20 * time.Second), Merge: []string{workload.ColdestShards}},
			{At: lasts(30 * time.Second), Shards: 6},
		},
	}
}

func TestRun_interruptedReturnsWhatThereIs(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := simulate.Config{Workload: busyWorkload(), Step: step}
		c.Each = func(s *simulate.Second) {
			if s.At == 9*time.Second {
				cancel()
			}
		}
		r, err := simulate.Run(ctx, c)
		require.NoError(t, err)
		assert.True(t, r.Interrupted)
		assert.Equal(t, 10*time.Second, r.Duration)
		assert.NotZero(t, r.AcceptedRecords)
		checkResult(t, r)
	})
}

func TestRun_progress(t *testing.T) {
	var at []time.Duration
	c := simulate.Config{
		Workload: workload.Workload{Duration: lasts(130 * time.Second), Traffic: steady(10, 100)},
		Progress: func(d time.Duration) { at = append(at, d) },
	}
	_, err := simulate.Run(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{time.Minute, 2 * time.Minute, 130 * time.Second}, at)
}

func TestRun_refusesBadConfigs(t *testing.T) {
	good := workload.Workload{Duration: lasts(time.Second), Traffic: steady(10, 100)}
	for _, c := range []struct {
		name, want string
		change     func(*simulate.Config)
	}{
		{"negative step", "step: -1ns is outside 0 to 1s", func(c *simulate.Config) { c.Step = -1 }},
		{"long step", "step: 1.000000001s is outside 0 to 1s", func(c *simulate.Config) { c.Step = time.Second + 1 }},
		{"old start", "start: 1969-12-31 23:59:59 +0000 UTC is not in the years 1970 to 2250", func(c *simulate.Config) { c.Start = time.Unix(-1, 0).UTC() }},
		{"late start", "start: 2251-01-01 00:00:00 +0000 UTC is not in the years 1970 to 2250",
			func(c *simulate.Config) { c.Start = time.Date(2251, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"warm-up of all seconds", "warm_up: 100ms in whole seconds leaves nothing of duration, 1s",
			func(c *simulate.Config) { c.Workload.WarmUp = lasts(100 * time.Millisecond) }},
		{"maximal rate", "traffic[0].rate.max: only a load generator can put as fast as it goes; a simulation needs a number",
			func(c *simulate.Config) { c.Workload.Traffic = []workload.Traffic{{Rate: workload.Rate{Max: true}}} }},
		{"no traffic", "traffic: is missing: a workload needs at least one", func(c *simulate.Config) { c.Workload.Traffic = nil }},
		{"bad name", `stream name: "a b" has characters other than a-z, A-Z, 0-9, '.', '_' and '-'`,
			func(c *simulate.Config) { c.Workload.Stream.Name = "a b" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := simulate.Config{Workload: good}
			c.change(&config)
			r, err := simulate.Run(t.Context(), config)
			assert.Nil(t, r)
			assert.EqualError(t, err, c.want)
		})
	}
}
