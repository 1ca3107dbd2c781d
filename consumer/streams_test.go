package consumer_test

import (
	"context"
	"errors"
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
)

func TestGroup_beginsWhereItIsTold(t *testing.T) {
	for _, row := range []struct {
		name  string
		from  func(half time.Time) weir.Position
		first int // record that comes
	}{
		{"TRIM_HORIZON", func(time.Time) weir.Position { return weir.TrimHorizon() }, 0},
		{"AT_TIMESTAMP", weir.AtTime, 30},
		{"LATEST", func(time.Time) weir.Position { return weir.Latest() }, 60},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
				resize := func(n int) {
					_, err := s.Resize(t.Context(), n)
					require.NoError(t, err)
				}
				streamtest.Put(t, s, streamtest.Numbered(10, 0, 30)...)
				time.Sleep(time.Hour)
				half := time.Now()
				time.Sleep(time.Hour)
				streamtest.Put(t, s, streamtest.Numbered(10, 30, 45)...)
				resize(3)
				streamtest.Put(t, s, streamtest.Numbered(10, 45, 60)...)

				c := config(s, store, "first", d.handler("first"))
				c.From = row.from(half)
				first := run(t, c)
				await(t, "the leases", func() bool { return len(first.Metrics().Shards) >= 2 })
				streamtest.Put(t, s, streamtest.Numbered(10, 60, 75)...)
				resize(2)
				streamtest.Put(t, s, streamtest.Numbered(10, 75, 90)...)
				await(t, "90", func() bool { return d.len() == 90-row.first })
				require.NoError(t, first.End())

				// Who goes on does so where the group stood, whatever it is told.
				streamtest.Put(t, s, streamtest.Numbered(10, 90, 100)...)
				c = config(s, store, "second", d.handler("second"))
				c.From = weir.Latest()
				second := run(t, c)
				await(t, "100", func() bool { return d.len() == 100-row.first })
				require.NoError(t, second.End())
				assert.ElementsMatch(t, streamtest.Numbered(10, row.first, 100), d.texts(), "each once")
				inKeyOrder(t, d.texts())
			})
		})
	}
}

// So is the time at which a group began: a shard of which nothing had been read
// goes on from there, though the next worker is told another time, or none.
func TestGroup_theTimeIsThatAtWhichTheGroupBegan(t *testing.T) {
	for name, from := range map[string]func() weir.Position{
		"a later time": func() weir.Position { return weir.AtTime(time.Now()) },
		"the tip":      weir.Latest,
		"the horizon":  weir.TrimHorizon,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
				streamtest.Put(t, s, streamtest.Numbered(10, 0, 10)...)
				time.Sleep(time.Second)
				c := config(s, store, "first", d.handler("first"))
				c.From = weir.AtTime(time.Now())
				first := run(t, c)
				await(t, "the leases", func() bool { return len(first.Metrics().Shards) == 2 })
				require.NoError(t, first.End())
				streamtest.Put(t, s, streamtest.Numbered(10, 10, 30)...)
				time.Sleep(time.Hour)
				c = config(s, store, "second", d.handler("second"))
				c.From = from()
				second := run(t, c)
				await(t, "20", func() bool { return d.len() >= 20 })
				require.NoError(t, second.End())
				assert.ElementsMatch(t, streamtest.Numbered(10, 10, 30), d.texts())
			})
		})
	}
}

// The place at which a group began is kept where it began at the tip: what is put
// while no worker runs is not left out, even if nothing had been read before.
func TestGroup_latestIsTheTipAtWhichTheGroupBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 10)...)
		c := config(s, store, "w", d.handler("w"))
		c.From = weir.Latest()
		first := run(t, c)
		await(t, "the leases", func() bool { return len(first.Metrics().Shards) == 2 })
		require.NoError(t, first.End())
		streamtest.Put(t, s, streamtest.Numbered(10, 10, 20)...)
		second := run(t, c)
		await(t, "10", func() bool { return d.len() == 10 })
		require.NoError(t, second.End())
		assert.ElementsMatch(t, streamtest.Numbered(10, 10, 20), d.texts())
	})
}

// A named stream tells its full name.
type named struct {
	client.Engine
	name string
}

func (n named) StreamIdentifier(context.Context) (string, error) { return n.name, nil }

