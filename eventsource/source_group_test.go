package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// counting answers with the state that it was given, and how many records were
// added to it.
func counting(e event) (any, error) {
	return map[string]any{"state": map[string]int{"n": e.State["n"] + len(e.Records)}}, nil
}

// said returns of each call its records, its state and whether it was final.
func (f *function) said() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		text := fmt.Sprintf("%s %d n=%d", e.Window.Start.Format("05"), len(e.Records), e.State["n"])
		if e.Final {
			text += " final"
		}
		list = append(list, text)
	}
	return list
}

// The state goes from call to call, also from one worker to the next; a window
// ends with the first record of the next one, and on a quiet shard by the
// clock.
func TestSource_windowsGoFromWorkerToWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t, answer: counting}
		c := config(s, store, f.call)
		c.Settings.TumblingWindowInSeconds = 20
		first := run(t, c)
		streamtest.Pass(time.Second)
		streamtest.Put(t, s, "k 1")
		streamtest.Pass(time.Second)
		streamtest.Put(t, s, "k 2")
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"00 1 n=0", "00 1 n=1"}, f.said())
		require.NoError(t, first.End())
		_, state := streamtest.Checkpoint(t, store)
		assert.Equal(t, `{"start":946684800000,"end":946684820000,"state":{"n":2}}`, state)

		second := run(t, c)
		streamtest.Pass(time.Second)
		streamtest.Put(t, s, "k 3")
		streamtest.Pass(20 * time.Second)
		streamtest.Put(t, s, "k 4")
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"00 1 n=2", "00 0 n=3 final", "20 1 n=0"}, f.said()[2:])
		require.NoError(t, second.End())

		run(t, c) // nothing is put any more
		streamtest.Pass(time.Minute)
		assert.Equal(t, []string{"20 0 n=1 final"}, f.said()[5:])
		_, state = streamtest.Checkpoint(t, store)
		assert.Empty(t, state)
	})
}

// A shard that is split closes its window, and only then its children begin.
func TestSource_theEndOfAShardClosesItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t, answer: counting}
		c := config(s, new(lease.Memory), f.call)
		c.Settings.TumblingWindowInSeconds, c.Settings.MaximumBatchingWindowInSeconds = 900, 300
		streamtest.Put(t, s, "a 1", "b 2", "c 3")
		run(t, c)
		streamtest.Pass(time.Second)
		assert.Empty(t, f.said(), "it is gathered")
		_, err := s.Resize(t.Context(), 2)
		require.NoError(t, err)
		streamtest.Put(t, s, "a 4", "b 5", "c 6")
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"00 3 n=0", "00 0 n=3 final"}, f.said(), "there is nothing to wait for")
		streamtest.Pass(time.Hour)
		assert.Len(t, f.said(), 6)
		f.mu.Lock()
		defer f.mu.Unlock()
		assert.NotEqual(t, f.events[2].Shard, f.events[0].Shard)
	})
}

// A final invocation that fails is tried again, and given up like a batch: its
// document has no records.
func TestSource_aFinalInvocationThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		f.answer = func(e event) (any, error) {
			if e.Final {
				return nil, errors.New("no")
			}
			return counting(e)
		}
		streamtest.Put(t, s, "k 1")
		c := config(s, store, f.call)
		c.Settings.TumblingWindowInSeconds, c.Settings.MaximumRetryAttempts = 10, number(2)
		var failures []*eventsource.Failure
		c.OnFailure = eventsource.DestinationFunc(func(_ context.Context, f *eventsource.Failure) error {
			failures = append(failures, f)
			return nil
		})
		run(t, c)
		streamtest.Pass(time.Minute)
		assert.Equal(t, []string{"00 1 n=0", "00 0 n=1 final", "00 0 n=1 final", "00 0 n=1 final"}, f.said())
		require.Len(t, failures, 1)
		assert.Equal(t, eventsource.BatchInfo{ShardID: "shardId-000000000000", StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/orders"}, failures[0].KinesisBatchInfo)
		assert.Contains(t, string(failures[0].Event), `"isFinalInvokeForWindow":true`)
		_, state := streamtest.Checkpoint(t, store)
		assert.Empty(t, state)
	})
}

