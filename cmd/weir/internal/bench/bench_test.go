package bench_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/workload"
)

// steady is so many records a second of 100 bytes, put one by one, for five seconds.
func steady(perSecond float64) workload.Workload {
	return workload.Workload{
		Duration:  workload.Duration(5 * time.Second),
		Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: perSecond}, Sizes: workload.Sizes{Fixed: 100}}},
		Producers: workload.Producers{Batch: 1},
	}
}

// embedded returns a stream as a workload says.
func embedded(t testing.TB, w workload.Workload, limits weir.Limits) bench.Target {
	t.Helper()
	s, err := weir.NewStream("bench", weir.Config{Shards: w.Stream.Shards, Limits: limits})
	require.NoError(t, err)
	return bench.NewEmbedded(s)
}

// run runs a workload that must succeed, in a bubble.
func run(t *testing.T, w workload.Workload, change func(*bench.Config)) (res *bench.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := bench.Config{Workload: w, Target: embedded(t, w, weir.Unlimited())}
		if change != nil {
			change(&c)
		}
		var err error
		res, err = bench.Run(t.Context(), c)
		require.NoError(t, err)
	})
	return res
}

// A stall is a target of which a put that begins at a time takes long, and no other.
type stall struct {
	bench.Target
	at    time.Time
	takes time.Duration
	done  atomic.Bool
}

func (s *stall) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	if !time.Now().Before(s.at) && s.done.CompareAndSwap(false, true) {
		time.Sleep(s.takes)
	}
	return s.Target.PutRecord(ctx, key, data)
}

// Of 500 records, one each 10 ms, the one due at 2 s takes 1 s, and the 99 after it
// wait for the only producer: 990, 980 … 10 ms. So 400 take no time and 100 take 10 ms
// to 1 s in steps of 10: the 450th of all takes 500 ms, the 495th 950. A load generator
// that waited for the target would have seen one slow call and 499 fast ones.
func TestRun_countsFromWhenRecordsAreDue(t *testing.T) {
	res := run(t, steady(100), func(c *bench.Config) {
		c.Target = &stall{Target: c.Target, at: time.Now().Add(2 * time.Second), takes: time.Second}
	})
	put, call := res.Latency.Put, res.Latency.PutCall
	assert.EqualValues(t, 500, res.Records)
	assert.EqualValues(t, 500, res.Offered)
	assert.EqualValues(t, 500, put.Count)
	assert.Zero(t, put.P50)
	assert.InEpsilon(t, 500*time.Millisecond, put.P90, 0.001)
	assert.InEpsilon(t, 950*time.Millisecond, put.P99, 0.001)
	assert.Equal(t, time.Second, put.Max)
	assert.InEpsilon(t, 101*time.Millisecond, put.Mean, 0.001, "50.5 s of waiting, of 500 records")
	assert.Zero(t, call.P99)
	assert.Equal(t, time.Second, call.Max)
	assert.InDelta(t, 4.99, res.Duration, 1e-9)
}

// With a second producer only the one call is slow.
func TestRun_anotherProducerTakesWhatIsDue(t *testing.T) {
	w := steady(100)
	w.Producers.Count = 2
	res := run(t, w, func(c *bench.Config) {
		c.Target = &stall{Target: c.Target, at: time.Now().Add(2 * time.Second), takes: time.Second}
	})
	assert.Zero(t, res.Latency.Put.P99)
	assert.Equal(t, time.Second, res.Latency.Put.Max)
}

// What is never put counts with its wait so far: from 2 s on nothing is put any more,
// so of 500 records 300 have waited until 5 s.
func TestRun_whatIsNeverPutCounts(t *testing.T) {
	res := run(t, steady(100), func(c *bench.Config) {
		c.Drain = -1
		c.Target = &stall{Target: c.Target, at: time.Now().Add(2 * time.Second), takes: 4 * time.Second}
	})
	assert.EqualValues(t, 201, res.Records, "the one that stalled is put at 6 s")
	assert.EqualValues(t, 299, res.Unsent)
	assert.EqualValues(t, 500, res.Offered)
	assert.EqualValues(t, 500, res.Latency.Put.Count)
	assert.InEpsilon(t, 3500*time.Millisecond, res.Latency.Put.P90, 0.001, "the 450th: due at 2.5 s, waiting until 6 s")
}

