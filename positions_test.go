package weir_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// progress returns what positions say of the first n shards.
func progress(p weir.Positions, n int) (list []string) {
	for id := range n {
		list = append(list, howFar(p, weir.ShardID(id)))
	}
	return list
}

// howFar returns what positions say of a shard in words.
func howFar(p weir.Positions, id weir.ShardID) string {
	switch n, finished := p.Of(id); {
	case finished:
		return "finished"
	case n.IsZero():
		return "not begun"
	default:
		return "begun"
	}
}

// A shard that is not begun can be told from one that is finished at every step
// of the way over a split and a merge.
func TestPositions_tellHowFarAShardWasRead(t *testing.T) {
	const waits, begun, done = "not begun", "begun", "finished"
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
	put := func(shard weir.ShardID) weir.SequenceNumber {
		start := s.Shards()[shard].HashKeyRange.Start
		r, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &start})
		require.NoError(t, err)
		return r.SequenceNumber
	}
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	read := func() weir.Positions {
		b, err := r.TryNext()
		require.NoError(t, err)
		records := b.Records
		require.Len(t, records, 1)
		p := r.Positions()
		again, err := weir.ParsePositions(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		return p
	}
	requireOf := func(p weir.Positions, shard weir.ShardID, want weir.SequenceNumber) {
		t.Helper()
		n, _ := p.Of(shard)
		require.Equal(t, want.String(), n.String())
	}
	requireOf(r.Positions(), 0, s.Shards()[0].StartingSequenceNumber)

	in0 := put(0)
	_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	in1, in2 := put(1), put(2)
	_, err = s.MergeShards(t.Context(), 1, 2)
	require.NoError(t, err)
	in3 := put(3)

	p := read()
	assert.Equal(t, []string{begun, waits, waits, waits}, progress(p, 4))
	requireOf(p, 0, in0)
	p = read()
	assert.Equal(t, []string{done, begun, begun, waits}, progress(p, 4))
	requireOf(p, 0, s.Shards()[0].EndingSequenceNumber)
	requireOf(p, 1, in1)
	requireOf(p, 2, s.Shards()[2].StartingSequenceNumber)
	requireOf(p, 3, weir.SequenceNumber{})
	p = read()
	assert.Equal(t, []string{done, begun, begun, waits}, progress(p, 4))
	requireOf(p, 2, in2)
	p = read()
	assert.Equal(t, []string{done, done, done, begun}, progress(p, 4))
	requireOf(p, 3, in3)
	assert.Equal(t, []string{waits, waits}, progress(nil, 2))

	_, err = s.SplitShard(t.Context(), 3, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	assert.Equal(t, []string{done, done, done, begun, waits, waits}, progress(r.Positions(), 6),
		"its end was not met yet")
	b, err := r.TryNext()
	require.NoError(t, err)
	records := b.Records
	require.Empty(t, records)
	assert.Equal(t, []string{done, done, done, done, begun, begun}, progress(r.Positions(), 6))
}

// One parent of a merge is finished while the other one is being read.
func TestPositions_mergeThatWaits(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	half := weir.HashKey{Hi: 1 << 63}
	for range 300 { // more than a reader takes at once
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &half})
		require.NoError(t, err)
	}
	_, err := s.MergeShards(t.Context(), 0, 1)
	require.NoError(t, err)
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	_, err = r.TryNext()
	require.NoError(t, err)
	assert.Equal(t, []string{"finished", "begun", "not begun"}, progress(r.Positions(), 3))
	again, err := s.NewReader("", weir.Resume(r.Positions(), weir.TrimHorizon()))
	require.NoError(t, err)
	defer again.Close()
	assert.Equal(t, []string{"finished", "begun", "not begun"}, progress(again.Positions(), 3))
}

// What was closed before the place where reading began counts as finished.
func TestPositions_readerThatBeginsLate(t *testing.T) {
	for _, from := range []string{"latest", "time"} {
		s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
		_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		_, err = s.MergeShards(t.Context(), 1, 2)
		require.NoError(t, err)
		clock.Advance(time.Minute)
		at := weir.Latest()
		if from == "time" {
			at = weir.AtTime(clock.Now())
		}
		r, err := s.NewReader("", at)
		require.NoError(t, err)
		assert.Equal(t, []string{"finished", "finished", "finished", "begun"}, progress(r.Positions(), 4), from)
		r.Close()
	}
}

