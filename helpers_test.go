package weir_test

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// shard0 is the first shard of a stream.
const shard0 = weir.ShardID(0)

// epoch is where manual clocks begin.
var epoch = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// fewerIfRaced returns how many of n random histories a test takes that has one
// goroutine only: a third with the race detector, which has nothing to see in
// it and makes it ten times as slow.
func fewerIfRaced(n int) int {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return n / 3
	}
	return n
}

// newStream returns a stream whose invariants are checked when the test ends.
func newStream(t testing.TB, c weir.Config) *weir.Stream {
	t.Helper()
	s, err := weir.NewStream("test", c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, weir.CheckInvariants(s)) })
	return s
}

// A manualClock is a clock that a test moves. It may be read by any goroutine.
type manualClock struct{ ns atomic.Int64 }

func newClock() *manualClock {
	c := new(manualClock)
	c.ns.Store(epoch.UnixNano())
	return c
}

func (c *manualClock) Now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *manualClock) Advance(d time.Duration) { c.ns.Add(int64(d)) }

// clocked returns a stream and the clock it goes by.
func clocked(t testing.TB, c weir.Config) (*weir.Stream, *manualClock) {
	t.Helper()
	clock := newClock()
	c.Now = clock.Now
	return newStream(t, c), clock
}

func mustPut(t testing.TB, s *weir.Stream, key, data string) weir.Placed {
	t.Helper()
	r, err := s.PutRecord(t.Context(), key, []byte(data))
	require.NoError(t, err)
	return r
}

func mustIterator(t testing.TB, s *weir.Stream, shard weir.ShardID, from weir.Position) weir.Iterator {
	t.Helper()
	it, err := s.Iterator(t.Context(), shard, from)
	require.NoError(t, err)
	return it
}

func mustGet(t testing.TB, s *weir.Stream, it weir.Iterator, limit int) weir.Page {
	t.Helper()
	b, err := s.GetRecords(t.Context(), it, limit)
	require.NoError(t, err)
	return b
}

// dataOf returns the data of records as strings.
func dataOf(records []weir.Record) []string {
	list := []string{}
	for _, r := range records {
		list = append(list, string(r.Data))
	}
	return list
}

// readable returns the data of all records of a shard, oldest first, without
// spending read quota.
func readable(t testing.TB, s *weir.Stream, shard weir.ShardID) []string {
	t.Helper()
	list := []string{}
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard).ToTip()) {
		require.NoError(t, err)
		list = append(list, string(r.Data))
	}
	return list
}

// text returns n bytes.
func text(n int) string { return strings.Repeat("x", n) }

// hashKey reads a hash key.
func hashKey(t testing.TB, s string) weir.HashKey {
	t.Helper()
	k, err := weir.ParseHashKey(s)
	require.NoError(t, err)
	return k
}

// What these set is a setting of its own in most tests.

func setMode(s *weir.Stream, m weir.Mode) error {
	return s.Set(context.Background(), func(c *weir.Settings) { c.Mode = m })
}

func setDistribution(s *weir.Stream, d weir.Distribution) error {
	return s.Set(context.Background(), func(c *weir.Settings) { c.Distribution = d })
}

func setRetention(s *weir.Stream, d time.Duration) error {
	return s.Set(context.Background(), func(c *weir.Settings) { c.Retention = d })
}

func setRecordBytes(s *weir.Stream, n int) error {
	return s.Set(context.Background(), func(c *weir.Settings) { c.RecordBytes = n })
}

// maxHashKey is 2^128 - 1, where the last shard's range ends.
var maxHashKey = weir.HashKey{}.Sub(1)
