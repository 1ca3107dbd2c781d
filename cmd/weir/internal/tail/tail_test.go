package tail_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/tail"
)

func newStream(t *testing.T, shards int) *weir.Stream {
	t.Helper()
	s, err := weir.NewStream("orders", weir.Config{Shards: shards, Limits: weir.Unlimited()})
	require.NoError(t, err)
	return s
}

func put(t *testing.T, s *weir.Stream, key, data string) {
	t.Helper()
	_, err := s.PutRecord(t.Context(), key, []byte(data))
	require.NoError(t, err)
}

func texts(t *testing.T, r tail.Request) (list []string) {
	t.Helper()
	require.NoError(t, tail.Read(t.Context(), r, func(r tail.Record) error {
		list = append(list, string(r.Data))
		return nil
	}))
	return list
}

func TestRead_ordersShardsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, 4)
		var want []string
		for i := range 300 {
			put(t, s, fmt.Sprint(i), fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
			time.Sleep(time.Millisecond)
			switch i {
			case 100:
				require.NoError(t, client.Embedded(s).SplitShard(t.Context(), 1, weir.HashKey{}))
			case 200:
				require.NoError(t, client.Embedded(s).MergeShards(t.Context(), 2, 3))
			}
		}
		assert.Equal(t, want, texts(t, tail.Request{Stream: client.Embedded(s)}))
		assert.Empty(t, texts(t, tail.Request{Stream: client.Embedded(s), From: weir.Latest()}))
		from := weir.AtTime(time.Now().Add(-50 * time.Millisecond))
		assert.Equal(t, want[250:], texts(t, tail.Request{Stream: client.Embedded(s), From: from, Interval: -1}))
	})
}

func TestRead_someShards(t *testing.T) {
	s := newStream(t, 2)
	for i := range 20 {
		put(t, s, fmt.Sprint(i), fmt.Sprint(i))
	}
	require.NoError(t, client.Embedded(s).SplitShard(t.Context(), 1, weir.HashKey{}))
	put(t, s, "1", "child")
	r := tail.Request{Stream: client.Embedded(s), Interval: -1}
	all := texts(t, r)
	r.Shards = []weir.ShardID{0}
	lower := texts(t, r)
	r.Shards = []weir.ShardID{1, 2, 3}
	assert.Len(t, all, len(lower)+len(texts(t, r)))
	r.Shards = []weir.ShardID{9}
	err := tail.Read(t.Context(), r, nil)
	require.ErrorIs(t, err, weir.ErrShardNotFound)
	require.ErrorContains(t, err, "shardId-000000000009")
}

func TestRead_follows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, 2)
		put(t, s, "a", "before")
		ctx, stop := context.WithCancel(t.Context())
		var got []string
		done := make(chan error, 1)
		go func() {
			r := tail.Request{Stream: client.Embedded(s), From: weir.Latest(), Follow: true}
			done <- tail.Read(ctx, r, func(r tail.Record) error {
				got = append(got, string(r.Data))
				return nil
			})
		}()
		synctest.Wait()
		var want []string
		for i := range 50 {
			put(t, s, fmt.Sprint(i%5), fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
			time.Sleep(2 * time.Second)
			if i == 20 {
				require.NoError(t, client.Embedded(s).SplitShard(t.Context(), 0, weir.HashKey{}))
			}
		}
		stop()
		require.ErrorIs(t, <-done, context.Canceled)
		assert.Equal(t, want, got)
	})
}

func TestRead_takesAggregatesApart(t *testing.T) {
	s := newStream(t, 1)
	var b aggregate.Builder
	require.NoError(t, b.Add(weir.Entry{PartitionKey: "k", Data: []byte("one")}))
	require.NoError(t, b.Add(weir.Entry{PartitionKey: "k", Data: []byte("two")}))
	results, err := s.PutRecords(t.Context(), []weir.Entry{b.Entry(nil)})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	r := tail.Request{Stream: client.Embedded(s), Interval: -1}
	assert.Equal(t, []string{"one", "two"}, texts(t, r))
	r.Whole = true
	assert.Len(t, texts(t, r), 1)
}

// What is left out of a damaged aggregate is told.
func TestRead_tellsWhatItLeavesOut(t *testing.T) {
	s := newStream(t, 1)
	damaged := "\n\x01k\x1a\x07\x08\x00\x1a\x03one\x1a\x07\x08\x05\x1a\x03two\x1a\x07\x08\x00\x1a\x03end" // the second one's key is in no table
	aggregated := func(message string) []byte {
		sum := md5.Sum([]byte(message))
		return []byte("\xf3\x89\x9a\xc2" + message + string(sum[:]))
	}
	var numbers []weir.SequenceNumber
	for _, data := range [][]byte{aggregated(damaged), []byte("plain"), aggregated("\n\x01k")} {
		at, err := s.PutRecord(t.Context(), "a", data)
		require.NoError(t, err)
		numbers = append(numbers, at.SequenceNumber)
	}
	var told []string
	r := tail.Request{Stream: client.Embedded(s), Interval: -1, Discarded: func(id weir.ShardID, at weir.SequenceNumber, left aggregate.Discarded) {
		told = append(told, fmt.Sprint(id, at, left))
	}}
	assert.Equal(t, []string{"one", "plain"}, texts(t, r))
	assert.Equal(t, []string{
		fmt.Sprint(weir.ShardID(0), numbers[0], aggregate.Discarded{Unreadable: 2}), fmt.Sprint(weir.ShardID(0), numbers[2], aggregate.Discarded{Empty: 1}),
	}, told)
}

func TestRead_endsWithAnError(t *testing.T) {
	s := newStream(t, 3)
	for i := range 20 {
		put(t, s, fmt.Sprint(i), fmt.Sprint(i))
	}
	enough, n := errors.New("enough"), 0
	err := tail.Read(t.Context(), tail.Request{Stream: client.Embedded(s), Follow: true}, func(tail.Record) error {
		if n++; n == 7 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	assert.Equal(t, 7, n)
}