func TestGroup_readsSeveralStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		orders, payments, store, d := streamtest.New(t, "orders", 2), streamtest.New(t, "payments", 3), new(lease.Memory), new(diary)
		streams := map[string]*diary{"orders": new(diary), "payments": new(diary)}
		var workers []*running
		for _, name := range []string{"a", "b"} {
			c := config(orders, store, name, func(_ context.Context, b *consumer.Batch) error {
				d.note(name, b)
				streams[b.Stream].note(name, b)
				return nil
			})
			c.Streams = append(c.Streams, named{client.Embedded(payments), "123456789012:payments:1700000000"})
			workers = append(workers, run(t, c))
		}
		streamtest.Put(t, orders, streamtest.Numbered(10, 0, 50)...)
		streamtest.Put(t, payments, streamtest.Numbered(10, 1000, 1050)...)
		await(t, "100", func() bool { return d.len() == 100 })
		await(t, "a spread", func() bool { return len(workers[0].Metrics().Shards) <= 3 && len(workers[1].Metrics().Shards) <= 3 })
		streamtest.Put(t, orders, streamtest.Numbered(10, 50, 60)...)
		streamtest.Put(t, payments, streamtest.Numbered(10, 1050, 1060)...)
		await(t, "120", func() bool { return d.len() == 120 })
		var keys []string
		for key := range leases(t, store) {
			keys = append(keys, key)
		}
		assert.ElementsMatch(t, []string{
			"000000000000:orders:0:shardId-000000000000", "000000000000:orders:0:shardId-000000000001",
			"123456789012:payments:1700000000:shardId-000000000000", "123456789012:payments:1700000000:shardId-000000000001",
			"123456789012:payments:1700000000:shardId-000000000002",
		}, keys)
		_, err := orders.Resize(t.Context(), 3)
		require.NoError(t, err)
		_, err = payments.Resize(t.Context(), 1)
		require.NoError(t, err)
		streamtest.Put(t, orders, streamtest.Numbered(10, 60, 80)...)
		streamtest.Put(t, payments, streamtest.Numbered(10, 1060, 1080)...)
		await(t, "160", func() bool { return d.len() == 160 })
		for _, w := range workers {
			require.NoError(t, w.End())
		}
		assert.ElementsMatch(t, streamtest.Numbered(10, 0, 80), streams["orders"].texts())
		assert.ElementsMatch(t, streamtest.Numbered(10, 1000, 1080), streams["payments"].texts())
		inKeyOrder(t, streams["orders"].texts())
		inKeyOrder(t, streams["payments"].texts())
		assert.Len(t, d.workers(), 2)
	})
}

// Groups of one stream and of several name their leases differently. One does not
// begin anew beside what the other has left.
func TestGroup_leasesOfOneStreamAreNotThoseOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		orders, payments := streamtest.New(t, "orders", 1), streamtest.New(t, "payments", 1)
		one := func(store lease.Store) consumer.Config { return config(orders, store, "w", new(diary).handler("w")) }
		several := func(store lease.Store) consumer.Config {
			c := one(store)
			c.Streams = append(c.Streams, client.Embedded(payments))
			return c
		}
		for name, row := range map[string]struct {
			before, after func(lease.Store) consumer.Config
			says          string
		}{
			"one, then several": {one, several, `lease "shardId-000000000000" is one of a group of one stream`},
			"several, then one": {several, one, `lease "000000000000:orders:0:shardId-000000000000" is of no shard of stream orders`},
		} {
			store := new(lease.Memory)
			g := run(t, row.before(store))
			await(t, "leases", func() bool { return len(g.Metrics().Shards) > 0 })
			require.NoError(t, g.End())
			after, err := consumer.New(row.after(store))
			require.NoError(t, err)
			err = after.Run(within(t, time.Hour))
			require.ErrorIs(t, err, lease.ErrForeign, name)
			assert.ErrorContains(t, err, row.says)
		}
	})
}

