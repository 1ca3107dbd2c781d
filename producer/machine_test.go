package producer

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

var (
	machines    = flag.Int("machines", 120, "how many producers are simulated")
	machineSeed = flag.Uint64("machine-seed", uint64(time.Now().UnixNano()), "of the first producer that is simulated; each next one has the next seed")
)

// Whatever the stream answers, each outcome is told once, what was told to be
// delivered can be read, an ordered producer keeps the records of each key in
// order, and memory stays within its bound.
func TestMachine_simulated(t *testing.T) {
	t.Log("seed", *machineSeed)
	var told weights
	for i := range *machines {
		seed := *machineSeed + uint64(i)
		w := newWorld(seed, true)
		w.run()
		require.Empty(t, w.violated, "-machine-seed=%d -machines=1", seed)
		told.add(w.m.metrics())
	}
	if *machines >= 100 { // else the simulation is of something else
		told.all(t)
	}
}

// Without faults everything is delivered at the first attempt, in order.
func TestMachine_simulatedWithoutFaults(t *testing.T) {
	t.Log("seed", *machineSeed)
	for i := range *machines / 3 {
		seed := *machineSeed + uint64(i)
		w := newWorld(seed, false)
		w.run()
		require.Empty(t, w.violated, "-machine-seed=%d -machines=1", seed)
		assert.Zero(t, w.m.counts.failed, seed)
		if w.m.counts.wrongShard == 0 {
			assert.Zero(t, w.m.counts.retries, seed)
		}
	}
}

// The simulation finds machines that break their promises.
func TestMachine_simulationFindsFaults(t *testing.T) {
	for name, broken := range map[string]func(*world){
		"an ordered one that lets a lane be part of several calls": func(w *world) {
			w.m.c.ordered, w.m.c.calls = true, 4
			w.broken = func() {
				for _, l := range w.m.lanes {
					l.busy = 0
				}
			}
		},
		"an ordered one that does not put back what failed": func(w *world) {
			w.m.c.ordered = true
			w.broken = func() {
				for _, l := range w.m.lanes {
					if l.fresh.n > 1 {
						first := l.fresh.pop()
						l.fresh.push(first)
					}
				}
			}
		},
		"one that takes any shard of an aggregate for the right one": func(w *world) {
			w.m.c.aggregate, w.m.c.needsMap, w.restless = true, true, true
			w.broken = func() {
				for id := range w.m.shards.ranges {
					w.m.shards.ranges[id] = wholeRange
				}
			}
		},
		"one that forgets what it holds": func(w *world) { w.broken = func() { w.m.bytes = 0 } },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(300) {
				w := newWorld(seed, true)
				broken(w)
				w.run()
				if len(w.violated) > 0 {
					return
				}
			}
			assert.Fail(t, "nothing was found")
		})
	}
}

// weights are counts that must not be zero over many runs.
type weights map[string]int64

func (w *weights) add(m Metrics) {
	if *w == nil {
		*w = weights{}
	}
	for name, n := range map[string]int64{
		"delivered": m.Delivered, "failed": m.Failed, "expired": m.Expired, "retries": m.Retries, "throttled": m.Throttled, "mismatches": m.Mismatches,
		"aggregates": m.Aggregates, "mispredicted": m.Mispredicted, "wrong shard": m.WrongShard, "shard lists": m.ShardLists,
		"latency": int64(m.LatencyQuantile(0.5)), "records an aggregate": int64(m.RecordsAnAggregate()),
	} {
		(*w)[name] += n
	}
}

func (w *weights) all(t *testing.T) {
	t.Log(*w)
	for name, n := range *w {
		assert.Positive(t, n, name)
	}
}

// testSettings are those of a producer that does nothing of its own accord.
func testSettings() settings {
	return settings{
		aggregateBytes: 51200, batchRecords: 500, batchBytes: 10 << 20, shardBytes: 256 << 10, ttl: 30 * time.Second,
		backoff: 100 * time.Millisecond, maxBackoff: 5 * time.Second, calls: 4, maxBytes: 64 << 20,
		shardRecordsRate: math.Inf(1), shardBytesRate: math.Inf(1), stream: "orders",
	}
}

func testMachine(c settings) *machine { return newMachine(c, rand.New(rand.NewPCG(1, 1))) }

// shardsOf returns open shards of even ranges.
func shardsOf(n int) (list []weir.Shard) {
	for i, r := range weir.EvenRanges(n) {
		list = append(list, weir.Shard{ID: weir.ShardID(i), HashKeyRange: r})
	}
	return list
}

func put(m *machine, key string, size int, now time.Duration) time.Duration {
	e := weir.Entry{PartitionKey: key, Data: make([]byte, size)}
	n := m.sizeOf(&e)
	m.reserve(n)
	return m.add(&e, weir.HashPartitionKey(key), n, nil, now)
}

