package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// putAggregate puts user records, "key value" each, as one record.
func putAggregate(t *testing.T, s *weir.Stream, records ...string) {
	t.Helper()
	var b aggregate.Builder
	for _, r := range records {
		key, _, _ := strings.Cut(r, " ")
		require.NoError(t, b.Add(weir.Entry{PartitionKey: key, Data: []byte(r)}))
	}
	results, err := s.PutRecords(t.Context(), []weir.Entry{b.Entry(nil)})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
}

// keysOf returns a key for each of some ranges.
func keysOf(ranges []weir.HashKeyRange) []string {
	keys := make([]string, len(ranges))
	for i, r := range ranges {
		for n := 0; keys[i] == ""; n++ {
			if key := fmt.Sprint("key-", n); r.Contains(weir.HashPartitionKey(key)) {
				keys[i] = key
			}
		}
	}
	return keys
}

func TestGroup_takesAggregatesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := streamtest.New(t, "orders", 1), new(diary)
		streamtest.Put(t, s, "a 0")
		putAggregate(t, s, "a 1", "b 2", "c 3")
		streamtest.Put(t, s, "d 4")
		putAggregate(t, s, "e 5")
		putAggregate(t, s, "f 6", "g 7")
		want := []string{"a 0", "a 1", "b 2", "c 3", "d 4", "e 5", "f 6", "g 7"}
		g := run(t, config(s, new(lease.Memory), "w", d.handler("w")))
		await(t, "all", func() bool { return d.len() == len(want) })
		require.NoError(t, g.End())
		assert.Equal(t, want, d.texts())
		assert.EqualValues(t, len(want), g.Metrics().Records)

		d = new(diary)
		c := config(s, new(lease.Memory), "w", d.handler("w"))
		c.Expand = consumer.Raw
		g = run(t, c)
		await(t, "all", func() bool { return d.len() == 5 })
		require.NoError(t, g.End())
	})
}

// A producer that did not know of a split sends again what it had aggregated:
// the first attempt would be processed by a shard that has not all of its keys.
func TestGroup_discardsAggregatesWithUserRecordsOfOtherShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := streamtest.New(t, "orders", 2), new(diary)
		keys := keysOf(weir.EvenRanges(2))
		putAggregate(t, s, keys[0]+" of one shard", keys[0]+" too")
		putAggregate(t, s, keys[0]+" of both", keys[1]+" of both")
		streamtest.Put(t, s, keys[0]+" end", keys[1]+" end")
		g := run(t, config(s, new(lease.Memory), "w", d.handler("w")))
		await(t, "all", func() bool { return d.len() == 4 })
		require.NoError(t, g.End())
		assert.ElementsMatch(t, []string{keys[0] + " of one shard", keys[0] + " too", keys[0] + " end", keys[1] + " end"}, d.texts())
		assert.EqualValues(t, 2, g.Metrics().Discarded)
	})
}

func TestGroup_goesOnInsideAnAggregate(t *testing.T) {
	for name, at := range map[string]int{"between": 3, "at its end": 5, "before it": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, enough := streamtest.New(t, "orders", 1), new(lease.Memory), errors.New("enough")
				streamtest.Put(t, s, "a 0")
				putAggregate(t, s, "a 1", "b 2", "c 3", "d 4")
				streamtest.Put(t, s, "e 5")
				var texts []string
				c := config(s, store, "w", func(_ context.Context, b *consumer.Batch) error {
					for i, r := range b.Records {
						if len(texts) == at {
							return enough
						}
						texts = append(texts, string(r.Data))
						b.Ack(i)
					}
					return nil
				})
				c.OnError, c.MaxRecords = consumer.Stop, 2
				g, err := consumer.New(c)
				require.NoError(t, err)
				require.ErrorIs(t, g.Run(t.Context()), enough)
				require.Len(t, texts, at)

				d := new(diary)
				next := run(t, config(s, store, "next", d.handler("next")))
				await(t, "the rest", func() bool { return at+d.len() >= 6 })
				time.Sleep(time.Second)
				require.NoError(t, next.End())
				assert.Equal(t, []string{"a 0", "a 1", "b 2", "c 3", "d 4", "e 5"}, append(texts, d.texts()...))
			})
		})
	}
}

// Records in which there is nothing are behind the checkpoint too: when they have
// gone, none is lost.
func TestGroup_recordsWithNothingInThemAreProcessed(t *testing.T) {
	for name, first := range map[string]string{"behind others": "a,b", "alone": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
				c := config(s, store, "w", d.handler("w"))
				c.Expand = parts
				g := run(t, c)
				var last weir.Position
				for _, data := range []string{first, "", ""} {
					at, err := s.PutRecord(t.Context(), "k", []byte(data))
					require.NoError(t, err)
					last = weir.AtSequence(at.SequenceNumber)
					time.Sleep(time.Second)
				}
				require.NoError(t, g.End())
				assert.Equal(t, lease.Checkpoint{Sequence: last.Number().String()}, leases(t, store)["shardId-000000000000"].Checkpoint)

				time.Sleep(25 * time.Hour)
				_, err := s.PutRecord(t.Context(), "k", []byte("c"))
				require.NoError(t, err)
				g = run(t, c)
				await(t, "c", func() bool { texts := d.texts(); return len(texts) > 0 && texts[len(texts)-1] == "c" })
				require.NoError(t, g.End())
			})
		})
	}
}

func TestGroup_whereItGoesOnMayHaveExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 1), new(lease.Memory), new(diary)
		putAggregate(t, s, "a 1", "b 2")
		g := run(t, config(s, store, "w", d.handler("w")))
		await(t, "the first ones", func() bool { return d.len() == 2 })
		require.NoError(t, g.End())
		time.Sleep(25 * time.Hour)
		streamtest.Put(t, s, "c 3")
		g = run(t, config(s, store, "w", d.handler("w")))
		await(t, "the third", func() bool { return d.len() == 3 })
		require.NoError(t, g.End(), "nothing was lost that had not been processed")

		time.Sleep(20 * time.Hour)
		streamtest.Put(t, s, "d 4")
		time.Sleep(25 * time.Hour)
		streamtest.Put(t, s, "e 5")
		g = run(t, config(s, store, "w", d.handler("w")))
		<-g.Done
		var expired *consumer.ExpiredError
		require.ErrorAs(t, g.Err, &expired)
		assert.EqualValues(t, 1, expired.Lost)
	})
}
