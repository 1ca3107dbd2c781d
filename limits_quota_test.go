package weir_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// requireLimit checks which limit refused and returns how long it does.
func requireLimit(t *testing.T, err error, limit string) time.Duration {
	t.Helper()
	var over *weir.LimitError
	require.ErrorAs(t, err, &over)
	assert.ErrorIs(t, err, weir.ErrThroughputExceeded)
	assert.Equal(t, limit, string(over.Quota))
	assert.Equal(t, "test", over.Stream)
	assert.Positive(t, over.RetryAfter)
	return over.RetryAfter
}

// puts puts records of a size until one is refused, and returns how many
// passed.
func puts(t *testing.T, s *weir.Stream, size int) (n int, err error) {
	t.Helper()
	data := make([]byte, size-1)
	for ; n < 100_000; n++ {
		if _, err := s.PutRecord(t.Context(), "k", data); err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestStream_thousandRecordsASecond(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	n, err := puts(t, s, 1)
	assert.Equal(t, 1000, n)
	assert.Equal(t, time.Millisecond, requireLimit(t, err, "write records per second"))
	clock.Advance(time.Millisecond - time.Microsecond)
	n, _ = puts(t, s, 1)
	assert.Equal(t, 0, n)
	clock.Advance(time.Microsecond)
	n, _ = puts(t, s, 1)
	assert.Equal(t, 1, n)
	clock.Advance(500 * time.Millisecond)
	n, _ = puts(t, s, 1)
	assert.Equal(t, 500, n)
	clock.Advance(time.Hour)
	n, _ = puts(t, s, 1)
	assert.Equal(t, 1000, n, "a second's worth after any pause")
}

func TestStream_mebibyteASecond(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, next int
		wait        time.Duration // zero: next passes at once
	}{
		{"exactly", 600 * kib, 424 * kib, 0},
		{"one byte more", 600 * kib, 424*kib + 1, 954},
		{"two of 600 KiB", 600 * kib, 600 * kib, 171_875 * time.Microsecond},
		{"1 MiB and one byte", mib, 1, 954},
		{"two of 1 MiB", mib, mib, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clock := clocked(t, weir.Config{})
			mustPut(t, s, "k", text(c.first-1))
			next := make([]byte, c.next-1)
			_, err := s.PutRecord(t.Context(), "k", next)
			if c.wait == 0 {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, c.wait, requireLimit(t, err, "write bytes per second"))
			if c.wait > time.Microsecond {
				clock.Advance(c.wait - time.Microsecond)
				_, err = s.PutRecord(t.Context(), "k", next)
				requireLimit(t, err, "write bytes per second")
				clock.Advance(time.Microsecond - c.wait)
			}
			clock.Advance(c.wait)
			_, err = s.PutRecord(t.Context(), "k", next)
			assert.NoError(t, err)
		})
	}
}

func TestStream_quotasAreTheShards(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2})
	n, _ := puts(t, s, 1)
	assert.Equal(t, 1000, n)
	other := weir.Entry{PartitionKey: "k", ExplicitHashKey: new(weir.HashKey)}
	if s.ShardOf("k") == s.ShardOfHashKey(weir.HashKey{}) {
		*other.ExplicitHashKey = maxHashKey
	}
	_, err := s.Put(t.Context(), other)
	assert.NoError(t, err)
}

func TestStream_recordRefusedForRecordsCostsNoBytes(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 1, WriteBytesPerSecond: 1000}})
	mustPut(t, s, "k", text(499))
	for range 10 {
		_, err := s.PutRecord(t.Context(), "k", make([]byte, 499))
		requireLimit(t, err, "write records per second")
	}
	clock.Advance(time.Second)
	mustPut(t, s, "k", text(999))
}

func TestStream_batchIsThrottledRecordByRecord(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	var entries []weir.Entry
	for i := range 4 { // 400 KiB each, but for the last
		entries = append(entries, weir.Entry{PartitionKey: "k", Data: make([]byte, []int{400, 400, 400, 200}[i]*kib)})
	}
	results, err := s.PutRecords(t.Context(), entries)
	require.NoError(t, err)
	assert.NoError(t, results[0].Err)
	assert.NoError(t, results[1].Err)
	requireLimit(t, results[2].Err, "write bytes per second")
	assert.Equal(t, weir.PutResult{Err: results[2].Err}, results[2])
	assert.NoError(t, results[3].Err, "a later record that fits is stored")
	assert.EqualValues(t, 3, results[3].SequenceNumber.Index())
	assert.EqualValues(t, 1, s.Snapshot().Total.WriteThrottled)
}

