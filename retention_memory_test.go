package weir_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const overhead = weir.RecordOverheadBytes

func TestStream_refusesWhenMemoryIsFull(t *testing.T) {
	for _, c := range []struct {
		name string
		max  int64
		ok   bool
	}{
		{"one byte too few", 2*(100+overhead) - 1, false},
		{"exactly", 2 * (100 + overhead), true},
		{"one byte to spare", 2*(100+overhead) + 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clock := clocked(t, weir.Config{MaxBytes: c.max})
			mustPut(t, s, "k", text(99))
			_, err := s.PutRecord(t.Context(), "k", make([]byte, 99))
			if c.ok {
				require.NoError(t, err)
				_, err = s.PutRecord(t.Context(), "k", nil)
			}
			assert.ErrorIs(t, err, weir.ErrMemoryFull)
			total := s.Snapshot().Total
			assert.EqualValues(t, 1, total.RefusedRecords)
			assert.Zero(t, total.DroppedRecords)
			assert.Zero(t, total.WriteThrottled)
			clock.Advance(24 * time.Hour)
			mustPut(t, s, "k", text(99)) // what expired makes room
		})
	}
}

func TestStream_batchIsRefusedRecordByRecordWhenFull(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 2 * (100 + overhead)})
	results, err := s.PutRecords(t.Context(), []weir.Entry{
		{PartitionKey: "k", Data: make([]byte, 150)}, {PartitionKey: "k", Data: make([]byte, 99)}, {PartitionKey: "k"}})
	require.NoError(t, err)
	assert.NoError(t, results[0].Err)
	assert.Equal(t, weir.PutResult{Err: weir.ErrMemoryFull}, results[1])
	assert.NoError(t, results[2].Err, "a later record that fits is stored")
}

func TestStream_dropsOldestWhenMemoryIsFull(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 3 * (10 + overhead), WhenFull: weir.DropOldest})
	for i := range 5 {
		mustPut(t, s, "k", fmt.Sprintf("record %02d", i)[:9])
		clock.Advance(time.Millisecond)
	}
	assert.Len(t, readable(t, s, shard0), 3)
	snap := s.Snapshot()
	assert.EqualValues(t, 2, snap.Total.DroppedRecords)
	assert.EqualValues(t, 20, snap.Total.DroppedBytes)
	assert.EqualValues(t, 3, snap.RecordsHeld)
	assert.EqualValues(t, 30, snap.BytesHeld)
	assert.EqualValues(t, 5, snap.Total.IncomingRecords)

	mustPut(t, s, "k", text(3*(10+overhead)-overhead-1))
	assert.Len(t, readable(t, s, shard0), 1, "a record that just fits drops all others")
	_, err := s.PutRecord(t.Context(), "k", make([]byte, 3*(10+overhead)-overhead))
	assert.ErrorIs(t, err, weir.ErrMemoryFull, "one that cannot fit drops none")
	assert.Len(t, readable(t, s, shard0), 1)
}

func TestStream_dropsOldestOfAllShards(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2, MaxBytes: 4 * (2 + overhead), WhenFull: weir.DropOldest})
	to := func(shard int, data string) {
		t.Helper()
		key := s.Shards()[shard].HashKeyRange.Start
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte(data), ExplicitHashKey: &key})
		require.NoError(t, err)
		clock.Advance(time.Millisecond)
	}
	to(1, "a")
	to(0, "b")
	to(1, "c")
	to(0, "d")
	to(0, "e")
	assert.Equal(t, []string{"b", "d", "e"}, readable(t, s, 0))
	assert.Equal(t, []string{"c"}, readable(t, s, 1))
	to(1, "f")
	assert.Equal(t, []string{"d", "e"}, readable(t, s, 0))
	assert.Equal(t, []string{"c", "f"}, readable(t, s, 1))
}

