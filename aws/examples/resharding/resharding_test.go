// Package resharding shows how to test a consumer while its stream is split and
// merged.
package resharding_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/poller"
	"github.com/weirstream/weir/aws/kinesistest"
)

// consume polls all shards of a stream, each after its parents: what a consumer
// has to do for every key to arrive in order. It returns when ctx ends, with nil, or
// when a call fails.
func consume(ctx context.Context, c *kinesis.Client, stream string, handle func(...types.Record)) error {
	polling, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var readers sync.WaitGroup
	defer readers.Wait()
	read := make(map[string]chan struct{}) // closed when the shard is read to its end
	for polling.Err() == nil {
		list, err := c.ListShards(polling, &kinesis.ListShardsInput{StreamName: &stream})
		if err != nil {
			fail(err)
			break
		}
		for _, sh := range list.Shards {
			if read[*sh.ShardId] != nil {
				continue
			}
			done := make(chan struct{})
			read[*sh.ShardId] = done
			var parents []chan struct{}
			for _, id := range []*string{sh.ParentShardId, sh.AdjacentParentShardId} {
				if id != nil && read[*id] != nil {
					parents = append(parents, read[*id])
				}
			}
			readers.Go(func() {
				for _, parent := range parents {
					select {
					case <-parent:
					case <-polling.Done():
						return
					}
				}
				if err := poller.Poll(polling, c, stream, *sh.ShardId, handle); err != nil {
					fail(err)
					return
				}
				close(done)
			})
		}
		select {
		case <-polling.Done():
		case <-time.After(10 * time.Second):
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(polling)
}

// Records for 24 minutes, with something split or merged every two.
func TestConsumer_whileResharding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{Seed: 11}, kinesistest.Stream("orders", 2))
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		ctx, cancel := context.WithCancel(t.Context())
		var background sync.WaitGroup
		background.Go(func() { assert.NoError(t, consume(ctx, k.Client(), "orders", check.Saw)) })
		background.Go(func() { k.Generate("orders", kinesistest.Load{Records: 3000, Over: 24 * time.Minute}) })

		for range 12 {
			time.Sleep(2 * time.Minute)
			t.Log(k.Reshard("orders"))
		}

		k.WaitFor("all records are seen", time.Hour, func() bool { return check.Seen() == 3000 })
		cancel()
		background.Wait()
		require.True(t, check.Check())
		assert.Greater(t, len(k.Stream("orders").Shards()), 12)
	})
}