func TestStream_largeRecordsDrawOnTheBurst(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{RecordBytes: 10 * mib}})
	mustPut(t, s, "k", text(10*mib-1))
	_, err := s.PutRecord(t.Context(), "k", make([]byte, 2*mib))
	requireLimit(t, err, "write bytes per second")
	_, err = s.PutRecord(t.Context(), "k", nil)
	requireLimit(t, err, "write bytes per second")

	clock.Advance(2 * time.Second)
	mustPut(t, s, "k", text(mib-1)) // leaves 1 MiB of the burst
	_, err = s.PutRecord(t.Context(), "k", make([]byte, 2*mib-1))
	assert.Equal(t, time.Second, requireLimit(t, err, "write bytes per second"))
	clock.Advance(time.Second)
	mustPut(t, s, "k", text(2*mib-1))

	clock.Advance(time.Hour)
	for range 5 {
		mustPut(t, s, "k", text(2*mib-1))
	}
	_, err = s.PutRecord(t.Context(), "k", make([]byte, 2*mib-1))
	assert.Equal(t, 2*time.Second, requireLimit(t, err, "write bytes per second"))
}

func TestStream_recordLargerThanItsBucketPassesWhenFull(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteBytesPerSecond: 1000}})
	mustPut(t, s, "k", text(4999))
	_, err := s.PutRecord(t.Context(), "k", make([]byte, 4999))
	assert.Equal(t, time.Second, requireLimit(t, err, "write bytes per second"))
	clock.Advance(time.Second)
	mustPut(t, s, "k", text(4999))
}

// The burst of large records is for streams that admit them: setting the
// default record size once more must not change what passes.
func TestStream_settingDefaultRecordBytesAddsNoBurst(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Limits{WriteBytesPerSecond: 1000}})
	require.NoError(t, setRecordBytes(s, mib))
	n, err := puts(t, s, 5000)
	assert.Equal(t, 1, n)
	requireLimit(t, err, "write bytes per second")
}

// gets reads from the beginning until a call is refused.
func gets(t *testing.T, s *weir.Stream) (n int, err error) {
	t.Helper()
	for it := mustIterator(t, s, shard0, weir.TrimHorizon()); n < 1000; n++ {
		if _, err := s.GetRecords(t.Context(), it, 0); err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestStream_fiveReadsASecond(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	n, err := gets(t, s)
	assert.Equal(t, 5, n)
	assert.Equal(t, 200*time.Millisecond, requireLimit(t, err, "read calls per second"))
	clock.Advance(200*time.Millisecond - time.Microsecond)
	n, _ = gets(t, s)
	assert.Equal(t, 0, n)
	clock.Advance(time.Microsecond)
	n, _ = gets(t, s)
	assert.Equal(t, 1, n)
	clock.Advance(time.Second)
	n, _ = gets(t, s)
	assert.Equal(t, 5, n)
}

// filled returns a stream of one shard with some megabytes, whose write limits
// are lifted.
func filled(t *testing.T, megabytes int) (*weir.Stream, *manualClock) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteBytesPerSecond: -1}})
	for range megabytes {
		mustPut(t, s, "k", text(mib-1))
	}
	return s, clock
}

func TestStream_tenMebibytesLockTheShardForFiveSeconds(t *testing.T) {
	s, clock := filled(t, 11)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	b := mustGet(t, s, it, 0)
	assert.Len(t, b.Records, 10)
	_, err := s.GetRecords(t.Context(), b.Next, 0)
	assert.Equal(t, 5*time.Second, requireLimit(t, err, "read bytes per second"))
	clock.Advance(5*time.Second - 1)
	_, err = s.GetRecords(t.Context(), b.Next, 0)
	assert.EqualValues(t, 1, requireLimit(t, err, "read bytes per second"))
	clock.Advance(1)
	assert.Len(t, mustGet(t, s, b.Next, 0).Records, 1, "the iterator stays valid")
}

func TestStream_readOfASecondsWorthIsFree(t *testing.T) {
	s, _ := filled(t, 3)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	b := mustGet(t, s, it, 2)
	b = mustGet(t, s, b.Next, 1)
	_, err := s.GetRecords(t.Context(), b.Next, 0)
	assert.Equal(t, 500*time.Millisecond, requireLimit(t, err, "read bytes per second"))
}

// A read that returned more than the bucket held used to leave in the bucket
// what flowed in while it was paid for, so that a reader who came back as soon
// as it might got twice the limit.
func TestStream_readersGetNoMoreThanTheLimitForLong(t *testing.T) {
	s, clock := filled(t, 1)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	const span = time.Minute
	total := 0
	for end := clock.Now().Add(span); clock.Now().Before(end); {
		b, err := s.GetRecords(t.Context(), it, 0)
		if err != nil {
			var over *weir.LimitError
			require.ErrorAs(t, err, &over)
			clock.Advance(over.RetryAfter)
			it = mustIterator(t, s, shard0, weir.TrimHorizon())
			continue
		}
		total += b.Records[0].Size()
	}
	assert.LessOrEqual(t, total, 2*mib*int(span/time.Second)+3*mib)
	assert.GreaterOrEqual(t, total, 2*mib*int(span/time.Second)-3*mib)
}

