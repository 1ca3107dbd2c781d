package weir_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestStream_retentionExactlyAtItsEnd(t *testing.T) {
	for _, retention := range []time.Duration{24 * time.Hour, 24*time.Hour + 1, 36*time.Hour + 1500*time.Microsecond} {
		synctest.Test(t, func(t *testing.T) {
			s := newStream(t, weir.Config{Settings: weir.Settings{Retention: retention}})
			arrived := time.Now()
			mustPut(t, s, "k", "first")
			time.Sleep(time.Millisecond)
			mustPut(t, s, "k", "second")

			time.Sleep(retention - time.Since(arrived) - 1)
			assert.Equal(t, []string{"first", "second"}, readable(t, s, shard0), "1 ns before")
			assert.EqualValues(t, 2, s.Snapshot().RecordsHeld)
			time.Sleep(time.Nanosecond)
			assert.Equal(t, []string{"second"}, readable(t, s, shard0), "exactly at")
			assert.EqualValues(t, 1, s.Snapshot().RecordsHeld)
			b := mustGet(t, s, mustIterator(t, s, shard0, weir.AtTime(arrived)), 0)
			assert.Equal(t, []string{"second"}, dataOf(b.Records))
			time.Sleep(time.Millisecond)
			assert.Empty(t, readable(t, s, shard0))
			assert.Zero(t, s.Snapshot().BytesHeld)
		})
	}
}

func TestStream_changedRetentionTakesEffectAtOnce(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{MinRetention: -1}})
	for i := range 5 {
		mustPut(t, s, "k", fmt.Sprint(i))
		clock.Advance(time.Hour)
	}
	require.NoError(t, setRetention(s, 3*time.Hour))
	assert.Equal(t, []string{"3", "4"}, readable(t, s, shard0), "the third is exactly three hours old")
	require.NoError(t, setRetention(s, 48*time.Hour))
	assert.Equal(t, []string{"3", "4"}, readable(t, s, shard0), "what had expired stays unreadable")
	clock.Advance(47*time.Hour - 1)
	assert.Equal(t, []string{"4"}, readable(t, s, shard0))
}

func TestStream_trimmedShardStaysUsable(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	old := mustPut(t, s, "k", "old")
	stale := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Next
	clock.Advance(24 * time.Hour)
	s.Trim()
	assert.Zero(t, s.Snapshot().MemoryBytes, "an empty shard takes no memory")
	s.Trim()
	fresh := mustPut(t, s, "k", "new")
	assert.Equal(t, old.SequenceNumber.Index()+1, fresh.SequenceNumber.Index())
	clock.Advance(-24 * time.Hour)
	for name, it := range map[string]weir.Iterator{
		"horizon": mustIterator(t, s, shard0, weir.TrimHorizon()),
		"trimmed": mustIterator(t, s, shard0, weir.AtSequence(old.SequenceNumber)),
		"after":   mustIterator(t, s, shard0, weir.AfterSequence(old.SequenceNumber)),
		"held":    stale,
	} {
		assert.Equal(t, []string{"new"}, dataOf(mustGet(t, s, it, 0).Records), name)
	}
}

func TestStream_putsReleaseWhatExpired(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited(), Settings: weir.Settings{Retention: time.Minute}})
	for range 100_000 {
		mustPut(t, s, "key", text(100))
		clock.Advance(6 * time.Millisecond)
	}
	snap := s.Snapshot()
	assert.EqualValues(t, 9_999, snap.RecordsHeld, "the last one is 6 ms old")
	assert.Less(t, snap.MemoryBytes, int64(10_000*111+3<<20))
}

// A shard that had vanished was forgotten with its records counted as held.
func TestStream_vanishedShardFreesMaxBytes(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 1000})
	mustPut(t, s, "k", text(900))
	children, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(25 * time.Hour)
	_, err = s.MergeShards(t.Context(), children[0], children[1])
	require.NoError(t, err)
	require.NoError(t, weir.CheckInvariants(s))
	mustPut(t, s, "k", text(900))
}

