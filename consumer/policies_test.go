package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

var errPoison = errors.New("poison")

// picky returns a handler that does not process a batch with a record that says
// "poison", and counts how often it was called with one.
func (d *diary) picky(calls *[]int) consumer.Handler {
	return func(_ context.Context, b *consumer.Batch) error {
		for _, r := range b.Records {
			if strings.Contains(string(r.Data), "poison") {
				*calls = append(*calls, len(b.Records))
				return errPoison
			}
		}
		d.note("", b)
		return nil
	}
}

// poisoned is what the tests of policies put: one shard, the fourth record is
// poison.
var poisoned = []string{"k 0", "k 1", "k 2", "k poison", "k 4", "k 5", "k 6"}

func TestGroup_retriesAPoisonRecordVisiblyAndOtherShardsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, calls := streamtest.New(t, "orders", 2), new(diary), []int(nil)
		streamtest.Put(t, s, "a poison", "b 1", "c 2", "d 3", "e 4", "f 5")
		c := config(s, new(lease.Memory), "w", d.picky(&calls))
		c.MaxBackoff = time.Second
		g := run(t, c)
		time.Sleep(time.Minute)
		m := g.Metrics()
		assert.Greater(t, m.Errors, int64(60))
		assert.InDelta(t, m.Errors, m.Retries, 1)
		waiting := 0
		for _, sh := range m.Shards {
			if sh.Failures > 0 {
				waiting++
				assert.Equal(t, int(m.Errors), sh.Failures)
				assert.ErrorIs(t, sh.Err, errPoison)
			}
		}
		assert.Equal(t, 1, waiting)
		assert.NotEmpty(t, d.texts(), "the other shard")
		began := time.Now()
		require.NoError(t, g.End())
		assert.Less(t, time.Since(began), time.Second, "an end does not wait for retries")
	})
}

func TestGroup_stopsWhereThePolicySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, calls, store := streamtest.New(t, "orders", 1), new(diary), []int(nil), new(lease.Memory)
		streamtest.Put(t, s, poisoned...)
		c := config(s, store, "w", d.picky(&calls))
		c.OnError, c.Attempts, c.Bisect = consumer.Stop, 3, true
		g, err := consumer.New(c)
		require.NoError(t, err)
		err = g.Run(t.Context())
		var failed *consumer.HandlerError
		require.ErrorAs(t, err, &failed)
		assert.ErrorIs(t, err, errPoison)
		assert.Equal(t, 3, failed.Attempts)
		assert.Equal(t, failed.First, failed.Last)
		assert.Equal(t, poisoned[:3], d.texts(), "bisected: what stands before it was processed")
		assert.Equal(t, []int{7, 4, 2, 1, 1, 1}, calls)
		assert.Empty(t, leases(t, store)["shardId-000000000000"].Owner)
	})
}

func TestGroup_skipsOrHandsOverTheRecordsThatFailAndNoOthers(t *testing.T) {
	for name, policy := range map[string]consumer.ErrorPolicy{"skip": consumer.Skip, "dead letter": consumer.DeadLetter} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, calls := streamtest.New(t, "orders", 1), new(diary), []int(nil)
				streamtest.Put(t, s, poisoned...)
				c := config(s, new(lease.Memory), "w", d.picky(&calls))
				c.OnError, c.Attempts, c.Bisect = policy, 2, true
				var dead []string
				refuse := true
				if policy == consumer.DeadLetter {
					c.DeadLetter = func(_ context.Context, b *consumer.Batch, cause error) error {
						assert.ErrorIs(t, cause, errPoison)
						if refuse {
							refuse = false
							panic("not now")
						}
						for _, r := range b.Records {
							dead = append(dead, string(r.Data))
						}
						return nil
					}
				}
				g := run(t, c)
				await(t, "the rest", func() bool { return d.len() == 6 })
				streamtest.Put(t, s, "k 7")
				await(t, "more", func() bool { return d.len() == 7 })
				m := g.Metrics()
				require.NoError(t, g.End())
				assert.Equal(t, append(append([]string{}, "k 0", "k 1", "k 2", "k 4", "k 5", "k 6"), "k 7"), d.texts())
				if policy == consumer.Skip {
					assert.Equal(t, int64(1), m.Skipped)
				} else {
					assert.Equal(t, []string{"k poison"}, dead)
					assert.Equal(t, int64(1), m.DeadLetters)
					assert.Equal(t, int64(1), m.Panics)
				}
			})
		})
	}
}