func TestPositions_ofOneShard(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
	at := mustPut(t, s, "k", "v")
	r, err := s.NewReader("", weir.TrimHorizon().In(0))
	require.NoError(t, err)
	defer r.Close()
	_, err = r.TryNext()
	require.NoError(t, err)
	assert.Equal(t, weir.Positions{at.SequenceNumber}, r.Positions())
	_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	b, err := r.TryNext()
	require.NoError(t, err)
	assert.True(t, b.Last)
	_, err = r.TryNext()
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, []string{"finished", "not begun"}, progress(r.Positions(), 2))
}

// Positions saved before finished shards were part of them resume as ever.
func TestPositions_withoutTheFinishedShards(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
	mustPut(t, s, "k", "old")
	_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	mustPut(t, s, "k", "new")
	shards := s.Shards()
	r, err := s.NewReader("", weir.Resume(weir.Positions{shards[1].StartingSequenceNumber, shards[2].StartingSequenceNumber}, weir.TrimHorizon()))
	require.NoError(t, err)
	defer r.Close()
	assert.Equal(t, []string{"finished", "begun", "begun"}, progress(r.Positions(), 3))
	b, err := r.TryNext()
	require.NoError(t, err)
	records := b.Records
	assert.Equal(t, []string{"new"}, dataOf(records))
}

// Over any history what positions say of the shards agrees with itself: a shard
// is begun or finished exactly if all its parents are finished or have
// vanished.
func TestPositions_agreeOverRandomResharding(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 6))
		s, clock := clocked(t, weir.Config{Shards: 1 + random.IntN(3), Limits: weir.Unlimited()})
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		last := map[weir.ShardID]uint64{}
		for range 80 {
			switch random.IntN(8) {
			case 0, 1, 2:
				mustPut(t, s, fmt.Sprint(random.IntN(12)), "v")
			case 3, 4:
				reshardAtRandom(t, s, random)
			case 5:
				clock.Advance(time.Duration(random.IntN(9)) * time.Hour)
			case 6:
				b, err := r.TryNext()
				require.NoError(t, err)
				records := b.Records
				for _, record := range records {
					last[record.ShardID()] = record.SequenceNumber.Index()
				}
			case 7:
				r = resumed(t, s, r)
			}
			p, shards := r.Positions(), s.Shards()
			for _, d := range shards {
				n, _ := p.Of(d.ID)
				waits := slices.ContainsFunc(d.Parents, func(id weir.ShardID) bool {
					far := howFar(p, id)
					return far == "begun" || far == "not begun" && !anyVanished([]weir.ShardID{id}, shards)
				})
				switch howFar(p, d.ID) {
				case "not begun":
					require.Zero(t, last[d.ID], "seed %d, %v", seed, d.ID)
					if !waits { // the reader is on its way through shards that have vanished
						require.True(t, anyVanished(d.Parents, shards), "seed %d, %v", seed, d.ID)
					}
				case "begun":
					require.False(t, waits, "seed %d, %v", seed, d.ID)
					require.GreaterOrEqual(t, n.Index(), last[d.ID], "seed %d, %v", seed, d.ID)
				default:
					require.False(t, waits, "seed %d, %v", seed, d.ID)
					require.Equal(t, d.EndingSequenceNumber, n, "seed %d, %v", seed, d.ID)
				}
			}
		}
	}
}

// anyVanished reports whether one of some shards is not listed.
func anyVanished(ids []weir.ShardID, shards []weir.Shard) bool {
	return slices.ContainsFunc(ids, func(id weir.ShardID) bool {
		return !slices.ContainsFunc(shards, func(d weir.Shard) bool { return d.ID == id })
	})
}

