package weir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// A tally counts what is put into a stream, shard by shard.
type tally struct {
	s   *weir.Stream
	put map[weir.ShardID]int
	all []weir.SequenceNumber
}

func (n *tally) mustPut(t *testing.T, key string) {
	at := mustPut(t, n.s, key, "0123456789")
	n.put[at.ShardID]++
	n.all = append(n.all, at.SequenceNumber)
}

// act does something at random that puts records, takes them away, or moves
// keys.
func (n *tally) act(t *testing.T, random *rand.Rand, clock *manualClock, expiring bool) {
	switch random.IntN(8) {
	case 0, 1, 2, 3:
		n.mustPut(t, fmt.Sprint(random.IntN(12)))
	case 4:
		reshardAtRandom(t, n.s, random)
	case 5:
		if clock.Advance(time.Minute); expiring {
			clock.Advance(time.Duration(random.IntN(9)) * time.Hour)
		}
	default:
		if len(n.all) > 0 && random.IntN(3) == 0 {
			require.NoError(t, n.s.TrimTo(n.all[random.IntN(len(n.all))]))
		}
	}
}

// drain reads all there is now, and returns how many records that was.
func drainReader(t *testing.T, r *weir.Reader) (given int) {
	for {
		b, err := r.TryNext()
		require.NoError(t, err)
		if len(b.Records) == 0 {
			return given
		}
		given += len(b.Records)
	}
}

// Whatever happens to the stream, what a reader was given and what it lost is
// what could be read when it was made and what was put since.
func TestReader_lostAgreesWithACount(t *testing.T) {
	for seed := range uint64(600) {
		random := rand.New(rand.NewPCG(seed, 11))
		s, clock := clocked(t, weir.Config{
			Shards: 1 + random.IntN(3), Limits: weir.Unlimited(), MaxBytes: 20 * (12 + overhead), WhenFull: weir.DropOldest,
		})
		n := tally{s: s, put: map[weir.ShardID]int{}}
		for range random.IntN(40) {
			n.act(t, random, clock, true)
		}
		there, before := len(allRecords(t, s)), len(n.all)
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		given := 0
		for range random.IntN(60) {
			if n.act(t, random, clock, true); random.IntN(5) == 0 {
				b, err := r.TryNext()
				require.NoError(t, err)
				given += len(b.Records)
			}
		}
		behind, bytes := r.Behind()
		var sum metrics.Lag
		for _, lag := range r.Lags() {
			require.Positive(t, lag.Records, "seed %d", seed)
			sum = metrics.Lag{Records: sum.Records + lag.Records, Bytes: sum.Bytes + lag.Bytes, Age: max(sum.Age, lag.Age)}
		}
		require.Equal(t, metrics.Lag{Records: behind, Bytes: bytes, Age: r.Age()}, sum, "seed %d", seed)
		rest := drainReader(t, r)
		require.EqualValues(t, rest, behind, "seed %d", seed)
		require.LessOrEqual(t, behind*11, bytes, "seed %d", seed)
		require.LessOrEqual(t, bytes, behind*12, "seed %d", seed)
		require.EqualValues(t, there+len(n.all)-before, int64(given+rest)+r.Lost(), "seed %d", seed)
		m := s.Snapshot().Readers[0]
		require.Equal(t, r.Lost(), m.Lost)
		require.Zero(t, m.RecordsBehind)
		r.Close()
	}
}

// A reader that resumes has lost what lay behind its positions and is gone.
func TestReader_lostAgreesWithACountFromPositions(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 12))
		s, clock := clocked(t, weir.Config{
			Shards: 1 + random.IntN(3), Limits: weir.Unlimited(), MaxBytes: 20 * (12 + overhead), WhenFull: weir.DropOldest,
		})
		n := tally{s: s, put: map[weir.ShardID]int{}}
		first, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		for range 40 {
			if n.act(t, random, clock, false); random.IntN(5) == 0 {
				_, err := first.TryNext()
				require.NoError(t, err)
			}
		}
		saved := first.Positions()
		first.Close()
		for range random.IntN(20) {
			n.act(t, random, clock, false)
		}
		want := 0
		for id, put := range n.put {
			if at, finished := saved.Of(id); !finished {
				want += put - int(at.Index())
			}
		}
		r, err := s.NewReader("", weir.Resume(saved, weir.Latest()))
		require.NoError(t, err)
		before := len(n.all)
		for range random.IntN(20) {
			n.act(t, random, clock, false)
		}
		given := drainReader(t, r)
		require.EqualValues(t, want+len(n.all)-before, int64(given)+r.Lost(), "seed %d", seed)
		r.Close()
	}
}