// What goes wrong with every batch fills no disk: a log has each message of a
// shard once a second, and how many it left out.
func TestGroup_saysOfBatchesThatFailOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := streamtest.New(t, "orders", 1)
		var log bytes.Buffer
		c := config(s, new(lease.Memory), "w", func(context.Context, *consumer.Batch) error {
			time.Sleep(time.Millisecond)
			return errPoison
		})
		c.MaxRecords, c.OnError, c.Logger = 1, consumer.Skip, slog.New(slog.NewTextHandler(&log, nil))
		streamtest.Put(t, s, streamtest.Numbered(20, 0, 2500)...)
		g := run(t, c)
		await(t, "all", func() bool { return g.Metrics().Skipped == 2500 })
		require.NoError(t, g.End())

		left, lines := 0, 0
		for line := range strings.Lines(log.String()) {
			if !strings.Contains(line, `msg="records skipped"`) {
				continue
			}
			lines++
			assert.Contains(t, line, "group=test worker=w stream=orders shard=shardId-000000000000")
			if _, count, ok := strings.Cut(strings.TrimSpace(line), `"left out"=`); ok {
				n, err := strconv.Atoi(count)
				assert.NoError(t, err)
				left += n
			}
		}
		assert.InDelta(t, 4, lines, 1, "three in the seconds that it takes, and what is owed at the end")
		assert.Equal(t, 2501, left+lines, "the one at the end is none of its own")
	})
}

func TestGroup_aHandlerThatPanicsHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := streamtest.New(t, "orders", 1), new(diary)
		streamtest.Put(t, s, "k 0")
		c := config(s, new(lease.Memory), "w", func(_ context.Context, b *consumer.Batch) error {
			if b.Attempt == 0 {
				panic("the first time")
			}
			d.note("", b)
			return nil
		})
		g := run(t, c)
		await(t, "the record", func() bool { return d.len() == 1 })
		assert.Equal(t, int64(1), g.Metrics().Panics)
		require.NoError(t, g.End())

		c.OnError = consumer.Stop
		c.Store = new(lease.Memory)
		stopped, err := consumer.New(c)
		require.NoError(t, err)
		var panicked *consumer.PanicError
		require.ErrorAs(t, stopped.Run(t.Context()), &panicked)
		assert.Equal(t, "the first time", panicked.Value)
		assert.Contains(t, string(panicked.Stack), "policies_test.go")
	})
}

// What is acknowledged without a gap does not come again when the rest failed.
func TestBatch_ackedRecordsDoNotComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := streamtest.New(t, "orders", 1), [][]string(nil)
		streamtest.Put(t, s, "k 0", "k 1", "k 2", "k 3")
		var mu sync.Mutex
		g := run(t, config(s, new(lease.Memory), "w", func(_ context.Context, b *consumer.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			var texts []string
			for _, r := range b.Records {
				texts = append(texts, string(r.Data))
			}
			got = append(got, texts)
			if len(got) == 1 {
				for _, i := range []int{3, 1, 0, -1, 4} {
					b.Ack(i)
				}
				return errPoison
			}
			return nil
		}))
		await(t, "the rest", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 2 })
		require.NoError(t, g.End())
		assert.Equal(t, [][]string{{"k 0", "k 1", "k 2", "k 3"}, {"k 2", "k 3"}}, got)
	})
}

func TestGroup_keepsStateWithTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, states := streamtest.New(t, "orders", 1), new(lease.Memory), []string(nil)
		streamtest.Put(t, s, "k 0")
		var mu sync.Mutex
		handler := func(_ context.Context, b *consumer.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if b.Last && len(b.Records) == 0 {
				states = append(states, "last "+string(b.State()))
				return nil
			}
			states = append(states, string(b.State()))
			b.SetState([]byte(string(b.State()) + "+"))
			if len(states) == 2 {
				return errPoison // the state is forgotten
			}
			return nil
		}
		first := run(t, config(s, store, "first", handler))
		await(t, "one", func() bool { mu.Lock(); defer mu.Unlock(); return len(states) == 1 })
		streamtest.Put(t, s, "k 1")
		await(t, "two, twice", func() bool { mu.Lock(); defer mu.Unlock(); return len(states) == 3 })
		require.NoError(t, first.End())
		run(t, config(s, store, "second", handler))
		_, err := s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
		require.NoError(t, err)
		await(t, "the end", func() bool { mu.Lock(); defer mu.Unlock(); return len(states) == 4 })
		assert.Equal(t, []string{"", "+", "+", "last ++"}, states)
	})
}

