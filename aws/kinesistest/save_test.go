package kinesistest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesistest"
)

// history makes a stream with splits, merges and 27 hours of records, the first
// of which have expired, and saves it.
func history(t *testing.T, path string) *kinesistest.Fake {
	k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 2, Retention: 25 * time.Hour})
	for i := range 27 {
		for key := range 5 {
			k.Put("orders", fmt.Sprint("key-", key), fmt.Sprint("order ", i))
		}
		time.Sleep(time.Hour)
		switch i {
		case 3:
			k.Split("orders", 0)
			k.Split("orders", 2) // at the same instant, a child without records
		case 20:
			k.Merge("orders", 4, 5)
		}
	}
	k.Put("orders", "binary", "\xff\x00")
	k.Split("orders", 1)
	k.Save("orders", path)
	return k
}

// shardsOf returns all that can be told of a stream's shards but for times.
func shardsOf(k *kinesistest.Fake, numbers bool) []weir.Shard {
	list := k.Stream("orders").Shards()
	for i := range list {
		list[i].OpenedAt, list[i].ClosedAt = time.Time{}, time.Time{}
		if !numbers {
			list[i].StartingSequenceNumber, list[i].EndingSequenceNumber = weir.SequenceNumber{}, weir.SequenceNumber{}
		}
	}
	return list
}

// What was saved and is loaded at the same time of the clock is the same to the
// last sequence number; what had expired has.
func TestLoad_atTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	var saved kinesistest.Records
	var shards []weir.Shard
	var held int64
	synctest.Test(t, func(t *testing.T) {
		k := history(t, path)
		saved, shards, held = k.Records("orders"), shardsOf(k, true), k.Stream("orders").Snapshot().RecordsHeld
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(27 * time.Hour)
		k := kinesistest.New(t, kinesistest.Config{Delays: kinesistest.ServiceDelays()})
		k.Load(path)
		assert.Equal(t, saved, k.Records("orders"))
		assert.Equal(t, shards, shardsOf(k, true))
		assert.Equal(t, held, k.Stream("orders").Snapshot().RecordsHeld)
		assert.Less(t, held, int64(len(saved)))
		assert.Equal(t, 25*time.Hour, k.Stream("orders").Settings().Retention)
		put(t, k.Client(), "orders", "key-1", "it is ACTIVE")
	})
}

// Loaded at another time, in a bubble or outside, the stream is as old as it
// was.
func TestLoad_atAnotherTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	var saved kinesistest.Records
	var shards []weir.Shard
	var savedAt time.Time
	synctest.Test(t, func(t *testing.T) {
		k := history(t, path)
		saved, shards, savedAt = k.Records("orders"), shardsOf(k, false), k.Now()
	})
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config)
		before := k.Now()
		k.Load(path)
		now := k.Now()
		assert.WithinDuration(t, before, now, time.Minute, "the clock is back")
		loaded := k.Records("orders")
		require.Equal(t, saved.Data(), loaded.Data())
		for i := range saved {
			require.Equal(t, saved[i].ShardID(), loaded[i].ShardID())
			require.WithinDuration(t, before.Add(saved[i].ArrivalTime.Sub(savedAt)), loaded[i].ArrivalTime, time.Minute)
			age := saved[len(saved)-1].ArrivalTime.Sub(saved[i].ArrivalTime)
			require.WithinDuration(t, loaded[len(loaded)-1].ArrivalTime.Add(-age), loaded[i].ArrivalTime, 2*time.Millisecond)
		}
		assert.Equal(t, shards, shardsOf(k, false))
	})
}