func TestReader_losesWhatIsGoneBehindANumber(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	var at []weir.SequenceNumber
	for range 5 {
		at = append(at, mustPut(t, s, "k", "v").SequenceNumber)
	}
	clock.Advance(time.Hour)
	mustPut(t, s, "k", "v")
	reader := func(from weir.Position) *weir.Reader {
		r, err := s.NewReader("", from)
		require.NoError(t, err)
		return r
	}
	early := reader(weir.TrimHorizon().In(0))
	clock.Advance(23*time.Hour + 30*time.Minute) // five expire, unseen by any put
	for _, row := range []struct {
		r    *weir.Reader
		want int64
	}{
		{early, 5},
		{reader(weir.TrimHorizon().In(0)), 0},
		{reader(weir.TrimHorizon()), 0},
		{reader(weir.AtTime(epoch)), 0},
		{reader(weir.Latest()), 0},
		{reader(weir.AtSequence(at[3]).In(0)), 2},
		{reader(weir.AfterSequence(at[3]).In(0)), 1},
		{reader(weir.AfterSequence(at[4]).In(0)), 0},
		{reader(weir.Resume(weir.Positions{at[1]}, weir.Latest())), 3},
		{reader(weir.Resume(weir.Positions{at[1]}, weir.Latest().In(0))), 3},
		{reader(weir.Resume(nil, weir.TrimHorizon())), 0},
	} {
		assert.Equal(t, row.want, row.r.Lost(), "before it reads")
		_, err := row.r.TryNext()
		require.NoError(t, err)
		assert.Equal(t, row.want, row.r.Lost())
		require.NoError(t, s.TrimTo(at[4]))
		assert.Equal(t, row.want, row.r.Lost())
	}
}

func TestReader_strict(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 3 * (2 + overhead), WhenFull: weir.DropOldest})
	r, err := s.NewReader("", weir.TrimHorizon().Strict())
	require.NoError(t, err)
	var at []weir.SequenceNumber
	for i := range 5 {
		at = append(at, mustPut(t, s, "k", fmt.Sprint(i)).SequenceNumber)
	}
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, weir.ErrRecordsLost)
	var lost *weir.RecordsLostError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, weir.ShardID(0), lost.Shard)
	assert.Equal(t, "test", lost.Stream)
	assert.EqualValues(t, 2, lost.Records)
	assert.Equal(t, at[0].Index(), lost.From.Index())
	assert.Equal(t, at[1].Index(), lost.To.Index())
	assert.ErrorContains(t, err, "shardId-000000000000 of stream test: 2 records are gone unread, 4")
	b, err := r.Next(t.Context())
	require.NoError(t, err, "it goes on")
	assert.Equal(t, []string{"2", "3", "4"}, dataOf(b.Records))
	assert.EqualValues(t, 2, r.Lost())
}

