package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

const inS = "in stream S under account 123456789012"

func filter(kind string, at *time.Time) *account.ListShardsInput {
	return &account.ListShardsInput{StreamName: S(), ShardFilter: &account.ShardFilter{Type: &kind, Timestamp: at}}
}

func TestChecklist_listShards(t *testing.T) {
	splitLater := func(f *fixture) (before time.Time) {
		f.clock.Advance(time.Minute)
		before = f.clock.Now()
		f.clock.Advance(time.Minute)
		f.split(0, "1000")
		f.clock.Advance(time.Minute)
		return before
	}
	runRows(t, account.Instant(), []row{
		{22, "token and name", func(f *fixture) {
			_, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S(), NextToken: ptr("x")})
			f.fails(err, account.CodeInvalidArgument, "NextToken and StreamName cannot be provided together.")
		}},
		{23, "neither token nor stream", func(f *fixture) {
			_, err := f.ListShards(f.ctx, &account.ListShardsInput{})
			f.fails(err, account.CodeInvalidArgument, "Either NextToken or StreamName should be provided.")
		}},
		{24, "after an id", func(f *fixture) {
			assert.Equal(f, shardIDs(2), f.shards(&account.ListShardsInput{StreamName: S(), ExclusiveStartShardId: ptr(shardID(1))}))
			assert.Empty(f, f.shards(&account.ListShardsInput{StreamName: S(), ExclusiveStartShardId: ptr("2147483647")}))
		}},
		{25, "an old token", func(f *fixture) {
			page, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S(), MaxResults: ptr(int32(2))})
			require.NoError(f, err)
			f.clock.Advance(300 * time.Second)
			assert.Equal(f, shardIDs(2), f.shards(&account.ListShardsInput{NextToken: &page.NextToken}))
			f.clock.Advance(time.Second)
			_, err = f.ListShards(f.ctx, &account.ListShardsInput{NextToken: &page.NextToken})
			f.failsAs(err, account.CodeExpiredNextToken)
		}},
		{26, "AT_LATEST", func(f *fixture) {
			splitLater(f)
			assert.Equal(f, shardIDs(1, 2, 3, 4), f.shards(filter("AT_LATEST", nil)))
		}},
		{27, "no filter", func(f *fixture) {
			splitLater(f)
			out, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S()})
			require.NoError(f, err)
			assert.Equal(f, shardIDs(0, 1, 2, 3, 4), f.shards(&account.ListShardsInput{StreamName: S()}))
			for i, sh := range out.Shards {
				assert.Equal(f, i == 0, sh.SequenceNumberRange.EndingSequenceNumber != "")
			}
			assert.Equal(f, shardID(0), out.Shards[3].ParentShardId)
			assert.Empty(f, out.Shards[3].AdjacentParentShardId)
			assert.Empty(f, out.NextToken)
		}},
		{28, "AT_TIMESTAMP", func(f *fixture) {
			before := splitLater(f)
			assert.Equal(f, shardIDs(0, 1, 2), f.shards(filter("AT_TIMESTAMP", &before)))
		}},
		{29, "FROM_TIMESTAMP", func(f *fixture) {
			before := splitLater(f)
			assert.Equal(f, shardIDs(0, 1, 2, 3, 4), f.shards(filter("FROM_TIMESTAMP", &before)))
			assert.Equal(f, shardIDs(1, 2, 3, 4), f.shards(filter("FROM_TIMESTAMP", ptr(f.clock.Now()))))
		}},
		{30, "AFTER_SHARD_ID", func(f *fixture) {
			_, err := f.ListShards(f.ctx, filter("AFTER_SHARD_ID", nil))
			f.fails(err, account.CodeInvalidArgument, "ShardFilter of type AFTER_SHARD_ID needs ShardId.")
			_, err = f.ListShards(f.ctx, filter("AT_TIMESTAMP", nil))
			f.fails(err, account.CodeInvalidArgument, "ShardFilter of type AT_TIMESTAMP needs Timestamp.")
			in := filter("AFTER_SHARD_ID", nil)
			in.ShardFilter.ShardId = ptr("shardId-1")
			assert.Equal(f, shardIDs(2), f.shards(in))
		}},
		{153, "1,500 shards", func(f *fixture) {
			f.create("T", 1500)
			out, err := f.ListShards(f.ctx, &account.ListShardsInput{StreamName: ptr("T"), MaxResults: ptr(int32(5000)),
				ShardFilter: &account.ShardFilter{Type: ptr("AT_LATEST")}})
			require.NoError(f, err)
			assert.Len(f, out.Shards, 1000)
			out, err = f.ListShards(f.ctx, &account.ListShardsInput{NextToken: &out.NextToken})
			require.NoError(f, err)
			assert.Len(f, out.Shards, 500)
			assert.Equal(f, shardID(1000), out.Shards[0].ShardId)
			assert.Empty(f, out.NextToken)
		}},
	})
}

