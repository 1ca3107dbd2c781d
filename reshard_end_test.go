package weir_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// ended returns a stream with so many records whose writes have ended.
func ended(t *testing.T, c weir.Config, records int) (*weir.Stream, *manualClock) {
	t.Helper()
	s, clock := clocked(t, c)
	for i := range records {
		mustPut(t, s, fmt.Sprint(i), "v")
	}
	require.NoError(t, s.EndWrites(t.Context()))
	return s, clock
}

func TestStream_endWritesRefusesPuts(t *testing.T) {
	for name, c := range map[string]weir.Config{
		"one shard": {},
		"two":       {Shards: 2},
		"bounded":   {Shards: 2, MaxBytes: 1 << 20},
		"waiting":   {Shards: 2, MaxBytes: 1 << 20, WhenFull: weir.Wait},
		"dropping":  {Shards: 2, MaxBytes: 1 << 20, WhenFull: weir.DropOldest},
		"on demand": {Settings: weir.Settings{Mode: weir.OnDemand}},
		"dealt":     {Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := ended(t, c, 10)
			ctx := t.Context()
			entries := []weir.Entry{{PartitionKey: "a"}, {PartitionKey: "b", ExplicitHashKey: new(weir.HashKey)}}
			for range 2 {
				for what, put := range map[string]func() error{
					"PutRecord":      func() error { _, err := s.PutRecord(ctx, "k", nil); return err },
					"Put":            func() error { _, err := s.Put(ctx, entries[1]); return err },
					"PutRecords":     func() error { _, err := s.PutRecords(ctx, entries); return err },
					"PutRecordWait":  func() error { _, err := s.PutRecordWait(ctx, "k", nil); return err },
					"PutRecordsWait": func() error { _, err := s.PutRecordsWait(ctx, entries); return err },
					"PutCopies":      func() error { _, err := s.PutCopies(ctx, entries[0], 1_000_000_000); return err },
					"Resize":         func() error { _, err := s.Resize(ctx, 2); return err },
				} {
					if what != "Resize" || c.Mode != weir.OnDemand {
						assert.ErrorIs(t, put(), weir.ErrClosed, what)
					}
				}
				assert.Equal(t, weir.ShardID(-1), s.ShardOf("k"))
				assert.Zero(t, s.Capacity().OpenShards)
				assert.EqualValues(t, 10, s.Snapshot().RecordsHeld)
				for _, d := range s.Shards() {
					assert.False(t, d.IsOpen())
					assert.Empty(t, d.Children)
				}
				if c.Mode != weir.OnDemand {
					_, err := s.SplitShard(ctx, 0, weir.HashKey{Hi: 1 << 62})
					assert.ErrorIs(t, err, weir.ErrShardClosed)
					assert.ErrorIs(t, s.Set(ctx, func(to *weir.Settings) { to.Mode = weir.OnDemand }), weir.ErrClosed)
				}
				require.NoError(t, s.EndWrites(ctx), "again it does nothing")
				clock.Advance(2 * time.Hour)
			}
			clock.Advance(23 * time.Hour)
			assert.Empty(t, s.Shards(), "they vanish as ever")
			s.Trim()
			assert.Zero(t, s.Snapshot().RecordsHeld)
			assert.ErrorIs(t, s.Set(ctx, func(to *weir.Settings) { to.Retention = 0 }), weir.ErrInvalidArgument)
		})
	}
}

func TestStream_endWritesEndsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 1, weir.Latest())
		for i := range 10 {
			mustPut(t, s, fmt.Sprint(i), "v")
		}
		_, err := s.MergeShards(t.Context(), 0, 1)
		require.NoError(t, err)
		it := mustIterator(t, s, 2, weir.TrimHorizon())
		var wg sync.WaitGroup
		var saved weir.Positions
		for _, from := range []weir.Position{weir.TrimHorizon(), weir.Latest(), weir.Latest().In(2)} {
			wg.Go(func() {
				r, err := s.NewReader("", from)
				assert.NoError(t, err)
				defer r.Close()
				for {
					b, err := r.Next(t.Context())
					if err != nil {
						assert.Equal(t, io.EOF, err)
						assert.Equal(t, time.Minute, time.Since(s.CreatedAt()))
						break
					}
					assert.Empty(t, b.Children)
				}
				p := r.Positions()
				_, finished := p.Of(2)
				assert.True(t, finished)
				n, _ := r.Behind()
				assert.Zero(t, n)
				if from == weir.TrimHorizon() {
					saved = p
				}
			})
		}
		time.Sleep(time.Minute)
		require.NoError(t, s.EndWrites(t.Context()))
		wg.Wait()
		for _, err := range s.Records(t.Context(), weir.Resume(saved, weir.TrimHorizon())) {
			assert.Fail(t, "there is nothing left", err)
		}
		n := 0
		for range s.Records(t.Context(), weir.TrimHorizon()) {
			n++
		}
		assert.Equal(t, 10, n)

		page := mustGet(t, s, it, 0)
		assert.True(t, page.Next.IsZero())
		assert.True(t, page.Last)
		assert.Nil(t, page.Children)
		page = mustGet(t, s, mustIterator(t, s, 2, page.Continue), 0)
		assert.True(t, page.Last, "it can be read on from its end")
		for ev, err := range sub.Events(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, ev.Last, ev.Children != nil, "the child of the merge")
		}
		ev := mustNext(t, mustSubscribe(t, s, "c", 2, weir.Latest()))
		assert.Equal(t, weir.Batch{Shard: 2, Last: true, Continue: page.Continue}, ev)
	})
}