// Where lost records lie beside the indexes that a load leaves out, the error
// named the first or the last of these, which no record has, and which is
// refused as a number to go on with.
func TestReader_strictBesideAGap(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	before := putMany(t, s, "before", 10)
	l := loaded(t, saved(t, s), weir.Config{Now: clock.Now})
	oldest, err := l.NewReader("", weir.TrimHorizon().Strict())
	require.NoError(t, err)
	latest, err := l.NewReader("", weir.Latest().Strict())
	require.NoError(t, err)
	behind := putMany(t, l, "behind", 10)
	lost := func(r *weir.Reader) (e *weir.RecordsLostError) {
		_, err := r.TryNext()
		require.ErrorAs(t, err, &e)
		for _, n := range []weir.SequenceNumber{e.From, e.To} {
			_, err := l.Iterator(t.Context(), shard0, weir.AfterSequence(n))
			assert.NoError(t, err)
		}
		return e
	}

	require.NoError(t, l.TrimTo(before[9]))
	e := lost(oldest)
	assert.EqualValues(t, 10, e.Records)
	assert.Equal(t, before[0].Index(), e.From.Index())
	assert.Equal(t, before[9].Index(), e.To.Index())

	require.NoError(t, l.TrimTo(behind[2]))
	for _, r := range []*weir.Reader{oldest, latest} {
		e = lost(r)
		assert.EqualValues(t, 3, e.Records)
		assert.Equal(t, behind[0].Index(), e.From.Index())
		assert.Equal(t, behind[2].Index(), e.To.Index())
	}
}

// Beside a stream that drops, a strict reader is told of exactly the records
// that it is not given.
func TestReader_strictBesideWriters(t *testing.T) {
	const records = 4000
	s, err := weir.NewStream("test", weir.Config{MaxBytes: 30 * (8 + overhead), WhenFull: weir.DropOldest, Limits: weir.Unlimited()})
	require.NoError(t, err)
	strict, err := s.NewReader("", weir.TrimHorizon().In(0).Strict())
	require.NoError(t, err)
	lenient, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range records / 10 {
			entries := make([]weir.Entry, 10)
			for j := range entries {
				entries[j] = weir.Entry{PartitionKey: "k", Data: fmt.Appendf(nil, "%07d", 10*i+j)}
			}
			_, err := s.PutRecords(t.Context(), entries)
			assert.NoError(t, err)
		}
		assert.NoError(t, s.EndWrites(t.Context()))
	})
	wg.Go(func() {
		next, lost := uint64(1), int64(0)
		for {
			b, err := strict.NextBatch(t.Context(), 40, time.Millisecond)
			if err == io.EOF {
				break
			}
			if gone := (*weir.RecordsLostError)(nil); errors.As(err, &gone) {
				assert.Equal(t, next, gone.From.Index())
				lost, next = lost+gone.Records, gone.To.Index()+1
				assert.EqualValues(t, gone.Records, gone.To.Index()-gone.From.Index()+1)
				continue
			}
			assert.NoError(t, err)
			for _, r := range b.Records {
				assert.Equal(t, next, r.SequenceNumber.Index())
				next++
			}
		}
		assert.EqualValues(t, records+1, next)
		assert.Equal(t, lost, strict.Lost())
	})
	wg.Go(func() {
		given := int64(0)
		for {
			b, err := lenient.Next(t.Context())
			if given += int64(len(b.Records)); err != nil {
				assert.Equal(t, io.EOF, err)
				break
			}
		}
		assert.EqualValues(t, records, given+lenient.Lost())
	})
	wg.Wait()
}

func TestReader_nextBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Unlimited()})
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		defer r.Close()
		go func() {
			for i := range 10 {
				time.Sleep(time.Minute)
				mustPut(t, s, "k", fmt.Sprint(i))
			}
		}()
		began := time.Now()
		next := func(most int, linger, after time.Duration, want ...string) {
			t.Helper()
			b, err := r.NextBatch(t.Context(), most, linger)
			require.NoError(t, err)
			assert.Equal(t, want, dataOf(b.Records))
			assert.Equal(t, weir.AfterSequence(b.Records[len(want)-1].SequenceNumber), b.Continue)
			assert.Equal(t, after, time.Since(began))
		}
		next(2, time.Hour, 2*time.Minute, "0", "1")
		next(10, 2*time.Minute+time.Second, 5*time.Minute+time.Second, "2", "3", "4")
		next(10, 0, 6*time.Minute, "5")
		time.Sleep(2 * time.Minute)
		next(1, time.Hour, 8*time.Minute, "6")
		next(2, time.Hour, 9*time.Minute, "7", "8")

		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		b, err := r.NextBatch(ctx, 5, time.Hour)
		require.NoError(t, err, "what was read is not lost with the context")
		assert.Equal(t, []string{"9"}, dataOf(b.Records))
		assert.Equal(t, 10*time.Minute+30*time.Second, time.Since(began))
		_, err = r.NextBatch(ctx, 5, time.Hour)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = r.NextBatch(t.Context(), 0, 0)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = r.NextBatch(t.Context(), 1, -1)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	})
}

