package kinesistest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// A day in the life of a stream: 100,000 records put by a client in batches
// that are throttled at random, a reshard every hour, a day's retention that
// trims the first records before the end, a consumer that polls every five
// minutes and one that subscribes. How long it took is logged: about a second.
func TestDay(t *testing.T) {
	began, used := time.Now(), processorTime()
	liveADay(t)
	t.Logf("a day took %v, %v of processor time", time.Since(began), processorTime()-used)
}

func liveADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day, batches = 24 * time.Hour, 24 * 20
		records := 100_000
		if raceDetector {
			records = 10_000
		}
		config := kinesistest.Config{Seed: 1}
		config.Limits.IdleEventInterval = 5 * time.Minute
		k := kinesistest.New(t, config, kinesistest.StreamSpec{Name: "clicks", Shards: 2, Consumers: []string{"billing"}})
		k.Fail("PutRecords").Probability(0.1).ThrottleRecords(3, 5, 8)
		k.Fail("GetRecords").Probability(0.05).Throttle()
		ctx, cancel := context.WithCancel(t.Context())
		polled, pushed := k.Checker("clicks", kinesistest.AtLeastOnce()), k.Checker("clicks", kinesistest.ExactlyOnce())

		var consumers, producers sync.WaitGroup
		consumers.Go(func() { poll(ctx, k.Client(), "clicks", 5*time.Minute, polled.Saw) })
		consumers.Go(func() { fanOut(ctx, k, "clicks", "billing", pushed.Saw) })
		producers.Go(func() { produce(ctx, k.Client(), "clicks", records, batches, day/batches) })
		for range 24 {
			time.Sleep(time.Hour)
			k.Reshard("clicks")
		}
		producers.Wait()
		k.WaitFor("both consumers have seen all", time.Hour, func() bool { return polled.Seen() == records && pushed.Seen() == records })
		cancel()
		consumers.Wait()

		require.NoError(t, polled.Err())
		require.NoError(t, pushed.Err())
		assert.Len(t, k.Records("clicks"), records)
		time.Sleep(time.Minute)
		k.Stream("clicks").Trim()
		assert.Less(t, k.Stream("clicks").Snapshot().RecordsHeld, int64(records), "retention")
		assert.NotEmpty(t, k.Throttles("clicks"))
	})
}

// produce puts records in batches, in order by key: what was throttled goes
// first the next time.
func produce(ctx context.Context, c *kinesis.Client, stream string, records, batches int, every time.Duration) {
	number, size := 0, records/batches+1
	for number < records {
		var batch []types.PutRecordsRequestEntry
		for range min(size, records-number) {
			// No two records of a batch have one key: what is throttled cannot
			// be overtaken.
			batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: aws.String(keyOf(number, size)), Data: []byte("0123456789")})
			number++
		}
		for len(batch) > 0 && ctx.Err() == nil {
			out, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &stream, Records: batch})
			if err != nil {
				continue
			}
			var rest []types.PutRecordsRequestEntry
			for i, r := range out.Records {
				if r.ErrorCode != nil {
					rest = append(rest, batch[i])
				}
			}
			if batch = rest; len(rest) > 0 {
				sleep(ctx, time.Second)
			}
		}
		sleep(ctx, every)
	}
}

func keyOf(i, keys int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	i %= keys
	return string([]byte{'k', digits[i/36%36], digits[i%36]})
}

// fanOut reads a stream with subscriptions, parents before children,
// resubscribing after every end with the continuation number.
func fanOut(ctx context.Context, k *kinesistest.Fake, stream, consumer string, saw func(...types.Record)) {
	arn := k.ConsumerARN(stream, consumer)
	var readers sync.WaitGroup
	var mu sync.Mutex
	waiting := make(map[string]int) // children by how many parents are done
	var read func(shard string)
	read = func(shard string) {
		c := k.Client(once) // of its own: those of one client share a decoder, which the race detector reports
		at := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
		for ctx.Err() == nil {
			out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: &arn, ShardId: &shard, StartingPosition: at})
			if err != nil {
				sleep(ctx, time.Second)
				continue
			}
			s := out.GetStream()
			for e := range s.Events() {
				event := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
				saw(event.Records...)
				if event.ContinuationSequenceNumber != nil {
					at = &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: event.ContinuationSequenceNumber}
					continue
				}
				mu.Lock()
				for _, child := range event.ChildShards {
					id := *child.ShardId
					if waiting[id]++; waiting[id] == len(child.ParentShards) {
						readers.Go(func() { read(id) })
					}
				}
				mu.Unlock()
				s.Close()
				return
			}
			s.Close()
		}
	}
	list, err := k.Client().ListShards(ctx, &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		return
	}
	for _, sh := range list.Shards {
		readers.Go(func() { read(*sh.ShardId) })
	}
	readers.Wait()
}
