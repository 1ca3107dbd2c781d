package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path"
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
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

var crashes = flag.Int("delivery-crashes", 12, "how many seeds TestDelivery_simulated has")

var errDead = errors.New("the process is dead")

// A world is a stream, the leases, and what sinks have, which all survive, and
// workers, which do not.
type world struct {
	t      *testing.T
	random *rand.Rand
	stream *weir.Stream
	store  *lease.Memory
	good   shelf
	bad    shelf
	raw    shelf

	mu    sync.Mutex // guards random
	calm  atomic.Bool
	kills atomic.Int64
	n     int // records that were put
}

func (w *world) chance(percent int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.calm.Load() && w.random.IntN(100) < percent
}

// A life is that of a worker: once it is dead, nothing that it does has an
// effect.
type life struct {
	*world
	dead atomic.Bool
	stop context.CancelFunc
	done chan struct{}
}

func (l *life) die() error {
	if !l.dead.Swap(true) {
		l.kills.Add(1)
		l.stop()
	}
	return errDead
}

// A mortalStore is a store as a worker that may be killed at any of its writes
// sees it.
type mortalStore struct {
	lease.Store
	life *life
}

func (s mortalStore) do(f func() error) error {
	switch {
	case s.life.dead.Load():
		return errDead
	case s.life.chance(1):
		return s.life.die()
	case s.life.chance(3):
		return errors.New("the store is busy")
	}
	err := f()
	switch {
	case s.life.chance(1):
		return s.life.die()
	case s.life.chance(3):
		return errors.New("the answer was lost")
	}
	return err
}

func (s mortalStore) Update(ctx context.Context, l lease.Lease) (got lease.Lease, err error) {
	// A conflict says what is there, with its error.
	err = s.do(func() error { got, err = s.Store.Update(ctx, l); return err })
	return got, err
}

func (s mortalStore) Create(ctx context.Context, l lease.Lease) error {
	return s.do(func() error { return s.Store.Create(ctx, l) })
}

// sink returns a sink as a worker sees it.
func (l *life) sink(to *shelf) delivery.Sink {
	return delivery.SinkFunc(func(ctx context.Context, o *delivery.Object) error {
		switch {
		case l.dead.Load():
			return errDead
		case l.chance(4):
			return l.die()
		case l.chance(10):
			return errors.New("busy")
		}
		if l.chance(20) {
			time.Sleep(3 * time.Second)
			if l.dead.Load() && l.chance(50) {
				return errDead // else it still comes to its end
			}
		}
		if err := to.Deliver(ctx, o); err != nil {
			return err
		}
		switch {
		case l.chance(4):
			return l.die()
		case l.chance(5):
			return errors.New("the answer was lost")
		}
		return nil
	})
}

// numberOf is the record's of which a part is.
func numberOf(data []byte) (record, part int) {
	fmt.Sscanf(string(data), "%d.%d", &record, &part)
	return record, part
}

func (w *world) begin(name string) *life {
	l := &life{world: w, done: make(chan struct{})}
	c := config(w.stream, mortalStore{w.store, l}, l.sink(&w.good))
	c.Group.Worker, c.Group.Patience, c.Group.Failover = name, 15*time.Second, 5*time.Second
	c.Errors, c.Backup = l.sink(&w.bad), l.sink(&w.raw)
	c.Size, c.Count, c.Interval, c.Memory = 400, 9, 8*time.Second, 20_000
	c.Deliveries = 3
	c.Split = func(data []byte) ([][]byte, error) { return bytes.Split(data, []byte(" ")), nil }
	c.Transform = delivery.TransformFunc(func(_ context.Context, list []delivery.Record) (out []delivery.Result, err error) {
		if w.chance(3) {
			return nil, errors.New("not now")
		}
		for _, r := range list {
			result := delivery.Result{Data: append([]byte("t"), r.Data...)}
			switch n, part := numberOf(r.Data); {
			case n%7 == 3 && part == 0:
				result = delivery.Result{Status: delivery.Dropped}
			case n%11 == 5:
				result = delivery.Result{Status: delivery.ProcessingFailed}
			}
			out = append(out, result)
		}
		return out, nil
	})
	c.TransformRetries = 20
	c.Partition = delivery.PartitionFunc(func(r *delivery.Record) (map[string]string, error) {
		n, part := numberOf(r.Data[1:])
		return map[string]string{"p": fmt.Sprint((n*31 + part) % 5)}, nil
	})
	c.Prefix, c.ErrorPrefix = "p=!{partitionKeyFromQuery:p}/", "!{firehose:error-output-type}/"
	d, err := delivery.New(c)
	require.NoError(w.t, err)
	ctx, stop := context.WithCancel(w.t.Context())
	l.stop = stop
	go func() {
		defer close(l.done)
		if err := d.Run(ctx); err != nil && !l.dead.Load() {
			assert.NoError(w.t, err)
		}
		l.dead.Store(true)
	}()
	return l
}