// The retention was looked at once for each position and once more for the
// shards that follow. If it was shortened in between, a shard was read on that
// had vanished for its children: they were begun at once, and again at its end.
func TestStream_resumesBesideAShorterRetention(t *testing.T) {
	const shards = 1000
	for i := range 20 {
		s, clock := clocked(t, weir.Config{Shards: shards, Limits: weir.Unlimited(), Settings: weir.Settings{Retention: 48 * time.Hour}})
		var positions weir.Positions
		for _, d := range s.Shards() {
			positions = append(positions, d.StartingSequenceNumber)
		}
		_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: s.Shards()[0].HashKeyRange.End.Hi / 2})
		require.NoError(t, err)
		clock.Advance(30 * time.Hour)
		_, err = s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: new(weir.HashKey)})
		require.NoError(t, err)

		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, setRetention(s, 24*time.Hour)) })
		for range i * 500 {
			s.Settings()
		}
		r, err := s.NewReader("", weir.Resume(positions, weir.TrimHorizon()))
		require.NoError(t, err)
		wg.Wait()
		var got int
		for more := true; more; {
			b, err := r.TryNext()
			require.NoError(t, err)
			got += len(b.Records)
			more = len(b.Records) > 0
		}
		assert.Equal(t, 1, got, "times that the record was given")
		r.Close()
	}
}

// Saved positions first, else another place.
func TestReader_continuesOrBegins(t *testing.T) {
	for _, test := range []struct {
		saved int // records that were read
		from  weir.Position
		want  []string
	}{
		{0, weir.TrimHorizon(), []string{"0", "1", "2"}},
		{0, weir.Latest(), []string{"2"}},
		{1, weir.Latest(), []string{"1", "2"}},
	} {
		s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
		var saved weir.Positions
		for i := range 2 {
			if at := mustPut(t, s, "k", strconv.Itoa(i)); i < test.saved {
				saved = weir.Positions{at.SequenceNumber}
			}
		}
		r, err := s.NewReader("", weir.Resume(saved, test.from))
		require.NoError(t, err)
		mustPut(t, s, "k", "2")
		b, err := r.TryNext()
		require.NoError(t, err)
		records := b.Records
		assert.Equal(t, test.want, dataOf(records))
		r.Close()
	}
}

func TestStream_trimToPositions(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	upper := weir.HashKey{Hi: 1 << 63}
	var low, high []weir.SequenceNumber
	for i := range 4 {
		a, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte(strconv.Itoa(i)), ExplicitHashKey: new(weir.HashKey)})
		require.NoError(t, err)
		b, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte(strconv.Itoa(i)), ExplicitHashKey: &upper})
		require.NoError(t, err)
		low, high = append(low, a.SequenceNumber), append(high, b.SequenceNumber)
	}
	left := func() []int { return []int{len(readable(t, s, 0)), len(readable(t, s, 1))} }

	require.NoError(t, s.TrimToPositions())
	require.NoError(t, s.TrimToPositions(weir.Positions{low[3], high[3]}, nil))
	require.NoError(t, s.TrimToPositions(weir.Positions{low[3]}, weir.Positions{high[3]}))
	assert.Equal(t, []int{4, 4}, left(), "none is begun by all")
	require.NoError(t, s.TrimToPositions(weir.Positions{low[2], high[0]}, weir.Positions{high[1], low[1]}))
	assert.Equal(t, []int{2, 3}, left(), "up to the least position")
	require.NoError(t, s.TrimToPositions(weir.Positions{low[0], high[0]}))
	assert.Equal(t, []int{2, 3}, left(), "what is trimmed stays so")
	require.NoError(t, s.TrimToPositions(weir.Positions{s.Shards()[0].StartingSequenceNumber, high[1]}))
	assert.Equal(t, []int{2, 2}, left())

	for _, bad := range []weir.Positions{{low[3], low[2]}, {high[3], {}}} {
		assert.Error(t, s.TrimToPositions(weir.Positions{low[3], high[3]}, bad))
		assert.Error(t, s.TrimToPositions(bad))
	}
	assert.Equal(t, []int{2, 2}, left(), "an error trims nothing")
}

