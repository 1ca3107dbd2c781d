package producer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

// Of a burst not each record has a reading of the clock of its own; what comes
// after it has, and none is older than a millisecond.
func TestProducer_knowsWhenRecordsCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
			<-hang
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, Linger: -1, Calls: 1, Rate: -1, Timeout: -1})
		begin := time.Now()
		var came []time.Duration
		var took [70]time.Duration
		for i := range took {
			if i >= 60 {
				time.Sleep(2 * time.Millisecond)
			}
			came = append(came, time.Since(begin))
			require.NoError(t, p.PutAsync(t.Context(), entry("k", fmt.Sprint(i)), func(o producer.Outcome) { took[i] = o.Took }))
		}
		time.Sleep(time.Second)
		close(hang)
		require.NoError(t, p.Flush(t.Context()))
		end := time.Since(begin)
		for i := range took {
			assert.Equal(t, end-came[i], took[i], "record %d", i)
		}
	})
}

// Consumers take aggregates apart once, so what is one already is not packed.
func TestProducer_leavesAggregatesAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := free(t, 1)
		var b aggregate.Builder
		require.NoError(t, b.Add(entry("packed", "1"), aggregate.Tag{Key: "a", Value: "b"}))
		p := newProducer(t, producer.Config{Stream: client.Embedded(s), Aggregate: true, Linger: time.Second})
		for _, e := range []weir.Entry{entry("k", "0"), entry("k", "0"), b.Entry(nil), entry("k", "2"), entry("k", "2"), b.Entry(nil), b.Entry(nil)} {
			require.NoError(t, p.PutAsync(t.Context(), e, nil))
		}
		require.NoError(t, p.Flush(t.Context()))
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		defer r.Close()
		batch, err := r.Next(t.Context())
		require.NoError(t, err)
		var d aggregate.Decoder
		var got []string
		for _, record := range batch.Records {
			for user := range d.Records(record) {
				got = append(got, user.PartitionKey+" "+string(user.Data))
			}
		}
		assert.Equal(t, []string{"k 0", "k 0", "packed 1", "k 2", "k 2", "packed 1", "packed 1"}, got)
		assert.Len(t, batch.Records, 5)
	})
}

// The hash key is not lent, as the data is: a loop may use the same variable for
// all of them.
func TestProducer_takesTheHashKeyAsItIs(t *testing.T) {
	for name, c := range map[string]producer.Config{"raw": {}, "one call for all shards": {Calls: 1, Rate: -1}, "aggregated": {Aggregate: true}, "ordered": {Ordered: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Stream, c.Linger = &flaky{Stream: client.Embedded(free(t, 2)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
					return nil, nil, false
				}}, time.Second
				p := newProducer(t, c)
				var hash weir.HashKey
				landed := make([]weir.ShardID, 4)
				for i := range landed {
					hash = weir.HashKey{Hi: uint64(i%2) << 63}
					e := weir.Entry{PartitionKey: "k", Data: []byte{byte(i)}, ExplicitHashKey: &hash}
					require.NoError(t, p.PutAsync(t.Context(), e, func(o producer.Outcome) { landed[i] = o.ShardID }))
				}
				hash = weir.HashKey{Hi: 1 << 63, Lo: 1}
				require.NoError(t, p.Flush(t.Context()))
				assert.Equal(t, []weir.ShardID{0, 1, 0, 1}, landed)
			})
		})
	}
}

// A list of shards that never comes costs records a half of their time, and not
// all of it.
func TestProducer_waitsNotForeverForAListOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProducer(t, producer.Config{Stream: silent{client.Embedded(free(t, 1))}, Linger: -1})
		began := time.Now()
		o, err := p.Put(t.Context(), entry("k", "x"))
		require.NoError(t, err)
		assert.Len(t, o.Attempts, 1)
		assert.Equal(t, 15*time.Second, time.Since(began))
	})
}

// A silent stream does not answer who asks for its shards.
type silent struct{ client.Stream }

func (silent) Shards(ctx context.Context) ([]weir.Shard, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