func TestStream_memoryIncludesWhatIsNotReleased(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited(), Settings: weir.Settings{Retention: time.Minute}})
	for range 1000 {
		mustPut(t, s, "key", text(1000))
	}
	before := s.Snapshot().MemoryBytes
	clock.Advance(30 * time.Second)
	mustPut(t, s, "key", text(1000))
	clock.Advance(30 * time.Second)
	snap := s.Snapshot()
	assert.EqualValues(t, 1, snap.RecordsHeld)
	assert.GreaterOrEqual(t, snap.MemoryBytes, before, "expired records are not released yet")
	s.Trim()
	assert.Less(t, s.Snapshot().MemoryBytes, before)
}

func TestStream_trimTo(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	var at []weir.Placed
	for i := range 6 {
		at = append(at, mustPut(t, s, "k", fmt.Sprint(i)))
		clock.Advance(time.Second)
	}
	old := mustIterator(t, s, shard0, weir.TrimHorizon())
	reader, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer reader.Close()

	require.NoError(t, s.TrimTo(at[2].SequenceNumber))
	assert.Equal(t, []string{"3", "4", "5"}, readable(t, s, shard0))
	assert.Equal(t, []string{"3", "4", "5"}, dataOf(mustGet(t, s, old, 0).Records), "an older iterator moves up")
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.AtSequence(at[0].SequenceNumber)), 1)
	assert.Equal(t, []string{"3"}, dataOf(b.Records))
	assert.Equal(t, 3*time.Second, reader.Age())
	require.NoError(t, s.TrimTo(at[1].SequenceNumber), "what is trimmed already stays so")
	assert.Len(t, readable(t, s, shard0), 3)
	snap := s.Snapshot()
	assert.EqualValues(t, 3, snap.BytesHeld/2)
	assert.Zero(t, snap.Total.DroppedRecords)
	assert.EqualValues(t, 6, snap.Total.IncomingRecords)

	batch, err := reader.TryNext()
	require.NoError(t, err)
	assert.Equal(t, []string{"3", "4", "5"}, dataOf(batch.Records))
	require.NoError(t, s.TrimTo(at[5].SequenceNumber))
	assert.Empty(t, readable(t, s, shard0))
	assert.Zero(t, s.Snapshot().MemoryBytes, "the block has gone with its last record")
	next := mustPut(t, s, "k", "6")
	assert.EqualValues(t, 7, next.SequenceNumber.Index())
	assert.Equal(t, []string{"6"}, readable(t, s, shard0))
}

func TestStream_trimToReleasesBlocks(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 100 << 20, Limits: weir.Unlimited()})
	stored, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1023)}, 90_000)
	require.NoError(t, err)
	require.Equal(t, 90_000, stored)
	_, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1023)}, 20_000)
	require.ErrorIs(t, err, weir.ErrMemoryFull)
	last := mustIterator(t, s, shard0, weir.Latest())
	require.NoError(t, s.TrimTo(recordAt(t, s, 90_000).SequenceNumber))
	assert.LessOrEqual(t, s.Snapshot().MemoryBytes, int64(14<<20))
	stored, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1023)}, 80_000)
	require.NoError(t, err, "what was trimmed makes room")
	assert.Equal(t, 80_000, stored)
	assert.Len(t, mustGet(t, s, last, 1).Records, 1)
}

// recordAt returns the record of shard 0 with an index.
func recordAt(t *testing.T, s *weir.Stream, index uint64) weir.Record {
	t.Helper()
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard0).ToTip()) {
		require.NoError(t, err)
		if r.SequenceNumber.Index() == index {
			return r
		}
	}
	require.FailNow(t, "there is no such record")
	return weir.Record{}
}

