package consumer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// A diary is what handlers were given.
type diary struct {
	mu      sync.Mutex
	entries []entry
}

// An entry is one record as a worker processed it.
type entry struct {
	worker string
	shard  weir.ShardID
	text   string
}

func (d *diary) note(worker string, b *consumer.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range b.Records {
		d.entries = append(d.entries, entry{worker, b.Shard, string(r.Data)})
	}
}

// texts returns what was processed, in order.
func (d *diary) texts() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		list = append(list, e.text)
	}
	return list
}

// workers returns how many records each worker processed.
func (d *diary) workers() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[string]int)
	for _, e := range d.entries {
		counts[e.worker]++
	}
	return counts
}

func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.entries)
}

// handler returns one that notes what it gets.
func (d *diary) handler(worker string) consumer.Handler {
	return func(_ context.Context, b *consumer.Batch) error {
		d.note(worker, b)
		return nil
	}
}

// config returns what most tests begin with.
func config(s *weir.Stream, store lease.Store, worker string, h consumer.Handler) consumer.Config {
	return consumer.Config{
		Name: "test", Streams: []client.Stream{client.Embedded(s)}, Store: store, Worker: worker, Handler: h,
		Random: rand.NewPCG(1, 2),
	}
}

// A running is a group that runs.
type running struct {
	*consumer.Group
	*streamtest.Running
}

func run(t *testing.T, c consumer.Config) *running {
	g, err := consumer.New(c)
	require.NoError(t, err)
	return &running{g, streamtest.Run(t, g.Run)}
}

// await waits, on the bubble's clock, until something is so. It looks at what
// handlers note while nobody is at work.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 100_000 {
		synctest.Wait()
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.Fail(t, "not reached", what)
}

// within returns a context that ends after some time, for a run that is to end by
// itself.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// leases returns the leases of a store by key.
func leases(t *testing.T, store lease.Store) map[string]lease.Lease {
	list, err := store.List(context.Background())
	require.NoError(t, err)
	m := make(map[string]lease.Lease)
	for _, l := range list {
		m[l.Key] = l
	}
	return m
}

// inKeyOrder checks that of each key the records came in their order, the first
// time that each came.
func inKeyOrder(t *testing.T, texts []string) {
	last, seen := make(map[string]int), make(map[string]bool)
	for _, text := range texts {
		if seen[text] {
			continue
		}
		seen[text] = true
		key, value, _ := strings.Cut(text, " ")
		var n int
		fmt.Sscan(value, &n)
		assert.GreaterOrEqual(t, n, last[key], "%s after %d", text, last[key])
		last[key] = n
	}
}
