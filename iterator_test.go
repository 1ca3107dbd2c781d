package weir_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// tenRecords returns a stream with the records 0 to 9, two a second.
func tenRecords(t *testing.T) (s *weir.Stream, clock *manualClock, numbers []weir.SequenceNumber) {
	s, clock = clocked(t, weir.Config{Limits: weir.Limits{ReadCallsPerSecond: -1}})
	for i := range 10 {
		numbers = append(numbers, mustPut(t, s, "k", fmt.Sprint(i)).SequenceNumber)
		clock.Advance(500 * time.Millisecond)
	}
	return s, clock, numbers
}

func TestPosition_canBeRead(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	n := mustPut(t, s, "k", "v").SequenceNumber
	saved := weir.Positions{n}
	for _, row := range []struct {
		p          weir.Position
		kind, text string
		number     weir.SequenceNumber
		at         time.Time
	}{
		{p: weir.Position{}, kind: "TRIM_HORIZON", text: "TRIM_HORIZON"},
		{p: weir.TrimHorizon().In(3), kind: "TRIM_HORIZON", text: "TRIM_HORIZON in shardId-000000000003"},
		{p: weir.Latest().ToTip(), kind: "LATEST", text: "LATEST to the tip"},
		{p: weir.AtTime(epoch.Add(1234567)), kind: "AT_TIMESTAMP", text: "AT_TIMESTAMP 2026-11-02T10:00:00.001Z", at: epoch.Add(time.Millisecond)},
		{p: weir.AtSequence(n).Strict(), kind: "AT_SEQUENCE_NUMBER", text: "AT_SEQUENCE_NUMBER " + n.String() + ", strict", number: n},
		{p: weir.AfterSequence(n).In(0).ToTip().Strict(), kind: "AFTER_SEQUENCE_NUMBER", number: n,
			text: "AFTER_SEQUENCE_NUMBER " + n.String() + " in shardId-000000000000 to the tip, strict"},
		{p: weir.Resume(nil, weir.Latest().In(1)), kind: "LATEST", text: "LATEST in shardId-000000000001"},
		{p: weir.Resume(saved, weir.Latest().In(1)), text: "positions " + n.String() + " in shardId-000000000001"},
		{p: weir.Resume(saved, weir.AfterSequence(n)), text: "positions " + n.String()},
	} {
		assert.Equal(t, row.kind, row.p.Kind(), row.text)
		assert.Equal(t, row.text, row.p.String())
		assert.Equal(t, row.number, row.p.Number(), row.text)
		assert.Equal(t, row.at, row.p.Time(), row.text)
	}
	kept := weir.Resume(saved, weir.Latest())
	saved[0] = weir.SequenceNumber{}
	assert.Equal(t, "positions "+n.String(), kept.String(), "it has its own")
}

// An iterator and a subscription stand at one place in one shard.
func TestPosition_ofReadersIsRefusedElsewhere(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2})
	mustRegister(t, s, "c")
	n := mustPut(t, s, "k", "v").SequenceNumber
	for text, from := range map[string]weir.Position{
		"position: TRIM_HORIZON to the tip is for readers":                               weir.TrimHorizon().ToTip(),
		"position: LATEST, strict is for readers":                                        weir.Latest().Strict(),
		"position: positions " + n.String() + " is for readers":                          weir.Resume(weir.Positions{n}, weir.Latest()),
		"position: LATEST in shardId-000000000001 is not in " + weir.ShardID(0).String(): weir.Latest().In(1),
	} {
		_, err := s.Iterator(t.Context(), 0, from)
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.EqualError(t, err, text)
		_, err = s.Subscribe(t.Context(), "c", 0, from)
		assert.EqualError(t, err, text)
	}
	mustIterator(t, s, 1, weir.Latest().In(1))
	mustSubscribe(t, s, "c", 1, weir.Latest().In(1))
}

