package kinesistest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// run makes calls of all kinds, some of which fail or have no answer, and saves
// them.
func run(t *testing.T, path string) *kinesistest.Fake {
	k := kinesistest.New(t, kinesistest.Config{Seed: 1}, kinesistest.StreamSpec{Name: "a", Consumers: []string{"billing"}})
	c := k.Client()
	k.Fail("PutRecord").Nth(2).Throttle()
	k.Fail("PutRecord").Nth(2).ResetBefore() // of those that are left: "1" again
	k.Fail("PutRecord").Nth(3).ResetAfter()  // "2"
	k.Fail("PutRecord").Nth(6).Duplicate()
	k.Fail("PutRecords").Nth(1).ThrottleRecords(1)
	k.Fail("GetRecords").Nth(1).Duplicate()
	s := subscribe(t, k, "a", "billing", 0)
	go func() {
		for range s.Events() {
		}
	}()
	for i := range 5 {
		put(t, c, "a", "x", fmt.Sprint(i))
		time.Sleep(time.Minute)
	}
	_, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("a"), Records: entries("y", "z")})
	require.NoError(t, err)
	_, body := cborCall(t, k, "PutRecord", map[string]any{"StreamName": "a", "PartitionKey": "c", "Data": []byte("cbor")})
	at := iterator(t, c, "a", 0, types.ShardIteratorTypeTrimHorizon)
	for range 3 {
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at, Limit: aws.Int32(3)})
		require.NoError(t, err)
		require.NotEmpty(t, out.Records)
		at = out.NextShardIterator
		time.Sleep(time.Second)
	}
	after, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("a"), ShardId: aws.String("shardId-000000000000"),
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: aws.String(body["SequenceNumber"].(string))})
	require.NoError(t, err)
	out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: after.ShardIterator})
	require.NoError(t, err)
	require.Equal(t, []string{"cbor"}, data(out.Records))
	_, err = k.Client(once).PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: aws.String("b"), PartitionKey: aws.String("x"), Data: []byte("lost")})
	require.Error(t, err)
	require.NoError(t, s.Close())
	k.SaveRun(path)
	return k
}

func TestReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	var saved string
	synctest.Test(t, func(t *testing.T) { saved = run(t, path).Records("a").String() })
	spec := kinesistest.StreamSpec{Name: "a", Consumers: []string{"billing"}}
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, spec)
		assert.Empty(t, k.Replay(path))
		assert.Equal(t, saved, k.Records("a").String(), "to the millisecond")
	})
	synctest.Test(t, func(t *testing.T) { // later, so that numbers, iterators and ARNs are others
		time.Sleep(time.Hour)
		k := kinesistest.New(t, spec)
		assert.Empty(t, k.Replay(path))
		assert.Len(t, k.Records("a"), 9)
	})
	t.Run("still", func(t *testing.T) {
		k := kinesistest.New(t, spec, kinesistest.Config{Start: time.Unix(1_700_000_000, 0)})
		assert.Empty(t, k.Replay(path))
	})
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, spec)
		k.Fail("PutRecord").Nth(1).With(kinesistest.InternalFailure)
		k.Fail("PutRecords").With(kinesistest.InternalFailure)
		assert.Equal(t, []string{
			"call 2, PutRecord: InternalFailure instead of success",
			"call 1, SubscribeToShard: 5 records instead of 6",
			"call 10, PutRecords: InternalFailure instead of success",
		}, k.Replay(path))
	})
}

// A run under chaos is made again to the last record: calls that were late are
// as late, what faults did is done, and splits and merges happen when they did.
func TestReplay_chaos(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	spec := kinesistest.StreamSpec{Name: "a", Shards: 2, Consumers: []string{"billing"}}
	var saved string
	var open []int
	synctest.Test(t, func(t *testing.T) {
		p := kinesistest.Rough()
		p.ReshardEvery = 3 * time.Minute
		k := kinesistest.New(t, kinesistest.Chaos(2, p), spec)
		ctx, cancel := context.WithCancel(t.Context())
		c := k.Client()
		var all sync.WaitGroup
		all.Go(func() { poll(ctx, c, "a", 3*time.Second, func(...types.Record) {}) })
		all.Go(func() { fanOut(ctx, k, "a", "billing", func(...types.Record) {}) })
		for worker := range 3 {
			all.Go(func() {
				for range 40 {
					c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("a"), Records: entries(fmt.Sprint("x", worker), fmt.Sprint("y", worker))})
					sleep(ctx, 10*time.Second)
				}
			})
		}
		time.Sleep(200 * time.Second)
		k.Split("a", k.OpenShards("a")[0])
		time.Sleep(250 * time.Second)
		cancel()
		all.Wait()
		k.SaveRun(path)
		saved, open = k.Records("a").String(), k.OpenShards("a")
		require.Greater(t, len(k.Stream("a").Shards()), 4, "chaos resharded")
	})
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, spec)
		assert.Empty(t, k.Replay(path))
		assert.Empty(t, parting(saved, k.Records("a").String()))
		assert.Equal(t, open, k.OpenShards("a"))
	})
}

func TestReplay_refuses(t *testing.T) {
	for name, row := range map[string]struct{ file, want string }{
		"no JSON":   {"{", "line 1: unexpected EOF"},
		"no call":   {`{"op": "Nonsense", "request": {}}`, `line 1: "Nonsense"`},
		"two calls": {`{"op": "ListStreams", "request": {}} {"op": "ListStreams", "request": {}}`, "line 1: there is more on the line than one JSON value"},
		"no object": {`{"op": "PutRecord", "request": 5}`, `line 1: "PutRecord" with request 5 is no call`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(row.file), 0o600))
			s := failing(t, func(s *spy) {
				defer func() { _ = recover() }()
				kinesistest.New(s).Replay(path)
			})
			assert.Contains(t, s.said(), row.want)
		})
	}
}
