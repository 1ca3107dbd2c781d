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

func (f *fixture) commit(status string) *account.MinimumThroughputBillingCommitmentOutput {
	f.Helper()
	out, err := f.UpdateAccountSettings(f.ctx, &account.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &account.MinimumThroughputBillingCommitmentInput{Status: &status}})
	require.NoError(f, err)
	return out.MinimumThroughputBillingCommitment
}

func (f *fixture) mode(stream, mode string) error {
	_, err := f.UpdateStreamMode(f.ctx, &account.UpdateStreamModeInput{
		StreamARN: ptr("arn:aws:kinesis:us-east-1:123456789012:stream/" + stream), StreamModeDetails: &account.StreamModeDetails{StreamMode: &mode}})
	return err
}

func (f *fixture) encrypt(start bool) error {
	if start {
		_, err := f.StartStreamEncryption(f.ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("alias/aws/kinesis")})
		return err
	}
	_, err := f.StopStreamEncryption(f.ctx, &account.StopStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("alias/aws/kinesis")})
	return err
}

func TestChecklist_retention(t *testing.T) {
	increase := func(f *fixture, hours int32) error {
		_, err := f.IncreaseStreamRetentionPeriod(f.ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: &hours})
		return err
	}
	decrease := func(f *fixture, hours int32) error {
		_, err := f.DecreaseStreamRetentionPeriod(f.ctx, &account.DecreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: &hours})
		return err
	}
	runRows(t, account.Instant(), []row{
		{103, "below 24 hours", func(f *fixture) {
			f.fails(increase(f, 23), account.CodeInvalidArgument, "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
			f.fails(decrease(f, 23), account.CodeInvalidArgument, "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
		}},
		{104, "increase to less", func(f *fixture) {
			require.NoError(f, increase(f, 25))
			f.fails(increase(f, 24), account.CodeInvalidArgument, "Requested retention period (24 hours) for stream S can not be shorter than existing retention period (25 hours). Use DecreaseRetentionPeriod API.")
		}},
		{105, "increase to the same", func(f *fixture) { require.NoError(f, increase(f, 24)) }},
		{106, "decrease to more", func(f *fixture) {
			f.fails(decrease(f, 25), account.CodeInvalidArgument, "Requested retention period (25 hours) for stream S can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.")
		}},
		{107, "increase to a year", func(f *fixture) {
			require.NoError(f, increase(f, 8760))
			assert.Equal(f, int32(8760), f.summary("S").RetentionPeriodHours)
			require.NoError(f, decrease(f, 24))
		}},
		{108, "increase to more than a year", func(f *fixture) {
			f.fails(increase(f, 8761), account.CodeInvalidArgument, "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.")
			f.failsAs(increase(f, 2147483647), account.CodeInvalidArgument)
			f.failsAs(increase(f, -2147483648), account.CodeInvalidArgument)
		}},
	})
}

func TestChecklist_tags(t *testing.T) {
	add := func(f *fixture, stream string, tags map[string]string) error {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: &stream, Tags: tags})
		return err
	}
	const invalidTags = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."
	const illegalTags = "Failed to add tags to stream S under account 123456789012 because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
	runRows(t, account.Instant(), []row{
		{109, "semicolon, tab, new line", func(f *fixture) {
			for _, bad := range []string{";", "a\tb", "a\nb"} {
				f.fails(add(f, "S", map[string]string{bad: "v"}), account.CodeInvalidArgument, invalidTags)
				f.fails(add(f, "S", map[string]string{"k": bad}), account.CodeInvalidArgument, invalidTags)
			}
		}},
		{110, "percent sign, comma", func(f *fixture) {
			for _, bad := range []string{"%", "a,b"} {
				f.fails(add(f, "S", map[string]string{"k": bad}), account.CodeInvalidArgument, illegalTags)
				f.fails(add(f, "S", map[string]string{bad: "v"}), account.CodeInvalidArgument, illegalTags)
			}
			require.NoError(f, add(f, "S", map[string]string{"a_b.c:d/e=f+g-h@i j é 9": ""}))
		}},
		{111, "semicolon, unknown stream", func(f *fixture) {
			f.fails(add(f, "X", map[string]string{";": ""}), account.CodeResourceNotFound, "Stream X under account 123456789012 not found.")
		}},
		{112, "a 51st tag", func(f *fixture) {
			for i := range 50 {
				require.NoError(f, add(f, "S", map[string]string{fmt.Sprint("k", i): "v"}))
			}
			require.NoError(f, add(f, "S", map[string]string{"k0": "w"}))
			f.fails(add(f, "S", map[string]string{"k50": ""}), account.CodeInvalidArgument, "Failed to add tags to stream S under account 123456789012 because a given stream cannot have more than 50 tags associated with it.")
		}},
		{113, "remove an unknown key", func(f *fixture) {
			_, err := f.RemoveTagsFromStream(f.ctx, &account.RemoveTagsFromStreamInput{StreamName: S(), TagKeys: []string{"k"}})
			require.NoError(f, err)
		}},
		{114, "order", func(f *fixture) {
			require.NoError(f, add(f, "S", map[string]string{"b": "2", "a": "1", "c": "3", "B": "0"}))
			out, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S(), Limit: ptr(int32(2))})
			require.NoError(f, err)
			assert.Equal(f, &account.ListTagsForStreamOutput{Tags: []account.Tag{{Key: "B", Value: "0"}, {Key: "a", Value: "1"}}, HasMoreTags: true}, out)
			out, err = f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S(), ExclusiveStartTagKey: ptr("aa")})
			require.NoError(f, err)
			assert.Equal(f, &account.ListTagsForStreamOutput{Tags: []account.Tag{{Key: "b", Value: "2"}, {Key: "c", Value: "3"}}}, out)
		}},
		{0, "by ARN", func(f *fixture) {
			c := f.register("C")
			for _, arn := range []string{arnS, c.ConsumerARN} {
				_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: &arn, Tags: map[string]string{"k": arn, "l": ""}})
				require.NoError(f, err)
				_, err = f.UntagResource(f.ctx, &account.UntagResourceInput{ResourceARN: &arn, TagKeys: []string{"l", "m"}})
				require.NoError(f, err)
				out, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &arn})
				require.NoError(f, err)
				assert.Equal(f, []account.Tag{{Key: "k", Value: arn}}, out.Tags)
			}
			out, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S()})
			require.NoError(f, err)
			assert.Equal(f, []account.Tag{{Key: "k", Value: arnS}}, out.Tags)
			f.fails(add(f, "S", map[string]string{"aws:k": ""}), account.CodeInvalidArgument, "Failed to add tags to stream S under account 123456789012 because tag keys with the prefix aws: are reserved.")
		}},
	})
}

