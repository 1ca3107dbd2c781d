package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

// A worker that was paused comes back as a zombie: another one has its shard. Its
// handler's context ended before that one began, and its checkpoint is refused.
func TestGroup_aZombieOverwritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		faults := leasetest.NewFaults(store, 1)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 10)...)
		var paused context.Context
		a := run(t, config(s, faults.Store(), "a", func(ctx context.Context, b *consumer.Batch) error {
			if paused == nil {
				paused = ctx
				faults.Outage(time.Minute, true)
				time.Sleep(time.Minute)
			}
			return nil
		}))
		await(t, "a begins", func() bool { return paused != nil })
		began := time.Now()
		d := new(diary)
		run(t, config(s, store, "b", func(ctx context.Context, b *consumer.Batch) error {
			assert.ErrorIs(t, context.Cause(paused), consumer.ErrLeaseLost)
			d.note("b", b)
			return nil
		}))
		await(t, "b has it", func() bool { return d.len() == 10 })
		assert.InDelta(t, 10, time.Since(began).Seconds(), 0.1, "the failover time")
		time.Sleep(5 * time.Second)
		was := leases(t, store)["shardId-000000000000"]
		time.Sleep(2 * time.Minute)
		is := leases(t, store)["shardId-000000000000"]
		assert.Equal(t, was.Checkpoint, is.Checkpoint)
		assert.Equal(t, "b", is.Owner)
		assert.Equal(t, int64(1), a.Metrics().Lost)
		assert.Zero(t, a.Metrics().Checkpoints)
	})
}

// Answers of the store are lost, and no lease is, nor does a record come twice:
// a worker knows its own writes. Of a fifth of them: of so many that hardly ever
// a lease cannot be renewed in all of its time.
func TestGroup_knowsItsOwnWritesWhoseAnswersWereLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 4), new(lease.Memory), new(diary)
		var workers []*running
		for i, name := range []string{"a", "b"} {
			faults := leasetest.NewFaults(store, uint64(i))
			faults.By(leasetest.Chances{Lost: 0.2})
			workers = append(workers, run(t, config(s, faults.Store(), name, d.handler(name))))
			t.Cleanup(func() { assert.Greater(t, faults.Counts()[leasetest.Lost], 5) })
		}
		next := 0
		for _, shards := range []int{4, 7, 2, 3} {
			streamtest.Put(t, s, streamtest.Numbered(20, next, next+100)...)
			next += 100
			time.Sleep(time.Minute)
			_, err := s.Resize(t.Context(), shards)
			require.NoError(t, err)
		}
		await(t, "all", func() bool { return d.len() == next })
		for _, w := range workers {
			assert.Zero(t, w.Metrics().Lost)
			assert.Positive(t, w.Metrics().StoreErrors)
		}
		require.NoError(t, workers[0].End())
		await(t, "the open shards alone", func() bool { return len(workers[1].Metrics().Shards) == 3 })
		require.NoError(t, workers[1].End())
		assert.ElementsMatch(t, streamtest.Numbered(20, 0, next), d.texts(), "each once")
		inKeyOrder(t, d.texts())
	})
}

func TestGroup_goesOnAfterAnOutageOfTheStore(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := streamtest.New(t, "orders", 3), new(diary)
				faults := leasetest.NewFaults(new(lease.Memory), 1)
				var last atomic.Int64
				epoch := time.Now()
				g := run(t, config(s, faults.Store(), "w", func(ctx context.Context, b *consumer.Batch) error {
					last.Store(int64(time.Since(epoch)))
					d.note("w", b)
					return ctx.Err()
				}))
				streamtest.Put(t, s, streamtest.Numbered(10, 0, 30)...)
				await(t, "30", func() bool { return d.len() == 30 })
				began := time.Since(epoch)
				faults.Outage(time.Minute, silent)
				n := 30
				for time.Since(epoch) < began+time.Minute {
					streamtest.Put(t, s, streamtest.Numbered(10, n, n+1)...)
					n++
					time.Sleep(500 * time.Millisecond)
				}
				assert.Less(t, time.Duration(last.Load())-began, 10*time.Second, "it stops before its leases end")
				await(t, "all", func() bool {
					return distinct(d.texts()) == n
				})
				assert.Less(t, time.Since(epoch)-began, 90*time.Second)
				assert.Equal(t, int64(3), g.Metrics().Lost)
				require.NoError(t, g.End())
				inKeyOrder(t, d.texts())
			})
		})
	}
}