func TestStream_recordThatAQuotaRefusesDropsNothing(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 2 * (2 + overhead), WhenFull: weir.DropOldest,
		Limits: weir.Limits{WriteRecordsPerSecond: 2}})
	mustPut(t, s, "k", "a")
	mustPut(t, s, "k", "b")
	_, err := s.PutRecord(t.Context(), "k", []byte("c"))
	require.ErrorIs(t, err, weir.ErrThroughputExceeded)
	results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k"}})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, weir.ErrThroughputExceeded)
	assert.Equal(t, []string{"a", "b"}, readable(t, s, shard0))
	assert.Zero(t, s.Snapshot().Total.DroppedRecords)
}

// A reader that stops at the tip read as many records as were missing to the
// tip when it began a batch, even if the first of those were dropped meanwhile.
func TestStream_readToTheTipEndsThereThoughRecordsAreDropped(t *testing.T) {
	const n = 300 // more than a reader takes at once
	s, clock := clocked(t, weir.Config{MaxBytes: n * (4 + overhead), WhenFull: weir.DropOldest,
		Limits: weir.Limits{WriteRecordsPerSecond: -1}})
	for i := range n {
		mustPut(t, s, "k", fmt.Sprintf("%03d", i))
	}
	clock.Advance(time.Second)
	seen := 0
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard0).ToTip()) {
		require.NoError(t, err)
		require.LessOrEqual(t, r.SequenceNumber.Index(), uint64(n))
		if seen++; seen == 1 {
			for i := range n {
				mustPut(t, s, "k", fmt.Sprintf("%03d", i))
			}
		}
	}
	assert.Equal(t, 256, seen, "the rest was dropped before it was read")
}

// The heap of the oldest records agrees with a look at all shards, whatever
// becomes of them: they fill, empty, expire, are split, merged and forgotten.
func TestStream_oldestRecordIsFoundAmongAllShards(t *testing.T) {
	base := seed(t)
	for history := range 20 {
		random := rand.New(rand.NewPCG(base, uint64(history)))
		s, clock := clocked(t, weir.Config{
			Shards: 1 + random.IntN(20), MaxBytes: 60 * (3 + overhead), WhenFull: weir.FullPolicy(history % 2),
			Settings: weir.Settings{Retention: time.Minute}, Limits: weir.Limits{MinRetention: -1, WriteRecordsPerSecond: -1},
		})
		for range 400 {
			switch random.IntN(12) {
			case 0:
				clock.Advance(time.Duration(random.Int64N(int64(40 * time.Second))))
			case 1:
				open := openShards(t, s)
				sh := open[random.IntN(len(open))]
				_, _ = s.SplitShard(t.Context(), sh.ID, weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2})
			case 2:
				open := openShards(t, s)
				if i := random.IntN(len(open)); i > 0 {
					_, _ = s.MergeShards(t.Context(), open[i-1].ID, open[i].ID)
				}
			case 3:
				s.Trim()
			case 4:
				require.NoError(t, setRetention(s, time.Duration(1+random.IntN(100))*time.Second))
			case 5:
				if records := allRecords(t, s); len(records) > 0 {
					require.NoError(t, s.TrimTo(records[random.IntN(len(records))].SequenceNumber))
				}
			default:
				for range 1 + random.IntN(10) {
					_, err := s.PutRecord(t.Context(), fmt.Sprintf("%03d", random.IntN(1000)), nil)
					if history%2 == int(weir.DropOldest) {
						require.NoError(t, err)
					}
				}
				clock.Advance(time.Duration(random.IntN(2)) * time.Millisecond)
			}
			require.NoError(t, weir.CheckOldest(s))
		}
	}
}