func TestRun_warmUpIsLeftOut(t *testing.T) {
	w := steady(100)
	w.WarmUp = workload.Duration(3 * time.Second)
	res := run(t, w, func(c *bench.Config) {
		c.Target = &stall{Target: c.Target, at: time.Now().Add(time.Second), takes: time.Second}
	})
	assert.EqualValues(t, 200, res.Latency.Put.Count)
	assert.Zero(t, res.Latency.Put.Max)
	assert.InDelta(t, 200, res.Records, 1)
	assert.InDelta(t, 100, res.RecordsPerSec, 1)
	assert.InDelta(t, 3, res.WarmUp, 1e-6)
}

func TestRun_batchesByWhatIsDue(t *testing.T) {
	w := steady(1000)
	w.Producers = workload.Producers{Batch: 10, Linger: workload.Duration(100 * time.Millisecond)}
	full := run(t, w, nil)
	assert.EqualValues(t, 5000, full.Records)
	assert.EqualValues(t, 500, full.Calls, "ten records come within the linger")
	assert.Equal(t, 9*time.Millisecond, full.Latency.Put.Max.Round(time.Microsecond), "the first waits for nine others")

	w.Producers = workload.Producers{Batch: 500, Linger: workload.Duration(100 * time.Millisecond)}
	lingering := run(t, w, nil)
	assert.EqualValues(t, 50, lingering.Calls, "101 records come within a linger")
	assert.Equal(t, 100*time.Millisecond, lingering.Latency.Put.Max.Round(time.Microsecond))

	w.Producers = workload.Producers{Batch: 500}
	each := run(t, w, nil)
	assert.EqualValues(t, 5000, each.Calls, "without linger a call carries what is due")
}

// A shard takes 1,000 records a second and after a rest a second's worth at once. Of
// 3,000 at once two thirds are refused.
func TestRun_throttles(t *testing.T) {
	w := workload.Workload{
		Duration:  workload.Duration(time.Second),
		Traffic:   []workload.Traffic{{Rate: workload.Rate{Burst: &workload.Burst{Records: 3000}}}},
		Producers: workload.Producers{Batch: 500},
	}
	limited := func(c *bench.Config) { c.Target = embedded(t, w, weir.Limits{}) }
	res := run(t, w, limited)
	assert.EqualValues(t, 1000, res.Records)
	assert.EqualValues(t, 2000, res.Throttled)
	assert.EqualValues(t, 2000, res.GivenUp)
	assert.EqualValues(t, 6, res.Calls)
	assert.EqualValues(t, 2000, res.Shards[0].Throttled)

	w.Producers.Retries, w.Producers.Backoff = 20, workload.Duration(time.Second)
	res = run(t, w, limited)
	assert.EqualValues(t, 3000, res.Records)
	assert.EqualValues(t, res.Throttled, res.Retried)
	assert.Zero(t, res.GivenUp)
	assert.InDelta(t, time.Second, res.Latency.Put.P90, float64(2*time.Second))
	assert.Greater(t, res.Latency.Put.Max, 1500*time.Millisecond, "what was put again counts from when it was due")
}

func TestRun_consumers(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		w := steady(100)
		w.Stream.Shards = 2
		w.Consumers = []workload.Consumer{{
			Name: "c", Count: 2, FanOut: fanOut, Poll: workload.Duration(200 * time.Millisecond),
			PerBatch: workload.Duration(10 * time.Millisecond),
		}}
		res := run(t, w, nil)
		require.Len(t, res.Consumers, 2)
		for _, c := range res.Consumers {
			assert.EqualValues(t, 500, c.Records)
			assert.Zero(t, c.Unread)
			assert.EqualValues(t, 500, c.Propagation.Count)
			if fanOut {
				assert.LessOrEqual(t, c.Propagation.Max, 20*time.Millisecond, "given as soon as the batch before is done")
			} else {
				assert.LessOrEqual(t, c.Propagation.Max, 200*time.Millisecond)
				assert.InDelta(t, 100*time.Millisecond, c.Propagation.Mean, float64(10*time.Millisecond))
			}
			assert.GreaterOrEqual(t, c.EndToEnd.Min-c.Propagation.Min, 10*time.Millisecond, "processing is part of it")
		}
		assert.EqualValues(t, 1000, res.Latency.EndToEnd.Count)
	}
}

