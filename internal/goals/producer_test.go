package goals_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

func producerGoals() []goal {
	return []goal{
		{"P1", "producer, asynchronous put ÷ PutRecords of 500, 8 shards, a record", 2.5, 1.5, true, func(tb testing.TB) sample {
			c := weir.Config{Settings: weir.Settings{Retention: live}}
			return ratios(producerWork(tb, newStream(tb, 8, c), 100), batchWork(tb, newStream(tb, 8, c), 100))
		}},
	}
}

// producerWork puts records of size bytes by a producer, from one goroutine,
// and waits for their outcomes.
func producerWork(tb testing.TB, s *weir.Stream, size int) work {
	p, err := producer.New(producer.Config{Stream: client.Embedded(s)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, p.Close(context.Background())) })
	ctx, data := context.Background(), make([]byte, size)
	var failed atomic.Int64
	done := func(o producer.Outcome) {
		if o.Err != nil {
			failed.Add(1)
		}
	}
	return func(n int) {
		for i := range n {
			if err := p.PutAsync(ctx, weir.Entry{PartitionKey: keys[i%keyCount], Data: data}, done); err != nil {
				tb.Error(err)
				return
			}
		}
		require.NoError(tb, p.Flush(ctx))
		require.Zero(tb, failed.Load())
	}
}

// P2 is in a bubble's time, so it can be judged with the other tests: records
// of 100 bytes, keys included, of 4,096 keys, through one shard with the
// service's limits.
func TestProducer_aggregatesBeyondTheLimitOnRecords(t *testing.T) {
	const must, moonshot = 9_000, 10_000
	perSecond := aggregatedASecond(t)
	t.Logf("P2: %.0f user records a second; must %d, moonshot %d", perSecond, must, moonshot)
	assert.GreaterOrEqual(t, perSecond, float64(must))
}

// aggregatedASecond returns how many user records a second a producer delivers
// through one shard, once the shard's burst is used up.
func aggregatedASecond(t *testing.T) (perSecond float64) {
	synctest.Test(t, func(t *testing.T) {
		s, err := weir.NewStream("bench", weir.Config{})
		require.NoError(t, err)
		p, err := producer.New(producer.Config{Stream: client.Embedded(s), Aggregate: true})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var delivered atomic.Int64
		put := make(chan struct{})
		go func() {
			defer close(put)
			data := make([]byte, 100-len(keys[0]))
			for i := 0; ; i++ {
				err := p.PutAsync(ctx, weir.Entry{PartitionKey: keys[i%keyCount], Data: data}, func(o producer.Outcome) {
					if o.Err == nil {
						delivered.Add(1)
					}
				})
				if err != nil {
					return
				}
			}
		}()
		const from, seconds = 10 * time.Second, 60
		time.Sleep(from)
		before := delivered.Load()
		time.Sleep(seconds * time.Second)
		perSecond = float64(delivered.Load()-before) / seconds
		stop()
		<-put
		require.NoError(t, p.Close(context.Background()))
		assert.Zero(t, p.Metrics().Throttled)
	})
	return perSecond
}
