package weir_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestStream_putRecordWaitWaitsAsLongAsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		began := time.Now()
		for i := range 1500 {
			r, err := s.PutRecordWait(t.Context(), "k", fmt.Append(nil, i))
			require.NoError(t, err)
			require.EqualValues(t, i+1, r.SequenceNumber.Index())
		}
		assert.Equal(t, 500*time.Millisecond, time.Since(began))
	})
}

func TestStream_putRecordWaitForBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		data := make([]byte, 512*kib-1)
		began := time.Now()
		for range 6 {
			_, err := s.PutRecordWait(t.Context(), "k", data)
			require.NoError(t, err)
		}
		assert.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestStream_putRecordWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 0.01}})
		mustPut(t, s, "k", "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.PutRecordWait(ctx, "k", nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		_, err = s.PutRecordWait(t.Context(), "", nil)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, "other errors are not waited for")
		assert.Len(t, readable(t, s, shard0), 1)
	})
}

// waitBatch returns n entries of one to three keys.
func waitBatch(n, keys, size int) []weir.Entry {
	entries := make([]weir.Entry, n)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: fmt.Sprint("key", i%keys), Data: fmt.Appendf(nil, "%0*d", size, i)}
	}
	return entries
}

func TestStream_putRecordsWaitWaitsAndKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 3, Limits: weir.Limits{WriteRecordsPerSecond: 100}})
		entries := waitBatch(500, 7, 10)
		perShard := make(map[weir.ShardID]int)
		for _, e := range entries {
			perShard[s.ShardOf(e.PartitionKey)]++
		}
		most := 0
		for _, n := range perShard {
			most = max(most, n)
		}
		began := time.Now()
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		assert.Equal(t, time.Duration(most-100)*10*time.Millisecond, time.Since(began))
		last := make(map[weir.ShardID]uint64)
		for i, r := range results {
			require.NoError(t, r.Err)
			require.Equal(t, s.ShardOf(entries[i].PartitionKey), r.ShardID)
			last[r.ShardID]++
			require.Equal(t, last[r.ShardID], r.SequenceNumber.Index(), "in the order of the entries")
		}
		assert.EqualValues(t, 500, s.Snapshot().Total.IncomingRecords)
		waited := 0
		for _, n := range perShard {
			waited += max(0, n-100)
		}
		assert.EqualValues(t, waited, s.Snapshot().Total.WriteThrottled, "who waits counts once")
	})
}

// A small record must not overtake a large one that waits.
func TestStream_putRecordsWaitLetsNothingOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		var entries []weir.Entry
		for i := range 6 {
			entries = append(entries, weir.Entry{PartitionKey: "k", Data: make([]byte, []int{1000, 1}[i%2]*kib)})
		}
		began := time.Now()
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		for i, r := range results {
			assert.EqualValues(t, i+1, r.SequenceNumber.Index())
		}
		assert.InDelta(t, 1.933, time.Since(began).Seconds(), 0.001)
	})
}

func TestStream_putRecordsWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+50*time.Millisecond)
		defer cancel()
		results, err := s.PutRecordsWait(ctx, waitBatch(50, 1, 10))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for i, r := range results {
			if i < 20 {
				assert.NoError(t, r.Err)
				assert.EqualValues(t, i+1, r.SequenceNumber.Index())
			} else {
				assert.ErrorIs(t, r.Err, weir.ErrThroughputExceeded)
			}
		}
		assert.Len(t, readable(t, s, shard0), 20)
	})
}

func TestStream_putRecordsWaitRefusesWhatPutRecordsRefuses(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 30})
	_, err := s.PutRecordsWait(t.Context(), nil)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = s.PutRecordsWait(t.Context(), make([]weir.Entry, 501))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	results, err := s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "k"}, {PartitionKey: "k", Data: make([]byte, 30)}})
	assert.EqualError(t, err, "records[1]: memory limit reached", "a record that is not stored is found in the error")
	assert.ErrorIs(t, err, weir.ErrMemoryFull)
	assert.NoError(t, results[0].Err)
	assert.ErrorIs(t, results[1].Err, weir.ErrMemoryFull, "memory is not waited for")
}

