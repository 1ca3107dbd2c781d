package weir_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// tailers are the ways to wait for the records of a stream of one shard.
var tailers = map[string]func(context.Context, *weir.Stream, weir.Position) iter.Seq2[weir.Record, error]{
	"shard": func(ctx context.Context, s *weir.Stream, from weir.Position) iter.Seq2[weir.Record, error] {
		return s.Records(ctx, from.In(shard0))
	},
	"stream": func(ctx context.Context, s *weir.Stream, from weir.Position) iter.Seq2[weir.Record, error] {
		return s.Records(ctx, from)
	},
	"Reader.Next": func(ctx context.Context, s *weir.Stream, from weir.Position) iter.Seq2[weir.Record, error] {
		return func(yield func(weir.Record, error) bool) {
			r, err := s.NewReader("reader", from.In(shard0))
			for err == nil {
				defer r.Close()
				var b weir.Batch
				b, err = r.Next(ctx)
				for _, r := range b.Records {
					if !yield(r, nil) {
						return
					}
				}
			}
			yield(weir.Record{}, err)
		}
	},
}

func TestReader_isWokenByTheAppend(t *testing.T) {
	for name, tail := range tailers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{})
				mustPut(t, s, "k", "before")
				go func() {
					for i := range 100 {
						time.Sleep(time.Minute)
						_, err := s.PutRecord(t.Context(), "k", fmt.Append(nil, i))
						assert.NoError(t, err)
					}
				}()
				began, n := time.Now(), 0
				for r, err := range tail(t.Context(), s, weir.Latest()) {
					require.NoError(t, err)
					assert.Equal(t, fmt.Sprint(n), string(r.Data))
					n++
					assert.Equal(t, time.Duration(n)*time.Minute, time.Since(began))
					assert.True(t, r.ArrivalTime.Equal(time.Now()))
					if n == 100 {
						break
					}
				}
				assert.Empty(t, s.Snapshot().Readers, "leaving the loop frees the reader")
			})
		})
	}
}

func TestReader_endsWithItsContext(t *testing.T) {
	for name, tail := range tailers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{})
				mustPut(t, s, "k", "data")
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				var records []weir.Record
				var errs []error
				for r, err := range tail(ctx, s, weir.TrimHorizon()) {
					records, errs = append(records, r), append(errs, err)
				}
				require.Len(t, records, 2)
				assert.Equal(t, "data", string(records[0].Data))
				assert.Equal(t, weir.Record{}, records[1])
				assert.Equal(t, []error{nil, context.DeadlineExceeded}, errs)
				assert.Equal(t, time.Hour, time.Since(began))
				assert.Empty(t, s.Snapshot().Readers)
			})
		})
	}
}

func TestReader_yieldsABadPositionOnce(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	mustPut(t, s, "k", "data")
	number := s.Shards()[0].StartingSequenceNumber
	for name, c := range map[string]struct {
		records iter.Seq2[weir.Record, error]
		want    error
	}{
		"missing shard":   {s.Records(t.Context(), weir.TrimHorizon().In(7)), weir.ErrShardNotFound},
		"number of a all": {s.Records(t.Context(), weir.AtSequence(number)), weir.ErrInvalidArgument},
		"future":          {s.Records(t.Context(), weir.AtTime(epoch.Add(time.Hour)).ToTip()), weir.ErrInvalidArgument},
		"no number":       {s.Records(t.Context(), weir.AtSequence(weir.SequenceNumber{}).In(0).ToTip()), weir.ErrInvalidSequenceNumber},
	} {
		n := 0
		for r, err := range c.records {
			assert.ErrorIs(t, err, c.want, name)
			assert.Equal(t, weir.Record{}, r)
			n++
		}
		assert.Equal(t, 1, n, name)
	}
	assert.Empty(t, s.Snapshot().Readers)
}

func TestReader_endsWithItsClosedShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustPut(t, s, "k", "parent")
		go func() {
			time.Sleep(time.Second)
			_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
			_, err = s.PutRecord(t.Context(), "k", []byte("child"))
			assert.NoError(t, err)
		}()
		var got []string
		for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard0)) {
			require.NoError(t, err)
			got = append(got, string(r.Data))
		}
		assert.Equal(t, []string{"parent"}, got)
		r, err := s.NewReader("", weir.Latest().In(shard0))
		require.NoError(t, err)
		b, err := r.Next(t.Context())
		require.NoError(t, err)
		shards := s.Shards()
		assert.Equal(t, weir.Batch{
			Last: true, Continue: weir.AfterSequence(shards[0].EndingSequenceNumber), Children: shards[1:],
		}, b, "the last batch, without records")
		_, err = r.Next(t.Context())
		assert.Equal(t, io.EOF, err)
		r.Close()
		_, err = r.Next(t.Context())
		assert.Error(t, err)

		for r, err := range s.Records(t.Context(), weir.TrimHorizon()) { // follows the children
			require.NoError(t, err)
			if string(r.Data) == "child" {
				break
			}
		}
	})
}

