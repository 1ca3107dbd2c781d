package kinesistest_test

import (
	"context"
	"fmt"
	"strings"
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

// crowd runs producers and readers that all wake at the same instants, on one
// client, and returns all that happened.
func crowd(t *testing.T, seed uint64, p kinesistest.Profile) (told string) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Chaos(seed, p), kinesistest.StreamSpec{Name: "a", Shards: 2, Consumers: []string{"billing"}})
		c := k.Client()
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range 20 {
					c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("a"), Records: []types.PutRecordsRequestEntry{
						{PartitionKey: aws.String(fmt.Sprint(worker)), Data: fmt.Append(nil, worker, i)},
					}})
					c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("a")})
					time.Sleep(time.Minute)
				}
			})
		}
		all.Go(func() { poll(t.Context(), c, "a", 5*time.Minute, func(...types.Record) {}) })
		all.Go(func() { fanOut(t.Context(), k, "a", "billing", func(...types.Record) {}) })
		all.Go(func() { k.Generate("a", kinesistest.Load{Records: 20, Over: 20 * time.Minute}) })
		time.Sleep(30 * time.Minute)
		told = k.Calls().String() + k.Records("a").String() + fmt.Sprint(k.OpenShards("a"))
	})
	return told
}

// parting returns the lines in which two accounts of a run first differ.
func parting(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + "\n" + bs[i]
		}
	}
	if len(as) != len(bs) {
		return "one is longer"
	}
	return ""
}

// What happens to many goroutines at once is up to the seed and not to the
// scheduler, with long delays and with the shortest.
func TestChaos_goroutinesAtOneInstant(t *testing.T) {
	prompt := kinesistest.Rough()
	prompt.Latency = 0
	for name, p := range map[string]kinesistest.Profile{"latency": kinesistest.Rough(), "no latency": prompt} {
		t.Run(name, func(t *testing.T) {
			first := crowd(t, 3, p)
			for range 2 {
				require.Empty(t, parting(first, crowd(t, 3, p)))
			}
			assert.NotEmpty(t, parting(first, crowd(t, 4, p)))
		})
	}
}

// Goroutines that ask for the same at the same instant are told apart by where
// in the program they are, however deep in the SDK they ask: which was begun
// first, and so has the lower number, does not matter.
func TestChaos_goroutinesOfDifferentCode(t *testing.T) {
	life := func(swap bool) (told string) {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Chaos(1, kinesistest.Profile{Latency: time.Second}), kinesistest.Stream("a", 1))
			c := k.Client()
			list := &kinesis.ListStreamsInput{}
			workers := []func(){
				func() { c.ListStreams(t.Context(), list); k.Put("a", "x", "one") },
				func() { c.ListStreams(t.Context(), list); k.Put("a", "x", "two") },
			}
			if swap {
				workers[0], workers[1] = workers[1], workers[0]
			}
			for _, work := range workers {
				go work()
			}
			time.Sleep(time.Minute)
			told = fmt.Sprint(k.Records("a"))
		})
		return told
	}
	assert.Equal(t, life(false), life(true))
}

// Under chaos a call that was delayed does not have its effect at the instant
// of another one's, for which of them is first would be up to the scheduler.
func TestChaos_effectsAtTimesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Chaos(1, kinesistest.Profile{Latency: -1}), kinesistest.Stream("a", 1))
		k.Fail("PutRecord").Nth(1).Latency(time.Second)
		go put(t, k.Client(), "a", "x", "late")
		time.Sleep(time.Second)
		put(t, k.Client(), "a", "x", "prompt")
		time.Sleep(time.Second)
		calls := k.Calls()
		require.Len(t, calls, 2)
		assert.NotEqual(t, calls[0].At.Add(calls[0].Took), calls[1].At.Add(calls[1].Took))
	})
}

// A call whose context ends while it waits for its turn is not made.
func TestChaos_contextEndsBeforeTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Chaos(1, kinesistest.Profile{Latency: -1}), kinesistest.Stream("a", 1))
		for i := range 20 {
			go k.Put("a", "x", fmt.Sprint(i)) // this seed has some of them go first
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Nanosecond)
		defer cancel()
		_, err := k.Client().PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("x")})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		assert.Empty(t, k.Calls())
		assert.Len(t, k.Records("a"), 20)
	})
}