func TestStream_waitersSurviveAReshard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		go func() {
			time.Sleep(2050 * time.Millisecond)
			_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
		}()
		entries := waitBatch(100, 5, 10)
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		last := make(map[string]weir.SequenceNumber)
		for i, r := range results {
			require.NoError(t, r.Err)
			key := entries[i].PartitionKey
			assert.Positive(t, r.SequenceNumber.Compare(last[key]), "each key's numbers rise over the split")
			last[key] = r.SequenceNumber
		}
		n := 0
		for _, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 100, n)
	})
}

// counted returns a stream and how often it has read its clock.
func counted(t testing.TB, c weir.Config) (*weir.Stream, *atomic.Int64) {
	readings := new(atomic.Int64)
	c.Now = func() time.Time {
		readings.Add(1)
		return time.Now()
	}
	return newStream(t, c), readings
}

// drainQuota takes all there is of a stream's quota of records.
func drainQuota(t testing.TB, s *weir.Stream, n int) {
	t.Helper()
	stored, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "drain"}, n)
	require.NoError(t, err)
	require.Equal(t, n, stored)
}

// waiters puts rounds records of each of n waiters, one after the other, and
// returns when all are stored. The waiters begin in their order.
func waiters(t *testing.T, s *weir.Stream, n, rounds int, apart time.Duration) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if apart > 0 {
				time.Sleep(time.Duration(i) * apart)
			}
			for round := range rounds {
				_, err := s.PutRecordWait(t.Context(), fmt.Sprint(i), fmt.Append(nil, round))
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
}

// Waiters used to try again and again: some got nothing for seconds, every try
// counted as a throttle, and who waited cost the more the more others did.
func TestPutRecordWait_firstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, rounds = 500, 10
		s, readings := counted(t, weir.Config{})
		drainQuota(t, s, 1000)
		began, before := time.Now(), readings.Load()
		waiters(t, s, n, rounds, time.Nanosecond)
		assert.Equal(t, n*rounds*time.Millisecond, time.Since(began))
		assert.LessOrEqual(t, readings.Load()-before, int64(3*n*rounds), "begin, the turn, the end of the wait")
		records := allRecords(t, s)[1000:]
		require.Len(t, records, n*rounds)
		for i, r := range records {
			require.Equal(t, fmt.Sprint(i%n), r.PartitionKey, "record %d: nobody is ahead of another by more than one", i)
			require.Equal(t, fmt.Sprint(i/n), string(r.Data))
			require.Equal(t, time.Duration(i+1)*time.Millisecond, r.ArrivalTime.Sub(began))
		}
		total := s.Snapshot().Total
		assert.EqualValues(t, n*rounds, total.WriteThrottled, "who waits counts once")
		assert.EqualValues(t, 1000+n*rounds, total.PutRecordRecords)
	})
}

// The cost of a record is the same whether ten wait beside it or five hundred,
// in real time as well.
func TestPutRecordWait_costDoesNotDependOnTheOthers(t *testing.T) {
	for _, n := range []int{10, 500} {
		s, readings := counted(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 20_000}})
		drainQuota(t, s, 20_000)
		before := readings.Load()
		waiters(t, s, n, 3000/n, 0)
		assert.LessOrEqual(t, readings.Load()-before, int64(3*3000+n))
		assert.LessOrEqual(t, s.Snapshot().Total.WriteThrottled, int64(3000))
		assert.Len(t, allRecords(t, s), 23_000)
	}
}

// Who does not wait and tries all the time does not overtake those in line.
func TestPutRecordWait_isNotStarvedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		drainQuota(t, s, 1000)
		began, done := time.Now(), make(chan struct{})
		var others sync.WaitGroup
		var tries, stored atomic.Int64
		for i := range 5 {
			others.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond)
				for {
					select {
					case <-done:
						return
					case <-time.After(50 * time.Microsecond):
					}
					tries.Add(1)
					if _, err := s.PutRecord(t.Context(), "other", nil); err == nil {
						stored.Add(1)
					}
				}
			})
		}
		waiters(t, s, 20, 10, time.Nanosecond)
		assert.Equal(t, 200*time.Millisecond, time.Since(began))
		close(done)
		others.Wait()
		assert.Greater(t, tries.Load(), int64(10_000))
		assert.LessOrEqual(t, stored.Load(), int64(1))
	})
}