func ok(b *batch, shard weir.ShardID) []weir.PutResult {
	results := make([]weir.PutResult, b.len())
	for i := range results {
		results[i].ShardID = shard
	}
	return results
}

// What lingers goes when its time has come, and not a nanosecond before.
func TestMachine_lingers(t *testing.T) {
	c := testSettings()
	c.linger = 50 * time.Millisecond
	m := testMachine(c)
	assert.Equal(t, 60*time.Millisecond, put(m, "a", 10, 10*time.Millisecond))
	put(m, "b", 10, 20*time.Millisecond)
	b, at := m.next(60*time.Millisecond - 1)
	assert.Nil(t, b)
	assert.Equal(t, 60*time.Millisecond, at)
	b, at = m.next(60 * time.Millisecond)
	require.NotNil(t, b)
	assert.Equal(t, 2, b.len(), "what is younger comes along")
	assert.Equal(t, never, at)
}

func TestMachine_whatIsEnoughDoesNotLinger(t *testing.T) {
	lingering := func(change func(*settings)) *machine {
		c := testSettings()
		c.linger = time.Hour
		change(&c)
		return testMachine(c)
	}
	for name, row := range map[string]struct {
		change func(*settings)
		put    func(m *machine) time.Duration
	}{
		"records": {func(c *settings) { c.batchRecords = 3 }, func(m *machine) time.Duration {
			put(m, "a", 1, 0)
			if put(m, "b", 1, 0) <= 0 {
				return never
			}
			return put(m, "c", 1, 0)
		}},
		"bytes":             {func(c *settings) { c.batchBytes = 100 }, func(m *machine) time.Duration { return put(m, "a", 99, 0) }},
		"bytes for a shard": {func(c *settings) { c.shardBytes = 100 }, func(m *machine) time.Duration { return put(m, "a", 99, 0) }},
		"memory":            {func(c *settings) { c.maxBytes = 2000 }, func(m *machine) time.Duration { return put(m, "a", 500, 0) }},
	} {
		m := lingering(row.change)
		assert.LessOrEqual(t, row.put(m), time.Duration(0), name)
		b, _ := m.next(0)
		assert.NotNil(t, b, name)
	}
	m := lingering(func(*settings) {})
	put(m, "a", 1, 0)
	b, _ := m.next(0)
	assert.Nil(t, b)
	m.flush()
	put(m, "b", 1, 0)
	b, _ = m.next(0)
	assert.NotNil(t, b, "what was flushed")
}

// A call has what the limits of a call let it have.
func TestMachine_callsHaveBounds(t *testing.T) {
	c := testSettings()
	c.batchRecords, c.batchBytes = 4, 100
	m := testMachine(c)
	for range 5 {
		put(m, "k", 19, 0)
	}
	put(m, "k", 50, 0)
	put(m, "k", 59, 0)
	var sizes []int
	for m.held > 0 {
		b, _ := m.next(0)
		require.NotNil(t, b)
		sizes = append(sizes, b.len())
		m.settle(b, ok(b, 0), nil, 0)
		out := m.takeOut(outbox{})
		out.tell()
		m.told(&out)
	}
	assert.Equal(t, []int{4, 2, 1}, sizes, "four; 20 and 51 bytes; 60 bytes")
}

// A throttle halves what a shard is given, and a twentieth comes back a second.
func TestMachine_adaptsToThrottles(t *testing.T) {
	c := testSettings()
	c.needsMap, c.shardRecordsRate, c.shardBytesRate, c.ttl = true, 1000, 1<<20, time.Hour
	m := testMachine(c)
	m.ask()
	m.learn(shardsOf(2), nil, 0)
	put(m, "a", 1, 0) // in the lower half of the key space
	b, _ := m.next(0)
	m.settle(b, []weir.PutResult{{Err: &weir.LimitError{Quota: weir.QuotaWriteRecords}}}, nil, 0)
	hot, other := m.lanes[0], m.lanes[1]
	assert.Equal(t, 0.5, hot.share)
	assert.Equal(t, 1.0, other.share)
	assert.Zero(t, hot.records.tokens)
	m.now = 4 * time.Second
	m.recover(hot)
	assert.InDelta(t, 0.7, hot.share, 1e-9)
	assert.InDelta(t, 700, hot.records.rate, 1e-6)
	m.now = time.Minute
	m.recover(hot)
	assert.Equal(t, 1.0, hot.share)
}