// A lease whose state somebody else has kept ends the run: it would be lost.
func TestSource_refusesTheStateOfSomethingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		streamtest.Put(t, s, "k 1")
		first := run(t, config(s, store, f.call))
		streamtest.Pass(time.Second)
		require.NoError(t, first.End())
		list, err := store.List(t.Context())
		require.NoError(t, err)
		list[0].State = []byte("mine")
		_, err = store.Update(t.Context(), list[0])
		require.NoError(t, err)
		second := run(t, config(s, store, f.call))
		<-second.Done
		assert.ErrorContains(t, second.Err, "eventsource: orders shardId-000000000000: the state of the lease is none of an event source")
		_, state := streamtest.Checkpoint(t, store)
		assert.Equal(t, "mine", state)
	})
}

// A switch is a store whose worker can be cut off.
type cutStore struct {
	lease.Store
	off atomic.Bool
}

var errOff = errors.New("cut off")

func (s *cutStore) List(ctx context.Context) ([]lease.Lease, error) {
	if s.off.Load() {
		return nil, errOff
	}
	return s.Store.List(ctx)
}

func (s *cutStore) Create(ctx context.Context, l lease.Lease) error {
	if s.off.Load() {
		return errOff
	}
	return s.Store.Create(ctx, l)
}

func (s *cutStore) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if s.off.Load() {
		return lease.Lease{}, errOff
	}
	return s.Store.Update(ctx, l)
}

func (s *cutStore) Delete(ctx context.Context, l lease.Lease) error {
	if s.off.Load() {
		return errOff
	}
	return s.Store.Delete(ctx, l)
}

// A census is what the function was given, by all workers.
type census struct {
	t       *testing.T
	windows time.Duration
	random  *rand.Rand

	mu     sync.Mutex
	seen   map[string]int            // by text
	first  map[string]int            // by key: the number that came first last
	counts map[string]map[string]int // by shard and window: the records
	finals map[string][]int          // by the same: the states at the end
}

func (c *census) call(ctx context.Context, payload []byte) ([]byte, error) {
	f := &function{t: c.t, answer: c.answer}
	c.mu.Lock()
	took := time.Duration(c.random.IntN(3)*c.random.IntN(300)) * time.Millisecond
	c.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return f.call(ctx, payload)
}

func (c *census) answer(e event) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := len(e.Records)
	switch k := c.random.IntN(12); {
	case k == 0:
		return nil, errors.New("it fails")
	case k == 1:
		return nil, eventsource.ErrNotStarted
	case k == 2 && to > 0:
		to = c.random.IntN(to)
	}
	for _, r := range e.Records[:to] {
		text := string(r.Kinesis.Data)
		key, value, _ := strings.Cut(text, " ")
		var n int
		fmt.Sscan(value, &n)
		if c.seen[text]++; c.seen[text] == 1 {
			assert.GreaterOrEqual(c.t, n, c.first[key], text)
			c.first[key] = n
		}
		if c.windows > 0 {
			c.count(e, r.EventID, r.Kinesis.ApproximateArrivalTimestamp)
		}
	}
	var bad []string
	if to < len(e.Records) {
		bad = append(bad, string(e.Records[to].Kinesis.Data))
	}
	answer := failing(e, bad...).(map[string]any)
	if c.windows > 0 {
		answer["state"] = map[string]int{"n": e.State["n"] + to}
		if e.Final {
			name := e.Shard + e.Window.Start.String()
			c.finals[name] = append(c.finals[name], e.State["n"])
		}
	}
	return answer, nil
}