// A context that ends while it waits says what ended it and which limit it
// waited for, and leaves nothing behind, neither in memory nor in the quota.
func TestPutRecordWait_contextThatEnds(t *testing.T) {
	cause := errors.New("the shop is closing")
	puts := map[string]func(context.Context, *weir.Stream) error{
		"PutRecordWait": func(ctx context.Context, s *weir.Stream) error {
			r, err := s.PutRecordWait(ctx, "k", []byte("never"))
			assert.Zero(t, r.SequenceNumber)
			return err
		},
		"PutRecordsWait": func(ctx context.Context, s *weir.Stream) error {
			results, err := s.PutRecordsWait(ctx, []weir.Entry{{PartitionKey: "k", Data: []byte("never")}, {PartitionKey: "k"}})
			for _, r := range results {
				assert.ErrorIs(t, r.Err, weir.ErrThroughputExceeded)
			}
			return err
		},
	}
	for name, put := range puts {
		for _, turn := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/turn=%v", name, turn), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStream(t, weir.Config{MaxBytes: 1 << 20, Limits: weir.Limits{WriteRecordsPerSecond: 10}})
					drainQuota(t, s, 10)
					began, next := time.Now(), 100*time.Millisecond
					if !turn {
						next += 100 * time.Millisecond
						go func() {
							_, err := s.PutRecordWait(t.Context(), "first", nil)
							assert.NoError(t, err)
						}()
						synctest.Wait()
					}
					ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
					defer cancel()
					err := put(ctx, s)
					assert.Equal(t, 50*time.Millisecond, time.Since(began))
					assert.ErrorIs(t, err, cause)
					requireLimit(t, err, "write records per second")

					time.Sleep(time.Until(began.Add(next - time.Microsecond)))
					_, err = s.PutRecord(t.Context(), "k", nil)
					requireLimit(t, err, "write records per second")
					time.Sleep(time.Microsecond)
					mustPut(t, s, "k", "the next")
					time.Sleep(time.Hour)
					for _, r := range allRecords(t, s) {
						assert.NotEqual(t, "never", string(r.Data))
					}
				})
			})
		}
	}
}

func TestPutRecordWait_deadlineIsTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		drainQuota(t, s, 1)
		_, err := s.PutRecord(t.Context(), "k", make([]byte, 1024*kib-10))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = s.PutRecordWait(ctx, "k", make([]byte, 512*kib))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.InDelta(t, 500*time.Millisecond, requireLimit(t, err, "write bytes per second"), float64(time.Millisecond))
	})
}

// The stream's clock decides when a record passes; timers only say when to
// look.
func TestPutRecordWait_goesByTheStreamsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		drainQuota(t, s, 10)
		var stored atomic.Bool
		go func() {
			_, err := s.PutRecordWait(t.Context(), "k", nil)
			assert.NoError(t, err)
			stored.Store(true)
		}()
		time.Sleep(time.Minute)
		assert.False(t, stored.Load(), "the clock stands still")
		clock.Advance(100*time.Millisecond - 1)
		time.Sleep(100 * time.Millisecond)
		assert.False(t, stored.Load())
		clock.Advance(1)
		time.Sleep(100 * time.Millisecond)
		assert.True(t, stored.Load())
	})
}

// Those who stand in line when their shard is split or merged are served by its
// children in the order in which they came, and each key keeps its order.
func TestPutRecordWait_lineMovesToTheChildren(t *testing.T) {
	reshards := map[string]func(s *weir.Stream) error{
		"split": func(s *weir.Stream) error {
			_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 62})
			return err
		},
		"merge": func(s *weir.Stream) error {
			_, err := s.MergeShards(t.Context(), 0, 1)
			return err
		},
	}
	for name, reshard := range reshards {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{Shards: 2, MaxBytes: 1 << 20, Limits: weir.Limits{WriteRecordsPerSecond: 10}})
				for _, sh := range openShards(t, s) {
					for range 10 {
						_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "drain", ExplicitHashKey: &sh.HashKeyRange.Start})
						require.NoError(t, err)
					}
				}
				go func() {
					time.Sleep(250 * time.Millisecond)
					assert.NoError(t, reshard(s))
				}()
				began := time.Now()
				waiters(t, s, 40, 1, time.Microsecond)
				waiters(t, s, 40, 2, time.Microsecond)
				assert.Less(t, time.Since(began), 12*time.Second)
				last, rounds := make(map[weir.ShardID]int), make(map[string]int)
				for _, r := range allRecords(t, s) {
					if r.PartitionKey == "drain" {
						continue
					}
					var i int
					_, err := fmt.Sscan(r.PartitionKey, &i)
					require.NoError(t, err)
					if rounds[r.PartitionKey] == 0 && name == "split" { // a merge makes one line of two
						require.Greater(t, i, last[r.ShardID()]-1, "in %v", r.ShardID)
						last[r.ShardID()] = i
					}
					rounds[r.PartitionKey]++
				}
				require.Len(t, rounds, 40)
				for key, n := range rounds {
					assert.Equal(t, 3, n, key)
				}
			})
		})
	}
}

