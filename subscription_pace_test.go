package weir_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// An event holds 1 MiB or 10,000 records, but one record at least.
func TestSubscription_eventSize(t *testing.T) {
	unlimited := weir.Unlimited()
	s, _ := clocked(t, weir.Config{Limits: unlimited})
	mustRegister(t, s, "c")
	sizes := []int{1 << 19, 1 << 19, 1, 1 << 20, 2 << 20, 1 << 18}
	for _, size := range sizes {
		mustPut(t, s, "k", text(size-1))
	}
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	var got []int
	for range 5 {
		got = append(got, len(mustNext(t, sub).Records))
	}
	assert.Equal(t, []int{2, 1, 1, 1, 1}, got)

	entries := make([]weir.Entry, 10_001)
	for i := range entries {
		entries[i].PartitionKey = "k"
	}
	_, err := s.PutRecords(t.Context(), entries)
	require.NoError(t, err)
	assert.Len(t, mustNext(t, sub).Records, 10_000)
	assert.Len(t, mustNext(t, sub).Records, 1)

	small, _ := clocked(t, weir.Config{Limits: weir.Limits{EventBytes: 10, EventRecords: 3}})
	mustRegister(t, small, "c")
	for range 4 {
		mustPut(t, small, "k", "")
	}
	for range 2 {
		mustPut(t, small, "k", text(6))
	}
	sub = mustSubscribe(t, small, "c", 0, weir.TrimHorizon())
	for _, want := range []int{3, 2, 1} {
		assert.Len(t, mustNext(t, sub).Records, want)
	}
}

// backlog returns a stream in whose one shard lie n records of 64 KiB.
func backlog(t testing.TB, n int) *weir.Stream {
	s := newStream(t, weir.Config{Limits: weir.Limits{WriteBytesPerSecond: -1, WriteRecordsPerSecond: -1}})
	for range n {
		mustPut(t, s, "k", text(1<<16-1))
	}
	return s
}

// arrivals returns when each MiB came.
func arrivals(t testing.TB, sub *weir.Subscription, mebibytes int) (at []time.Duration) {
	begin, size := time.Now(), 0
	for len(at) < mebibytes {
		ev, err := sub.Next(t.Context())
		if !assert.NoError(t, err) {
			return at
		}
		for _, r := range ev.Records {
			size += r.Size()
		}
		for size >= (len(at)+1)<<20 {
			at = append(at, time.Since(begin))
		}
	}
	return at
}

// paceOf2MiB is when each MiB comes from a backlog: a second's worth at once,
// then 2 MiB a second.
func paceOf2MiB(mebibytes int) (at []time.Duration) {
	for i := range mebibytes {
		at = append(at, max(0, time.Duration(i-1)*time.Second/2))
	}
	return at
}

func TestSubscription_pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := backlog(t, 20*16)
		mustRegister(t, s, "c")
		assert.Equal(t, paceOf2MiB(20), arrivals(t, mustSubscribe(t, s, "c", 0, weir.TrimHorizon()), 20))
	})
}

// Neither GetRecords nor other consumers slow a subscription down, nor does it
// slow them.
func TestSubscription_paceIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := backlog(t, 40*16)
		mustRegister(t, s, "a", "b")
		got := make(map[string]chan []time.Duration)
		for _, name := range []string{"a", "b"} {
			sub, done := mustSubscribe(t, s, name, 0, weir.TrimHorizon()), make(chan []time.Duration, 1)
			got[name] = done
			go func() { done <- arrivals(t, sub, 20) }()
		}
		shared, it := 0, mustIterator(t, s, 0, weir.TrimHorizon())
		for end := time.Now().Add(11 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			batch, err := s.GetRecords(t.Context(), it, 0)
			if errors.Is(err, weir.ErrThroughputExceeded) {
				continue
			}
			require.NoError(t, err)
			shared += len(batch.Records) << 16
			it = batch.Next
		}
		assert.Equal(t, 30<<20, shared, "at 0 s, 5 s and 10 s, 10 MiB each")
		assert.Equal(t, paceOf2MiB(20), <-got["a"])
		assert.Equal(t, paceOf2MiB(20), <-got["b"])
	})
}

// While the bucket is waited for, further records do not prolong the wait, and
// events say how far behind they are.
func TestSubscription_waitIsNotProlonged(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{
		SubscriptionBytesPerSecond: 1000, WriteBytesPerSecond: -1,
	}})
	mustRegister(t, s, "c")
	for range 11 {
		mustPut(t, s, "k", text(99))
	}
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	assert.Len(t, mustNext(t, sub).Records, 10)
	_, ok, err := sub.TryNext()
	require.NoError(t, err)
	assert.False(t, ok, "the eleventh needs 100 ms")
	for range 5 {
		mustPut(t, s, "k", text(99))
	}
	clock.Advance(100*time.Millisecond - time.Nanosecond)
	_, ok, _ = sub.TryNext()
	assert.False(t, ok)
	clock.Advance(time.Nanosecond)
	ev, ok, err := sub.TryNext()
	require.NoError(t, err)
	require.True(t, ok)
	assert.Len(t, ev.Records, 1)
	assert.Equal(t, 100*time.Millisecond, ev.Behind)
}