// A broken stream cannot be asked for its shards.
type broken struct{ client.Stream }

var errBroken = errors.New("no such stream")

func (broken) Shards(context.Context) ([]weir.Shard, error) { return nil, errBroken }

func TestGroup_whatCannotBeReachedAtTheBeginningIsAnError(t *testing.T) {
	s := streamtest.New(t, "orders", 1)
	down := func(silent bool) lease.Store {
		faults := leasetest.NewFaults(new(lease.Memory), 1)
		faults.Outage(time.Hour, silent)
		return faults.Store()
	}
	for name, row := range map[string]struct {
		change func(*consumer.Config)
		want   error
		says   string
	}{
		"store":           {func(c *consumer.Config) { c.Store = down(false) }, leasetest.ErrDown, "lease store"},
		"store, silently": {func(c *consumer.Config) { c.Store = down(true) }, context.DeadlineExceeded, "lease store"},
		"stream":          {func(c *consumer.Config) { c.Streams[0] = broken{c.Streams[0]} }, errBroken, "stream orders"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config(s, new(lease.Memory), "w", new(diary).handler("w"))
				row.change(&c)
				g, err := consumer.New(c)
				require.NoError(t, err)
				began := time.Now()
				err = g.Run(t.Context())
				require.ErrorIs(t, err, row.want)
				assert.ErrorContains(t, err, row.says)
				assert.ErrorContains(t, err, "within 30s")
				assert.InDelta(t, 30, time.Since(began).Seconds(), 16)
			})
		})
	}
}

// A foreign store says so itself: a table of another application, or of a later
// version.
type foreign struct{ lease.Store }

func (foreign) List(context.Context) ([]lease.Lease, error) {
	return nil, fmt.Errorf("table orders: the rows are of version 9: %w", lease.ErrForeign)
}

func TestGroup_endsAtOnceWhereTheStoreIsNotItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(streamtest.New(t, "orders", 1), new(lease.Memory), "w", new(diary).handler("w"))
		c.Store = foreign{c.Store}
		g, err := consumer.New(c)
		require.NoError(t, err)
		began := time.Now()
		err = g.Run(within(t, time.Hour))
		require.ErrorIs(t, err, lease.ErrForeign)
		assert.ErrorContains(t, err, "lease store: table orders: the rows are of version 9")
		assert.Zero(t, time.Since(began), "no time would mend it")
	})
}

func TestGroup_refusesTheLeasesOfAnotherStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(lease.Memory)
		a := run(t, config(streamtest.New(t, "orders", 1), store, "a", new(diary).handler("a")))
		time.Sleep(time.Second)
		require.NoError(t, a.End())
		b, err := consumer.New(config(streamtest.New(t, "payments", 1), store, "b", new(diary).handler("b")))
		require.NoError(t, err)
		err = b.Run(t.Context())
		require.ErrorIs(t, err, lease.ErrForeign)
		assert.ErrorContains(t, err, `lease "shardId-000000000000" is of stream orders, not of payments`)

		require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "something else"}))
		a2, err := consumer.New(config(streamtest.New(t, "orders", 1), store, "a", new(diary).handler("a")))
		require.NoError(t, err)
		require.ErrorIs(t, a2.Run(t.Context()), lease.ErrForeign)
	})
}

func TestGroup_aPositionOlderThanRetention(t *testing.T) {
	for name, policy := range map[string]consumer.ExpiredPolicy{"fails": consumer.FailExpired, "continues": consumer.ContinueExpired} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
				streamtest.Put(t, s, streamtest.Numbered(1, 0, 5)...)
				c := config(s, store, "w", d.handler("w"))
				c.Expired = policy
				g := run(t, c)
				await(t, "5", func() bool { return d.len() == 5 })
				require.NoError(t, g.End())
				at := leases(t, store)["shardId-000000000000"].Checkpoint
				streamtest.Put(t, s, streamtest.Numbered(1, 5, 8)...)
				gone, err := s.PutRecord(t.Context(), "key-0", []byte("the last that goes"))
				require.NoError(t, err)
				streamtest.Put(t, s, streamtest.Numbered(1, 8, 10)...)
				require.NoError(t, s.TrimTo(gone.SequenceNumber))

				if policy == consumer.FailExpired {
					g, err := consumer.New(c)
					require.NoError(t, err)
					err = g.Run(t.Context())
					var expired *consumer.ExpiredError
					require.ErrorAs(t, err, &expired)
					require.ErrorIs(t, err, weir.ErrRecordsLost)
					assert.Equal(t, at, expired.Position)
					assert.Equal(t, int64(4), expired.Lost)
					assert.Equal(t, 1, expired.Horizon.Compare(gone.SequenceNumber))
					assert.ErrorContains(t, err, "orders shardId-000000000000: position "+at.Sequence)
					assert.Equal(t, at, leases(t, store)["shardId-000000000000"].Checkpoint, "it stands where it stood")
					return
				}
				g = run(t, c)
				await(t, "the rest", func() bool { return d.len() == 7 })
				m := g.Metrics()
				assert.Equal(t, int64(4), m.LostRecords)
				assert.Equal(t, int64(1), m.Expired)
				require.NoError(t, g.End())
				assert.Equal(t, append(streamtest.Numbered(1, 0, 5), streamtest.Numbered(1, 8, 10)...), d.texts())
			})
		})
	}
}

