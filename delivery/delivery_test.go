package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// A shelf is a sink in memory, which replaces what has the same name.
type shelf struct {
	mu      sync.Mutex
	objects map[string]string
	names   []string // in the order of deliveries
	types   map[string]string
	fails   func(o *delivery.Object) error
}

func (s *shelf) Deliver(_ context.Context, o *delivery.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		if err := s.fails(o); err != nil {
			return err
		}
	}
	if s.objects == nil {
		s.objects, s.types = make(map[string]string), make(map[string]string)
	}
	s.objects[o.Name] = string(o.Body)
	s.types[o.Name] = o.ContentType + " " + o.ContentEncoding
	s.names = append(s.names, o.Name)
	return nil
}

func (s *shelf) failing(f func(o *delivery.Object) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = f
}

// bodies returns what is there, sorted by name; those of names that begin with a
// prefix.
func (s *shelf) bodies(prefix string) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(name, prefix) {
			list = append(list, s.objects[name])
		}
	}
	return list
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.names)
}

// config returns what most tests begin with.
func config(s *weir.Stream, store lease.Store, sink delivery.Sink) delivery.Config {
	return delivery.Config{
		Group:     consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: store},
		Sink:      sink,
		Delimiter: "\n",
	}
}

// A running is a delivery that runs.
type running struct {
	*delivery.Delivery
	*streamtest.Running
}

func run(t *testing.T, c delivery.Config) *running {
	d, err := delivery.New(c)
	require.NoError(t, err)
	return &running{d, streamtest.Run(t, d.Run)}
}

func TestDelivery_cutsBySizeCountAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, to := streamtest.New(t, "orders", 1), new(lease.Memory), new(shelf)
		c := config(s, store, to)
		c.Size, c.Count, c.Interval = 20, 3, time.Minute
		r := run(t, c)
		streamtest.Pass(time.Second)
		streamtest.Put(t, s, "a 1", "a 2", "a 3", "a 4")
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"a 1\na 2\na 3\n"}, to.bodies(""), "three are as many as may be")
		streamtest.Pass(58 * time.Second)
		assert.Equal(t, 1, to.count())
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"a 1\na 2\na 3\n", "a 4\n"}, to.bodies(""), "a minute is over")
		streamtest.Put(t, s, "a 34567890", "a 345678", "a 3")
		final, err := s.PutRecord(t.Context(), "a", []byte("a 345678901234567890123"))
		require.NoError(t, err)
		streamtest.Pass(time.Second)
		assert.Equal(t, []string{"a 34567890\na 345678\n", "a 3\n", "a 345678901234567890123\n"}, to.bodies("")[2:], "20 bytes, and one that is larger")
		streamtest.Pass(2 * time.Second)
		at, state := streamtest.Checkpoint(t, store)
		assert.Equal(t, final.SequenceNumber.String(), at)
		assert.Empty(t, state)
		m := r.Metrics()
		assert.Equal(t, int64(8), m.IncomingRecords)
		assert.Equal(t, delivery.OutputMetrics{Objects: 5, Records: 8, Bytes: 64, BodyBytes: 64}, m.Delivered)
		assert.Zero(t, m.Held)
		require.NoError(t, r.End())
	})
}

func TestDelivery_namesAndKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		at, err := s.PutRecord(t.Context(), "a", []byte("one"))
		require.NoError(t, err)
		gzip, err := delivery.Gzip(-1)
		require.NoError(t, err)
		c := config(s, new(lease.Memory), to)
		c.Prefix, c.Codec, c.Zone = "in/", gzip, time.FixedZone("east", 3600)
		require.NoError(t, runFor(t, c, time.Second))
		name := "in/2000/01/01/01/orders-2000-01-01-01-00-00-shardId-000000000000-" + at.SequenceNumber.String()
		assert.Equal(t, []string{name + ".gz"}, to.names)
		assert.Equal(t, "application/octet-stream gzip", to.types[name+".gz"])

		c.Group.Store, c.Extension = new(lease.Memory), ".log.gz"
		require.NoError(t, runFor(t, c, time.Second))
		assert.Equal(t, name+".log.gz", to.names[1])

		c.Group.Store, c.Extension, c.Codec = new(lease.Memory), "", delivery.Zip()
		require.NoError(t, runFor(t, c, time.Second))
		assert.Equal(t, name+".zip", to.names[2])
		assert.Equal(t, "application/zip ", to.types[name+".zip"])
	})
}

// runFor runs a delivery for some time.
func runFor(t *testing.T, c delivery.Config, d time.Duration) error {
	r := run(t, c)
	streamtest.Pass(d)
	return r.End()
}

