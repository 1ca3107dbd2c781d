package weir_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// openShards returns the open shards in the order of their hash keys.
func openShards(t testing.TB, s *weir.Stream) []weir.Shard {
	t.Helper()
	open, err := s.ListShards(t.Context(), weir.ShardQuery{Filter: weir.ShardsAtLatest})
	require.NoError(t, err)
	slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	return open
}

// requireCovered checks that the open shards' ranges cover all hash keys once.
func requireCovered(t *testing.T, s *weir.Stream) {
	t.Helper()
	next := weir.HashKey{}
	open := openShards(t, s)
	for _, sh := range open {
		require.Equal(t, next, sh.HashKeyRange.Start, "gap or overlap before %v", sh.ID)
		next = sh.HashKeyRange.End.Add(1)
	}
	require.Equal(t, maxHashKey, open[len(open)-1].HashKeyRange.End)
}

func TestStream_splitBounds(t *testing.T) {
	// The first of three shards: 0 to 113427455640312821154458202477256070484.
	for _, c := range []struct {
		name, at string
		ok       bool
	}{
		{"at the start", "0", false},
		{"one after the start", "1", false},
		{"two after the start", "2", true},
		{"one before the end", "113427455640312821154458202477256070483", true},
		{"at the end", "113427455640312821154458202477256070484", false},
		{"beyond the end", "113427455640312821154458202477256070485", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t, weir.Config{Shards: 3})
			children, err := s.SplitShard(t.Context(), 0, hashKey(t, c.at))
			if !c.ok {
				require.ErrorIs(t, err, weir.ErrInvalidArgument)
				require.Len(t, s.Shards(), 3)
				return
			}
			require.NoError(t, err)
			require.Equal(t, [2]weir.ShardID{3, 4}, children)
			list := s.Shards()
			assert.Equal(t, hashKey(t, c.at).Sub(1), list[3].HashKeyRange.End)
			assert.Equal(t, hashKey(t, c.at), list[4].HashKeyRange.Start)
			assert.Equal(t, []weir.ShardID{0}, list[3].Parents)
			assert.Equal(t, []weir.ShardID{3, 4}, list[0].Children)
			assert.False(t, list[0].IsOpen())
			requireCovered(t, s)
		})
	}
}

func TestStream_splitAndMergeRefusals(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 3})
	_, err := s.SplitShard(t.Context(), 0, hashKey(t, "1000"))
	require.NoError(t, err)

	_, err = s.SplitShard(t.Context(), 0, hashKey(t, "1000"))
	assert.ErrorIs(t, err, weir.ErrShardClosed)
	_, err = s.SplitShard(t.Context(), 9, hashKey(t, "1000"))
	assert.ErrorIs(t, err, weir.ErrShardNotFound)
	for _, pair := range [][2]weir.ShardID{{2, 1}, {3, 1}, {1, 1}, {3, 2}} {
		_, err = s.MergeShards(t.Context(), pair[0], pair[1])
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, "%v", pair)
	}
	_, err = s.MergeShards(t.Context(), 0, 1)
	assert.ErrorIs(t, err, weir.ErrShardClosed)
	_, err = s.MergeShards(t.Context(), 1, 9)
	assert.ErrorIs(t, err, weir.ErrShardNotFound)

	child, err := s.MergeShards(t.Context(), 4, 1)
	require.NoError(t, err)
	assert.Equal(t, []weir.ShardID{4, 1}, s.Shards()[child].Parents)
	requireCovered(t, s)
}

// The numbers of children exceed those of their parents, and the ending number
// of a parent and the starting numbers of its children are one second apart.
func TestStream_numbersOverASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		before, err := s.PutRecord(t.Context(), "k", nil)
		require.NoError(t, err)
		_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		after, err := s.PutRecord(t.Context(), "k", nil)
		require.NoError(t, err)

		list := s.Shards()
		parent, child := list[0], list[after.ShardID]
		assert.Positive(t, after.SequenceNumber.Compare(before.SequenceNumber))
		assert.Positive(t, parent.EndingSequenceNumber.Compare(before.SequenceNumber))
		assert.Positive(t, child.StartingSequenceNumber.Compare(parent.EndingSequenceNumber))
		assert.Negative(t, child.StartingSequenceNumber.Compare(after.SequenceNumber))
		assert.Equal(t, time.Second, child.StartingSequenceNumber.Time().Sub(parent.EndingSequenceNumber.Time()))
		assert.Equal(t, uint64(1<<63-1), parent.EndingSequenceNumber.Index())
	})
}