func TestChecklist_policies(t *testing.T) {
	get := func(f *fixture) string {
		out, err := f.GetResourcePolicy(f.ctx, &account.GetResourcePolicyInput{ResourceARN: ptr(arnS)})
		require.NoError(f, err)
		return out.Policy
	}
	runRows(t, account.Instant(), []row{
		{115, "none", func(f *fixture) { assert.Equal(f, "{}", get(f)) }},
		{117, "put and delete", func(f *fixture) {
			const policy = `{"Version": "2012-10-17", "Statement": []}`
			_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: ptr(arnS), Policy: ptr(policy)})
			require.NoError(f, err)
			assert.Equal(f, policy, get(f))
			_, err = f.DeleteResourcePolicy(f.ctx, &account.DeleteResourcePolicyInput{ResourceARN: ptr(arnS)})
			require.NoError(f, err)
			assert.Equal(f, "{}", get(f))
			_, err = f.DeleteResourcePolicy(f.ctx, &account.DeleteResourcePolicyInput{ResourceARN: ptr(arnS)})
			f.fails(err, account.CodeResourceNotFound, "No resource policy found for resource ARN "+arnS+".")
		}},
		{0, "no JSON object", func(f *fixture) {
			for _, bad := range []string{"", "null", "[]", "{", "x"} {
				_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: ptr(arnS), Policy: &bad})
				f.fails(err, account.CodeInvalidArgument, "The policy is not a JSON object.")
			}
		}},
	})
}