// What is held when Run ends is delivered then, and nothing comes again.
func TestDelivery_anEndDeliversWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, to := streamtest.New(t, "orders", 2), new(lease.Memory), new(shelf)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 100)...)
		r := run(t, config(s, store, to))
		streamtest.Pass(time.Second)
		assert.Zero(t, to.count())
		m := r.Metrics()
		assert.Positive(t, m.Held)
		assert.Equal(t, time.Second, m.Freshness)
		require.NoError(t, r.End())
		assert.Equal(t, 2, to.count())
		assert.Zero(t, r.Metrics().Held)

		streamtest.Put(t, s, streamtest.Numbered(10, 100, 200)...)
		require.NoError(t, runFor(t, config(s, store, to), time.Second))
		assert.Equal(t, 4, to.count())
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(lines(to.bodies(""))))), 200)
		assert.Len(t, lines(to.bodies("")), 200)
	})
}

func lines(bodies []string) []string {
	return strings.Split(strings.TrimSuffix(strings.Join(bodies, ""), "\n"), "\n")
}

// While a sink is down for an hour, memory stays within its bound; then all
// comes, each record once.
func TestDelivery_aSinkThatIsDownForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, size, bound = 4, 20 << 10, 400 << 10
		s, to := streamtest.New(t, "orders", shards), new(shelf)
		to.failing(func(*delivery.Object) error { return errors.New("down") })
		c := config(s, new(lease.Memory), to)
		c.Size, c.Memory, c.Interval, c.Deliveries = size, bound, time.Minute, 1
		r := run(t, c)
		total := 0
		for range 60 {
			for range 100 {
				streamtest.Put(t, s, fmt.Sprintf("key-%d %d %s", total%20, total, strings.Repeat("x", 1000)))
				total++
			}
			streamtest.Pass(time.Minute)
			assert.LessOrEqual(t, r.Metrics().Held, bound)
		}
		m := r.Metrics()
		assert.Zero(t, m.Delivered.Objects)
		assert.Positive(t, m.Delivered.Failures)
		assert.Greater(t, m.Held, bound/2, "it reads as far as it may")
		assert.Equal(t, time.Hour, m.Freshness.Round(time.Minute))
		to.failing(nil)
		streamtest.Pass(3 * time.Minute)
		m = r.Metrics()
		assert.Equal(t, int64(total), m.Delivered.Records)
		// What is encoded is beside that: an object at a time.
		assert.LessOrEqual(t, m.HeldMost, bound+4*size)
		list := lines(to.bodies(""))
		assert.Len(t, list, total)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(list))), total)
		require.NoError(t, r.End())
	})
}

// Run does not wait for a sink that is down longer than it may; what was held
// comes again, in the same objects.
func TestDelivery_endsWhileTheSinkIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, to := streamtest.New(t, "orders", 1), new(lease.Memory), new(shelf)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 10)...)
		to.failing(func(*delivery.Object) error { return errors.New("down") })
		c := config(s, store, to)
		c.Group.Patience = 20 * time.Second
		r := run(t, c)
		streamtest.Pass(time.Second)
		began := time.Now()
		require.NoError(t, r.End())
		assert.Equal(t, 20*time.Second, time.Since(began))
		assert.Zero(t, r.Metrics().Held)
		at, state := streamtest.Checkpoint(t, store)
		assert.Equal(t, lease.TrimHorizon, at)
		assert.NotEmpty(t, state, "the plan")

		streamtest.Put(t, s, streamtest.Numbered(10, 10, 20)...)
		to.failing(nil)
		require.NoError(t, runFor(t, config(s, store, to), time.Second))
		assert.Equal(t, []string{strings.Join(streamtest.Numbered(10, 0, 10), "\n") + "\n", strings.Join(streamtest.Numbered(10, 10, 20), "\n") + "\n"}, to.bodies(""))
	})
}

// A shard that was split is delivered to its end before its children begin.
func TestDelivery_followsASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, to := streamtest.New(t, "orders", 1), new(lease.Memory), new(shelf)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 50)...)
		r := run(t, config(s, store, to))
		streamtest.Pass(time.Second)
		_, err := s.Resize(t.Context(), 2)
		require.NoError(t, err)
		streamtest.Put(t, s, streamtest.Numbered(10, 50, 100)...)
		streamtest.Pass(10 * time.Second)
		require.NoError(t, r.End())
		assert.Equal(t, 3, to.count())
		assert.Equal(t, strings.Join(streamtest.Numbered(10, 0, 50), "\n")+"\n", to.bodies("")[0])
		assert.Len(t, lines(to.bodies("")), 100)
	})
}

func TestDelivery_refusesTheStateOfSomethingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		streamtest.Put(t, s, "k 1")
		g, err := consumer.New(consumer.Config{Name: "g", Streams: []client.Stream{client.Embedded(s)}, Store: store,
			Handler: func(_ context.Context, b *consumer.Batch) error { b.SetState([]byte("{}")); return nil }})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.NoError(t, g.Run(ctx))
		r := run(t, config(s, store, new(shelf)))
		<-r.Done
		require.ErrorContains(t, r.Err, "delivery: orders shardId-000000000000: the lease has a state that is no delivery's")
		_, state := streamtest.Checkpoint(t, store)
		assert.Equal(t, "{}", state)
	})
}

func newStore() lease.Store { return new(lease.Memory) }
