// Package streamtest is what tests of those who read streams have in common:
// streams and their records, what runs until it is ended, and what leases say.
package streamtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// New returns a stream without limits.
func New(t testing.TB, name string, shards int) *weir.Stream {
	t.Helper()
	s, err := weir.NewStream(name, weir.Config{Shards: shards, Limits: weir.Unlimited()})
	require.NoError(t, err)
	return s
}

// Put puts records, "key value" each.
func Put(t testing.TB, s *weir.Stream, records ...string) {
	t.Helper()
	for _, r := range records {
		key, _, _ := strings.Cut(r, " ")
		_, err := s.PutRecord(t.Context(), key, []byte(r))
		require.NoError(t, err)
	}
}

// Numbered returns records for Put, with numbers from one up to another, which
// is not included, of so many keys in turn.
func Numbered(keys, from, to int) (records []string) {
	for i := from; i < to; i++ {
		records = append(records, fmt.Sprintf("key-%d %d", i%keys, i))
	}
	return records
}

// A Running is something that runs until it is ended, or the test is.
type Running struct {
	Stop context.CancelFunc
	Done chan struct{} // closed when it has returned
	Err  error         // that it has returned
}

// Run runs something in a goroutine.
func Run(t testing.TB, run func(ctx context.Context) error) *Running {
	ctx, stop := context.WithCancel(t.Context())
	r := &Running{Stop: stop, Done: make(chan struct{})}
	go func() {
		defer close(r.Done)
		r.Err = run(ctx)
	}()
	t.Cleanup(func() { r.End() })
	return r
}

// End ends it and returns its error.
func (r *Running) End() error {
	r.Stop()
	<-r.Done
	return r.Err
}

// Pass lets the bubble's time go by, and returns when nobody is at work.
func Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Checkpoint returns how far the first shard is that a store has a lease of,
// and the state that is kept with it.
func Checkpoint(t testing.TB, store lease.Store) (sequence, state string) {
	t.Helper()
	list, err := store.List(context.Background())
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list[0].Checkpoint.Sequence, string(list[0].State)
}