func TestBatch_continuesWhereItEnded(t *testing.T) {
	s, _, numbers := tenRecords(t)
	page := mustGet(t, s, mustIterator(t, s, shard0, weir.AfterSequence(numbers[3])), 2)
	assert.Equal(t, weir.AfterSequence(numbers[5]), page.Continue)
	assert.Equal(t, shard0, page.Shard)
	page = mustGet(t, s, mustIterator(t, s, shard0, page.Continue), 0)
	assert.Equal(t, []string{"6", "7", "8", "9"}, dataOf(page.Records))
	page = mustGet(t, s, mustIterator(t, s, shard0, page.Continue), 0)
	assert.Empty(t, page.Records)
	assert.Equal(t, weir.AfterSequence(numbers[9]), page.Continue, "nothing was read")
	assert.False(t, page.Last)
	children, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	for range 2 {
		page = mustGet(t, s, mustIterator(t, s, shard0, page.Continue), 0)
		assert.Equal(t, weir.AfterSequence(s.Shards()[0].EndingSequenceNumber), page.Continue)
		assert.True(t, page.Last)
		assert.True(t, page.Next.IsZero())
		assert.Len(t, page.Children, 2, "who reads on from the end learns them again")
	}
	r, err := s.NewReader("", page.Continue.In(shard0))
	require.NoError(t, err)
	b, err := r.TryNext()
	require.NoError(t, err)
	assert.Equal(t, page.Batch, b)
	mustRegister(t, s, "c")
	assert.Equal(t, page.Batch, mustNext(t, mustSubscribe(t, s, "c", shard0, page.Continue)))
	assert.Equal(t, children[0], b.Children[0].ID)
}

// A stream that was loaded has indexes without records, which must not be
// counted as visible, as lost or as waiting to be read.
func TestStream_countsNoIndexesWithoutRecords(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	first := putMany(t, s, "old", 3)[0]
	var saved bytes.Buffer
	require.NoError(t, s.Save(&saved))
	s, err := weir.LoadStream(&saved, weir.Config{Now: clock.Now, GetRecordsDelay: time.Second, FanOutDelay: time.Second})
	require.NoError(t, err)
	putMany(t, s, "new", 2)
	clock.Advance(time.Second)
	hidden := putMany(t, s, "hidden", 1)[0]
	require.Greater(t, hidden.Index(), first.Index()+1000, "the test needs a gap")

	want := []string{"old0", "old1", "old2", "new0", "new1"}
	assert.Equal(t, want, dataOf(mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records))
	mustRegister(t, s, "c")
	assert.Equal(t, want, dataOf(mustNext(t, mustSubscribe(t, s, "c", shard0, weir.TrimHorizon())).Records))

	r, err := s.NewReader("", weir.AfterSequence(first).In(shard0))
	require.NoError(t, err)
	records, bytes := r.Behind()
	assert.EqualValues(t, 5, records)
	assert.EqualValues(t, 5+4*4+7, bytes)
	require.NoError(t, s.TrimTo(hidden))
	assert.EqualValues(t, 5, r.Lost())
	_, err = r.TryNext()
	require.NoError(t, err)
	assert.EqualValues(t, 5, r.Lost())
}

func TestStream_positions(t *testing.T) {
	s, _, numbers := tenRecords(t)
	sh := s.Shards()[0]
	second := func(n float64) time.Time { return epoch.Add(time.Duration(n * float64(time.Second))) }
	for _, c := range []struct {
		from  weir.Position
		first string // of what is read; empty at the tip
	}{
		{weir.Position{}, "0"},
		{weir.TrimHorizon(), "0"},
		{weir.Latest(), ""},
		{weir.AtSequence(sh.StartingSequenceNumber), "0"},
		{weir.AfterSequence(sh.StartingSequenceNumber), "0"},
		{weir.AtSequence(numbers[0]), "0"},
		{weir.AfterSequence(numbers[0]), "1"},
		{weir.AtSequence(numbers[9]), "9"},
		{weir.AfterSequence(numbers[9]), ""},
		{weir.AtTime(time.Time{}), "0"},
		{weir.AtTime(epoch.Add(-8760 * time.Hour)), "0"},
		{weir.AtTime(epoch), "0"},
		{weir.AtTime(epoch.Add(time.Millisecond)), "1"},
		{weir.AtTime(epoch.Add(time.Millisecond - 1)), "0"}, // to the millisecond
		{weir.AtTime(second(0.5)), "1"},
		{weir.AtTime(second(0.501)), "2"},
		{weir.AtTime(second(4.5)), "9"},
		{weir.AtTime(second(4.501)), ""},
		{weir.AtTime(second(5)), ""},
	} {
		b := mustGet(t, s, mustIterator(t, s, shard0, c.from), 1)
		first := ""
		if len(b.Records) > 0 {
			first = string(b.Records[0].Data)
		}
		assert.Equal(t, c.first, first, "%v", c.from)
	}
	for _, at := range []time.Time{second(5.001), second(65), time.Unix(1<<40, 0)} {
		_, err := s.Iterator(t.Context(), shard0, weir.AtTime(at))
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, "in the future")
	}
}

