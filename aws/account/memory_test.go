package account_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// bounded returns an account that does not keep anybody waiting, with a bound
// of memory, and without quotas.
func bounded(t *testing.T, bytes int64) (*fixture, *account.Memory) {
	t.Helper()
	c := account.Instant()
	c.Quotas = account.Quotas{Shards: -1, OnDemandStreams: -1, CreatingStreams: -1, Consumers: -1, CreatingConsumers: -1,
		Tags: -1, EncryptionChanges: -1, Channels: -1, ChannelsPerStream: -1}
	c.Memory = account.NewMemory(bytes)
	return newAccount(t, c), c.Memory
}

// fill puts until the memory is full, and returns how a put is refused.
func (f *fixture) fill(stream string) error {
	f.Helper()
	data := make([]byte, 100_000)
	for range 100_000 {
		_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: &stream, PartitionKey: ptr("k"), Data: data})
		if err != nil {
			return err
		}
	}
	f.Fatal("nothing was refused")
	return nil
}

// 4 GiB in 17 s were one client's: when the memory is full puts are throttled,
// whatever stream they are for, and reads go on. What expires makes room, in
// streams that nobody puts into too, and so does a stream that is deleted.
func TestMemory_fullThrottlesPuts(t *testing.T) {
	const most = 8 << 20
	f, m := bounded(t, most)
	f.create("S", 1)
	f.create("other", 1)
	f.fails(f.fill("S"), account.CodeThroughputExceeded, "Rate exceeded for account 123456789012: the memory that there is for records is full.")
	assert.Less(t, m.Held(), int64(most+2<<20))
	f.failsAs(f.fill("other"), account.CodeThroughputExceeded)
	out, err := f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: ptr("other"),
		Records: []account.PutRecordsRequestEntry{{PartitionKey: ptr("a")}, {PartitionKey: ptr("b")}}})
	require.NoError(t, err)
	assert.EqualValues(t, 2, out.FailedRecordCount)
	assert.Equal(t, account.CodeThroughputExceeded, out.Records[1].ErrorCode)
	read, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: ptr(f.iterator(0, "TRIM_HORIZON"))})
	require.NoError(t, err)
	assert.NotEmpty(t, read.Records)

	f.clock.Advance(25 * time.Hour)
	_, err = f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("other"), PartitionKey: ptr("k")})
	require.NoError(t, err, "what expired in S made room")
	assert.Less(t, m.Held(), int64(200<<10))

	f.failsAs(f.fill("S"), account.CodeThroughputExceeded)
	_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	assert.Less(t, m.Held(), int64(200<<10))
	_, err = f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("other"), PartitionKey: ptr("k")})
	assert.NoError(t, err)
}

// A stream that is DELETING gives its room back when it is due, whether anybody
// asks for it or not.
func TestMemory_deletedWhenDue(t *testing.T) {
	c := account.Instant()
	c.Delays.Delete, c.Memory = time.Minute, account.NewMemory(4<<20)
	f := newAccount(t, c)
	f.create("S", 1)
	f.create("other", 1)
	f.failsAs(f.fill("S"), account.CodeThroughputExceeded)
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	put := &account.PutRecordInput{StreamName: ptr("other"), PartitionKey: ptr("k")}
	_, err = f.PutRecord(f.ctx, put)
	f.failsAs(err, account.CodeThroughputExceeded)
	f.clock.Advance(time.Minute)
	_, err = f.PutRecord(f.ctx, put)
	assert.NoError(t, err)
}

// 21 requests of 45 bytes made 3.1 GiB of shards: one CreateStream, then the
// doubling of what there is, or a split and a merge again and again.
func TestMemory_countsShards(t *testing.T) {
	const most = 4 << 20
	f, m := bounded(t, most)
	_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(100_000))})
	f.failsAs(err, account.CodeLimitExceeded)
	assert.Contains(t, err.Error(), "would exceed the memory that there is for streams. In use: ")
	_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(100)),
		Tags: map[string]string{"a": "b"}})
	require.NoError(t, err)
	for target := int32(200); err == nil; target *= 2 {
		_, err = f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: &target, ScalingType: ptr("UNIFORM_SCALING")})
	}
	f.failsAs(err, account.CodeLimitExceeded)
	assert.Contains(t, err.Error(), "memory")
	for err = nil; err == nil; {
		lower, upper := f.firstTwo(S())
		if _, err = f.MergeShards(f.ctx, &account.MergeShardsInput{StreamName: S(), ShardToMerge: &lower.ShardId, AdjacentShardToMerge: &upper.ShardId}); err != nil {
			break
		}
		merged, _ := f.firstTwo(S())
		_, err = f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: &merged.ShardId, NewStartingHashKey: &upper.HashKeyRange.StartingHashKey})
	}
	f.failsAs(err, account.CodeLimitExceeded)
	assert.LessOrEqual(t, m.Held(), int64(most+64<<10))
	_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	f.create("S", 1000)
}

