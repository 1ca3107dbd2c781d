package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// A queue tells what there is by shard: what was never received, what is in
// flight, and dead letters beside them. TestQueue_doesWhatANaiveOneDoes has all
// that can become of a record.
func TestQueue_tellsItsLagByShard(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
	q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 1, Visibility: time.Minute}})
	shardOf := func(id weir.ShardID) weir.Entry {
		at := s.Shards()[id].HashKeyRange.Start
		return weir.Entry{PartitionKey: "k", ExplicitHashKey: &at}
	}
	lags := func() map[weir.ShardID]queue.Lag {
		list, err := q.Lags()
		require.NoError(t, err)
		return list
	}
	assert.Empty(t, lags())
	for i := range 6 {
		_, err := s.Put(t.Context(), shardOf(weir.ShardID(i%2)))
		require.NoError(t, err)
		clock.advance(time.Second)
	}
	want := map[weir.ShardID]queue.Lag{0: {Records: 3, Age: 6 * time.Second}, 1: {Records: 3, Age: 5 * time.Second}}
	assert.Equal(t, want, lags())
	for _, d := range try(t, q, 4) {
		if d.ShardID() == 0 && d.SequenceNumber.Index() == 1 {
			require.NoError(t, d.Return(t.Context()))
			want[0] = queue.Lag{Records: 2, Dead: 1, Age: 4 * time.Second}
		}
	}
	assert.Equal(t, want, lags(), "what is in flight is not done")
}

// How old the record behind very many dead letters is, is not worth looking for.
func TestQueue_looksPastSoManyDeadLetters(t *testing.T) {
	const most = 100_000
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 1, Visibility: -1}})
	bury := func(n int) {
		_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k"}, n)
		require.NoError(t, err)
		for n > 0 {
			n -= len(try(t, q, min(n, 10_000)))
		}
	}
	lag := func() queue.Lag {
		lags, err := q.Lags()
		require.NoError(t, err)
		return lags[0]
	}
	bury(most)
	put(t, s, 1)
	_, err := q.ReceiveWith(t.Context(), queue.Request{Visibility: time.Hour})
	require.NoError(t, err)
	clock.advance(time.Second)
	assert.Equal(t, queue.Lag{Records: 1, Dead: most, Age: time.Second}, lag())

	s = newStream(t, weir.Config{Now: clock.Now})
	q = newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 1, Visibility: -1}})
	bury(most + 1)
	put(t, s, 1)
	_, err = q.ReceiveWith(t.Context(), queue.Request{Visibility: time.Hour})
	require.NoError(t, err)
	assert.Equal(t, queue.Lag{Records: 1, Dead: most + 1, Age: -1}, lag())
}
