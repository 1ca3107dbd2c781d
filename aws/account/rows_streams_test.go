package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

func TestChecklist_streams(t *testing.T) {
	runRows(t, account.Instant(), []row{
		{1, "create a stream that exists", func(f *fixture) {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(1))})
			f.fails(err, account.CodeResourceInUse, "Stream S under account 123456789012 already exists.")
		}},
		{6, "more shards than the quota", func(f *fixture) {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("T"), ShardCount: ptr(int32(19998))})
			f.fails(err, account.CodeLimitExceeded, "This request would exceed the shard limit for the account 123456789012 in us-east-1. Current shard count for the account: 3. Limit: 20000. Number of additional shards that would have resulted from this request: 19998. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.")
		}},
		{7, "three shards with even ranges", func(f *fixture) {
			shards := f.describe("S").Shards
			require.Len(f, shards, 3)
			assert.Equal(f, account.HashKeyRange{StartingHashKey: "0", EndingHashKey: "113427455640312821154458202477256070484"}, shards[0].HashKeyRange)
			assert.Equal(f, "226854911280625642308916404954512140970", shards[2].HashKeyRange.StartingHashKey)
			assert.Equal(f, lastShard, shards[2].HashKeyRange.EndingHashKey)
		}},
		{9, "an on-demand stream has four shards", func(f *fixture) {
			f.createOnDemand("T", "")
			assert.Len(f, f.describe("T").Shards, 4)
			assert.Equal(f, account.ModeOnDemand, *f.describe("T").StreamModeDetails.StreamMode)
		}},
		{15, "delete a stream that has a consumer", func(f *fixture) {
			f.register("C")
			_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
			f.fails(err, account.CodeResourceInUse, "DeleteStream can't delete "+arnS+" because there are consumers associated with this data stream. To delete S anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are associated with it.")
		}},
		{16, "delete a stream with its consumers", func(f *fixture) {
			c := f.register("C")
			_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S(), EnforceConsumerDeletion: ptr(true)})
			require.NoError(f, err)
			_, err = f.DescribeStreamConsumer(f.ctx, &account.DescribeStreamConsumerInput{ConsumerARN: &c.ConsumerARN})
			f.fails(err, account.CodeResourceNotFound, "Stream S under account 123456789012 not found.")
		}},
		{17, "describe an unknown stream", func(f *fixture) {
			_, err := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: ptr("X")})
			f.fails(err, account.CodeResourceNotFound, "Stream X under account 123456789012 not found.")
		}},
		{20, "describe 150 shards", func(f *fixture) {
			f.create("T", 150)
			out, err := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: ptr("T"), Limit: ptr(int32(5000))})
			require.NoError(f, err)
			assert.Len(f, out.StreamDescription.Shards, 100)
			assert.True(f, out.StreamDescription.HasMoreShards)
		}},
		{21, "describe shard by shard", func(f *fixture) {
			in := &account.DescribeStreamInput{StreamName: S(), Limit: ptr(int32(1))}
			for i := range 3 {
				out, err := f.DescribeStream(f.ctx, in)
				require.NoError(f, err)
				d := out.StreamDescription
				require.Len(f, d.Shards, 1)
				assert.Equal(f, shardID(i), d.Shards[0].ShardId)
				assert.Equal(f, i < 2, d.HasMoreShards)
				in.ExclusiveStartShardId = &d.Shards[0].ShardId
			}
		}},
		{31, "list streams one by one", func(f *fixture) {
			f.create("T", 1)
			out, err := f.ListStreams(f.ctx, &account.ListStreamsInput{Limit: ptr(int32(1))})
			require.NoError(f, err)
			assert.Equal(f, []string{"S"}, out.StreamNames)
			assert.True(f, out.HasMoreStreams)
			next, err := f.ListStreams(f.ctx, &account.ListStreamsInput{NextToken: &out.NextToken})
			require.NoError(f, err)
			assert.Equal(f, []string{"T"}, next.StreamNames)
			assert.False(f, next.HasMoreStreams)
			assert.Empty(f, next.NextToken)
			after, err := f.ListStreams(f.ctx, &account.ListStreamsInput{ExclusiveStartStreamName: ptr("SA")})
			require.NoError(f, err)
			assert.Equal(f, []string{"T"}, after.StreamNames)
		}},
	})
}