func TestGroup_spreads200Shards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 200), new(lease.Memory), new(diary)
		var workers []*running
		for _, name := range []string{"a", "b", "c"} {
			workers = append(workers, run(t, config(s, store, name, d.handler(name))))
		}
		streamtest.Put(t, s, streamtest.Numbered(1000, 0, 2000)...)
		await(t, "a spread", func() bool {
			return len(workers[0].Metrics().Shards) <= 67 && len(workers[1].Metrics().Shards) <= 67 && len(workers[2].Metrics().Shards) <= 67
		})
		await(t, "all", func() bool { return d.len() == 2000 })
		for _, w := range workers {
			require.NoError(t, w.End())
		}
		assert.ElementsMatch(t, streamtest.Numbered(1000, 0, 2000), d.texts())
		inKeyOrder(t, d.texts())
	})
}

func TestGroup_aShardThatEndsEmptyCallsNoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
		for _, n := range []int{4, 1, 3, 2} {
			_, err := s.Resize(t.Context(), n)
			require.NoError(t, err)
		}
		g := run(t, config(s, store, "w", func(_ context.Context, b *consumer.Batch) error {
			assert.NotEmpty(t, b.Records)
			d.note("w", b)
			return nil
		}))
		open := 0
		await(t, "the open shards", func() bool {
			open = 0
			for _, l := range leases(t, store) {
				if !l.Checkpoint.IsEnded() && l.Owner == "w" {
					open++
				}
			}
			return open == 2
		})
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 20)...)
		await(t, "20", func() bool { return d.len() == 20 })
		require.NoError(t, g.End())
		assert.Equal(t, int64(len(s.Shards())-2), g.Metrics().Ended)
	})
}

func TestGroup_goesOnWhenTheLeaseTableIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 3), new(lease.Memory), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 50)...)
		g := run(t, config(s, store, "w", d.handler("w")))
		await(t, "50", func() bool { return d.len() == 50 })
		for _, l := range leases(t, store) {
			for { // it may be renewed meanwhile
				l = leases(t, store)[l.Key]
				if err := store.Delete(t.Context(), l); err == nil {
					break
				}
			}
		}
		streamtest.Put(t, s, streamtest.Numbered(10, 50, 60)...)
		time.Sleep(5 * time.Minute)
		assert.Equal(t, 60, distinct(d.texts()))
		assert.Len(t, leases(t, store), 3)
		require.NoError(t, g.End())
		inKeyOrder(t, d.texts())
	})
}

// A write that is under way while the lease is deleted and made again is not
// taken for one of the new lease.
func TestGroup_aLateWriteDoesNotFitALeaseThatWasMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 3), new(lease.Memory)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 30)...)
		c := config(s, store, "w", new(diary).handler("w"))
		c.Random = nil // the workers' own
		first := run(t, c)
		time.Sleep(time.Minute)
		require.NoError(t, first.End())
		late := leases(t, store)
		for _, l := range late {
			require.NoError(t, store.Delete(t.Context(), l))
		}
		run(t, c)
		time.Sleep(time.Minute)
		require.Len(t, leases(t, store), 3)
		for _, l := range late {
			for l.Counter -= 30; l.Counter < late[l.Key].Counter+30; l.Counter++ {
				_, err := store.Update(t.Context(), l)
				require.ErrorIs(t, err, lease.ErrConflict)
			}
		}
	})
}