func TestStream_trimToNumbersOfAnyKind(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	for range 3 {
		mustPut(t, s, "k", "v")
	}
	later := newClock()
	later.Advance(time.Second)
	younger, err := weir.NewStream("younger", weir.Config{Shards: 2, Now: later.Now})
	require.NoError(t, err)
	foreign := younger.Shards()
	assert.ErrorIs(t, s.TrimTo(foreign[0].StartingSequenceNumber), weir.ErrInvalidSequenceNumber)
	assert.ErrorIs(t, s.TrimTo(foreign[1].StartingSequenceNumber), weir.ErrShardNotFound)
	assert.ErrorIs(t, s.TrimTo(weir.SequenceNumber{}), weir.ErrInvalidSequenceNumber)
	require.NoError(t, s.TrimTo(s.Shards()[0].StartingSequenceNumber))
	assert.Len(t, readable(t, s, shard0), 3, "the starting number is before all records")

	_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	ending := s.Shards()[0].EndingSequenceNumber
	require.NoError(t, s.TrimTo(ending))
	assert.Empty(t, readable(t, s, shard0), "the ending number is after all")
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	assert.Len(t, b.Children, 2, "a shard without records is there until it vanishes")
	clock.Advance(24 * time.Hour)
	_, err = s.Iterator(t.Context(), shard0, weir.TrimHorizon())
	require.ErrorIs(t, err, weir.ErrShardNotFound)
	assert.NoError(t, s.TrimTo(ending), "what has vanished is trimmed")
}

// Readers, a writer and a trimmer at once: a reader misses what is trimmed
// before it comes there, and nothing else.
func TestStream_trimToWhileInUse(t *testing.T) {
	const n = 50_000
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range n / 100 {
			_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte("data")}, 100)
			assert.NoError(t, err)
		}
	})
	for range 2 {
		wg.Go(func() {
			last := uint64(0)
			for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard0)) {
				if !assert.NoError(t, err) || !assert.Less(t, last, r.SequenceNumber.Index()) ||
					!assert.Equal(t, "data", string(r.Data)) {
					return
				}
				if last = r.SequenceNumber.Index(); last == n {
					return
				}
				if last%997 == 0 {
					assert.NoError(t, s.TrimTo(r.SequenceNumber))
				}
			}
		})
	}
	wg.Wait()
}

// tenYears is how far a clock goes ahead that is set back then.
const tenYears = 10 * 365 * 24 * time.Hour

// putAhead puts a record at a clock that is ten years ahead and sets it back.
func putAhead(t *testing.T, s *weir.Stream, clock *manualClock) {
	clock.Advance(tenYears)
	mustPut(t, s, "k", "ahead")
	clock.Advance(-tenYears)
}

// allData returns the data of all records that can be read.
func allData(t *testing.T, s *weir.Stream) (list []string) {
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		list = append(list, string(r.Data))
	}
	return list
}

// Arrivals never fall, so all that is put after the clock went ahead and back
// is stamped ten years ahead. It expires a day after the clock's reading at its
// put nevertheless, or a thousandth of that later.
func TestStream_clockThatWentAheadDoesNotKeepRecordsForYears(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	mustPut(t, s, "k", "before")
	putAhead(t, s, clock)
	var all []string
	for minute := range 25 * 60 {
		all = append(all, fmt.Sprint(minute, " ", text(10_000)))
		mustPut(t, s, "k", all[minute])
		clock.Advance(time.Minute)
	}
	snap := s.Snapshot()
	assert.InDelta(t, 24*60, snap.RecordsHeld, 4)
	assert.Less(t, snap.MemoryBytes, int64(24*60*10_000+4<<20))
	got := allData(t, s)
	assert.InDelta(t, 24*60, len(got), 4)
	assert.Equal(t, all[len(all)-len(got):], got, "the newest, in order")
	require.NoError(t, weir.CheckInvariants(s))

	clock.Advance(24*time.Hour - time.Minute - time.Nanosecond)
	s.Trim()
	assert.NotEmpty(t, allData(t, s), "the newest is not a day old")
	clock.Advance(2 * time.Minute)
	s.Trim()
	assert.Empty(t, allData(t, s))
	assert.Zero(t, s.Snapshot().RecordsHeld)
}