// What comes together, while it waits for more, is no reason to give more than
// was asked for.
func TestReader_nextBatchIsNoLongerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Unlimited()})
		for _, from := range []weir.Position{weir.Latest(), weir.Latest().In(0)} {
			r, err := s.NewReader("", from)
			require.NoError(t, err)
			defer r.Close()
			mustPut(t, s, "k", "first")
			began := time.Now()
			go func() {
				time.Sleep(time.Second)
				_, err := s.PutRecords(t.Context(), repeat(weir.Entry{PartitionKey: "k"}, 9))
				assert.NoError(t, err)
			}()
			for range 2 {
				b, err := r.NextBatch(t.Context(), 5, time.Hour)
				require.NoError(t, err)
				assert.Len(t, b.Records, 5)
			}
			assert.Equal(t, time.Second, time.Since(began))
		}
	})
}

func TestReader_nextBatchEndsWithItsShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		one, err := s.NewReader("", weir.TrimHorizon().In(0))
		require.NoError(t, err)
		all, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		mustPut(t, s, "k", "parent")
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
		}()
		b, err := one.NextBatch(t.Context(), 10, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, []string{"parent"}, dataOf(b.Records))
		assert.True(t, b.Last)
		assert.Len(t, b.Children, 2)
		_, err = one.NextBatch(t.Context(), 10, time.Hour)
		assert.Equal(t, io.EOF, err)
		b, err = all.NextBatch(t.Context(), 10, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, []string{"parent"}, dataOf(b.Records))
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestReader_noneIsAnError(t *testing.T) {
	for _, r := range []*weir.Reader{nil, new(weir.Reader)} {
		_, err := r.Next(t.Context())
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = r.TryNext()
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = r.NextBatch(t.Context(), 1, 0)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		records, bytes := r.Behind()
		assert.Zero(t, records+bytes+r.Lost()+int64(r.Age()))
		assert.Empty(t, r.Positions())
		r.Close()
	}
	s := newStream(t, weir.Config{})
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	var none context.Context
	_, err = r.Next(none)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	for _, err := range s.Records(none, weir.TrimHorizon()) {
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	_, err = s.Iterator(none, 0, weir.TrimHorizon())
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = weir.Iterator{}.Age()
	assert.ErrorIs(t, err, weir.ErrInvalidIterator)
}

// A reader that stops at the tip says where it stands, and another goes on
// there.
func TestReader_positionsAtTheTip(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	for i := range 20 {
		mustPut(t, s, fmt.Sprint(i), "old")
	}
	r, err := s.NewReader("", weir.TrimHorizon().ToTip())
	require.NoError(t, err)
	records, bytes := r.Behind()
	assert.EqualValues(t, 20, records)
	assert.EqualValues(t, 20*3+10+2*10, bytes)
	for i := range 20 {
		mustPut(t, s, fmt.Sprint(i), "new")
	}
	_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.NoError(t, err)
	given := 0
	for {
		b, err := r.Next(t.Context())
		if err != nil {
			require.Equal(t, io.EOF, err)
			break
		}
		for _, r := range b.Records {
			assert.Equal(t, "old", string(r.Data))
		}
		given += len(b.Records)
	}
	assert.Equal(t, 20, given)
	records, _ = r.Behind()
	assert.Zero(t, records)
	given = 0
	for r, err := range s.Records(t.Context(), weir.Resume(r.Positions(), weir.Latest()).ToTip()) {
		require.NoError(t, err)
		assert.Equal(t, "new", string(r.Data))
		given++
	}
	assert.Equal(t, 20, given)
}