func TestGroup_aClockThatJumpsChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		s, err := weir.NewStream("orders", weir.Config{Shards: 4, Limits: weir.Unlimited(), Now: func() time.Time {
			return time.Now().Add(time.Duration(jump.Load()))
		}})
		require.NoError(t, err)
		store, d := new(lease.Memory), new(diary)
		a := run(t, config(s, store, "a", d.handler("a")))
		b := run(t, config(s, store, "b", d.handler("b")))
		next := 0
		for _, to := range []time.Duration{0, time.Hour, -time.Hour, 3 * time.Hour, 0} {
			jump.Store(int64(to))
			streamtest.Put(t, s, streamtest.Numbered(10, next, next+30)...)
			next += 30
			time.Sleep(30 * time.Second)
		}
		assert.Zero(t, a.Metrics().Lost+b.Metrics().Lost)
		require.NoError(t, a.End())
		require.NoError(t, b.End())
		assert.ElementsMatch(t, streamtest.Numbered(10, 0, next), d.texts())
		inKeyOrder(t, d.texts())
	})
}

func TestGroup_tellsOfAHandlerThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		streamtest.Put(t, s, "k 0")
		free := make(chan struct{})
		var log bytes.Buffer
		c := config(s, store, "w", func(context.Context, *consumer.Batch) error { <-free; return nil })
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		g := run(t, c)
		time.Sleep(2 * time.Minute)
		m := g.Metrics()
		require.Len(t, m.Shards, 1)
		assert.InDelta(t, 120, m.Shards[0].Working.Seconds(), 1)
		began := time.Now()
		err := g.End()
		var stuck *consumer.StuckError
		require.ErrorAs(t, err, &stuck)
		assert.Equal(t, []string{"orders shardId-000000000000"}, stuck.Shards)
		assert.Equal(t, 40*time.Second, time.Since(began))
		assert.Contains(t, log.String(), `"the handler does not return"`)
		assert.Contains(t, log.String(), "shard=shardId-000000000000")
		err = g.Run(within(t, time.Second))
		require.ErrorIs(t, err, consumer.ErrRunning)
		assert.ErrorContains(t, err, "the handler of orders shardId-000000000000 has not returned since the last run")
		close(free)
		synctest.Wait()
		d := new(diary)
		run(t, config(s, store, "next", d.handler("next")))
		await(t, "it comes again", func() bool { return d.len() == 1 })
		require.NoError(t, g.Run(within(t, time.Second)))
	})
}

func TestGroup_runsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := run(t, config(streamtest.New(t, "orders", 1), new(lease.Memory), "w", new(diary).handler("w")))
		synctest.Wait()
		require.ErrorIs(t, g.Run(t.Context()), consumer.ErrRunning)
		var none context.Context
		require.ErrorIs(t, g.Run(none), weir.ErrInvalidArgument)
		require.NoError(t, g.End())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, g.Run(ctx))
	})
}

// With a checkpoint for each batch, a batch waits for that of the one before, also
// where the store fails, and where records are left out by policy.
func TestGroup_writesEachBatchBeforeTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 100)...)
		faults := leasetest.NewFaults(store, 1)
		faults.By(leasetest.Chances{Throttled: 0.3, Lost: 0.2})
		before := lease.TrimHorizon
		var n atomic.Int64
		c := config(s, faults.Store(), "w", func(_ context.Context, b *consumer.Batch) error {
			assert.Equal(t, before, leases(t, store)["shardId-000000000000"].Checkpoint.Sequence, "before batch %d", n.Load())
			before = b.Records[0].SequenceNumber.String()
			if n.Add(1)%5 == 0 {
				return errBroken
			}
			return nil
		})
		c.MaxRecords, c.CheckpointEvery, c.OnError = 1, -1, consumer.Skip
		g := run(t, c)
		await(t, "all", func() bool { return n.Load() == 100 })
		assert.Equal(t, int64(20), g.Metrics().Skipped)
		assert.Positive(t, faults.Counts()[leasetest.Throttled])
		require.NoError(t, g.End())
	})
}

// A worker that leaves while it waits for a lease is not handed it.
func TestGroup_withdrawsItsWishWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 20)...)
		free := make(chan struct{})
		a := run(t, config(s, store, "a", func(ctx context.Context, b *consumer.Batch) error {
			<-free
			d.note("a", b)
			return nil
		}))
		time.Sleep(time.Second)
		b := run(t, config(s, store, "b", d.handler("b")))
		time.Sleep(time.Second)
		require.NoError(t, b.End())
		for _, l := range leases(t, store) {
			assert.Empty(t, l.Wanted)
		}
		close(free)
		began := time.Now()
		await(t, "all", func() bool { return d.len() == 20 && len(a.Metrics().Shards) == 2 })
		assert.Less(t, time.Since(began), time.Second)
	})
}