// Whoever waits for the quota of a shard moves on as soon as it is closed: the
// children begin with full buckets.
func TestPutRecordWait_aSplitEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 0.001}})
		drainQuota(t, s, 1)
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
		}()
		keys := map[weir.ShardID]string{}
		for i := 0; len(keys) < 2; i++ { // one for each child
			id := weir.ShardID(weir.HashPartitionKey(fmt.Sprint(i)).Hi >> 63)
			keys[id] = fmt.Sprint(i)
		}
		var all sync.WaitGroup
		for _, key := range keys {
			all.Go(func() {
				_, err := s.PutRecordWait(t.Context(), key, nil)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestPutRecordsWait_distributedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto},
			Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		began := time.Now()
		_, err := s.PutRecordsWait(t.Context(), make([]weir.Entry, 100))
		require.NoError(t, err)
		assert.Equal(t, 1500*time.Millisecond, time.Since(began))
		for _, sh := range openShards(t, s) {
			assert.Len(t, readable(t, s, sh.ID), 25)
		}
	})
}

// The records of one shard do not wait for those of another, neither for its
// quota nor for who stands in line there.
func TestPutRecordsWait_shardsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2, Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		began := time.Now()
		low, high := weir.HashKey{}, maxHashKey
		_, err := s.PutRecordsWait(t.Context(), repeat(weir.Entry{PartitionKey: "k", ExplicitHashKey: &low}, 10))
		require.NoError(t, err)
		go func() {
			_, err := s.PutRecordsWait(t.Context(), repeat(weir.Entry{PartitionKey: "k", ExplicitHashKey: &low}, 10))
			assert.NoError(t, err)
		}()
		synctest.Wait()
		var entries []weir.Entry
		for range 15 {
			entries = append(entries, weir.Entry{PartitionKey: "low", ExplicitHashKey: &low}, weir.Entry{PartitionKey: "high", ExplicitHashKey: &high})
		}
		_, err = s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		n := map[string]int{}
		for _, r := range allRecords(t, s) {
			n[r.PartitionKey]++
			after := r.ArrivalTime.Sub(began)
			switch r.PartitionKey {
			case "high":
				assert.Equal(t, time.Duration(max(0, n["high"]-10))*100*time.Millisecond, after)
			case "low":
				assert.Equal(t, time.Duration(10+n["low"])*100*time.Millisecond, after, "after those who came before")
			}
		}
		assert.Equal(t, map[string]int{"k": 20, "low": 15, "high": 15}, n)
	})
}

func repeat(e weir.Entry, n int) []weir.Entry {
	entries := make([]weir.Entry, n)
	for i := range entries {
		entries[i] = e
	}
	return entries
}

// The error is nil if and only if all is stored, and it is found in the error
// what is not, whatever happens when memory is full.
func TestPutRecordsWait_errorSaysWhetherAllIsStored(t *testing.T) {
	for _, c := range []struct {
		policy weir.FullPolicy
		stored int
		want   error
	}{{weir.Refuse, 3, weir.ErrMemoryFull}, {weir.DropOldest, 5, nil}, {weir.Wait, 3, context.DeadlineExceeded}} {
		t.Run(fmt.Sprint(c.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{MaxBytes: 3 * (10 + overhead), WhenFull: c.policy, Limits: weir.Limits{WriteRecordsPerSecond: 2}})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				results, err := s.PutRecordsWait(ctx, repeat(weir.Entry{PartitionKey: "k", Data: []byte("nine byte")}, 5))
				stored := 0
				for _, r := range results {
					if r.Err == nil {
						stored++
						assert.EqualValues(t, stored, r.SequenceNumber.Index())
					}
				}
				assert.Equal(t, c.stored, stored)
				if c.want == nil {
					assert.NoError(t, err)
					return
				}
				assert.ErrorIs(t, err, c.want)
				assert.ErrorIs(t, err, weir.ErrMemoryFull)
				assert.ErrorContains(t, err, "records[3]: ")
			})
		})
	}
}