// Several generations within one second keep the order of numbers.
func TestStream_numbersOverManySplitsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Unlimited()})
		last := weir.SequenceNumber{}
		for range 20 {
			at, err := s.PutRecord(t.Context(), "k", nil)
			require.NoError(t, err)
			require.Positive(t, at.SequenceNumber.Compare(last))
			last = at.SequenceNumber
			sh := s.Shards()[at.ShardID]
			middle := weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2, Lo: 1}
			_, err = s.SplitShard(t.Context(), at.ShardID, middle)
			require.NoError(t, err)
			at, err = s.PutRecord(t.Context(), "k", nil)
			require.NoError(t, err)
			assert.Equal(t, time.Now().UTC(), arrivalOf(t, s, at), "a child's records arrive when they are put")
		}
		requireCovered(t, s)
	})
}

// arrivalOf reads back when a record arrived.
func arrivalOf(t *testing.T, s *weir.Stream, at weir.Placed) time.Time {
	t.Helper()
	it, err := s.Iterator(t.Context(), at.ShardID, weir.AtSequence(at.SequenceNumber))
	require.NoError(t, err)
	batch, err := s.GetRecords(t.Context(), it, 1)
	require.NoError(t, err)
	require.Len(t, batch.Records, 1)
	return batch.Records[0].ArrivalTime
}

func TestStream_closedShardVanishesAfterRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		_, err := s.PutRecord(t.Context(), "k", []byte("v"))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		it, err := s.Iterator(t.Context(), 0, weir.TrimHorizon())
		require.NoError(t, err)
		token := s.Token(it)

		time.Sleep(24*time.Hour - time.Nanosecond)
		assert.Len(t, s.Shards(), 3)
		time.Sleep(time.Nanosecond)
		assert.Len(t, s.Shards(), 2)
		_, err = s.Iterator(t.Context(), 0, weir.TrimHorizon())
		assert.ErrorIs(t, err, weir.ErrShardNotFound)
		s.Trim()
		_, err = s.ParseToken(token)
		assert.ErrorIs(t, err, weir.ErrShardNotFound)
		assert.EqualValues(t, 1, s.Snapshot().Total.IncomingRecords, "totals outlive the shard")
	})
}

func TestStream_shardFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := newStream(t, weir.Config{Shards: 3})
		time.Sleep(time.Hour)
		_, err := s.SplitShard(t.Context(), 0, hashKey(t, "1000")) // 3 and 4, after an hour
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = s.MergeShards(t.Context(), 1, 2) // 5, after two hours
		require.NoError(t, err)
		time.Sleep(time.Hour)

		at := func(hours float64) time.Time { return begin.Add(time.Duration(hours * float64(time.Hour))) }
		for _, c := range []struct {
			name string
			q    weir.ShardQuery
			want []weir.ShardID
		}{
			{"all", weir.ShardQuery{}, []weir.ShardID{0, 1, 2, 3, 4, 5}},
			{"at trim horizon", weir.ShardQuery{Filter: weir.ShardsAtTrimHorizon}, []weir.ShardID{0, 1, 2}},
			{"at latest", weir.ShardQuery{Filter: weir.ShardsAtLatest}, []weir.ShardID{3, 4, 5}},
			{"at a time before the stream", weir.ShardQuery{Filter: weir.ShardsAtTime, Time: at(-1)}, nil},
			{"at a time before the split", weir.ShardQuery{Filter: weir.ShardsAtTime, Time: at(0.5)}, []weir.ShardID{0, 1, 2}},
			{"at the time of the split", weir.ShardQuery{Filter: weir.ShardsAtTime, Time: at(1)}, []weir.ShardID{0, 1, 2, 3, 4}},
			{"at a time between", weir.ShardQuery{Filter: weir.ShardsAtTime, Time: at(1.5)}, []weir.ShardID{1, 2, 3, 4}},
			{"at a time in the future", weir.ShardQuery{Filter: weir.ShardsAtTime, Time: at(9)}, []weir.ShardID{3, 4, 5}},
			{"from a time before the split", weir.ShardQuery{Filter: weir.ShardsFromTime, Time: at(0.5)}, []weir.ShardID{0, 1, 2, 3, 4, 5}},
			{"from a time between", weir.ShardQuery{Filter: weir.ShardsFromTime, Time: at(1.5)}, []weir.ShardID{1, 2, 3, 4, 5}},
			{"from a time after", weir.ShardQuery{Filter: weir.ShardsFromTime, Time: at(2.5)}, []weir.ShardID{3, 4, 5}},
			{"after an id", weir.ShardQuery{Filter: weir.ShardsAfterID, ShardID: 3}, []weir.ShardID{4, 5}},
			{"a page", weir.ShardQuery{Filter: weir.ShardsAtLatest, From: 4, Limit: 1}, []weir.ShardID{4}},
		} {
			list, err := s.ListShards(t.Context(), c.q)
			require.NoError(t, err)
			var ids []weir.ShardID
			for _, sh := range list {
				ids = append(ids, sh.ID)
			}
			assert.Equal(t, c.want, ids, c.name)
		}
		_, err = s.ListShards(t.Context(), weir.ShardQuery{Filter: 99})
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = s.ListShards(t.Context(), weir.ShardQuery{Limit: -1})
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	})
}