func TestChecklist_settings(t *testing.T) {
	runRows(t, account.Instant(), []row{
		{131, "26 encryptions in 24 hours", func(f *fixture) {
			for range 25 {
				require.NoError(f, f.encrypt(true))
				require.NoError(f, f.encrypt(false))
			}
			f.failsAs(f.encrypt(true), account.CodeLimitExceeded)
			f.failsAs(f.encrypt(false), account.CodeLimitExceeded)
			f.clock.Advance(24*time.Hour - 1)
			f.failsAs(f.encrypt(true), account.CodeLimitExceeded)
			f.clock.Advance(1)
			require.NoError(f, f.encrypt(true))
		}},
		{132, "enable all metrics", func(f *fixture) {
			all := []string{"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
				"WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"}
			out, err := f.EnableEnhancedMonitoring(f.ctx, &account.EnableEnhancedMonitoringInput{StreamName: S(), ShardLevelMetrics: []string{"ALL"}})
			require.NoError(f, err)
			assert.Equal(f, &account.EnableEnhancedMonitoringOutput{StreamName: "S", StreamARN: arnS, CurrentShardLevelMetrics: []string{}, DesiredShardLevelMetrics: all}, out)
			off, err := f.DisableEnhancedMonitoring(f.ctx, &account.DisableEnhancedMonitoringInput{StreamName: S(), ShardLevelMetrics: []string{"OutgoingBytes"}})
			require.NoError(f, err)
			assert.Equal(f, all, off.CurrentShardLevelMetrics)
			assert.Len(f, off.DesiredShardLevelMetrics, 6)
			assert.Equal(f, off.DesiredShardLevelMetrics, f.describe("S").EnhancedMonitoring[0].ShardLevelMetrics)
		}},
		{134, "a third mode switch in 24 hours", func(f *fixture) {
			require.NoError(f, f.mode("S", "ON_DEMAND"))
			require.NoError(f, f.mode("S", "ON_DEMAND"))
			require.NoError(f, f.mode("S", "PROVISIONED"))
			f.fails(f.mode("S", "ON_DEMAND"), account.CodeLimitExceeded, "Rate exceeded for stream S under account 123456789012.")
			f.clock.Advance(24 * time.Hour)
			require.NoError(f, f.mode("S", "ON_DEMAND"))
			assert.Equal(f, int32(3), f.summary("S").OpenShardCount)
		}},
		{135, "record sizes out of bounds", func(f *fixture) {
			for _, kib := range []int32{1023, 10241} {
				_, err := f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: ptr(arnS), MaxRecordSizeInKiB: &kib})
				f.failsAs(err, account.CodeValidation)
			}
		}},
		{136, "AUTO on a provisioned stream", func(f *fixture) {
			_, err := f.UpdateStreamRecordDistributionStrategy(f.ctx, &account.UpdateStreamRecordDistributionStrategyInput{StreamARN: ptr(arnS), RecordDistributionStrategy: ptr("AUTO")})
			f.fails(err, account.CodeInvalidArgument, "Record distribution strategy AUTO is supported for streams with the ON_DEMAND mode only.")
		}},
	})
	runRows(t, account.Config{}, []row{
		{154, "DescribeLimits twice in a second", func(f *fixture) {
			_, err := f.DescribeLimits(f.ctx, nil)
			require.NoError(f, err)
			_, err = f.DescribeLimits(f.ctx, nil)
			f.fails(err, account.CodeLimitExceeded, "Rate exceeded for account 123456789012.")
			f.clock.Advance(time.Second)
			_, err = f.DescribeLimits(f.ctx, nil)
			require.NoError(f, err)
		}},
	})
	runRows(t, withDelays(), []row{
		{130, "encryption", func(f *fixture) {
			f.put("a", "0")
			require.NoError(f, f.encrypt(true))
			assert.Equal(f, "UPDATING", f.status("S"))
			assert.Empty(f, f.put("a", "1").EncryptionType)
			f.clock.Advance(account.DefaultUpdateDelay)
			assert.Equal(f, "KMS", f.describe("S").EncryptionType)
			assert.Equal(f, "alias/aws/kinesis", f.summary("S").KeyId)
			assert.Equal(f, "KMS", f.put("a", "2").EncryptionType)
			require.NoError(f, f.encrypt(false))
			assert.Equal(f, "KMS", f.put("a", "3").EncryptionType)
			f.clock.Advance(account.DefaultUpdateDelay)
			assert.Empty(f, f.put("a", "4").EncryptionType)
			assert.Equal(f, "NONE", f.describe("S").EncryptionType)
			assert.Empty(f, f.describe("S").KeyId)
			out := f.read(f.iterator(0, "TRIM_HORIZON"))
			assert.Equal(f, []string{"", "", "KMS", "KMS", ""}, out.EncryptionTypes)
		}},
	})
}

// Records keep the state in which they were put also through a split.
func TestEncryption_throughASplit(t *testing.T) {
	f := newFixture(t, account.Instant())
	f.put("a", "0")
	require.NoError(t, f.encrypt(true))
	f.put("a", "1")
	f.split(0, "1000")
	child := f.put("a", "2").ShardId
	require.NoError(t, f.encrypt(false))
	f.put("a", "3")
	assert.Equal(t, []string{"", "KMS"}, f.read(f.iterator(0, "TRIM_HORIZON")).EncryptionTypes)
	require.Equal(t, shardID(4), child)
	assert.Equal(t, []string{"KMS", ""}, f.read(f.iterator(4, "TRIM_HORIZON")).EncryptionTypes)
}