func TestReader_manyWaitersAreAllWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2})
		seen := make(chan string, 64)
		for i := range 16 {
			go func() {
				from := s.Records(t.Context(), weir.Latest())
				if i%2 == 0 {
					from = s.Records(t.Context(), weir.Latest().In(s.ShardOf("k")))
				}
				for r := range from {
					seen <- string(r.Data)
					return
				}
			}()
		}
		synctest.Wait()
		mustPut(t, s, "k", "data")
		synctest.Wait()
		assert.Len(t, seen, 16)
	})
}

func TestReader_isNotWokenByOtherShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2})
		woken := false
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for _, err := range s.Records(ctx, weir.Latest().In(1-s.ShardOf("k"))) {
				woken = err == nil
			}
		}()
		synctest.Wait()
		mustPut(t, s, "k", "data")
		synctest.Wait()
		assert.False(t, woken)
		cancel()
	})
}

func TestStream_readsToTheTipEndThoughProducersGoOn(t *testing.T) {
	for name, read := range map[string]func(*weir.Stream) iter.Seq2[weir.Record, error]{
		"of a shard": func(s *weir.Stream) iter.Seq2[weir.Record, error] {
			return s.Records(t.Context(), weir.TrimHorizon().In(shard0).ToTip())
		},
		"of a stream": func(s *weir.Stream) iter.Seq2[weir.Record, error] {
			return s.Records(t.Context(), weir.TrimHorizon().ToTip())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
			for range 1000 {
				mustPut(t, s, "k", "")
			}
			n := 0
			for _, err := range read(s) {
				require.NoError(t, err)
				mustPut(t, s, "k", "")
				n++
			}
			assert.Equal(t, 1000, n)
		})
	}
}

func TestStream_allToTipFollowsChildrenThatThereWere(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	var want []string
	put := func() {
		for range 3 {
			mustPut(t, s, "k", fmt.Sprint(len(want)))
			want = append(want, fmt.Sprint(len(want)))
		}
		clock.Advance(10 * time.Millisecond)
	}
	put()
	children, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	put()
	_, err = s.MergeShards(t.Context(), children[0], children[1])
	require.NoError(t, err)
	put()
	var got []string
	split := false
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		got = append(got, string(r.Data))
		if !split { // children of later are not read
			split = true
			_, err := s.SplitShard(t.Context(), 3, weir.HashKey{Hi: 1 << 63})
			require.NoError(t, err)
			mustPut(t, s, "k", "later")
		}
	}
	assert.Equal(t, want, got)
}

func TestReader_dropOldestWhileReading(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 100 * (10 + overhead), WhenFull: weir.DropOldest, Limits: weir.Unlimited()})
	r, err := s.NewReader("slow", weir.TrimHorizon().In(shard0))
	require.NoError(t, err)
	defer r.Close()
	last, n := uint64(0), 0
	for i := range 3000 {
		mustPut(t, s, "k", fmt.Sprintf("%09d", i))
		if i%700 != 699 {
			continue
		}
		b, err := r.TryNext()
		require.NoError(t, err)
		records := b.Records
		require.Len(t, records, 100, "all that is held")
		for _, r := range records {
			assert.Greater(t, r.SequenceNumber.Index(), last)
			assert.Equal(t, fmt.Sprintf("%09d", r.SequenceNumber.Index()-1), string(r.Data))
			last = r.SequenceNumber.Index()
		}
		n += len(records)
	}
	total := s.Snapshot().Total
	assert.EqualValues(t, n, total.OutgoingRecords)
	assert.EqualValues(t, 2900, total.DroppedRecords)
}

func TestReader_age(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		r, err := s.NewReader("reader", weir.TrimHorizon().In(shard0))
		require.NoError(t, err)
		defer r.Close()
		assert.Zero(t, r.Age())
		mustPut(t, s, "k", "1234")
		time.Sleep(time.Minute)
		mustPut(t, s, "k", "")
		time.Sleep(time.Minute)
		assert.Equal(t, 2*time.Minute, r.Age())
		assert.Equal(t, 2*time.Minute, s.Snapshot().IteratorAge)
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		assert.Zero(t, r.Age())
		assert.Equal(t, []weir.ReaderMetrics{{Name: "reader", Shards: []weir.ShardID{0}, Records: 2, Bytes: 6}},
			s.Snapshot().Readers)
	})
}

// The age was that of the shards that the reader was in. Where they had nothing
// left but their end, records that waited in their children, or in theirs, did
// not count: the reader was said to be up to date until it was called again.
func TestReader_ageOfRecordsInChildren(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustPut(t, s, "k", "read")
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	drainReader(t, r)
	children, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	assert.Zero(t, r.Age(), "there is nothing in the children")
	mustPut(t, s, "k", "in a child")
	clock.Advance(time.Minute)
	assert.Equal(t, time.Minute, r.Age())
	_, err = s.MergeShards(t.Context(), children[0], children[1])
	require.NoError(t, err)
	mustPut(t, s, "k", "in a grandchild")
	clock.Advance(time.Minute)
	assert.Equal(t, 2*time.Minute, r.Age())
	assert.Equal(t, 2*time.Minute, s.Snapshot().IteratorAge)
	_, err = r.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, time.Minute, r.Age(), "the grandchild waits for both its parents")
	clock.Advance(24*time.Hour - time.Minute)
	assert.Zero(t, r.Age(), "what has expired counts no more")
}