func TestChecklist_splitAndMerge(t *testing.T) {
	split := func(f *fixture, stream, shard, at string) error {
		_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: &stream, ShardToSplit: &shard, NewStartingHashKey: &at})
		return err
	}
	merge := func(f *fixture, lower, upper int) error {
		_, err := f.MergeShards(f.ctx, &account.MergeShardsInput{StreamName: S(), ShardToMerge: ptr(shardID(lower)), AdjacentShardToMerge: ptr(shardID(upper))})
		return err
	}
	const end0 = "113427455640312821154458202477256070484"
	outside := func(at string) string {
		return "NewStartingHashKey " + at + " used in SplitShard() on shard shardId-000000000000 " + inS +
			" is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey " + end0 + "."
	}
	refused := func(at string) func(*fixture) {
		return func(f *fixture) { f.fails(split(f, "S", "shardId-0", at), account.CodeInvalidArgument, outside(at)) }
	}
	notAdjacent := func(lower, upper int) func(*fixture) {
		return func(f *fixture) {
			f.fails(merge(f, lower, upper), account.CodeInvalidArgument,
				fmt.Sprintf("Shards %s and %s %s are not an adjacent pair of shards eligible for merging", shardID(lower), shardID(upper), inS))
		}
	}
	runRows(t, account.Instant(), []row{
		{83, "split at 1", refused("1")},
		{84, "split at 2", func(f *fixture) {
			require.NoError(f, split(f, "S", "shardId-0", "2"))
			shards := f.describe("S").Shards
			require.Len(f, shards, 5)
			assert.Equal(f, account.HashKeyRange{StartingHashKey: "0", EndingHashKey: "1"}, shards[3].HashKeyRange)
			assert.Equal(f, account.HashKeyRange{StartingHashKey: "2", EndingHashKey: end0}, shards[4].HashKeyRange)
			assert.Equal(f, shardID(0), shards[4].ParentShardId)
		}},
		{85, "split at the end", refused(end0)},
		{86, "split one before the end", func(f *fixture) {
			require.NoError(f, split(f, "S", "shardId-0", "113427455640312821154458202477256070483"))
		}},
		{87, "split beyond the key space", refused("999999999999999999999999999999999999999")},
		{88, "split a missing shard", func(f *fixture) {
			f.fails(split(f, "S", "shardId-5", "2"), account.CodeResourceNotFound, "Could not find shard shardId-000000000005 "+inS+".")
		}},
		{89, "split, a bad shard id and no stream", func(f *fixture) {
			f.fails(split(f, "X", "2147483648", "2"), account.CodeResourceNotFound, "Could not find shard 2147483648 in stream X under account 123456789012.")
		}},
		{90, "split, no stream", func(f *fixture) {
			f.fails(split(f, "X", "shardId-0", "2"), account.CodeResourceNotFound, "Stream X under account 123456789012 not found.")
		}},
		{93, "the first number of a child", func(f *fixture) {
			f.put("a", "x")
			f.clock.Advance(time.Minute)
			f.split(0, "1000")
			shards := f.describe("S").Shards
			parent := parse(f, shards[0].SequenceNumberRange.EndingSequenceNumber)
			for _, sh := range shards[3:] {
				child := parse(f, sh.SequenceNumberRange.StartingSequenceNumber)
				assert.Equal(f, parent.Time().Add(time.Second), child.Time())
				assert.Zero(f, child.Index())
			}
		}},
		{94, "the last number of a parent", func(f *fixture) {
			f.split(0, "1000")
			n := parse(f, f.describe("S").Shards[0].SequenceNumberRange.EndingSequenceNumber)
			assert.Equal(f, uint64(0x7fffffffffffffff), n.Index())
		}},
		{95, "merge", func(f *fixture) {
			require.NoError(f, merge(f, 0, 1))
			sh := f.describe("S").Shards[3]
			assert.Equal(f, account.HashKeyRange{StartingHashKey: "0", EndingHashKey: "226854911280625642308916404954512140969"}, sh.HashKeyRange)
			assert.Equal(f, shardID(0), sh.ParentShardId)
			assert.Equal(f, shardID(1), sh.AdjacentParentShardId)
		}},
		{96, "merge the wrong way round", notAdjacent(1, 0)},
		{97, "merge across a gap", notAdjacent(0, 2)},
	})
	t.Run("a closed shard", func(t *testing.T) {
		f := newFixture(t, account.Instant())
		f.split(0, "1000")
		closed := "Shard shardId-000000000000 " + inS + " has already been merged or split, and thus is not eligible for merging or splitting."
		f.fails(split(f, "S", "shardId-0", "100"), account.CodeInvalidArgument, closed)
		f.fails(merge(f, 0, 1), account.CodeInvalidArgument, closed)
	})
	t.Run("no room in the quota", func(t *testing.T) {
		config := account.Instant()
		config.Quotas.Shards = 3
		f := newFixture(t, config)
		f.failsAs(split(f, "S", "shardId-0", "1000"), account.CodeLimitExceeded)
		require.NoError(t, merge(f, 0, 1))
		require.NoError(t, split(f, "S", "shardId-2", "226854911280625642308916404954512149999"))
	})
	t.Run("an on-demand stream", func(t *testing.T) {
		f := newFixture(t, account.Instant())
		f.createOnDemand("T", "")
		const words = "Request is invalid. Stream T under account 123456789012 is in On-Demand mode."
		f.fails(split(f, "T", "shardId-0", "1000"), account.CodeValidation, words)
		_, err := f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: ptr("T"), TargetShardCount: ptr(int32(8)), ScalingType: ptr("UNIFORM_SCALING")})
		f.fails(err, account.CodeValidation, words)
	})
}

