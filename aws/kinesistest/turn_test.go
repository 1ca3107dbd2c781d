package kinesistest_test

import (
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