// Every record is read once and every key in order, whatever splits and merges
// happen meanwhile and however often the reader stops and resumes from text.
func TestReader_orderOverRandomResharding(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := newStream(t, weir.Config{Shards: 1 + random.IntN(4), Limits: weir.Unlimited()})
			r, err := s.NewReader("", weir.TrimHorizon())
			require.NoError(t, err)
			seen := map[string][]byte{}
			put := map[string]byte{}
			for range 400 {
				switch n := random.IntN(20); {
				case n < 14:
					key := fmt.Sprint("key-", random.IntN(20))
					_, err := s.PutRecord(t.Context(), key, []byte{put[key]})
					require.NoError(t, err)
					put[key]++
				case n < 16:
					reshardAtRandom(t, s, random)
				case n < 19:
					readSome(t, r, seen)
				default:
					r = resumed(t, s, r)
				}
			}
			for readSome(t, r, seen) {
			}
			for key, n := range put {
				want := make([]byte, n)
				for i := range want {
					want[i] = byte(i)
				}
				require.Equal(t, want, seen[key], key)
			}
		})
	}
}

// reshardAtRandom splits or merges some open shard.
func reshardAtRandom(t *testing.T, s *weir.Stream, random *rand.Rand) {
	t.Helper()
	open := openShards(t, s)
	i := random.IntN(len(open))
	if random.IntN(2) == 0 && len(open) > 1 {
		i = min(i, len(open)-2)
		_, err := s.MergeShards(t.Context(), open[i].ID, open[i+1].ID)
		require.NoError(t, err)
		return
	}
	keys := open[i].HashKeyRange
	if keys.End.Hi-keys.Start.Hi < 8 {
		return
	}
	_, err := s.SplitShard(t.Context(), open[i].ID, weir.HashKey{Hi: keys.Start.Hi + 1 + random.Uint64N(keys.End.Hi-keys.Start.Hi-1)})
	require.NoError(t, err)
}

// readSome reads one batch and reports whether there was one.
func readSome(t *testing.T, r *weir.Reader, seen map[string][]byte) bool {
	t.Helper()
	b, err := r.TryNext()
	require.NoError(t, err)
	records := b.Records
	for _, record := range records {
		seen[record.PartitionKey] = append(seen[record.PartitionKey], record.Data...)
	}
	return len(records) > 0
}

// resumed closes r and continues from its positions as text.
func resumed(t *testing.T, s *weir.Stream, r *weir.Reader) *weir.Reader {
	t.Helper()
	text := r.Positions().String()
	r.Close()
	p, err := weir.ParsePositions(text)
	require.NoError(t, err)
	require.Equal(t, text, p.String())
	r, err = s.NewReader("", weir.Resume(p, weir.TrimHorizon()))
	require.NoError(t, err)
	return r
}

func TestStream_resumeRefusals(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2})
	other := newStream(t, weir.Config{Shards: 2, Now: func() time.Time { return time.Unix(1, 0) }})
	_, err := s.NewReader("", weir.Resume(weir.Positions{other.Shards()[0].StartingSequenceNumber}, weir.TrimHorizon()))
	assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
	_, err = weir.ParsePositions("49,x")
	assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
	none, err := weir.ParsePositions("")
	assert.NoError(t, err)
	assert.Empty(t, none)
	_, err = s.NewReader("", weir.AtSequence(s.Shards()[0].StartingSequenceNumber))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