// On-demand Advantage lasts 24 hours at least.
func TestCommitment_states(t *testing.T) {
	f := newAccount(t, account.Instant())
	status := func() account.MinimumThroughputBillingCommitmentOutput {
		out, err := f.DescribeAccountSettings(f.ctx, nil)
		require.NoError(t, err)
		return *out.MinimumThroughputBillingCommitment
	}
	type state = account.MinimumThroughputBillingCommitmentOutput
	assert.Equal(t, state{Status: "DISABLED"}, status())
	f.commit("DISABLED")
	assert.Equal(t, state{Status: "DISABLED"}, status())

	start := f.clock.Now()
	end := start.Add(24 * time.Hour)
	on := state{Status: "ENABLED", StartedAt: &start, EarliestAllowedEndAt: &end}
	assert.Equal(t, on, *f.commit("ENABLED"))
	f.clock.Advance(time.Hour)
	assert.Equal(t, on, *f.commit("ENABLED"))
	ending := state{Status: "ENABLED_UNTIL_EARLIEST_ALLOWED_END", StartedAt: &start, EarliestAllowedEndAt: &end}
	assert.Equal(t, ending, *f.commit("DISABLED"))
	assert.Equal(t, on, *f.commit("ENABLED"))
	assert.Equal(t, ending, *f.commit("DISABLED"))
	f.clock.Advance(23*time.Hour - 1)
	assert.Equal(t, ending, status())
	f.clock.Advance(1)
	assert.Equal(t, state{Status: "DISABLED", StartedAt: &start, EndedAt: &end}, status())

	start = f.clock.Now()
	f.commit("ENABLED")
	f.clock.Advance(25 * time.Hour)
	end = f.clock.Now()
	assert.Equal(t, state{Status: "DISABLED", StartedAt: &start, EndedAt: &end}, *f.commit("DISABLED"))
}

func TestWarmThroughput(t *testing.T) {
	config := withDelays()
	config.Stream = weir.Config{}
	f := newFixture(t, config)
	f.createOnDemand("T", "")
	warm := func(stream string, n int32) (*account.UpdateStreamWarmThroughputOutput, error) {
		return f.UpdateStreamWarmThroughput(f.ctx, &account.UpdateStreamWarmThroughputInput{StreamName: &stream, WarmThroughputMiBps: &n})
	}
	_, err := warm("S", 8)
	f.fails(err, account.CodeValidation, "Warm throughput is supported for streams with the ON_DEMAND mode only.")
	_, err = warm("T", 8)
	f.fails(err, account.CodeInvalidArgument, "Warm throughput needs the minimum throughput billing commitment of account 123456789012 to be enabled.")
	assert.Nil(t, f.summary("T").WarmThroughput)
	f.commit("ENABLED")
	_, err = warm("T", 10241)
	f.failsAs(err, account.CodeLimitExceeded)
	out, err := warm("T", 8)
	require.NoError(t, err)
	assert.Equal(t, &account.WarmThroughput{TargetMiBps: 8}, out.WarmThroughput)
	assert.Equal(t, "UPDATING", f.status("T"))
	f.clock.Advance(account.DefaultUpdateDelay)
	assert.Equal(t, &account.WarmThroughput{TargetMiBps: 8, CurrentMiBps: 8}, f.summary("T").WarmThroughput)
	assert.Nil(t, f.summary("S").WarmThroughput)
	_, err = f.UpdateAccountSettings(f.ctx, &account.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &account.MinimumThroughputBillingCommitmentInput{Status: ptr("DISABLED")}})
	f.failsAs(err, account.CodeInvalidArgument)
	_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("U"), WarmThroughputMiBps: ptr(int32(16)),
		StreamModeDetails: &account.StreamModeDetails{StreamMode: ptr("ON_DEMAND")}})
	require.NoError(t, err)
	f.clock.Advance(account.DefaultCreateDelay)
	assert.Equal(t, int32(16), f.summary("U").OpenShardCount)
}

// Every operation with a rate refuses the first call beyond it.
func TestCallRates_perStream(t *testing.T) {
	config := account.Instant()
	config.CallRates = account.CallRates{Factor: -1, Of: map[string]float64{"SplitShard": 2, "DescribeStream": 1, "GetShardIterator": 1}}
	f := newAccount(t, config)
	for _, name := range []string{"S", "T"} {
		_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: &name, ShardCount: ptr(int32(2))})
		require.NoError(t, err)
	}
	try := func(name string) error {
		_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: &name, ShardToSplit: ptr("9"), NewStartingHashKey: ptr("9")})
		return err
	}
	f.failsAs(try("S"), account.CodeResourceNotFound)
	f.failsAs(try("S"), account.CodeResourceNotFound)
	f.fails(try("S"), account.CodeLimitExceeded, "Rate exceeded for stream S under account 123456789012.")
	f.failsAs(try("T"), account.CodeResourceNotFound)
	iterator := func(shard string) error {
		_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: &shard, ShardIteratorType: ptr("LATEST")})
		return err
	}
	require.NoError(t, iterator("0"))
	require.NoError(t, iterator("1"))
	f.fails(iterator("0"), account.CodeThroughputExceeded, "Rate exceeded for shard shardId-000000000000 "+inS+".")
	f.clock.Advance(time.Second)
	require.NoError(t, iterator("0"))
}