func TestRun_reshards(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		w := steady(100)
		w.Stream.Shards = 2
		w.Consumers = []workload.Consumer{{FanOut: fanOut, Poll: workload.Duration(200 * time.Millisecond)}}
		at := func(s float64) workload.Duration { return workload.Duration(s * float64(time.Second)) }
		w.Reshards = []workload.Reshard{
			{At: at(1), Split: "busiest"}, {At: at(2), Merge: []string{"coldest"}},
			{At: at(3), Shards: 4}, {At: at(4), Split: "shardId-000000000000"},
		}
		res := run(t, w, nil)
		require.Len(t, res.Reshards, 4)
		assert.Contains(t, res.Reshards[0].What, "split shardId-00000000000")
		assert.Empty(t, res.Reshards[0].Error)
		assert.Empty(t, res.Reshards[1].Error)
		assert.Empty(t, res.Reshards[2].Error)
		assert.Contains(t, res.Reshards[3].Error, "is not open")
		assert.EqualValues(t, 500, res.Consumers[0].Records, "fan-out %v", fanOut)
		assert.Greater(t, len(res.Shards), 4)
	}
}

// A laggard is a target of which one shard is slow to be read. It notes in which
// order shards are begun.
type laggard struct {
	bench.Target
	slow  weir.ShardID
	mu    sync.Mutex // guards begun
	begun []weir.ShardID
}

func (l *laggard) Read(ctx context.Context, shard weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	l.mu.Lock()
	l.begun = append(l.begun, shard)
	l.mu.Unlock()
	r, err := l.Target.Read(ctx, shard, from, as)
	if shard == l.slow {
		r = slowReader{r}
	}
	return r, err
}

type slowReader struct{ client.Reader }

func (r slowReader) Next(ctx context.Context) (weir.Batch, error) {
	time.Sleep(time.Second)
	return r.Reader.Next(ctx)
}

// Shard 4 is merged from 1 and 3, and 3 comes from 0. When 1 is read to its end, 0
// is still being read, so 3 is not begun; 4 was begun then, before its parent.
func TestRun_childOfAMergeWaitsForAParentThatIsNotBegun(t *testing.T) {
	var target *laggard
	w := steady(10)
	w.Stream.Shards = 2
	w.Consumers = []workload.Consumer{{Poll: workload.Duration(100 * time.Millisecond)}}
	res := run(t, w, func(c *bench.Config) {
		s, err := weir.NewStream("bench", weir.Config{Shards: 2, Limits: weir.Unlimited()})
		require.NoError(t, err)
		_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
		require.NoError(t, err)
		_, err = s.MergeShards(t.Context(), 3, 1)
		require.NoError(t, err)
		target = &laggard{Target: bench.NewEmbedded(s)}
		c.Target = target
	})
	assert.Equal(t, []weir.ShardID{0, 1, 2, 3, 4}, target.begun)
	assert.EqualValues(t, 50, res.Consumers[0].Records)
}

// Where memory is short a shard that was split can vanish before it is read to its
// end. What is lost is told as unread, and reading goes on with what follows.
func TestRun_shardsThatVanish(t *testing.T) {
	at := func(s float64) workload.Duration { return workload.Duration(s * float64(time.Second)) }
	w := steady(100)
	w.Stream.Shards = 1
	w.Stream.Limits.None = true
	down := []workload.Outage{{At: at(0.5), For: at(2)}}
	w.Consumers = []workload.Consumer{
		{Name: "all", Poll: at(0.05), Outages: down}, {Name: "new", From: "latest", Poll: at(0.05), Outages: down},
		{Name: "fan-out", FanOut: true, Outages: down},
	}
	w.Reshards = []workload.Reshard{{At: at(1), Shards: 2}, {At: at(1.5), Shards: 4}}
	synctest.Test(t, func(t *testing.T) {
		target, err := bench.OpenEmbedded(w.Stream, 8<<10)
		require.NoError(t, err)
		res, err := bench.Run(t.Context(), bench.Config{Workload: w, Target: target})
		require.NoError(t, errors.Join(err, target.Close(t.Context())))
		assert.Len(t, res.Shards, 7)
		for _, c := range res.Consumers {
			assert.Greater(t, c.Records, int64(250), c.Name)
			assert.EqualValues(t, 500, c.Records+c.Unread, c.Name)
			assert.Zero(t, c.Errors, c.Name)
		}
	})
}