func TestGroup_groupsOfOneStreamDoNotSeeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, billing, audit := streamtest.New(t, "orders", 3), new(diary), new(diary)
		bills, audits := new(lease.Memory), new(lease.Memory)
		var broken atomic.Bool
		broken.Store(true)
		c := config(s, bills, "w", func(_ context.Context, b *consumer.Batch) error {
			if broken.Load() {
				return errors.New("not now")
			}
			billing.note("w", b)
			return nil
		})
		c.Name = "billing"
		g := run(t, c)
		c = config(s, audits, "w", audit.handler("w")) // also a worker's name is a group's own
		c.Name = "audit"
		h := run(t, c)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 60)...)
		await(t, "one group has all", func() bool { return audit.len() == 60 })
		assert.Zero(t, billing.len(), "the other waits")
		require.NoError(t, h.End())
		_, err := s.Resize(t.Context(), 2)
		require.NoError(t, err)
		streamtest.Put(t, s, streamtest.Numbered(10, 60, 90)...)
		broken.Store(false)
		await(t, "the other has all", func() bool { return billing.len() == 90 })
		h = run(t, c)
		await(t, "so has the one", func() bool { return audit.len() == 90 })
		require.NoError(t, g.End())
		require.NoError(t, h.End())
		for _, d := range []*diary{billing, audit} {
			assert.ElementsMatch(t, streamtest.Numbered(10, 0, 90), d.texts(), "each once")
			inKeyOrder(t, d.texts())
		}
	})
}

// parts makes a record of each part of a record's data.
func parts(_ weir.HashKeyRange, records []weir.Record) (list []weir.Record, subs []uint64, err error) {
	for _, r := range records {
		for i, part := range strings.Split(string(r.Data), ",") {
			if part == "" {
				continue
			}
			r.Data = []byte(part)
			list, subs = append(list, r), append(subs, uint64(i))
		}
	}
	return list, subs, nil
}

func TestGroup_expandsRecordsAndGoesOnWithinOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
		var numbers []string
		for _, data := range []string{"a,b,c", "d", "", "e,f,g,h", "i"} {
			at, err := s.PutRecord(t.Context(), "k", []byte(data))
			require.NoError(t, err)
			numbers = append(numbers, at.SequenceNumber.String())
		}
		// The first worker gets as far as f.
		c := config(s, store, "first", func(_ context.Context, b *consumer.Batch) error {
			for i, r := range b.Records {
				if string(r.Data) == "g" {
					return errPoison
				}
				d.mu.Lock()
				d.entries = append(d.entries, entry{text: string(r.Data)})
				d.mu.Unlock()
				b.Ack(i)
			}
			return nil
		})
		c.Expand = parts
		first := run(t, c)
		time.Sleep(time.Minute)
		require.NoError(t, first.End())
		assert.Equal(t, lease.Checkpoint{Sequence: numbers[3], Sub: 1}, leases(t, store)["shardId-000000000000"].Checkpoint)

		c = config(s, store, "second", d.handler("second"))
		c.Expand, c.MaxRecords = parts, 2
		second := run(t, c)
		await(t, "the rest", func() bool { return d.len() == 9 })
		require.NoError(t, second.End())
		assert.Equal(t, strings.Split("abcdefghi", ""), d.texts(), "each once")

		// A record of which all has been processed, that has gone since, is not lost.
		at, err := s.PutRecord(t.Context(), "k", []byte("j,k"))
		require.NoError(t, err)
		last, err := weir.ParseSequenceNumber(numbers[4])
		require.NoError(t, err)
		require.NoError(t, s.TrimTo(last))
		third := run(t, c)
		await(t, "more", func() bool { return d.len() == 11 })
		require.NoError(t, third.End())
		assert.Equal(t, strings.Split("abcdefghijk", ""), d.texts())
		assert.Equal(t, lease.Checkpoint{Sequence: at.SequenceNumber.String(), Sub: 1}, leases(t, store)["shardId-000000000000"].Checkpoint)
	})
}

// Five polls a second are what a shard takes, so small batches must not make small
// polls.
func TestGroup_smallBatchesDoNotSlowReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := streamtest.New(t, "orders", 1), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 1000)...)
		most := 0
		c := config(s, new(lease.Memory), "w", func(_ context.Context, b *consumer.Batch) error {
			most = max(most, len(b.Records))
			d.note("w", b)
			return nil
		})
		c.MaxRecords, c.Reading = 3, client.Reading{Polling: true}
		began := time.Now()
		g := run(t, c)
		await(t, "all", func() bool { return d.len() == 1000 })
		assert.Less(t, time.Since(began), 2*time.Second)
		assert.Equal(t, 3, most)
		require.NoError(t, g.End())
	})
}