// Shards that vanish while a reader is away hold up nothing.
func TestReader_resumesAfterShardsVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
		random := rand.New(rand.NewPCG(7, 7))
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		positions := r.Positions()
		for range 40 {
			time.Sleep(time.Hour)
			reshardAtRandom(t, s, random)
			_, err := s.PutRecord(t.Context(), "k", []byte{1})
			require.NoError(t, err)
		}
		s.Trim()
		r, err = s.NewReader("", weir.Resume(positions, weir.TrimHorizon()))
		require.NoError(t, err)
		seen := map[string][]byte{}
		for readSome(t, r, seen) {
		}
		assert.Len(t, seen["k"], 24, "what arrived in the last 24 hours")
	})
}

// A year of retention with a reshard a day.
func TestStream_yearOfDailyResharding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Settings: weir.Settings{Retention: 365 * 24 * time.Hour}, Limits: weir.Limits{ResizesPerDay: -1}})
		for day := range 2 * 365 {
			_, err := s.PutRecord(t.Context(), "k", []byte(fmt.Sprint(day)))
			require.NoError(t, err)
			_, err = s.Resize(t.Context(), 1+day%2)
			require.NoError(t, err)
			time.Sleep(24 * time.Hour)
		}
		day := 365
		for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			day++
			require.Equal(t, fmt.Sprint(day), string(r.Data))
		}
		assert.Equal(t, 2*365-1, day)
		requireCovered(t, s)
	})
}

// Readers of the whole stream, writers and a resharder at the same time.
func TestStream_reshardingUnderLoad(t *testing.T) {
	const producers, keys, each = 4, 8, 1500
	s := newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		random := rand.New(rand.NewPCG(3, 3))
		for range 150 {
			reshardAtRandom(t, s, random)
		}
	}()
	var put sync.WaitGroup
	for p := range producers {
		put.Go(func() {
			for i := range each {
				entries := make([]weir.Entry, keys)
				for k := range entries {
					entries[k] = weir.Entry{PartitionKey: fmt.Sprint(p, "-", k), Data: fmt.Append(nil, i)}
				}
				results, err := s.PutRecords(ctx, entries)
				assert.NoError(t, err)
				for _, r := range results {
					assert.NoError(t, r.Err)
				}
			}
		})
	}
	next := map[string]int{}
	total := 0
	for r, err := range s.Records(ctx, weir.TrimHorizon()) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next[r.PartitionKey]), string(r.Data), r.PartitionKey)
		next[r.PartitionKey]++
		if total++; total == producers*keys*each {
			break
		}
	}
	<-done
	put.Wait()
	requireCovered(t, s)
}

func TestStream_resizeRules(t *testing.T) {
	for _, c := range []struct {
		current, target int
		quota           weir.Quota
		limit           int
		ok              bool
	}{
		{3, 6, "", 0, true},
		{3, 7, weir.QuotaResizeUp, 6, false},
		{6, 3, "", 0, true},
		{6, 2, weir.QuotaResizeDown, 3, false},
		{5, 3, "", 0, true},
		{5, 2, weir.QuotaResizeDown, 3, false}, // literally below half
		{5, 5, "", 0, true},
		{1, 2, "", 0, true},
		{1, 3, weir.QuotaResizeUp, 2, false},
		{5001, 10000, "", 0, true},
		{5001, 10001, weir.QuotaShards, 10000, false},
	} {
		t.Run(fmt.Sprint(c.current, "to", c.target), func(t *testing.T) {
			s := newStream(t, weir.Config{Shards: c.current})
			_, err := s.PlanResize(c.target)
			if c.ok {
				require.NoError(t, err)
				return
			}
			var refused *weir.LimitError
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, weir.ErrLimitExceeded)
			assert.Equal(t, &weir.LimitError{Quota: c.quota, Stream: "test", Most: c.limit}, refused)
		})
	}
	s := newStream(t, weir.Config{})
	_, err := s.Resize(t.Context(), 0)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestStream_resizesPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		for i := range 10 {
			_, err := s.Resize(t.Context(), 2-i%2)
			require.NoError(t, err)
			time.Sleep(time.Hour)
		}
		_, err := s.Resize(t.Context(), 2)
		var refused *weir.LimitError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, weir.QuotaResizes, refused.Quota)
		assert.Equal(t, 14*time.Hour, refused.RetryAfter)
		time.Sleep(refused.RetryAfter - time.Nanosecond)
		_, err = s.Resize(t.Context(), 2)
		require.Error(t, err)
		time.Sleep(time.Nanosecond)
		_, err = s.Resize(t.Context(), 2)
		require.NoError(t, err)
	})
}