// fullPuts is every way to put a record of three bytes.
var fullPuts = map[string]func(context.Context, *weir.Stream) error{
	"PutRecord": func(ctx context.Context, s *weir.Stream) error {
		_, err := s.PutRecord(ctx, "key", nil)
		return err
	},
	"Put": func(ctx context.Context, s *weir.Stream) error {
		_, err := s.Put(ctx, weir.Entry{PartitionKey: "key"})
		return err
	},
	"PutRecordWait": func(ctx context.Context, s *weir.Stream) error {
		_, err := s.PutRecordWait(ctx, "key", nil)
		return err
	},
	"PutRecords": func(ctx context.Context, s *weir.Stream) error {
		results, err := s.PutRecords(ctx, []weir.Entry{{PartitionKey: "key"}})
		if err != nil {
			return err
		}
		return results[0].Err
	},
	"PutRecordsWait": func(ctx context.Context, s *weir.Stream) error {
		_, err := s.PutRecordsWait(ctx, []weir.Entry{{PartitionKey: "key"}})
		return err
	},
	"PutCopies": func(ctx context.Context, s *weir.Stream) error {
		_, err := s.PutCopies(ctx, weir.Entry{PartitionKey: "key"}, 1)
		return err
	},
}

// fullStream returns a stream that is full with two records, a second apart,
// whose puts wait.
func fullStream(t *testing.T) (s *weir.Stream, first weir.SequenceNumber) {
	s = newStream(t, weir.Config{MaxBytes: 2 * (3 + overhead), WhenFull: weir.Wait,
		Settings: weir.Settings{Retention: time.Hour}, Limits: weir.Limits{MinRetention: -1}})
	first = mustPut(t, s, "key", "").SequenceNumber
	time.Sleep(time.Second)
	mustPut(t, s, "key", "")
	return s, first
}

func TestWait_putWaitsUntilThereIsRoom(t *testing.T) {
	for way, put := range fullPuts {
		for _, c := range []struct {
			name string
			room func(*weir.Stream, weir.SequenceNumber) error // after five seconds
			want time.Duration
		}{
			{"the oldest expires", func(*weir.Stream, weir.SequenceNumber) error { return nil }, time.Hour},
			{"it is trimmed", func(s *weir.Stream, n weir.SequenceNumber) error { return s.TrimTo(n) }, 5 * time.Second},
			{"the retention shrinks, and it has expired",
				func(s *weir.Stream, _ weir.SequenceNumber) error { return setRetention(s, 4*time.Second) }, 5 * time.Second},
			{"the retention shrinks, and it expires sooner",
				func(s *weir.Stream, _ weir.SequenceNumber) error { return setRetention(s, time.Minute) }, time.Minute},
			{"the retention grows", func(s *weir.Stream, _ weir.SequenceNumber) error { return setRetention(s, 2*time.Hour) }, 2 * time.Hour},
		} {
			t.Run(way+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					s, first := fullStream(t)
					go func() {
						time.Sleep(4 * time.Second)
						assert.NoError(t, c.room(s, first))
					}()
					time.Sleep(300 * time.Microsecond) // no whole number of milliseconds
					require.NoError(t, put(t.Context(), s))
					assert.Equal(t, c.want, time.Since(began))
					total := s.Snapshot().Total
					assert.EqualValues(t, 3, total.IncomingRecords)
					assert.Zero(t, total.RefusedRecords)
					assert.Zero(t, total.DroppedRecords)
				})
			})
		}
	}
}

func TestWait_contextThatEndsLeavesNothingBehind(t *testing.T) {
	for way, put := range fullPuts {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, first := fullStream(t)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				head, next := make(chan error, 1), make(chan error, 1)
				go func() { head <- put(ctx, s) }()
				synctest.Wait()
				go func() { next <- put(ctx, s) }() // in line behind it
				for _, err := range []error{<-head, <-next} {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					assert.ErrorIs(t, err, weir.ErrMemoryFull)
				}
				assert.EqualValues(t, 2, s.Snapshot().Total.RefusedRecords)
				assert.Len(t, allRecords(t, s), 2)
				require.NoError(t, weir.CheckInvariants(s))
				require.NoError(t, s.TrimTo(first))
				began := time.Now()
				require.NoError(t, put(t.Context(), s))
				assert.Zero(t, time.Since(began))
			})
		})
	}
}