func TestGroup_moreStateThanALeaseKeepsIsAnErrorOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sizes := streamtest.New(t, "orders", 1), []int{lease.MaxStateBytes + 1, lease.MaxStateBytes}
		streamtest.Put(t, s, "k 0")
		g := run(t, config(s, new(lease.Memory), "w", func(_ context.Context, b *consumer.Batch) error {
			b.SetState(make([]byte, sizes[b.Attempt]))
			return nil
		}))
		time.Sleep(time.Minute)
		m := g.Metrics()
		assert.Equal(t, []int64{1, 1, 1}, []int64{m.Errors, m.Records, m.Checkpoints})
		assert.Zero(t, m.StoreErrors)
	})
}

func TestGroup_batchesAreProcessedWhenTheLoopGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		streamtest.Put(t, s, "k 0", "k 1", "k 2", "k 3")
		c := config(s, store, "w", nil)
		c.MaxRecords = 1
		g, err := consumer.New(c)
		require.NoError(t, err)
		var got []string
		loop := func(most int) {
			for b, err := range g.Batches(t.Context()) {
				require.NoError(t, err)
				got = append(got, string(b.Records[0].Data))
				if most--; most == 0 {
					break
				}
			}
		}
		loop(2)
		loop(3)
		assert.Equal(t, []string{"k 0", "k 1", "k 1", "k 2", "k 3"}, got, "the batch in which a loop is left comes again")
		assert.Panics(t, func() {
			for range g.Batches(t.Context()) {
				panic("in the loop")
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		for b, err := range g.Batches(ctx) {
			require.NoError(t, err)
			got = append(got, string(b.Records[0].Data))
		}
		assert.Equal(t, "k 3", got[len(got)-1])
		assert.Len(t, got, 6)
	})
}

// No policy is about a loop that is left: its batches would be lost.
func TestGroup_aLoopThatIsLeftSkipsNothingWhateverThePolicy(t *testing.T) {
	for name, set := range map[string]func(*consumer.Config){
		"retry":  func(*consumer.Config) {},
		"stop":   func(c *consumer.Config) { c.OnError = consumer.Stop },
		"skip":   func(c *consumer.Config) { c.OnError = consumer.Skip },
		"bisect": func(c *consumer.Config) { c.OnError, c.Bisect = consumer.Skip, true },
		"dead letter": func(c *consumer.Config) {
			c.OnError = consumer.DeadLetter
			c.DeadLetter = func(context.Context, *consumer.Batch, error) error { return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := streamtest.New(t, "orders", 4), new(lease.Memory)
				streamtest.Put(t, s, streamtest.Numbered(20, 0, 40)...)
				c := config(s, store, "w", nil)
				set(&c)
				g, err := consumer.New(c)
				require.NoError(t, err)
				for _, err := range g.Batches(t.Context()) {
					require.NoError(t, err)
					break
				}
				m := g.Metrics()
				assert.Equal(t, []int64{0, 0, 0, 0}, []int64{m.Skipped, m.DeadLetters, m.Errors, m.Records})
				rows, err := store.List(t.Context())
				require.NoError(t, err)
				for _, row := range rows {
					assert.Equal(t, lease.TrimHorizon, row.Checkpoint.Sequence, row.Key)
				}
			})
		})
	}
}

func TestGroup_aHandlerThatEndsItsGoroutineEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 2), new(lease.Memory)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 20)...)
		g, err := consumer.New(config(s, store, "w", func(_ context.Context, b *consumer.Batch) error {
			if b.Shard == 1 {
				time.Sleep(time.Second) // until the other shard is done
				runtime.Goexit()
			}
			return nil
		}))
		require.NoError(t, err)
		err = g.Run(within(t, time.Hour))
		var failed *consumer.HandlerError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, weir.ShardID(1), failed.Shard)
		assert.Equal(t, 1, failed.Attempts)
		assert.ErrorContains(t, err, "the handler ended its goroutine")
		for key, l := range leases(t, store) {
			assert.Empty(t, l.Owner)
			assert.Equal(t, key == "shardId-000000000001", l.Checkpoint.Sequence == lease.TrimHorizon, key)
		}
	})
}