func (w *world) put() {
	w.mu.Lock()
	most := 1 + w.random.IntN(30)
	w.mu.Unlock()
	for range most {
		entry := weir.Entry{PartitionKey: fmt.Sprint("k", w.n%17), Data: w.next()}
		if w.n%5 == 0 { // an aggregate, of a few
			var b aggregate.Builder
			require.NoError(w.t, b.Add(entry))
			for range w.n % 4 {
				require.NoError(w.t, b.Add(weir.Entry{PartitionKey: entry.PartitionKey, Data: w.next()}))
			}
			entry.Data = b.Entry(nil).Data // under the key that all of it has
		}
		_, err := w.stream.PutRecord(w.t.Context(), entry.PartitionKey, entry.Data)
		require.NoError(w.t, err)
	}
}

// next returns the next record's data, of one to three parts.
func (w *world) next() []byte {
	parts := []string{fmt.Sprintf("%d.0", w.n)}
	for p := 1; p <= w.n%3; p++ {
		parts = append(parts, fmt.Sprintf("%d.%d", w.n, p))
	}
	w.n++
	return []byte(strings.Join(parts, " "))
}

// Workers are killed at their writes and deliveries, answers are lost, and
// shards are split: in a sink that replaces objects by their names each part of
// each record is there once, and so are raw records and failures.
func TestDelivery_simulated(t *testing.T) {
	kills := int64(0)
	for seed := range *crashes {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, random: rand.New(rand.NewPCG(uint64(seed), 3)), stream: streamtest.New(t, "orders", 2), store: new(lease.Memory)}
			w.live(seed)
			w.check(seed)
			kills += w.kills.Load()
		})
	}
	assert.GreaterOrEqual(t, kills, int64(2**crashes), "workers die too seldom")
}

// live has two workers at work, one of which comes anew whenever one is dead.
func (w *world) live(seed int) {
	alive := make([]*life, 2)
	for step := range 60 {
		for i, l := range alive {
			if l == nil || l.dead.Load() && !isOpen(l.done) {
				alive[i] = w.begin(fmt.Sprintf("w%d-%d", i, step))
			}
		}
		w.put()
		switch {
		case step == 20:
			_, err := w.stream.Resize(w.t.Context(), 3)
			require.NoError(w.t, err)
		case step == 40:
			_, err := w.stream.Resize(w.t.Context(), 2)
			require.NoError(w.t, err)
		case w.chance(5):
			alive[step%2].stop()
		}
		time.Sleep(2 * time.Second)
	}
	for i, l := range alive {
		if i == 0 || l.dead.Load() { // one goes on
			l.stop()
			<-l.done
			alive[i] = nil
		}
	}
	w.calm.Store(true)
	final := w.begin("final")
	time.Sleep(3 * time.Minute)
	for _, l := range append(alive, final) {
		if l != nil {
			l.stop()
			<-l.done
		}
	}
	synctest.Wait()
}

func isOpen(c chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}

func (w *world) check(seed int) {
	good, bad, raw := count(lines(w.good.bodies(""))), make(map[string]int), count(lines(w.raw.bodies("")))
	for _, line := range lines(w.bad.bodies("")) {
		var l struct{ RawData []byte }
		require.NoError(w.t, json.Unmarshal([]byte(line), &l), "seed %d: %s", seed, line)
		bad[string(l.RawData)]++
	}
	for name, body := range w.good.objects {
		for _, line := range lines([]string{body}) {
			n, part := numberOf([]byte(line[1:]))
			require.Equal(w.t, fmt.Sprintf("p=%d", (n*31+part)%5), strings.Split(name, "/")[0], "seed %d: %s", seed, path.Base(name))
		}
	}
	for i := range w.n {
		var parts []string
		for p := range 1 + i%3 {
			text := fmt.Sprintf("%d.%d", i, p)
			parts = append(parts, text)
			wantGood, wantBad := 1, 0
			switch {
			case i%7 == 3 && p == 0:
				wantGood = 0
			case i%11 == 5:
				wantGood, wantBad = 0, 1
			}
			require.Equal(w.t, wantGood, good["t"+text], "seed %d: %s delivered", seed, text)
			require.Equal(w.t, wantBad, bad[text], "seed %d: %s failed", seed, text)
		}
		require.Equal(w.t, 1, raw[strings.Join(parts, " ")], "seed %d: record %d backed up", seed, i)
	}
}

func count(lines []string) map[string]int {
	seen := make(map[string]int)
	for _, line := range lines {
		seen[line]++
	}
	return seen
}