func TestStream_doublingSplitsEachShardOnce(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 3})
	plan, err := s.Resize(t.Context(), 6)
	require.NoError(t, err)
	require.Len(t, plan, 3)
	for i, step := range plan {
		assert.True(t, step.IsSplit())
		assert.Equal(t, []weir.ShardID{weir.ShardID(i)}, step.Parents)
	}
	requireEven(t, s, 6)

	plan, err = s.Resize(t.Context(), 3)
	require.NoError(t, err)
	require.Len(t, plan, 3)
	for _, step := range plan {
		assert.False(t, step.IsSplit())
	}
	requireEven(t, s, 3)
}

// Any other target is reached by one split for each boundary that is missing
// and one merge for each that is not wanted.
func TestStream_resizeTakesTheFewestSteps(t *testing.T) {
	for current := 1; current <= 12; current++ {
		for target := (current + 1) / 2; target <= 2*current; target++ {
			if target == current || target == 2*current || 2*target == current {
				continue
			}
			s := newStream(t, weir.Config{Shards: current})
			plan, err := s.PlanResize(target)
			require.NoError(t, err)
			common := gcd(current, target) - 1 // boundaries that both layouts have
			assert.Len(t, plan, current-1-common+target-1-common, "%d to %d", current, target)
			done, err := s.Resize(t.Context(), target)
			require.NoError(t, err)
			assert.Equal(t, plan, done)
			requireEven(t, s, target)
			requireCovered(t, s)
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// requireEven checks that there are n open shards of the same size but for
// rounding.
func requireEven(t *testing.T, s *weir.Stream, n int) {
	t.Helper()
	open := openShards(t, s)
	require.Len(t, open, n)
	for _, sh := range open {
		require.InDelta(t, 1/float64(n), sh.HashKeyRange.Share(), 1e-12)
	}
}

func TestStream_resizeAfterUnevenSplits(t *testing.T) {
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	_, err := s.SplitShard(t.Context(), 0, hashKey(t, "123456789"))
	require.NoError(t, err)
	_, err = s.SplitShard(t.Context(), 2, weir.HashKey{Hi: math.MaxUint64})
	require.NoError(t, err)
	for _, n := range []int{5, 7, 4, 9, 1} {
		_, err = s.Resize(t.Context(), n)
		require.NoError(t, err)
		requireEven(t, s, n)
	}
}

func TestStream_shardTooNarrowToDouble(t *testing.T) {
	s := newStream(t, weir.Config{})
	_, err := s.SplitShard(t.Context(), 0, hashKey(t, "2")) // 0 to 1: two hash keys
	require.NoError(t, err)
	_, err = s.Resize(t.Context(), 4)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.Len(t, s.Shards(), 3, "nothing was done")
}

func TestReshard_inWords(t *testing.T) {
	s := newStream(t, weir.Config{})
	split, err := s.Resize(t.Context(), 2)
	require.NoError(t, err)
	merge, err := s.Resize(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, "[split shardId-000000000000 at 170141183460469231731687303715884105728 into "+
		"shardId-000000000001 and shardId-000000000002]", fmt.Sprint(split))
	assert.Equal(t, "[merge shardId-000000000001 and shardId-000000000002 into shardId-000000000003]", fmt.Sprint(merge))
	assert.Equal(t, "[] into []", weir.Reshard{}.String())
}

func TestStream_thousandsOfShards(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 1000})
	_, err := s.Resize(t.Context(), 2000)
	require.NoError(t, err)
	requireEven(t, s, 2000)
	requireCovered(t, s)

	var all []weir.ShardID
	for from := weir.ShardID(0); ; {
		page, err := s.ListShards(t.Context(), weir.ShardQuery{From: from, Limit: 700})
		require.NoError(t, err)
		for _, sh := range page {
			all = append(all, sh.ID)
		}
		if len(page) < 700 {
			break
		}
		from = page[len(page)-1].ID + 1
	}
	require.Len(t, all, 3000)
	for i, id := range all {
		require.EqualValues(t, i, id)
	}
}