// Records that one shard cannot take do not hold up those of another.
func TestMachine_hotShardsHoldUpNoOthers(t *testing.T) {
	c := testSettings()
	c.needsMap, c.shardRecordsRate, c.shardBytesRate, c.calls = true, 1000, 1<<20, 1
	m := testMachine(c)
	m.ask()
	m.learn(shardsOf(2), nil, 0)
	for range 3000 {
		put(m, "a", 1, 0)
	}
	put(m, "b", 1, 0)
	require.Equal(t, weir.ShardID(1), m.laneOf(weir.HashPartitionKey("b")).id)
	var first [2]int // of which call
	calls, n := 0, 0
	for b, _ := m.next(0); b != nil; b, _ = m.next(0) {
		calls++
		n += b.len()
		for _, p := range b.parts {
			first[p.id] = cmp.Or(first[p.id], calls)
		}
		m.settle(b, ok(b, b.parts[0].id), nil, 0)
	}
	assert.Equal(t, [2]int{1, 2}, first)
	assert.Equal(t, 2, calls)
	assert.Equal(t, 1000, n, "a second's worth of one, but for what is no call's worth, and all of the other")
}

// The entry that a call is refused for is found; the others are stored.
func TestMachine_oneBadEntryHarmsNoOthers(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		c := testSettings()
		c.ordered = ordered
		m := testMachine(c)
		for i := range 9 {
			put(m, fmt.Sprint("key ", i), 1, 0)
		}
		outcomes := map[string]error{}
		for b, _ := m.next(0); b != nil; b, _ = m.next(0) {
			var err error
			for _, e := range b.entries {
				if e.PartitionKey == "key 5" {
					err = &weir.ArgumentError{Field: "records", Reason: "one is bad"}
				}
			}
			m.settle(b, ok(b, 0), err, 0)
			for _, told := range m.takeOut(outbox{}).list {
				for i, r := range told.items {
					outcomes[r.key] = told.outcome(i).Err
				}
			}
		}
		assert.Len(t, outcomes, 9)
		for key, err := range outcomes {
			if key == "key 5" {
				assert.ErrorIs(t, err, weir.ErrInvalidArgument)
			} else {
				assert.NoError(t, err, key)
			}
		}
		assert.Empty(t, m.flights)
	}
}

func TestMachine_classesOfErrors(t *testing.T) {
	for _, row := range []struct {
		err     error
		want    errorClass
		code    string
		retried bool
	}{
		{&weir.LimitError{Quota: weir.QuotaWriteBytes}, throttled, "ProvisionedThroughputExceededException", true},
		{weir.ErrMemoryFull, transient, "MemoryFull", true},
		{errors.New("connection reset"), transient, "Error", true},
		{coded("InternalFailure"), transient, "InternalFailure", true},
		{coded("KMSThrottlingException"), throttled, "KMSThrottlingException", true},
		{coded("AccessDeniedException"), refused, "AccessDeniedException", false},
		{coded("ResourceNotFoundException"), refused, "ResourceNotFoundException", false},
		{fmt.Errorf("put: %w", &weir.ArgumentError{Field: "record", Reason: "is bad"}), refused, "InvalidArgumentException", false},
		{weir.ErrClosed, refused, "Closed", false},
	} {
		m := testMachine(testSettings())
		put(m, "a", 1, 0)
		b, _ := m.next(0)
		m.settle(b, []weir.PutResult{{Err: row.err}}, nil, time.Millisecond)
		assert.Equal(t, row.want, classify(row.err), row.err)
		if row.retried {
			assert.Empty(t, m.out.list, row.err)
			assert.Equal(t, int64(1), m.counts.retries, row.err)
			continue
		}
		require.Len(t, m.out.list, 1, row.err)
		o := m.out.list[0].outcome(0)
		assert.ErrorIs(t, o.Err, row.err)
		assert.Equal(t, row.code, o.Attempts[0].Code)
		assert.Equal(t, time.Millisecond, o.Attempts[0].Took)
	}
}

type coded string

func (c coded) Error() string     { return "the service says " + string(c) }
func (c coded) ErrorCode() string { return string(c) }

// Records expire at their time to live, wherever they wait.
func TestMachine_expires(t *testing.T) {
	c := testSettings()
	c.calls = 1
	m := testMachine(c)
	put(m, "a", 1, 0)
	b, _ := m.next(0)
	put(m, "b", 1, time.Second)
	_, at := m.next(2 * time.Second)
	assert.Equal(t, 31*time.Second, at, "while the call does not return")
	_, at = m.next(31*time.Second - 1)
	assert.Empty(t, m.out.list)
	assert.Equal(t, 31*time.Second, at)
	m.next(31 * time.Second)
	require.Len(t, m.out.list, 1)
	require.ErrorIs(t, m.out.list[0].outcome(0).Err, ErrExpired)
	assert.EqualError(t, m.out.list[0].outcome(0).Err, `stream orders: record of key "b", 0 attempts in 30s: expired`)
	m.settle(b, nil, errors.New("no answer"), 32*time.Second)
	require.Len(t, m.out.list, 2)
	assert.ErrorIs(t, m.out.list[1].outcome(0).Err, ErrExpired)
	assert.ErrorContains(t, m.out.list[1].outcome(0).Err, "no answer")
}