func TestChecklist_statuses(t *testing.T) {
	creating := func(f *fixture) {
		_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("N"), ShardCount: ptr(int32(3)),
			Tags: map[string]string{"k": "v"}})
		require.NoError(f, err)
	}
	runRows(t, withDelays(), []row{
		{8, "describe at once", func(f *fixture) {
			creating(f)
			assert.Equal(f, account.StreamDescription{
				StreamName: "N", StreamARN: "arn:aws:kinesis:us-east-1:123456789012:stream/N", StreamStatus: "CREATING",
				StreamModeDetails: &account.StreamModeDetails{StreamMode: ptr("PROVISIONED")},
				Shards:            []account.Shard{}, RetentionPeriodHours: 24, StreamCreationTimestamp: f.clock.Now(),
				EnhancedMonitoring: []account.EnhancedMetrics{{ShardLevelMetrics: []string{}}}, EncryptionType: "NONE",
			}, f.describe("N"))
		}},
		{10, "a sixth stream while five are CREATING", func(f *fixture) {
			for i := range 6 {
				_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr(fmt.Sprint("N", i)), ShardCount: ptr(int32(1))})
				if i < 5 {
					require.NoError(f, err)
				} else {
					f.fails(err, account.CodeLimitExceeded, "This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account 123456789012. Limit: 5.")
				}
			}
			f.clock.Advance(account.DefaultCreateDelay)
			f.create("N5", 1)
		}},
		{11, "put while CREATING", func(f *fixture) {
			creating(f)
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("N"), PartitionKey: ptr("a")})
			f.fails(err, account.CodeResourceNotFound, "Stream N under account 123456789012 not found.")
		}},
		{12, "iterator while CREATING", func(f *fixture) {
			creating(f)
			_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: ptr("N"), ShardId: ptr("shardId-0"), ShardIteratorType: ptr("LATEST")})
			f.fails(err, account.CodeResourceNotFound, "Shard shardId-000000000000 in stream N under account 123456789012 does not exist")
		}},
		{13, "split while CREATING", func(f *fixture) {
			creating(f)
			_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: ptr("N"), ShardToSplit: ptr("shardId-0"), NewStartingHashKey: ptr("2")})
			f.fails(err, account.CodeResourceInUse, "Stream N under account 123456789012 not ACTIVE, instead in state CREATING")
		}},
		{14, "delete while CREATING", func(f *fixture) {
			creating(f)
			_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: ptr("N")})
			require.NoError(f, err)
			d := f.describe("N")
			assert.Equal(f, "DELETING", d.StreamStatus)
			assert.Empty(f, d.Shards)
			f.clock.Advance(account.DefaultDeleteDelay - 1)
			assert.Equal(f, "DELETING", f.status("N"))
			f.clock.Advance(1)
			_, err = f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: ptr("N")})
			f.failsAs(err, account.CodeResourceNotFound)
		}},
		{91, "a second split while UPDATING", func(f *fixture) {
			f.split(0, "2")
			_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: ptr("shardId-1"), NewStartingHashKey: ptr("2")})
			f.fails(err, account.CodeResourceInUse, "Stream S under account 123456789012 not ACTIVE, instead in state UPDATING")
		}},
		{92, "put into the splitting shard while UPDATING", func(f *fixture) {
			f.split(0, "20000000000000000000000000000000000000")
			f.clock.Advance(account.DefaultReshardDelay - 1)
			assert.Equal(f, shardID(0), f.put("a", "before").ShardId)
			assert.Len(f, f.describe("S").Shards, 3)
			f.clock.Advance(1)
			assert.Equal(f, shardID(3), f.put("a", "after").ShardId)
			assert.Len(f, f.describe("S").Shards, 5)
			assert.Equal(f, "ACTIVE", f.status("S"))
		}},
	})
}

// A change that fell due long before anybody looked took effect when it was
// due.
func TestStream_changesTakeEffectWhenDue(t *testing.T) {
	f := newFixture(t, withDelays())
	asked := f.clock.Now()
	f.split(0, "2")
	f.clock.Advance(3 * time.Hour)
	sh := f.describe("S").Shards
	require.Len(t, sh, 5)
	due := asked.Add(account.DefaultReshardDelay)
	out := f.shards(&account.ListShardsInput{StreamName: S(), ShardFilter: &account.ShardFilter{Type: ptr(account.FilterAtTimestamp), Timestamp: ptr(due.Add(-time.Second))}})
	assert.Equal(t, shardIDs(0, 1, 2), out)
	out = f.shards(&account.ListShardsInput{StreamName: S(), ShardFilter: &account.ShardFilter{Type: ptr(account.FilterAtTimestamp), Timestamp: ptr(due.Add(time.Second))}})
	assert.Equal(t, shardIDs(1, 2, 3, 4), out)
}