// A shard that nobody puts into is looked after by puts into others, as ever:
// what it holds expires a day after it was found to lie ahead.
func TestStream_idleShardAheadOfTheClockIsTrimmed(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 3, MaxBytes: 1 << 20, Limits: weir.Unlimited()})
	clock.Advance(tenYears)
	ranges := weir.EvenRanges(3)
	for i := range ranges {
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &ranges[i].Start, Data: []byte("ahead")})
		require.NoError(t, err)
	}
	_, err := s.MergeShards(t.Context(), 1, 2)
	require.NoError(t, err)
	clock.Advance(-tenYears)
	for range 26 * 60 {
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &ranges[0].Start, Data: []byte("now")})
		require.NoError(t, err)
		clock.Advance(time.Minute)
	}
	assert.NotContains(t, allData(t, s), "ahead")
}

// That is so after each step back of the clock, and with a single put.
func TestStream_clockThatIsSetBackTwiceLooksAfterIdleShards(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	ranges := weir.EvenRanges(2)
	put := func(shard int, data string) {
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &ranges[shard].Start, Data: []byte(data)})
		require.NoError(t, err)
	}
	clock.Advance(tenYears)
	put(0, "ahead")
	put(1, "ahead")
	for range 2 {
		clock.Advance(-tenYears / 3)
		put(0, "now")
	}
	clock.Advance(24*time.Hour + 2*time.Minute)
	s.Trim()
	assert.Empty(t, allData(t, s))
}

// A stream that is full gets room again when what lies ahead has expired.
func TestStream_fullStreamAheadOfTheClockGetsRoom(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 1000, Limits: weir.Unlimited()})
	clock.Advance(tenYears)
	_, err := s.PutRecord(t.Context(), "k", make([]byte, 900))
	require.NoError(t, err)
	clock.Advance(-tenYears)
	_, err = s.PutRecord(t.Context(), "k", make([]byte, 900))
	require.ErrorIs(t, err, weir.ErrMemoryFull)
	clock.Advance(24*time.Hour + 2*time.Minute)
	_, err = s.PutRecord(t.Context(), "k", make([]byte, 900))
	require.NoError(t, err)
}

// A caller that read the clock, was suspended over a weekend and puts then
// takes nothing from what was put since.
func TestStream_putByAnOldReadingExpiresNothing(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	clock.Advance(72 * time.Hour)
	mustPut(t, s, "k", "monday")
	clock.Advance(-72 * time.Hour)
	mustPut(t, s, "k", "read on friday")
	clock.Advance(72 * time.Hour)
	mustPut(t, s, "k", "monday too")
	s.Trim()
	assert.Equal(t, []string{"monday", "read on friday", "monday too"}, allData(t, s))
	clock.Advance(24*time.Hour - time.Nanosecond)
	assert.Len(t, allData(t, s), 3)
	clock.Advance(time.Nanosecond)
	assert.Empty(t, allData(t, s))
}

// Nor do two of them that slept for different times, if the clock was read as
// it is in between: what the first found does not count for the second.
func TestStream_putsByTwoOldReadingsExpireNothing(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	clock.Advance(96 * time.Hour)
	mustPut(t, s, "k", "monday")
	putBy := func(old time.Duration) {
		clock.Advance(-old)
		mustPut(t, s, "k", fmt.Sprint("slept for ", old))
		clock.Advance(old)
	}
	putBy(80 * time.Hour)
	mustPut(t, s, "k", "monday too")
	putBy(40 * time.Hour)
	assert.Len(t, allData(t, s), 4)
}

// A clock that is back by no more than a day, or is so again before what was
// put has expired, keeps it until a day after its arrival.
func TestStream_clockThatIsBackByADay(t *testing.T) {
	for _, c := range []struct {
		back time.Duration
		want []string
	}{
		{24 * time.Hour, []string{"ahead", "after"}},
		{48 * time.Hour, []string{"ahead", "after"}},
		{49 * time.Hour, nil},
	} {
		s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
		clock.Advance(72 * time.Hour)
		mustPut(t, s, "k", "ahead")
		clock.Advance(-c.back)
		mustPut(t, s, "k", "after")
		clock.Advance(24*time.Hour + 2*time.Minute)
		s.Trim()
		assert.Equal(t, c.want, allData(t, s), "%v", c.back)
	}
}