func TestWait_firstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		s, _ := fullStream(t)
		done := make(chan int, n)
		for i := range n {
			go func() {
				time.Sleep(time.Duration(i))
				size := []int{0, overhead + 3}[min(1, i%5/4)] // every fifth needs all the room
				_, err := s.PutRecord(t.Context(), fmt.Sprintf("%03d", i), make([]byte, size))
				assert.NoError(t, err)
				done <- i
			}()
		}
		time.Sleep(time.Second)
		for range 3 * n {
			if records := allRecords(t, s); len(records) > 0 {
				require.NoError(t, s.TrimTo(records[0].SequenceNumber))
			}
			time.Sleep(time.Second)
		}
		for i := range n {
			assert.Equal(t, i, <-done)
		}
	})
}

// What would fit waits none the less behind a larger record that came before
// it.
func TestWait_nobodyOvertakesALargerRecord(t *testing.T) {
	for way, put := range fullPuts {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, first := fullStream(t)
				go func() {
					_, err := s.PutRecord(t.Context(), "key", make([]byte, overhead+3))
					assert.NoError(t, err)
				}()
				synctest.Wait()
				require.NoError(t, s.TrimTo(first)) // room for one of three bytes
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				assert.ErrorIs(t, put(ctx, s), weir.ErrMemoryFull)
				time.Sleep(time.Hour)
				assert.Len(t, allRecords(t, s), 1, "the larger one")
			})
		})
	}
}

// A batch has its turn for one record; the next comes after who stands behind
// it.
// Who has the turn waits until the oldest record expires, by a timer. Where the
// stream's clock is ahead of that, by a step or a sleep of the machine, nobody
// looked at it for as long, though there was room, and all others stood behind.
func TestWait_newcomersMakeTheFirstLookAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, clock := clocked(t, weir.Config{MaxBytes: 1000, WhenFull: weir.Wait})
		mustPut(t, s, "k", text(800))
		stored := 0
		put := func() {
			go func() {
				_, err := s.PutRecordWait(t.Context(), "k", make([]byte, 500))
				if assert.NoError(t, err) {
					stored++
				}
			}()
			synctest.Wait()
		}
		put()
		assert.Zero(t, stored)
		clock.Advance(25 * time.Hour)
		put()
		assert.Equal(t, 1, stored)
		clock.Advance(25 * time.Hour)
		s.Trim()
		synctest.Wait()
		assert.Equal(t, 2, stored)
	})
}

func TestWait_batchTakesOneTurnARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := fullStream(t)
		go func() {
			_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "one"}, {PartitionKey: "two"}})
			assert.NoError(t, err)
		}()
		synctest.Wait()
		go mustPut(t, s, "mid", "")
		synctest.Wait()
		records := allRecords(t, s)
		require.NoError(t, s.TrimTo(records[1].SequenceNumber))
		synctest.Wait()
		records = allRecords(t, s)
		require.Len(t, records, 2)
		assert.Equal(t, []string{"one", "mid"}, []string{records[0].PartitionKey, records[1].PartitionKey})
		require.NoError(t, s.TrimTo(records[0].SequenceNumber))
		synctest.Wait()
		assert.Equal(t, "two", allRecords(t, s)[1].PartitionKey)
	})
}

func TestWait_recordThatNeverFitsIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for size, ok := range map[int]bool{99: true, 100: true, 101: false} {
			began := time.Now()
			s := newStream(t, weir.Config{MaxBytes: 100 + overhead, WhenFull: weir.Wait})
			_, err := s.PutRecord(t.Context(), "k", make([]byte, size-1))
			assert.Equal(t, ok, err == nil)
			if !ok {
				assert.ErrorIs(t, err, weir.ErrMemoryFull)
				results, err := s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "k", Data: make([]byte, size-1)}, {PartitionKey: "k"}})
				assert.ErrorIs(t, err, weir.ErrMemoryFull)
				assert.ErrorIs(t, results[0].Err, weir.ErrMemoryFull)
				assert.NoError(t, results[1].Err)
			}
			assert.Zero(t, time.Since(began))
		}
	})
}