// Reads that overlap are all admitted before the first is paid for. Each must
// be paid for none the less.
func TestStream_overlappingReadsPayOneAfterTheOther(t *testing.T) {
	s, _ := filled(t, 10)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	var passed sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 5 {
		passed.Go(func() {
			if b, err := s.GetRecords(t.Context(), it, 0); err == nil && assert.Len(t, b.Records, 10) {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	passed.Wait()
	_, err := s.GetRecords(t.Context(), it, 0)
	assert.Equal(t, time.Duration(n)*5*time.Second, requireLimit(t, err, "read bytes per second"))
}

// A limiter that was given an earlier time used to count the time up to the
// later one twice.
func TestStream_readingsOutOfOrderRefillNothing(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	passed := 0
	for range 100 {
		for _, step := range []time.Duration{-time.Second, time.Second} {
			if n, err := gets(t, s); assert.Error(t, err) {
				passed += n
			}
			if n, err := puts(t, s, 1); assert.Error(t, err) {
				passed += n
			}
			clock.Advance(step)
		}
	}
	assert.Equal(t, 1005, passed)
}

func TestStream_retryAfterSpansReadingsOutOfOrder(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	_, err := puts(t, s, 1)
	requireLimit(t, err, "write records per second")
	_, err = gets(t, s)
	requireLimit(t, err, "read calls per second")
	clock.Advance(-time.Second)
	_, err = puts(t, s, 1)
	assert.Equal(t, time.Second+time.Millisecond, requireLimit(t, err, "write records per second"))
	_, err = gets(t, s)
	assert.Equal(t, time.Second+200*time.Millisecond, requireLimit(t, err, "read calls per second"))
}

// After a clock was set back quotas go on from what they were, instead of
// standing still until it is made up for.
func TestStream_clockThatIsSetBack(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	_, err := puts(t, s, 1)
	requireLimit(t, err, "write records per second")
	_, err = gets(t, s)
	requireLimit(t, err, "read calls per second")
	clock.Advance(-time.Hour)
	_, err = puts(t, s, 1)
	assert.Equal(t, time.Millisecond, requireLimit(t, err, "write records per second"), "the step itself refills nothing")
	_, err = gets(t, s)
	assert.Equal(t, 200*time.Millisecond, requireLimit(t, err, "read calls per second"))
	clock.Advance(time.Second)
	passed, err := puts(t, s, 1)
	require.Error(t, err)
	assert.Equal(t, 1000, passed)
	passed, err = gets(t, s)
	require.Error(t, err)
	assert.Equal(t, 5, passed)
}

func TestStream_unlimited(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited(), Settings: weir.Settings{Retention: time.Nanosecond}})
	require.NoError(t, setRetention(s, 24*time.Hour))
	entries := make([]weir.Entry, 2000)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: "k", Data: make([]byte, 10*kib)}
	}
	results, err := s.PutRecords(t.Context(), entries)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	for range 20 {
		require.Len(t, mustGet(t, s, it, 2000).Records, 2000)
	}
}

func TestStream_ratesTooSmallForADurationStillThrottle(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{
		WriteBytesPerSecond: 1e-300, ReadBytesPerSecond: 1e-300, ReadCallsPerSecond: 1e-9, WriteRecordsPerSecond: 1e-300}})
	mustPut(t, s, "k", text(mib-1))
	mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	clock.Advance(24*time.Hour - 1)
	_, err := s.PutRecord(t.Context(), "k", nil)
	requireLimit(t, err, "write bytes per second")
	_, err = s.GetRecords(t.Context(), mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	requireLimit(t, err, "read bytes per second")
}

// The buckets' clock never goes back: what the stream's was ahead by, each time
// that it was set back, adds up. After some 23 steps of ten years it had got to
// the last nanosecond that it could tell, and stood still: the shard took
// nothing more, whatever the time.
func TestStream_clockThatGoesForthAndBackByYears(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 1, ReadCallsPerSecond: 1}})
	for range 60 {
		for _, step := range []time.Duration{years, time.Second, -years, time.Second} {
			clock.Advance(step)
			it := mustIterator(t, s, shard0, weir.Latest())
			if step > 0 {
				mustPut(t, s, "k", "")
				mustGet(t, s, it, 0)
			}
			_, err := s.PutRecord(t.Context(), "k", nil)
			assert.Equal(t, time.Second, requireLimit(t, err, "write records per second"), "%v", step)
			_, err = s.GetRecords(t.Context(), it, 0)
			requireLimit(t, err, "read calls per second")
		}
	}
}