// A consumer that begins later reads what there is, or nothing if the run is over by then.
func TestRun_consumersThatBeginLater(t *testing.T) {
	w := steady(100)
	at := func(s float64) workload.Duration { return workload.Duration(s * float64(time.Second)) }
	w.Consumers = []workload.Consumer{
		{Name: "all", Start: at(2)}, {Name: "new", Start: at(2.005), From: "latest", Poll: at(0.1)}, {Name: "never", Start: at(60)},
		{Name: "fan-out", Start: at(2.005), From: "latest", FanOut: true},
	}
	res := run(t, w, nil)
	require.Len(t, res.Consumers, 4)
	assert.EqualValues(t, 500, res.Consumers[0].Records)
	assert.EqualValues(t, 299, res.Consumers[1].Records, "those due from 2.01 s on")
	assert.EqualValues(t, 0, res.Consumers[2].Records)
	assert.EqualValues(t, 299, res.Consumers[3].Records)
	assert.Zero(t, res.Consumers[1].Unread+res.Consumers[3].Unread, "what was put before they began is none of theirs")
	assert.Less(t, res.Total, 12., "nothing waits for what does not come")
}

func TestRun_outage(t *testing.T) {
	w := steady(100)
	w.Consumers = []workload.Consumer{{
		Poll:    workload.Duration(200 * time.Millisecond),
		Outages: []workload.Outage{{At: workload.Duration(time.Second), For: workload.Duration(2 * time.Second)}},
	}}
	res := run(t, w, nil)
	assert.EqualValues(t, 500, res.Consumers[0].Records)
	assert.InDelta(t, 2*time.Second, res.Consumers[0].MaxAge, float64(500*time.Millisecond))
	assert.InDelta(t, 2*time.Second, res.Consumers[0].Propagation.Max, float64(300*time.Millisecond))
	most := int64(0)
	for _, p := range res.Timeline {
		most = max(most, p.Backlog)
	}
	assert.InDelta(t, 200, most, 25, "two seconds' worth")
}

func TestRun_asFastAsPossible(t *testing.T) {
	for _, batch := range []int{1, 100} {
		w := workload.Workload{
			Records:   10_000,
			Stream:    workload.Stream{Shards: 4},
			Traffic:   []workload.Traffic{{Rate: workload.Rate{Max: true}, Sizes: workload.Sizes{Min: 0, Max: 3000}}},
			Producers: workload.Producers{Count: 3, Batch: batch},
			Consumers: []workload.Consumer{{Poll: workload.Duration(time.Millisecond)}},
		}
		res := run(t, w, nil)
		assert.EqualValues(t, 10_000, res.Records)
		assert.EqualValues(t, 10_000, res.Consumers[0].Records)
		assert.Positive(t, res.Latency.Put.Count)
		assert.Less(t, res.Latency.Put.Count, int64(1000), "a sample")
		assert.Positive(t, res.Latency.Propagation.Count)
		assert.LessOrEqual(t, res.Latency.Propagation.Count, res.Latency.Put.Count)
		assert.Zero(t, res.Offered)
	}
}

func TestRun_interrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w := steady(100)
		w.Consumers = []workload.Consumer{{}, {FanOut: true}}
		res, err := bench.Run(ctx, bench.Config{Workload: w, Target: embedded(t, w, weir.Unlimited())})
		require.NoError(t, err)
		assert.True(t, res.Interrupted)
		assert.InDelta(t, 200, res.Records, 1)
		assert.InDelta(t, 2, res.Duration, 0.011)
		assert.InDelta(t, 200, res.Offered, 2, "what was due later is not missed")
	})
}

// A broken target takes nothing.
type broken struct{ bench.Target }

var errBroken = errors.New("connection refused")