// A stream that is created again is another one.
func TestStream_createdAgain(t *testing.T) {
	f := newFixture(t, account.Instant())
	created := f.describe("S").StreamCreationTimestamp
	f.put("a", "x")
	it := f.iterator(0, "TRIM_HORIZON")
	two := f.iterator(2, "TRIM_HORIZON")
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	_, err = f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it}) // row 81
	f.fails(err, account.CodeResourceNotFound, "Shard shardId-000000000000 in stream S under account 123456789012 does not exist")
	f.clock.Advance(2 * time.Second)
	f.create("S", 1)
	for _, old := range []string{it, two} {
		_, err = f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &old})
		f.failsAs(err, account.CodeResourceNotFound)
	}
	_, err = f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S(), StreamCreationTimestamp: &created})
	f.failsAs(err, account.CodeResourceNotFound)
	now := f.describe("S").StreamCreationTimestamp
	assert.Equal(t, shardIDs(0), f.shards(&account.ListShardsInput{StreamName: S(), StreamCreationTimestamp: &now}))
	assert.Equal(t, shardIDs(0), f.shards(&account.ListShardsInput{StreamName: S(), StreamCreationTimestamp: ptr(now.Truncate(time.Second))}))
	assert.Empty(t, data(f.read(f.iterator(0, "TRIM_HORIZON"))))
}

func TestStream_addressing(t *testing.T) {
	f := newFixture(t, account.Instant())
	for _, tt := range []struct {
		name, arn *string
		code      string
		message   string
	}{
		{nil, nil, account.CodeInvalidArgument, "Either StreamName or StreamARN should be provided."},
		{S(), ptr(arnS), "", ""},
		{nil, ptr(arnS), "", ""},
		{ptr("T"), ptr(arnS), account.CodeInvalidArgument, "StreamName T and StreamARN " + arnS + " do not denote the same stream."},
		{nil, ptr("arn:aws:kinesis:us-east-1:999999999999:stream/S"), account.CodeResourceNotFound, "Stream S under account 999999999999 not found."},
		{nil, ptr("arn:aws:kinesis:eu-west-1:123456789012:stream/S"), account.CodeResourceNotFound, "Stream S under account 123456789012 not found."},
		{nil, ptr("arn:aws:s3:us-east-1:123456789012:stream/S"), account.CodeInvalidArgument, "Invalid ARN: arn:aws:s3:us-east-1:123456789012:stream/S"},
		{nil, ptr(arnS + "/consumer/C:1"), account.CodeInvalidArgument, "Invalid ARN: " + arnS + "/consumer/C:1"},
	} {
		_, err := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: tt.name, StreamARN: tt.arn, StreamId: ptr("ignored")})
		if tt.code == "" {
			assert.NoError(t, err)
			continue
		}
		f.fails(err, tt.code, tt.message)
		_, err = f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: tt.name, StreamARN: tt.arn, PartitionKey: ptr("a")})
		f.fails(err, tt.code, tt.message)
	}
}

// Two accounts with streams of the same name, created at the same instant, have
// nothing to do with each other.
func TestAccount_keptApart(t *testing.T) {
	f := newFixture(t, account.Instant())
	g := &fixture{T: t, ctx: t.Context(), clock: f.clock}
	var err error
	g.Account, err = account.New(account.Config{ID: id, Region: "eu-central-1", Now: f.clock.Now, CallRates: account.CallRates{Factor: -1},
		Delays: account.Instant().Delays})
	require.NoError(t, err)
	g.create("S", 3)
	f.put("a", "x")
	it := f.iterator(0, "TRIM_HORIZON")
	_, err = g.GetRecords(g.ctx, &account.GetRecordsInput{ShardIterator: &it})
	g.fails(err, account.CodeInvalidArgument, "Invalid ShardIterator.")
	page, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S(), MaxResults: ptr(int32(1))})
	require.NoError(t, err)
	_, err = g.ListShards(g.ctx, &account.ListShardsInput{NextToken: &page.NextToken})
	g.fails(err, account.CodeInvalidArgument, "Invalid NextToken.")
	_, err = g.DescribeStream(g.ctx, &account.DescribeStreamInput{StreamARN: ptr(arnS)})
	g.failsAs(err, account.CodeResourceNotFound)
	assert.Empty(t, data(g.read(g.iterator(0, "TRIM_HORIZON"))))
}

func TestStream_onDemandQuota(t *testing.T) {
	config := account.Instant()
	config.Quotas.OnDemandStreams = 1
	f := newFixture(t, config)
	f.createOnDemand("T", "")
	_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("U"), StreamModeDetails: &account.StreamModeDetails{StreamMode: ptr("ON_DEMAND")}})
	f.fails(err, account.CodeLimitExceeded, "This request would exceed the limit on the number of On-Demand streams for the account `123456789012` in `us-east-1`. Current On-Demand streams count: 1. Limit: 1.")
	out, err := f.DescribeLimits(f.ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, &account.DescribeLimitsOutput{ShardLimit: 20000, OpenShardCount: 3, OnDemandStreamCount: 1, OnDemandStreamCountLimit: 1, ChannelCountLimit: 50}, out)
}