// firstTwo returns the open shards with the lowest hash keys.
func (f *fixture) firstTwo(stream *string) (lower, upper account.Shard) {
	f.Helper()
	out, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: stream,
		ShardFilter: &account.ShardFilter{Type: ptr(account.FilterAtLatest)}})
	require.NoError(f, err)
	start := func(s account.Shard) weir.HashKey {
		k, err := weir.ParseHashKey(s.HashKeyRange.StartingHashKey)
		require.NoError(f, err)
		return k
	}
	slices.SortFunc(out.Shards, func(a, b account.Shard) int { return start(a).Compare(start(b)) })
	return out.Shards[0], out.Shards[1]
}

// Without quotas a client can leave behind other things than records without
// end: streams, consumers, tags, policies, turns of encryption.
func TestMemory_countsWhatOperationsLeave(t *testing.T) {
	long := strings.Repeat("v", 250)
	for name, leave := range map[string]func(f *fixture, i int) error{
		"streams": func(f *fixture, i int) error {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr(fmt.Sprint("s", i)), ShardCount: ptr(int32(1))})
			return err
		},
		"consumers": func(f *fixture, i int) error {
			_, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: ptr(fmt.Sprint("c", i))})
			return err
		},
		"tags": func(f *fixture, i int) error {
			_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{fmt.Sprint("k", i): long}})
			return err
		},
		"turns of encryption": func(f *fixture, i int) error {
			if i%2 == 0 {
				_, err := f.StartStreamEncryption(f.ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("k")})
				return err
			}
			_, err := f.StopStreamEncryption(f.ctx, &account.StopStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("k")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := bounded(t, 1<<20)
			f.create("S", 50)
			var err error
			i := 0
			for ; err == nil && i < 20_000; i++ {
				err = leave(f, i)
			}
			f.failsAs(err, account.CodeLimitExceeded)
			t.Log(i, "calls")
			assert.Less(t, m.Held(), int64(1<<20+64<<10))
			_, err = f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: S()})
			assert.NoError(t, err, "what leaves nothing goes on")
			_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S(), EnforceConsumerDeletion: ptr(true)})
			assert.NoError(t, err)
			if name != "streams" {
				assert.Less(t, m.Held(), int64(16<<10))
			}
		})
	}
}

// Accounts count too, and give back all that is theirs.
func TestMemory_countsAccounts(t *testing.T) {
	m := account.NewMemory(100 << 10)
	var accounts []*account.Account
	for {
		c := account.Instant()
		c.Memory = m
		a, err := account.New(c)
		if err != nil {
			var e *account.Error
			require.True(t, errors.As(err, &e))
			assert.Equal(t, account.CodeLimitExceeded, e.Code)
			break
		}
		require.True(t, a.IsEmpty())
		accounts = append(accounts, a)
	}
	assert.Greater(t, len(accounts), 5)
	accounts[1].Discard()
	_, err := accounts[0].CreateStream(t.Context(), &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(1))})
	require.NoError(t, err)
	assert.False(t, accounts[0].IsEmpty())
	for i, a := range accounts {
		if i != 1 {
			a.Discard()
		}
	}
	assert.Zero(t, m.Held())
}

// State that is loaded counts, though there is no room for it.
func TestMemory_countsWhatIsLoaded(t *testing.T) {
	f, m := bounded(t, 8<<20)
	f.create("S", 2)
	f.failsAs(f.fill("S"), account.CodeThroughputExceeded)
	settings, streams, err := f.Save()
	require.NoError(t, err)
	var file bytes.Buffer
	require.NoError(t, streams[0].Save(&file))
	c := f.Config()
	c.Memory = account.NewMemory(1 << 20)
	saved := file.Bytes()
	open := func(_ string, c weir.Config) (*weir.Stream, error) { return weir.LoadStream(bytes.NewReader(saved), c) }
	loaded, err := account.Load(c, settings, open)
	require.NoError(t, err)
	assert.InDelta(t, m.Held(), c.Memory.Held(), 2<<20)
	_, err = loaded.PutRecord(t.Context(), &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k")})
	f.failsAs(err, account.CodeThroughputExceeded)
	loaded.Discard()
	assert.Zero(t, c.Memory.Held())
	saved = saved[:len(saved)/2]
	_, err = account.Load(c, settings, open)
	require.Error(t, err)
	assert.Zero(t, c.Memory.Held(), "what could not be loaded does not count")
}