// A batch that is larger than MaxBytes goes through bit by bit as a reader
// trims what it has read, and what the reader holds stays as it was.
func TestWait_batchLargerThanMaxBytes(t *testing.T) {
	const n = 50
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("waits=%v", waits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{Shards: 3, MaxBytes: 4 * (7 + overhead), WhenFull: weir.Wait})
				done := make(chan error, 1)
				go func() {
					put := s.PutRecords
					if waits {
						put = s.PutRecordsWait
					}
					results, err := put(t.Context(), waitBatch(n, 5, 3))
					for _, r := range results {
						assert.NoError(t, r.Err)
					}
					done <- err
				}()
				var seen []weir.Record
				for r, err := range s.Records(t.Context(), weir.TrimHorizon()) {
					require.NoError(t, err)
					seen = append(seen, r)
					require.NoError(t, s.TrimTo(r.SequenceNumber))
					if len(seen) == n {
						break
					}
				}
				require.NoError(t, <-done)
				next := map[string]int{"key0": 0, "key1": 1, "key2": 2, "key3": 3, "key4": 4}
				for _, r := range seen {
					assert.Equal(t, fmt.Sprintf("%03d", next[r.PartitionKey]), string(r.Data), "each key in its order")
					next[r.PartitionKey] += len(next)
				}
			})
		})
	}
}

func TestWait_batchWhoseContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{MaxBytes: 3*(10+overhead) + 1 + overhead, WhenFull: weir.Wait})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		entries := repeat(weir.Entry{PartitionKey: "k", Data: []byte("nine byte")}, 6)
		entries[4].Data = nil // nothing is stored after the end, even if it fits
		results, err := s.PutRecords(ctx, entries)
		require.NoError(t, err, "the outcome of each is in its result")
		for i, r := range results {
			if i < 3 {
				assert.NoError(t, r.Err)
				continue
			}
			assert.ErrorIs(t, r.Err, context.DeadlineExceeded)
			assert.ErrorIs(t, r.Err, weir.ErrMemoryFull)
		}
		assert.EqualValues(t, 3, s.Snapshot().Total.RefusedRecords)
	})
}

// A record that never fits stood before the one that waited, and the error of
// the call was the first one's: nobody was told that the context had ended.
func TestWait_batchSaysWhatItWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{MaxBytes: 1000, WhenFull: weir.Wait})
		mustPut(t, s, "k", text(800))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results, err := s.PutRecordsWait(ctx, []weir.Entry{
			{PartitionKey: "k", Data: make([]byte, 2000)}, {PartitionKey: "k", Data: make([]byte, 500)},
		})
		assert.Equal(t, weir.ErrMemoryFull, results[0].Err)
		assert.ErrorIs(t, results[1].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, weir.ErrMemoryFull)
		assert.ErrorContains(t, err, "records[1]: ")
	})
}

// Records that wait for memory when writes end are not refused for memory, and
// were counted so, all but the first.
func TestWait_endOfWritesIsNoLackOfMemory(t *testing.T) {
	puts := map[string]func(context.Context, *weir.Stream, []weir.Entry) error{
		"PutRecordsWait": func(ctx context.Context, s *weir.Stream, entries []weir.Entry) error {
			_, err := s.PutRecordsWait(ctx, entries)
			return err
		},
		"PutRecords": func(ctx context.Context, s *weir.Stream, entries []weir.Entry) error {
			results, err := s.PutRecords(ctx, entries)
			require.NoError(t, err)
			require.Len(t, results, 3)
			for _, r := range results {
				assert.Equal(t, results[0].Err, r.Err)
			}
			return results[0].Err
		},
	}
	for name, put := range puts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, weir.Config{MaxBytes: 1000, WhenFull: weir.Wait})
				mustPut(t, s, "k", text(800))
				go func() {
					err := put(t.Context(), s, repeat(weir.Entry{PartitionKey: "k", Data: make([]byte, 500)}, 3))
					assert.ErrorIs(t, err, weir.ErrClosed)
					assert.NotErrorIs(t, err, weir.ErrMemoryFull)
				}()
				synctest.Wait()
				require.NoError(t, s.EndWrites(t.Context()))
				synctest.Wait()
				assert.Zero(t, s.Snapshot().Total.RefusedRecords)
			})
		})
	}
}