func (broken) PutRecord(context.Context, string, []byte) (weir.Placed, error) {
	return weir.Placed{}, errBroken
}

func (broken) PutRecords(context.Context, []weir.Entry) ([]weir.PutResult, error) {
	return nil, errBroken
}

func TestRun_givesUpOnATargetThatTakesNothing(t *testing.T) {
	fast := workload.Workload{
		Duration: workload.Duration(time.Minute),
		Traffic:  []workload.Traffic{{Rate: workload.Rate{Max: true}}},
	}
	fastSingly := fast
	fastSingly.Producers.Batch = 1
	batches := steady(1000)
	batches.Producers.Batch = 500
	for _, w := range []workload.Workload{steady(1000), batches, fast, fastSingly} {
		synctest.Test(t, func(t *testing.T) {
			w.Consumers = []workload.Consumer{{}}
			_, err := bench.Run(t.Context(), bench.Config{Workload: w, Target: broken{embedded(t, w, weir.Unlimited())}})
			require.ErrorIs(t, err, errBroken)
			assert.ErrorContains(t, err, "no record could be put")
		})
	}
}

func TestRun_refusesWorkloads(t *testing.T) {
	maximum := workload.Traffic{Rate: workload.Rate{Max: true}, For: workload.Duration(time.Second)}
	for want, w := range map[string]workload.Workload{
		"traffic: is missing": {},
		"producers.count: 1025 are more than 1024": func() workload.Workload {
			w := steady(1)
			w.Producers.Count = 1025
			return w
		}(),
		"from and for mean nothing": {Duration: workload.Duration(time.Minute), Traffic: []workload.Traffic{maximum}},
	} {
		_, err := bench.Run(t.Context(), bench.Config{Workload: w})
		assert.ErrorContains(t, err, want)
	}
}

// A run of ten hours keeps no more points than a short one, and all counts.
func TestRun_timelineIsBounded(t *testing.T) {
	w := steady(0.1)
	w.Duration = workload.Duration(10 * time.Hour)
	res := run(t, w, nil)
	assert.LessOrEqual(t, len(res.Timeline), 2000)
	assert.Greater(t, len(res.Timeline), 900)
	var records, offered int64
	length := 0.0
	for _, p := range res.Timeline {
		records += p.Records
		offered += p.Offered
		length += p.Seconds
		assert.Len(t, p.Shards, 1)
	}
	assert.EqualValues(t, 3600, records)
	assert.InDelta(t, 3600, offered, 200, "rounded point by point")
	assert.InDelta(t, 36000, length, 20)
}

func TestRun_reportsProgress(t *testing.T) {
	var seen []bench.Progress
	w := steady(100)
	w.WarmUp = workload.Duration(time.Second)
	run(t, w, func(c *bench.Config) {
		c.Progress = func(p bench.Progress) { seen = append(seen, p) }
	})
	require.Greater(t, len(seen), 20)
	assert.True(t, seen[0].WarmUp)
	last := seen[len(seen)-1]
	assert.False(t, last.WarmUp)
	assert.EqualValues(t, 500, last.Count.Records)
	assert.InDelta(t, 100, last.Rate, 10)
	assert.Equal(t, 5*time.Second, last.Length)
}

// A stream under full load holds no more than it may, long before its own bound makes
// puts dearer, and each record is put.
func TestOpenEmbedded_holdsLittle(t *testing.T) {
	const memory = 16 << 20
	w := fastest(1_000_000, 500)
	w.Stream.Limits.None = true
	target, err := bench.OpenEmbedded(w.Stream, memory)
	require.NoError(t, err)
	res, err := bench.Run(t.Context(), bench.Config{Workload: w, Target: target, Process: true})
	require.NoError(t, err)
	require.NoError(t, target.Close(t.Context()))
	assert.EqualValues(t, 1_000_000, res.Records)
	assert.Less(t, res.Process.HeapMax, int64(8*memory), "of 130 MB that were put")
}

func TestOpenEmbedded_badStream(t *testing.T) {
	_, err := bench.OpenEmbedded(workload.Stream{Mode: "none"}, 1<<20)
	assert.ErrorContains(t, err, "stream.mode")
}