// The shard waits for what cannot be taken apart, and nothing is left out.
func TestGroup_waitsForWhatCannotBeExpanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := streamtest.New(t, "orders", 1), new(diary)
		var fails atomic.Int64
		c := config(s, new(lease.Memory), "w", d.handler("w"))
		c.Expand = func(within weir.HashKeyRange, records []weir.Record) ([]weir.Record, []uint64, error) {
			assert.Equal(t, weir.EvenRanges(1)[0], within)
			switch n := fails.Add(1); {
			case n == 1:
				return nil, nil, errPoison
			case n == 2:
				return records, []uint64{1, 2, 3}, nil
			case n == 3:
				panic("not an aggregate")
			}
			return parts(within, records)
		}
		g := run(t, c)
		streamtest.Put(t, s, "k 1,k 2")
		await(t, "both", func() bool { return d.len() == 2 })
		m := g.Metrics()
		assert.Equal(t, int64(3), m.Errors)
		assert.Equal(t, int64(1), m.Panics)
		require.NoError(t, g.End())
		assert.Equal(t, []string{"k 1", "k 2"}, d.texts())
	})
}

// A worker that does not take records apart begins again with one of which only
// parts have been processed.
func TestGroup_withoutExpandARecordIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
		at, err := s.PutRecord(t.Context(), "k", []byte("a,b,c"))
		require.NoError(t, err)
		streamtest.Put(t, s, "k 1")
		require.NoError(t, store.Create(t.Context(), lease.Lease{
			Key: "shardId-000000000000", Checkpoint: lease.Checkpoint{Sequence: at.SequenceNumber.String(), Sub: 1},
		}))
		g := run(t, config(s, store, "w", d.handler("w")))
		await(t, "both", func() bool { return d.len() == 2 })
		require.NoError(t, g.End())
		assert.Equal(t, []string{"a,b,c", "k 1"}, d.texts())
	})
}

func TestGroup_aBadPositionIsAnError(t *testing.T) {
	other := streamtest.New(t, "other", 2)
	streamtest.Put(t, other, streamtest.Numbered(20, 0, 20)...)
	var elsewhere weir.SequenceNumber
	for r := range other.Records(t.Context(), weir.TrimHorizon().In(1).ToTip()) {
		elsewhere = r.SequenceNumber
	}
	for _, row := range []struct{ name, checkpoint, says string }{
		{"no number", "garbage", "sequence number garbage is not a sequence number"},
		{"a number of nobody's", "17", "sequence number 17 did not come from this stream"},
		{"a number of another shard", elsewhere.String(), "belongs to shardId-000000000001"},
		{"a time that nobody told", lease.AtTimestamp, "Config.From is"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
				streamtest.Put(t, s, "k 1")
				require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Checkpoint: lease.Checkpoint{Sequence: row.checkpoint}}))
				g, err := consumer.New(config(s, store, "w", func(context.Context, *consumer.Batch) error {
					assert.Fail(t, "nothing is to be processed")
					return nil
				}))
				require.NoError(t, err)
				err = g.Run(within(t, time.Hour))
				require.Error(t, err)
				assert.ErrorContains(t, err, `orders shardId-000000000000: checkpoint "`+row.checkpoint+`" of the lease: `)
				assert.ErrorContains(t, err, row.says)
				is := leases(t, store)["shardId-000000000000"]
				assert.Equal(t, row.checkpoint, is.Checkpoint.Sequence, "it stands where it stood")
				assert.Empty(t, is.Owner)
			})
		})
	}
}

// The state that a shard was ended with is there until its children are begun,
// even if the shard itself has vanished by then.
func TestGroup_keepsTheStateOfAShardForItsChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), new(lease.Memory)
		g, err := consumer.New(consumer.Config{
			Name: "g", Streams: []client.Stream{client.Embedded(s)}, Store: store,
			Handler: func(_ context.Context, b *consumer.Batch) error { b.SetState([]byte("kept")); return nil },
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		streamtest.Put(t, s, "a 1")
		time.Sleep(time.Second)
		_, err = s.Resize(t.Context(), 2)
		require.NoError(t, err)
		time.Sleep(26 * time.Hour)
		require.Len(t, s.Shards(), 2, "the parent has vanished")
		parent := func() bool {
			list, err := store.List(t.Context())
			require.NoError(t, err)
			return slices.ContainsFunc(list, func(l lease.Lease) bool { return l.Key == weir.ShardID(0).String() && string(l.State) == "kept" })
		}
		require.True(t, parent())
		streamtest.Put(t, s, streamtest.Numbered(20, 0, 20)...)
		time.Sleep(3 * time.Minute)
		require.False(t, parent())
		stop()
		require.NoError(t, <-done)
	})
}