func (c *census) count(e event, id string, arrival float64) {
	at := time.UnixMilli(int64(math.Round(arrival * 1000)))
	assert.Equal(c.t, at.Truncate(c.windows).UTC(), e.Window.Start)
	name := e.Shard + e.Window.Start.String()
	if c.counts[name] == nil {
		c.counts[name] = make(map[string]int)
	}
	c.counts[name][id]++
}

// Workers come, go and are cut off, shards split and merge, the function fails
// as it likes: no record is lost, keys keep their order, and the state at the
// end of each window counts each of its records once.
func TestSource_simulated(t *testing.T) {
	windows, seeds := 0, uint64(*seedsFlag)/10
	for seed := *seedFlag; seed < *seedFlag+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			windows += simulate(t, seed)
		})
	}
	t.Logf("%d windows", windows)
	assert.NotZero(t, windows)
}

func simulate(t *testing.T, seed uint64) (windows int) {
	random := rand.New(rand.NewPCG(seed, 6))
	s, store := streamtest.New(t, "orders", 2), new(lease.Memory)
	c := &census{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), seen: make(map[string]int), first: make(map[string]int),
		counts: make(map[string]map[string]int), finals: make(map[string][]int),
	}
	conf := config(s, nil, c.call)
	conf.Settings.BatchSize, conf.Settings.ParallelizationFactor = 1+random.IntN(20), 1+random.IntN(10)
	conf.Settings.MaximumBatchingWindowInSeconds = random.IntN(2)
	conf.Settings.BisectBatchOnFunctionError = random.IntN(2) == 0
	conf.Settings.FunctionResponseTypes = []string{eventsource.ReportBatchItemFailures}
	if random.IntN(2) == 0 {
		c.windows = 10 * time.Second
		conf.Settings.TumblingWindowInSeconds, conf.Settings.ParallelizationFactor = 10, 1
	}
	type worker struct {
		*running
		store *cutStore
	}
	var workers []worker
	begin := func() {
		w := worker{store: &cutStore{Store: store}}
		mine := conf
		mine.Group.Store, mine.Group.Random = w.store, rand.NewPCG(seed, random.Uint64())
		mine.Group.Worker = fmt.Sprint("worker-", random.Uint64())
		w.running = run(t, mine)
		workers = append(workers, w)
	}
	begin()
	n := 0
	for range 60 {
		switch k := random.IntN(12); {
		case k < 7:
			to := n + random.IntN(30)
			streamtest.Put(t, s, streamtest.Numbered(9, n, to)...)
			n = to
		case k == 7:
			_, err := s.Resize(t.Context(), 1+random.IntN(4))
			require.NoError(t, err)
		case k == 8 && len(workers) < 4:
			begin()
		case k == 9 && len(workers) > 1:
			workers[0].Stop()
			workers = workers[1:]
		case k == 10:
			workers[0].store.off.Store(true)
			workers[0].Stop()
			begin()
			workers = workers[1:]
		}
		time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
	}
	streamtest.Pass(10 * time.Minute)
	for _, w := range workers {
		require.NoError(t, w.End())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Len(t, c.seen, n, "seed %d", seed)
	for name, records := range c.counts {
		require.NotEmpty(t, c.finals[name], "seed %d: %s", seed, name)
		for _, got := range c.finals[name] {
			require.Equal(t, len(records), got, "seed %d: %s", seed, name)
		}
	}
	return len(c.finals)
}

// The service gives the function aggregates as they are, and so does this.
func TestSource_leavesAggregatesAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t}
		var b aggregate.Builder
		for _, key := range []string{"a", "b"} {
			require.NoError(t, b.Add(weir.Entry{PartitionKey: key, Data: []byte("x")}))
		}
		entry := b.Entry(nil)
		_, err := s.PutRecords(t.Context(), []weir.Entry{entry})
		require.NoError(t, err)
		run(t, config(s, new(lease.Memory), f.call))
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{string(entry.Data)}, f.texts())
	})
}