// What is put after a reader was made that stops at the tip is not its to read,
// so it has no age.
func TestReader_ageEndsAtTheTip(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustPut(t, s, "k", "before")
	r, err := s.NewReader("", weir.TrimHorizon().ToTip())
	require.NoError(t, err)
	defer r.Close()
	clock.Advance(time.Minute)
	mustPut(t, s, "k", "after")
	clock.Advance(time.Minute)
	assert.Equal(t, 2*time.Minute, r.Age())
	_, err = r.Next(t.Context())
	require.NoError(t, err)
	assert.Zero(t, r.Age())
	_, err = s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	mustPut(t, s, "k", "in a child")
	clock.Advance(time.Minute)
	assert.Zero(t, r.Age())
	behind, _ := r.Behind()
	assert.Zero(t, behind)
}

// A reader of one shard that stops at the tip keeps the tip of that shard
// alone: it took 40 KB in a stream of 1,000 shards, and a page of hot keys has
// hundreds.
func TestReader_ofOneShardCostsTheSameInAnyStream(t *testing.T) {
	bytes := func(shards int) (least uint64) {
		s := newStream(t, weir.Config{Shards: shards})
		var before, after runtime.MemStats
		for range 5 { // others may allocate meanwhile
			runtime.ReadMemStats(&before)
			r, err := s.NewReader("", weir.TrimHorizon().In(shard0).ToTip())
			require.NoError(t, err)
			r.Close()
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; least == 0 || n < least {
				least = n
			}
		}
		return least
	}
	assert.LessOrEqual(t, bytes(1000), 2*bytes(1))
}

// Readers that fall behind retention, and that stop and resume, see no record
// twice and no key out of order: a parent that vanished must neither hold its
// children up nor let them begin twice.
func TestReader_orderWhileShardsVanish(t *testing.T) {
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 4))
		clock := newClock()
		s, err := weir.NewStream("x", weir.Config{Now: clock.Now, Shards: 1 + random.IntN(3), Limits: weir.Unlimited()})
		require.NoError(t, err)
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		put, last := map[string]int{}, map[string]int{}
		take := func() bool {
			b, err := r.TryNext()
			require.NoError(t, err, "seed %d", seed)
			records := b.Records
			for _, record := range records {
				n, err := strconv.Atoi(string(record.Data))
				require.NoError(t, err)
				require.Greater(t, n, last[record.PartitionKey], "seed %d, key %s", seed, record.PartitionKey)
				last[record.PartitionKey] = n
			}
			return len(records) > 0
		}
		for range 10 + random.IntN(50) {
			switch random.IntN(8) {
			case 0, 1, 2:
				key := fmt.Sprint(random.IntN(12))
				put[key]++
				mustPut(t, s, key, strconv.Itoa(put[key]))
			case 3, 4:
				reshardAtRandom(t, s, random)
			case 5:
				clock.Advance(time.Duration(random.IntN(9)) * time.Hour)
			case 6:
				take()
			case 7:
				r = resumed(t, s, r)
			}
		}
		fresh := map[string]int{}
		for _, record := range allRecords(t, s) {
			fresh[record.PartitionKey]++
		}
		for take() {
		}
		for key := range fresh {
			require.Equal(t, put[key], last[key], "seed %d: all that is readable was read", seed)
		}
		require.NoError(t, weir.CheckInvariants(s))
	}
}

func TestStream_resumesPastAParentThatExpired(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	mustPut(t, s, "k", "old")
	_, err = r.TryNext()
	require.NoError(t, err)
	positions := r.Positions()
	_, err = s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(25 * time.Hour) // expired, and not forgotten
	mustPut(t, s, "k", "new")
	r, err = s.NewReader("", weir.Resume(positions, weir.TrimHorizon()))
	require.NoError(t, err)
	b, err := r.TryNext()
	require.NoError(t, err)
	records := b.Records
	assert.Equal(t, []string{"new"}, dataOf(records))
}

func TestStream_resumeRefusesContradictions(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2})
	starting := func(i int) weir.SequenceNumber { return s.Shards()[i].StartingSequenceNumber }
	_, err := s.NewReader("", weir.Resume(weir.Positions{starting(0), starting(0)}, weir.TrimHorizon()))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument, "one shard twice")
	_, err = s.SplitShard(t.Context(), shard0, hashKey(t, "1000"))
	require.NoError(t, err)
	_, err = s.NewReader("", weir.Resume(weir.Positions{starting(0), starting(2)}, weir.TrimHorizon()))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument, "a parent and its child")
}

func TestReader_closeEndsAWaitingNext(t *testing.T) {
	s := newStream(t, weir.Config{})
	r, err := s.NewReader("", weir.Latest().In(shard0))
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := r.Next(t.Context())
		done <- err
	}()
	r.Close()
	require.ErrorIs(t, <-done, weir.ErrClosed)
}