// A process that was paused comes back when another one of the same worker's name
// has taken its place.
func TestGroup_aZombieOfTheSameNameOverwritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		faults := leasetest.NewFaults(store, 1)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 10)...)
		entered := false
		a := run(t, config(s, faults.Store(), "w", func(context.Context, *consumer.Batch) error {
			entered = true
			faults.Outage(5*time.Second, true)
			time.Sleep(5 * time.Second)
			return nil
		}))
		await(t, "a begins", func() bool { return entered })
		d := new(diary)
		b := run(t, config(s, store, "w", func(_ context.Context, b *consumer.Batch) error {
			time.Sleep(20 * time.Second)
			d.note("b", b)
			return nil
		}))
		time.Sleep(10 * time.Second)
		assert.Equal(t, int64(1), a.Metrics().Lost)
		assert.Zero(t, b.Metrics().Lost)
		a.Stop()
		await(t, "b has all", func() bool { return d.len() == 10 })
	})
}

// A worker's writes are refused while another one asks for its lease. When they
// get through, it must not take the wish for one of them: the time that it has to
// finish began before the wish.
func TestGroup_aWishIsNotTakenForAWriteOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		faults := leasetest.NewFaults(store, 1)
		streamtest.Put(t, s, "k 1")
		var ended atomic.Int64
		begun := make(chan struct{})
		c := config(s, faults.Store(), "a", func(ctx context.Context, _ *consumer.Batch) error {
			close(begun)
			<-ctx.Done()
			ended.Store(time.Now().UnixNano())
			return errors.New("given up")
		})
		c.Patience = 10 * time.Second
		run(t, c)
		<-begun
		time.Sleep(5 * time.Second) // it has been renewed
		faults.By(leasetest.Chances{Throttled: 1})
		l := leases(t, store)["shardId-000000000000"]
		l.Wanted = "b"
		_, err := store.Update(t.Context(), l)
		require.NoError(t, err)
		asked := time.Now()
		time.Sleep(6 * time.Second)
		faults.By(leasetest.Chances{})
		await(t, "the end of the handler", func() bool { return ended.Load() > 0 })
		assert.Less(t, time.Unix(0, ended.Load()).Sub(asked), 10*time.Second, "the one that asks takes the lease then")
	})
}

// A slow store takes nearly as long for each call as it may, and is busy with one
// lease for longer than that.
type slowStore struct {
	*lease.Memory
	each time.Duration
}

func (s slowStore) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	time.Sleep(s.each / 2)
	got, err := s.Memory.Update(ctx, l)
	time.Sleep(s.each / 2)
	return got, err
}

// Others change a lease now and then, as those who ask for it and change their
// minds. The owner's write is refused and has to be made again; neither that lease
// is lost nor one that is to be renewed meanwhile.
func TestGroup_keepsItsLeasesThoughOthersChangeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 8), new(lease.Memory), new(diary)
		g := run(t, config(s, slowStore{store, 2400 * time.Millisecond}, "a", d.handler("a")))
		await(t, "the leases", func() bool { return len(g.Metrics().Shards) == 8 })
		for i := range 500 {
			streamtest.Put(t, s, streamtest.Numbered(20, i, i+1)...)
			time.Sleep(time.Second)
			for key, l := range leases(t, store) {
				if id, _ := weir.ParseShardID(key); i%8 == int(id) {
					_, err := store.Update(t.Context(), l)
					require.NoError(t, err)
				}
			}
		}
		assert.Zero(t, g.Metrics().Lost)
		assert.Greater(t, g.Metrics().Conflicts, int64(50))
		assert.Equal(t, streamtest.Numbered(20, 0, 500), inOrder(d.texts()), "each once")
	})
}

// inOrder sorts records by their value.
func inOrder(texts []string) []string {
	value := func(text string) (n int) {
		_, digits, _ := strings.Cut(text, " ")
		fmt.Sscan(digits, &n)
		return n
	}
	return slices.SortedFunc(slices.Values(texts), func(a, b string) int { return value(a) - value(b) })
}