func TestMachine_failThrottled(t *testing.T) {
	c := testSettings()
	c.failThrottled = true
	m := testMachine(c)
	put(m, "a", 1, 0)
	b, _ := m.next(0)
	m.settle(b, []weir.PutResult{{Err: &weir.LimitError{Quota: weir.QuotaWriteBytes}}}, nil, 0)
	require.Len(t, m.out.list, 1)
	assert.ErrorIs(t, m.out.list[0].outcome(0).Err, weir.ErrThroughputExceeded)
}

// Nobody knows the shards: records go as they are, and shards are asked for
// again and again, ever less often.
func TestMachine_worksWithoutShards(t *testing.T) {
	c := testSettings()
	c.aggregate, c.needsMap = true, true
	m := testMachine(c)
	put(m, "a", 1, 0)
	put(m, "b", 1, 0)
	b, _ := m.next(0)
	assert.Nil(t, b, "they may be known soon")
	var asked []time.Duration
	for now := time.Duration(0); len(asked) < 6; now += time.Second / 4 {
		if m.wantsShards(now) {
			m.ask()
			m.learn(nil, errors.New("access denied"), now)
			asked = append(asked, now)
		}
	}
	assert.Equal(t, []time.Duration{0, time.Second, 2500 * time.Millisecond, 4750 * time.Millisecond, 8250 * time.Millisecond, 13500 * time.Millisecond}, asked)
	b, _ = m.next(14 * time.Second)
	require.NotNil(t, b)
	assert.Equal(t, 2, b.len(), "no aggregate")
	put(m, "c", 1, 14*time.Second)
	m.learn(shardsOf(2), nil, 14*time.Second)
	later, _ := m.next(14 * time.Second)
	assert.Nil(t, later, "the call may have records of any shard")
	m.settle(b, ok(b, 0), nil, 14*time.Second)
	later, _ = m.next(14 * time.Second)
	assert.NotNil(t, later)
}

// A stream that distributes records itself lets them land anywhere: it is asked
// for its shards ever less often, and after a change as soon as before.
func TestMachine_asksLessOftenForWhatDoesNotChange(t *testing.T) {
	c := testSettings()
	c.needsMap, c.ttl = true, time.Hour
	m := testMachine(c)
	var asked []time.Duration
	shards, now := 2, time.Duration(0)
	for ; now < 30*time.Second; now += 100 * time.Millisecond {
		if now == 20*time.Second {
			shards = 3
		}
		if m.wantsShards(now) {
			asked = append(asked, now)
			m.ask()
			m.learn(shardsOf(shards), nil, now)
		}
		put(m, "a", 1, now)
		for b, _ := m.next(now); b != nil; b, _ = m.next(now) {
			m.settle(b, ok(b, 1), nil, now) // "a" is the first one's
		}
	}
	assert.Equal(t, []float64{0, 1, 2.5, 4.8, 8.2, 13.3, 20.9, 21.9, 23.4, 25.7, 29.1}, seconds(asked))
	assert.Equal(t, int64(300), m.counts.delivered)
}

func seconds(list []time.Duration) (s []float64) {
	for _, d := range list {
		s = append(s, math.Round(d.Seconds()*10)/10)
	}
	return s
}

// A call takes as many aggregates as are hashed at once: the others go by another
// one, at once.
func TestMachine_packsSixteenAtOnce(t *testing.T) {
	m := testMachine(settings{
		aggregate: true, aggregateBytes: 50 << 10, batchRecords: 500, batchBytes: 10 << 20, shardBytes: 256 << 10,
		ttl: time.Minute, calls: 8, maxBytes: 64 << 20, shardRecordsRate: math.Inf(1), shardBytesRate: math.Inf(1), needsMap: true,
	})
	m.ask()
	m.learn([]weir.Shard{{HashKeyRange: wholeRange}}, nil, 0)
	for i := range 3 << 10 {
		e := weir.Entry{PartitionKey: fmt.Sprint(i), Data: make([]byte, 1<<10)}
		size := m.sizeOf(&e)
		m.reserve(size)
		m.add(&e, weir.HashPartitionKey(e.PartitionKey), size, nil, 0)
	}
	b, _ := m.next(0)
	require.NotNil(t, b)
	assert.Equal(t, 16, b.len())
}