func TestStream_endWritesEndsWaitingPuts(t *testing.T) {
	for name, c := range map[string]weir.Config{
		"quota":  {Shards: 2},
		"memory": {Shards: 2, Limits: weir.Unlimited(), MaxBytes: 500_000, WhenFull: weir.Wait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, c)
				var mu sync.Mutex
				stored := 0
				var wg sync.WaitGroup
				for i := range 20 {
					wg.Go(func() {
						entries := make([]weir.Entry, 400)
						for j := range entries {
							entries[j] = weir.Entry{PartitionKey: fmt.Sprint(i, j), Data: make([]byte, 1000)}
						}
						results, err := s.PutRecordsWait(t.Context(), entries)
						mu.Lock()
						defer mu.Unlock()
						first := error(nil)
						for _, r := range results {
							if r.Err == nil {
								stored++
							} else if first == nil {
								first = r.Err
							}
						}
						if err != nil {
							assert.ErrorIs(t, err, weir.ErrClosed)
							assert.ErrorIs(t, first, weir.ErrClosed)
						}
					})
					wg.Go(func() {
						if _, err := s.PutRecordWait(t.Context(), fmt.Sprint(i), make([]byte, 1000)); err != nil {
							assert.ErrorIs(t, err, weir.ErrClosed)
							return
						}
						mu.Lock()
						defer mu.Unlock()
						stored++
					})
				}
				time.Sleep(1500 * time.Millisecond)
				at := time.Now()
				require.NoError(t, s.EndWrites(t.Context()))
				wg.Wait()
				assert.Equal(t, at, time.Now(), "they end at once")
				assert.EqualValues(t, stored, s.Snapshot().RecordsHeld)
				assert.Less(t, stored, 20*400)
			})
		})
	}
}

// Puts of any kind beside the end are stored or refused, and never both.
func TestStream_endWritesBesidePuts(t *testing.T) {
	for range 30 {
		s := newStream(t, weir.Config{Shards: 3, Limits: weir.Unlimited(), MaxBytes: 1 << 24})
		var wg sync.WaitGroup
		var mu sync.Mutex
		stored := 0
		for i := range 4 {
			wg.Go(func() {
				for refused := false; !refused; {
					entries := []weir.Entry{{PartitionKey: fmt.Sprint(i)}, {PartitionKey: "b"}, {PartitionKey: "c"}}
					results, err := s.PutRecords(t.Context(), entries)
					refused = err != nil
					n := 0
					for _, r := range results {
						if r.Err == nil {
							n++
							continue
						}
						assert.ErrorIs(t, r.Err, weir.ErrClosed)
					}
					_, err = s.PutRecord(t.Context(), "k", nil)
					if err == nil {
						n++
					}
					k, _ := s.PutCopies(t.Context(), entries[0], 5)
					mu.Lock()
					stored += n + k
					mu.Unlock()
				}
			})
		}
		time.Sleep(100 * time.Microsecond)
		require.NoError(t, s.EndWrites(t.Context()))
		wg.Wait()
		n := 0
		for _, err := range s.Records(t.Context(), weir.TrimHorizon()) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, stored, n)
	}
}

func TestStream_endWritesIsSaved(t *testing.T) {
	for name, c := range map[string]weir.Config{
		"provisioned": {Shards: 2},
		"on demand":   {Settings: weir.Settings{Mode: weir.OnDemand, WarmThroughput: 10, Distribution: weir.DistributeAuto}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := ended(t, c, 10)
			load := func() *weir.Stream {
				var saved bytes.Buffer
				require.NoError(t, s.Save(&saved))
				again, err := weir.LoadStream(&saved, weir.Config{Now: clock.Now})
				require.NoError(t, err)
				require.NoError(t, weir.CheckInvariants(again))
				return again
			}
			again := load()
			assert.Equal(t, s.Shards(), again.Shards())
			assert.Equal(t, s.Settings(), again.Settings())
			_, err := again.PutRecord(t.Context(), "k", nil)
			assert.ErrorIs(t, err, weir.ErrClosed)
			n := 0
			for range again.Records(t.Context(), weir.TrimHorizon()) {
				n++
			}
			assert.Equal(t, 10, n)
			clock.Advance(25 * time.Hour)
			assert.Empty(t, load().Shards(), "nothing is left but the stream")
		})
	}
}