func TestLoad_writtenByHand(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		path := filepath.Join(t.TempDir(), "orders.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(`{"stream": "orders", "shards": 2}

{"key": "a", "text": "one"}
{"key": "b", "data": "dHdv"}
{"split": "shardId-000000000000", "from": "85070591730234615865843651857942052864"}
{"shard": "shardId-000000000003", "key": "a", "text": "three"}
`), 0o600))
		k := kinesistest.New(t, config)
		k.Load(path)
		assert.ElementsMatch(t, []string{"one", "two", "three"}, k.Records("orders").Data())
		assert.Equal(t, []int{2, 3, 1}, k.OpenShards("orders"))
		assert.Equal(t, []string{"three"}, k.Records("orders").Shard(3).Data())
		assert.WithinDuration(t, k.Now(), k.Records("orders")[0].ArrivalTime, time.Minute)

		k.Load(path) // into the stream that is there
		assert.Len(t, k.Records("orders"), 6)
	})
}

// What a shard's limits did not let come so fast comes later.
func TestLoad_overTheLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	k := kinesistest.New(t, kinesistest.Config{Limits: weir.Unlimited()}, kinesistest.Stream("a", 1))
	k.Generate("a", kinesistest.Load{Records: 2500, Keys: 1})
	k.Save("a", path)
	synctest.Test(t, func(t *testing.T) {
		other := kinesistest.New(t)
		other.Load(path)
		assert.Equal(t, k.Records("a").Data(), other.Records("a").Data())
	})
}

// A shard that was split long before its children got records is closed and was
// closed then, also by UpdateShardCount.
func TestLoad_emptyChildren(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	var saved []weir.Shard
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Put("orders", "a", "0")
		time.Sleep(time.Hour)
		k.Split("orders", 0)
		for range 5 {
			time.Sleep(time.Hour)
			k.Put("orders", "b", "1")
		}
		_, err := k.Client().UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamName: aws.String("orders"), TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling,
		})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		for key := range 20 {
			k.Put("orders", fmt.Sprint(key), "2")
		}
		k.Save("orders", path)
		saved = k.Stream("orders").Shards()
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(7 * time.Hour)
		k := kinesistest.New(t)
		k.Load(path)
		assert.Equal(t, saved, k.Stream("orders").Shards())
	})
}

// An error in a file that is put into a stream that is there names its line as
// well, whichever batch it would be in.
func TestLoad_lineOfAStreamThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	lines := "{\"stream\": \"a\"}\n" + strings.Repeat("{\"key\": \"x\"}\n", 600) + "{\"text\": \"no key\"}"
	require.NoError(t, os.WriteFile(path, []byte(lines), 0o600))
	s := failing(t, func(s *spy) {
		defer func() { _ = recover() }()
		kinesistest.New(s, kinesistest.Config{Limits: weir.Unlimited()}, kinesistest.Stream("a", 1)).Load(path)
	})
	assert.Contains(t, s.said(), "line 602: partition key")
}

func TestLoad_onDemand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	k := kinesistest.New(t, kinesistest.StreamSpec{Name: "a", OnDemand: true})
	k.Generate("a", kinesistest.Load{Records: 10})
	k.Save("a", path)
	other := kinesistest.New(t, kinesistest.Config{Delays: kinesistest.ServiceDelays()})
	other.Load(path)
	assert.Equal(t, weir.OnDemand, other.Stream("a").Settings().Mode)
	assert.Equal(t, []int{0, 1, 2, 3}, other.OpenShards("a"))
	put(t, other.Client(), "a", "x", "it is ACTIVE")
}

func TestLoad_refuses(t *testing.T) {
	for name, row := range map[string]struct{ file, want string }{
		"nothing":        {"", `the first line names no "stream"`},
		"no stream":      {"{}", `the first line names no "stream"`},
		"no JSON":        {"{", "line 1: unexpected EOF"},
		"a typing error": {"{\"stream\": \"a\"}\n{\"kye\": \"x\"}", `line 2: json: unknown field "kye"`},
		"no key":         {"{\"stream\": \"a\"}\n{\"text\": \"x\"}", "line 2: partition key"},
		"bad name":       {`{"stream": "a b"}`, "streamName"},
		"no such shard":  {"{\"stream\": \"a\"}\n{\"shard\": \"shardId-000000000007\", \"key\": \"x\"}", "line 2: there is no open shardId-000000000007"},
		"half a split":   {"{\"stream\": \"a\"}\n{\"split\": \"shardId-000000000000\"}", "line 2: a split is"},
		"closed":         {"{\"stream\": \"a\"}\n{\"merge\": [\"shardId-000000000000\", \"shardId-000000000001\"]}", "line 2: shardId-000000000001"},
		"two of them":    {"{\"stream\": \"a\"}\n{\"key\": \"x\"} {\"key\": \"y\"}", "line 2: there is more on the line than one JSON value"},
		"empty lines":    {"\n{\"stream\": \"a\"}\n\n\n{\"text\": \"x\"}", "line 5: partition key"},
		"two of a kind":  {"{\"stream\": \"a\"}\n{\"key\": \"x\", \"merge\": [\"shardId-000000000000\", \"shardId-000000000001\"]}", "line 2: a line is a record, a split or a merge"},
		"two data":       {"{\"stream\": \"a\"}\n{\"key\": \"x\", \"text\": \"x\", \"data\": \"eA==\"}", `line 2: the data of a record is "text" or "data", not both`},
		"half a merge":   {"{\"stream\": \"a\"}\n{\"merge\": [\"shardId-000000000000\"]}", "line 2: a split is"},
		"back in time":   {"{\"stream\": \"a\"}\n{\"at\": \"2020-01-01T00:00:01Z\", \"key\": \"x\"}\n{\"key\": \"x\"}\n{\"at\": \"2020-01-01T00:00:00Z\", \"key\": \"x\"}", "line 4: 2020-01-01 00:00:00 +0000 UTC is before 2020-01-01 00:00:01 +0000 UTC of the lines above"},
		"before it was":  {"{\"stream\": \"a\", \"created\": \"2020-01-01T00:00:01Z\"}\n{\"at\": \"2020-01-01T00:00:00Z\", \"key\": \"x\"}", "line 2: 2020-01-01 00:00:00 +0000 UTC is before"},
		"the future":     {"{\"stream\": \"a\"}\n{\"at\": \"2100-01-01T00:00:00Z\", \"key\": \"x\"}", "line 2: 2100-01-01 00:00:00 +0000 UTC is yet to come"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(row.file), 0o600))
			s := failing(t, func(s *spy) {
				defer func() { _ = recover() }()
				kinesistest.New(s).Load(path)
			})
			require.Len(t, s.errors, 1)
			assert.Contains(t, s.errors[0], row.want)
			assert.Contains(t, s.errors[0], path)
		})
	}
}