func TestStream_iteratorIsReusable(t *testing.T) {
	s, _, _ := tenRecords(t)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	assert.Len(t, mustGet(t, s, it, 0).Records, 10)
	mustPut(t, s, "k", "10")
	assert.Len(t, mustGet(t, s, it, 0).Records, 11, "those that arrived meanwhile included")
	tip := mustIterator(t, s, shard0, weir.Latest())
	empty := mustGet(t, s, tip, 0)
	assert.Empty(t, empty.Records)
	mustPut(t, s, "k", "11")
	for _, it := range []weir.Iterator{tip, empty.Next} {
		assert.Equal(t, []string{"11"}, dataOf(mustGet(t, s, it, 0).Records))
	}
}

func TestStream_nextIteratorLivesAnew(t *testing.T) {
	s, clock, _ := tenRecords(t)
	it := mustIterator(t, s, shard0, weir.Latest())
	for range 5 {
		clock.Advance(300 * time.Second)
		it = mustGet(t, s, it, 0).Next
		assert.Equal(t, clock.Now(), it.IssuedAt())
		assert.Equal(t, shard0, it.ShardID())
	}
}

func TestStream_millisBehindLatest(t *testing.T) {
	s, clock, _ := tenRecords(t)
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 1)
	assert.Equal(t, 5*time.Second, b.Behind)
	b = mustGet(t, s, b.Next, 8)
	assert.Equal(t, time.Second, b.Behind)
	clock.Advance(time.Minute)
	b = mustGet(t, s, b.Next, 1)
	assert.Zero(t, b.Behind, "caught up, however old the record is")
	b = mustGet(t, s, b.Next, 1)
	assert.Zero(t, b.Behind)
}

func TestStream_numberBeyondTheNewestIsAPlaceToWaitFor(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	third := func() weir.SequenceNumber {
		twin, _ := clocked(t, weir.Config{})
		mustPut(t, twin, "k", "")
		mustPut(t, twin, "k", "")
		return mustPut(t, twin, "k", "").SequenceNumber
	}()
	it := mustIterator(t, s, shard0, weir.AtSequence(third))
	for i := range 4 {
		want := []string{}
		if i == 3 {
			want = []string{"2"}
		}
		b := mustGet(t, s, it, 0)
		assert.Equal(t, want, dataOf(b.Records))
		it = b.Next
		mustPut(t, s, "k", fmt.Sprint(i))
	}
}

func TestStream_endOfAClosedShard(t *testing.T) {
	s, _, numbers := tenRecords(t)
	before := mustIterator(t, s, shard0, weir.Latest())
	beyond := mustIterator(t, s, shard0, weir.AfterSequence(numbers[9]))
	_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	ending := s.Shards()[0].EndingSequenceNumber
	for name, it := range map[string]weir.Iterator{
		"held": before, "after the last": beyond,
		"latest":     mustIterator(t, s, shard0, weir.Latest()),
		"the ending": mustIterator(t, s, shard0, weir.AtSequence(ending)),
		"after it":   mustIterator(t, s, shard0, weir.AfterSequence(ending)),
	} {
		b := mustGet(t, s, it, 0)
		assert.Empty(t, b.Records, name)
		assert.True(t, b.Next.IsZero(), name)
		require.Len(t, b.Children, 2, name)
	}
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 9)
	assert.False(t, b.Next.IsZero())
	assert.Empty(t, b.Children)
	b = mustGet(t, s, b.Next, 0)
	assert.Equal(t, []string{"9"}, dataOf(b.Records), "records may come with the end")
	assert.True(t, b.Next.IsZero())
	assert.Equal(t, s.Shards()[1:], b.Children)

	// What callers are given is theirs.
	b.Children[0].Parents[0] = 99
	s.Shards()[1].Parents[0] = 99
	assert.Equal(t, []weir.ShardID{0}, s.Shards()[1].Parents)
	assert.Equal(t, []weir.ShardID{0}, s.Shards()[2].Parents)
}

func TestRecord_dataIsAViewThatStaysValid(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 10_000, WhenFull: weir.DropOldest})
	mustPut(t, s, "first", "first data")
	mustPut(t, s, "second", "second data")
	records := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records
	first := records[0]
	assert.Equal(t, len(first.Data), cap(first.Data), "append must not reach the next record")
	_ = append(first.Data, "overwritten"...)
	again := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records
	assert.Equal(t, []string{"first data", "second data"}, dataOf(again))
	assert.Same(t, unsafe.SliceData(first.Data), unsafe.SliceData(again[0].Data), "no copy was made")

	for range 500 { // these push both out
		mustPut(t, s, "other", text(500))
		clock.Advance(time.Second)
	}
	clock.Advance(48 * time.Hour)
	s.Trim()
	assert.Equal(t, "first", first.PartitionKey)
	assert.Equal(t, []string{"first data", "second data"}, dataOf(records))
}