// Shards that all have finished are trimmed entirely, though the positions that
// tell it are of what follows them; shards that one has not begun are not
// trimmed.
func TestStream_trimToPositionsOverASplit(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	for i := range 3 {
		mustPut(t, s, "k", strconv.Itoa(i))
	}
	slow, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer slow.Close()
	_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	child := mustPut(t, s, "k", "3").ShardID
	quick, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer quick.Close()
	for range 2 {
		_, err = quick.TryNext()
		require.NoError(t, err)
	}
	require.Equal(t, "finished", progress(quick.Positions(), 1)[0])
	left := func() []int { return []int{len(readable(t, s, 0)), len(readable(t, s, child))} }

	require.NoError(t, s.TrimToPositions(quick.Positions(), slow.Positions()))
	assert.Equal(t, []int{3, 1}, left())
	_, err = slow.TryNext()
	require.NoError(t, err)
	require.NoError(t, s.TrimToPositions(quick.Positions(), slow.Positions()))
	assert.Equal(t, []int{0, 1}, left())
	b, err := slow.TryNext()
	require.NoError(t, err)
	records := b.Records
	assert.Equal(t, []string{"3"}, dataOf(records))
	clock.Advance(25 * time.Hour)
	s.Trim()
	require.NoError(t, s.TrimToPositions(quick.Positions(), slow.Positions()), "a parent that has vanished")
}

// Positions that were saved before finished shards were part of them tell it by
// the shards that they have begun.
func TestStream_trimToPositionsWithoutTheFinishedShards(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
	mustPut(t, s, "k", "grandparent")
	children, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	parent := mustPut(t, s, "k", "parent").ShardID
	child, err := s.MergeShards(t.Context(), children[0], children[1])
	require.NoError(t, err)
	mustPut(t, s, "k", "child")
	require.NoError(t, s.TrimToPositions(weir.Positions{s.Shards()[child].StartingSequenceNumber}))
	assert.Empty(t, readable(t, s, 0))
	assert.Empty(t, readable(t, s, parent))
	assert.Equal(t, []string{"child"}, readable(t, s, child))
}

// Readers that trim to what both have read miss nothing, and what both have
// read is gone.
func TestStream_trimToPositionsWhileReading(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 7))
		s, _ := clocked(t, weir.Config{Shards: 1 + random.IntN(3), Limits: weir.Unlimited()})
		var readers [2]*weir.Reader
		var read [2]map[weir.SequenceNumber]bool
		var next [2]map[string]int
		for i := range readers {
			r, err := s.NewReader("", weir.TrimHorizon())
			require.NoError(t, err)
			readers[i], read[i], next[i] = r, map[weir.SequenceNumber]bool{}, map[string]int{}
		}
		take := func(i int) bool {
			b, err := readers[i].TryNext()
			require.NoError(t, err)
			records := b.Records
			for _, record := range records {
				require.Equal(t, strconv.Itoa(next[i][record.PartitionKey]), string(record.Data), "seed %d", seed)
				next[i][record.PartitionKey]++
				read[i][record.SequenceNumber] = true
			}
			return len(records) > 0
		}
		put := map[string]int{}
		trim := func() {
			require.NoError(t, s.TrimToPositions(readers[0].Positions(), readers[1].Positions()))
			for _, record := range allRecords(t, s) {
				require.False(t, read[0][record.SequenceNumber] && read[1][record.SequenceNumber], "seed %d", seed)
			}
		}
		for range 100 {
			switch random.IntN(8) {
			case 0, 1, 2:
				key := fmt.Sprint(random.IntN(12))
				mustPut(t, s, key, strconv.Itoa(put[key]))
				put[key]++
			case 3:
				reshardAtRandom(t, s, random)
			case 4, 5:
				take(random.IntN(2))
			case 6:
				i := random.IntN(2)
				readers[i] = resumed(t, s, readers[i])
			case 7:
				trim()
			}
		}
		for i := range readers {
			for take(i) {
			}
			require.Equal(t, put, next[i], "seed %d", seed)
		}
		trim()
		require.Empty(t, allRecords(t, s), "seed %d", seed)
	}
}

func TestReader_returnsARecordAgainByItsIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		first := mustPut(t, s, "k", "first")
		time.Sleep(time.Hour)
		mustPut(t, s, "k", "second")
		r, err := s.NewReader("", weir.TrimHorizon().Unseen())
		require.NoError(t, err)
		defer r.Close()
		again := func(shard weir.ShardID, index uint64) (string, error) {
			list, err := r.AppendRecord(nil, shard, index)
			if err != nil {
				assert.Empty(t, list)
				return "", err
			}
			require.Len(t, list, 1)
			assert.Equal(t, index, list[0].SequenceNumber.Index())
			return string(list[0].Data), nil
		}
		for range 2 {
			text, err := again(shard0, 1)
			require.NoError(t, err)
			assert.Equal(t, "first", text)
		}
		oldest, ok := r.Oldest(shard0)
		assert.True(t, ok)
		assert.EqualValues(t, 1, oldest)
		_, err = again(shard0, 3)
		assert.ErrorIs(t, err, weir.ErrRecordsLost, "not put yet")
		_, err = again(shard0+1, 1)
		assert.ErrorIs(t, err, weir.ErrRecordsLost, "no such shard")
		_, ok = r.Oldest(shard0 + 1)
		assert.False(t, ok)
		time.Sleep(23 * time.Hour)
		_, err = again(shard0, 1)
		var lost *weir.RecordsLostError
		require.ErrorAs(t, err, &lost)
		assert.Equal(t, first.SequenceNumber.WithIndex(1), lost.From)
		text, err := again(shard0, 2)
		require.NoError(t, err)
		assert.Equal(t, "second", text)
		oldest, _ = r.Oldest(shard0)
		assert.EqualValues(t, 2, oldest)
	})
}

func TestReader_changesWhenThereIsMore(t *testing.T) {
	s := newStream(t, weir.Config{})
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	changes := r.Changes()
	select {
	case <-changes:
		assert.Fail(t, "nothing was put")
	default:
	}
	mustPut(t, s, "k", "data")
	<-changes
	assert.Nil(t, (*weir.Reader)(nil).Changes())
}

func TestPosition_unseenIsNoPartOfMetrics(t *testing.T) {
	s := newStream(t, weir.Config{})
	mustPut(t, s, "k", "data")
	r, err := s.NewReader("name", weir.TrimHorizon().Unseen())
	require.NoError(t, err)
	defer r.Close()
	b, err := r.TryNext()
	require.NoError(t, err)
	require.Len(t, b.Records, 1)
	snap := s.Snapshot()
	assert.Empty(t, snap.Readers)
	assert.Zero(t, snap.Total.OutgoingRecords)
	_, err = s.Iterator(t.Context(), shard0, weir.TrimHorizon().Unseen())
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestSequenceNumber_withAnIndexIsAPosition(t *testing.T) {
	s := newStream(t, weir.Config{})
	at := mustPut(t, s, "k", "first").SequenceNumber
	mustPut(t, s, "k", "second")
	n := at.WithIndex(2)
	assert.EqualValues(t, 2, n.Index())
	assert.Equal(t, shard0, n.Shard())
	r, err := s.NewReader("", weir.AtSequence(n).In(shard0))
	require.NoError(t, err)
	defer r.Close()
	b, err := r.TryNext()
	require.NoError(t, err)
	require.Len(t, b.Records, 1)
	assert.Equal(t, "second", string(b.Records[0].Data))
	assert.Equal(t, at, at.WithIndex(1<<63-1), "beyond all indexes")
	assert.Zero(t, weir.SequenceNumber{}.WithIndex(1))
}

// What was fetched is read though the disk has gone since, and is where the
// reader was; what cannot be fetched moves nothing.
func TestReader_fetchesBeforeItReads(t *testing.T) {
	s := newSpilled(t, 3, 300)
	r, err := s.NewReader("r", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	s.failReads(yes)
	isReadError(t, r.Fetch())
	s.failReads(no)
	read, fetched := make(map[weir.ShardID][]string), 0
	for {
		if r.OnDisk() {
			require.NoError(t, r.Fetch())
			require.False(t, r.OnDisk())
			require.NoError(t, r.Fetch(), "again")
			fetched++
		}
		s.failReads(yes)
		b, err := r.TryNext()
		require.NoError(t, err)
		s.failReads(no)
		if len(b.Records) == 0 {
			break
		}
		for i := range b.Records {
			read[b.Shard] = append(read[b.Shard], string(b.Records[i].Data))
		}
	}
	assert.Greater(t, fetched, 10)
	for shard := range weir.ShardID(3) {
		assert.Equal(t, firsts(shard, 300), read[shard])
		assert.False(t, r.RecordOnDisk(shard, 300), "the newest")
		assert.True(t, r.RecordOnDisk(shard, 1))
	}
	assert.False(t, r.RecordOnDisk(7, 1), "there is no such shard")
}
