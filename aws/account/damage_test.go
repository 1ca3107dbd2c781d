package account_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// damages returns a text in base64 with each of its bits turned over, with each
// bit that base64 leaves unused, cut off everywhere, and with a line break.
func damages(t *testing.T, text string) (list []string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	for i := range 8 * len(raw) {
		raw[i/8] ^= 1 << (i % 8)
		list = append(list, base64.StdEncoding.EncodeToString(raw))
		raw[i/8] ^= 1 << (i % 8)
	}
	for i := range text {
		list = append(list, text[:i], text[:i]+"\n"+text[i:])
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := len(strings.TrimRight(text, "=")) - 1
	for _, c := range alphabet {
		if other := text[:last] + string(c) + text[last+1:]; other != text {
			list = append(list, other)
		}
	}
	return append(list, text+"=", text+"A", text+"\n")
}

// Every bit of a shard iterator is under a checksum: its head names the shard
// in errors, and was not.
func TestShardIterator_damaged(t *testing.T) {
	f := newFixture(t, account.Instant())
	for _, deleted := range []bool{false, true} {
		it := f.iterator(1, account.IteratorTrimHorizon)
		if deleted {
			_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
			require.NoError(t, err)
		}
		for _, bad := range damages(t, it) {
			_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &bad})
			require.Error(t, err, "%q", bad)
			if bad != "" {
				assert.ErrorContains(t, err, "Invalid ShardIterator", "%q", bad)
			}
		}
	}
}

// The head of one iterator and the rest of another are none.
func TestShardIterator_ofTwoParts(t *testing.T) {
	f := newFixture(t, account.Instant())
	one, other := f.iterator(1, account.IteratorTrimHorizon), f.iterator(2, account.IteratorTrimHorizon)
	const head = 24
	_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: ptr(one[:head] + other[head:])})
	f.failsAs(err, account.CodeInvalidArgument)
}

func TestNextToken_damaged(t *testing.T) {
	f := newFixture(t, account.Instant())
	page, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S(), MaxResults: ptr(int32(1))})
	require.NoError(t, err)
	for _, bad := range damages(t, page.NextToken) {
		_, err := f.ListShards(f.ctx, &account.ListShardsInput{NextToken: &bad})
		require.Error(t, err, "%q", bad)
	}
	_, err = f.ListShards(f.ctx, &account.ListShardsInput{NextToken: &page.NextToken})
	require.NoError(t, err)
}

// An error tells back a few hundred bytes of what it refuses.
func TestError_isShort(t *testing.T) {
	f := newFixture(t, account.Instant())
	long := strings.Repeat("ü", 1<<20)
	_, byName := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: &long})
	_, byARN := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamARN: &long})
	_, byShard := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: &long, ShardIteratorType: &long})
	_, byType := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{
		StreamName: S(), ShardId: ptr(shardID(0)), ShardIteratorType: &long})
	_, byNumber := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr(shardID(0)),
		ShardIteratorType: ptr(account.IteratorAtSequenceNumber), StartingSequenceNumber: &long})
	_, byKey := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: &long, Data: []byte("x")})
	_, byHash := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: S(), ExplicitHashKey: &long, Data: []byte("x")})
	_, byToken := f.ListShards(f.ctx, &account.ListShardsInput{NextToken: &long})
	_, byIterator := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &long})
	_, byConsumer := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: &long, ConsumerName: &long})
	for what, err := range map[string]error{
		"name": byName, "ARN": byARN, "shard": byShard, "type": byType, "number": byNumber, "key": byKey, "hash": byHash,
		"token": byToken, "iterator": byIterator, "consumer": byConsumer,
	} {
		if assert.Error(t, err, what) {
			assert.Less(t, len(err.Error()), 1000, what)
		}
	}
}