func parse(f *fixture, text string) weir.SequenceNumber {
	n, err := weir.ParseSequenceNumber(text)
	require.NoError(f, err)
	return n
}

func TestChecklist_updateShardCount(t *testing.T) {
	scale := func(f *fixture, target int32) (*account.UpdateShardCountOutput, error) {
		return f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: &target, ScalingType: ptr("UNIFORM_SCALING")})
	}
	runRows(t, account.Instant(), []row{
		{98, "over double", func(f *fixture) {
			_, err := scale(f, 7)
			f.fails(err, account.CodeLimitExceeded, "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 3 Target shard count: 7")
		}},
		{99, "below half", func(f *fixture) {
			_, err := scale(f, 6)
			require.NoError(f, err)
			_, err = scale(f, 2)
			f.fails(err, account.CodeLimitExceeded, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 6, Target shard count: 2")
		}},
		{100, "double", func(f *fixture) {
			out, err := scale(f, 6)
			require.NoError(f, err)
			assert.Equal(f, &account.UpdateShardCountOutput{StreamName: "S", StreamARN: arnS, CurrentShardCount: 3, TargetShardCount: 6}, out)
			shards := f.describe("S").Shards
			require.Len(f, shards, 9)
			for i, sh := range shards[3:] {
				assert.Equal(f, shardID(i/2), sh.ParentShardId)
			}
			assert.Equal(f, int32(6), f.summary("S").OpenShardCount)
		}},
		{101, "an eleventh time in 24 hours", func(f *fixture) {
			for i := range 10 {
				_, err := scale(f, int32(4-i%2))
				require.NoError(f, err)
			}
			_, err := scale(f, 4)
			f.fails(err, account.CodeLimitExceeded, "Rate exceeded for stream S under account 123456789012.")
			f.clock.Advance(24 * time.Hour)
			_, err = scale(f, 4)
			require.NoError(f, err)
		}},
	})
	t.Run("beyond the largest stream", func(t *testing.T) {
		f := newAccount(t, account.Instant())
		f.create("S", 6000)
		_, err := scale(f, 10001)
		f.fails(err, account.CodeLimitExceeded, "Target shard count or number of open shards cannot be greater than 10000. Current open shard count: 6000, Target shard count: 10001")
	})
	t.Run("the present number", func(t *testing.T) {
		f := newFixture(t, withDelays())
		_, err := scale(f, 3)
		require.NoError(t, err)
		assert.Equal(t, "ACTIVE", f.status("S"))
	})
	t.Run("quota while UPDATING", func(t *testing.T) {
		config := withDelays()
		config.Quotas.Shards = 7
		f := newFixture(t, config)
		_, err := scale(f, 6)
		require.NoError(t, err)
		assert.Equal(t, "UPDATING", f.status("S"))
		assert.Equal(t, int32(3), f.summary("S").OpenShardCount)
		_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("T"), ShardCount: ptr(int32(2))})
		f.failsAs(err, account.CodeLimitExceeded)
		f.clock.Advance(account.DefaultReshardDelay)
		assert.Equal(t, int32(6), f.summary("S").OpenShardCount)
	})
}

// Listing is refused unless the stream is ACTIVE or UPDATING.
func TestListShards_statuses(t *testing.T) {
	f := newFixture(t, withDelays())
	f.split(0, "2")
	assert.Len(t, f.shards(&account.ListShardsInput{StreamARN: ptr(arnS)}), 3)
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	_, err = f.ListShards(f.ctx, &account.ListShardsInput{StreamName: S()})
	f.fails(err, account.CodeResourceInUse, "Stream S under account 123456789012 not ACTIVE, instead in state DELETING")
}