// A record larger than a second's worth passes when the bucket is full and is
// paid for afterwards; idle events go on meanwhile.
func TestSubscription_largeRecordIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{
			SubscriptionBytesPerSecond: 1000, WriteBytesPerSecond: -1,
		}})
		mustRegister(t, s, "c")
		mustPut(t, s, "k", text(9999))
		large := mustPut(t, s, "k", text(9999))
		sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
		begin := time.Now()
		assert.Len(t, mustNext(t, sub).Records, 1)
		assert.Zero(t, time.Since(begin))
		idle := mustNext(t, sub)
		assert.Empty(t, idle.Records)
		assert.Equal(t, 5*time.Second, time.Since(begin))
		assert.Equal(t, 5*time.Second, idle.Behind, "there is more, and it waits")
		ev := mustNext(t, sub)
		for len(ev.Records) == 0 {
			ev = mustNext(t, sub)
		}
		assert.Equal(t, large.SequenceNumber, ev.Records[0].SequenceNumber)
		assert.Equal(t, 10*time.Second, time.Since(begin))
	})
}

func TestSubscription_fanOutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{FanOutDelay: 70 * time.Millisecond, GetRecordsDelay: 200 * time.Millisecond})
		mustRegister(t, s, "c")
		sub, it := mustSubscribe(t, s, "c", 0, weir.Latest()), mustIterator(t, s, 0, weir.Latest())
		mustNext(t, sub)
		begin := time.Now()
		mustPut(t, s, "k", "a")
		time.Sleep(30 * time.Millisecond)
		mustPut(t, s, "k", "b")

		assert.Equal(t, []string{"a"}, dataOf(mustNext(t, sub).Records))
		assert.Equal(t, 70*time.Millisecond, time.Since(begin))
		_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		ev := mustNext(t, sub)
		assert.Equal(t, []string{"b"}, dataOf(ev.Records))
		assert.Len(t, ev.Children, 2, "the shard does not end before what it holds is visible")
		assert.Equal(t, 100*time.Millisecond, time.Since(begin))

		time.Sleep(100*time.Millisecond - time.Nanosecond)
		assert.Empty(t, mustGet(t, s, it, 0).Records)
		time.Sleep(time.Nanosecond)
		batch := mustGet(t, s, it, 0)
		assert.Equal(t, []string{"a"}, dataOf(batch.Records))
		assert.Empty(t, batch.Children)
		time.Sleep(30 * time.Millisecond)
		batch = mustGet(t, s, batch.Next, 0)
		assert.Equal(t, []string{"b"}, dataOf(batch.Records))
		assert.Len(t, batch.Children, 2)
	})
}

// With a clock that a test moves, Next returns when data arrives, and a timer
// that fires early decides nothing.
func TestSubscription_manualClock(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{IdleEventInterval: 10 * time.Millisecond}})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.Latest())
	mustNext(t, sub)
	got := make(chan weir.Batch, 1)
	go func() {
		ev, err := sub.Next(t.Context())
		assert.NoError(t, err)
		got <- ev
	}()
	select {
	case <-got:
		t.Fatal("the clock stands still: no event is due")
	case <-time.After(50 * time.Millisecond):
	}
	mustPut(t, s, "k", "a")
	assert.Len(t, (<-got).Records, 1)
	go func() {
		ev, err := sub.Next(t.Context())
		assert.NoError(t, err)
		got <- ev
	}()
	clock.Advance(10 * time.Millisecond)
	assert.Empty(t, (<-got).Records)
}

func TestSubscription_clockStepsBack(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{SubscriptionBytesPerSecond: 100, WriteBytesPerSecond: -1}})
	mustRegister(t, s, "c")
	for range 3 {
		mustPut(t, s, "k", text(99))
	}
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	given := 0
	for range 20 {
		if ev, ok, err := sub.TryNext(); assert.NoError(t, err) && ok {
			given += len(ev.Records)
		}
		clock.Advance(-time.Second)
		_, ok, err := sub.TryNext()
		require.NoError(t, err)
		assert.False(t, ok)
		clock.Advance(time.Second)
	}
	assert.Equal(t, 1, given, "a clock that steps back and forth fills no bucket")
}