func TestRecord_cloneSharesNoMemory(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	put := mustPut(t, s, "key", "data")
	r := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records[0]
	c := r.Clone()
	assert.Equal(t, r, c)
	assert.Equal(t, weir.Record{
		SequenceNumber: put.SequenceNumber, PartitionKey: "key", Data: []byte("data"), ArrivalTime: epoch}, c)
	assert.NotSame(t, unsafe.SliceData(r.Data), unsafe.SliceData(c.Data))
	assert.NotSame(t, unsafe.StringData(r.PartitionKey), unsafe.StringData(c.PartitionKey))
	c.Data[0] = 'X'
	assert.Equal(t, "data", string(r.Data))
	assert.Equal(t, 7, r.Size())
	assert.Equal(t, shard0, r.ShardID())
}

func TestStream_putCopiesItsData(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	data := []byte("data")
	_, err := s.PutRecord(t.Context(), "k", data)
	require.NoError(t, err)
	_, err = s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k", Data: data}})
	require.NoError(t, err)
	copy(data, "XXXX")
	assert.Equal(t, []string{"data", "data"}, readable(t, s, shard0))
}

func TestStream_emptyDataComesBackEmpty(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	mustPut(t, s, "k", "")
	r := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records[0]
	assert.NotNil(t, r.Data)
	assert.Empty(t, r.Data)
	assert.NotNil(t, r.Clone().Data)
}

func TestStream_appendRecordsKeepsWhatIsThere(t *testing.T) {
	s, _, _ := tenRecords(t)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	b, err := s.AppendRecords(t.Context(), nil, it, 3)
	require.NoError(t, err)
	b, err = s.AppendRecords(t.Context(), b.Records, b.Next, 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1", "2", "3", "4", "5"}, dataOf(b.Records))
	assert.Equal(t, 2500*time.Millisecond, b.Behind)
	dst := b.Records[:0]
	allocations := testing.AllocsPerRun(100, func() {
		b, err := s.AppendRecords(t.Context(), dst, it, 6)
		if err != nil || len(b.Records) != 6 {
			panic("no records")
		}
	})
	assert.Zero(t, allocations)
}

func TestStream_iteratorAge(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	it := mustIterator(t, s, shard0, weir.Latest())
	age := func(it weir.Iterator) time.Duration {
		t.Helper()
		d, err := it.Age()
		require.NoError(t, err)
		return d
	}
	clock.Advance(time.Hour)
	assert.Zero(t, age(it), "there is no record")
	mustPut(t, s, "k", "a")
	assert.Zero(t, age(it), "it arrived just now")
	clock.Advance(time.Minute + time.Microsecond)
	mustPut(t, s, "k", "b")
	assert.Equal(t, time.Minute, age(it), "whole milliseconds")
	for range 20 { // more calls than GetRecords may be called a second
		assert.Equal(t, time.Minute, age(mustIterator(t, s, shard0, weir.TrimHorizon())))
	}
	fresh := mustIterator(t, s, shard0, weir.TrimHorizon())
	next := mustGet(t, s, fresh, 1).Next
	assert.Zero(t, age(next), "b arrived just now")
	clock.Advance(22 * time.Hour)
	assert.Equal(t, 22*time.Hour, age(next))
	_, err := s.GetRecords(t.Context(), next, 1)
	require.ErrorIs(t, err, weir.ErrIteratorExpired)
	clock.Advance(2*time.Hour - time.Minute)
	assert.Equal(t, 24*time.Hour-time.Minute, age(it), "a has expired, b is the oldest")
	clock.Advance(time.Minute)
	assert.Zero(t, age(it), "all has expired")
}

func TestStream_iteratorAgeRefusals(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	_, err := weir.Iterator{}.Age()
	assert.ErrorIs(t, err, weir.ErrInvalidIterator)
	_, err = s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(24 * time.Hour)
	_, err = it.Age()
	assert.ErrorIs(t, err, weir.ErrShardNotFound)
}

func TestStream_iteratorExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		it := mustIterator(t, s, shard0, weir.TrimHorizon())
		time.Sleep(weir.ServiceLimits().IteratorLifetime)
		mustGet(t, s, it, 1)
		time.Sleep(time.Nanosecond)
		_, err := s.GetRecords(t.Context(), it, 1)
		require.ErrorIs(t, err, weir.ErrIteratorExpired)
	})
}
