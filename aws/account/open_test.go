package account_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
)

// openAt opens an account in a directory, with a fixture's clock.
func openAt(t *testing.T, dir string, c account.Config, clock *handclock.Clock) *fixture {
	t.Helper()
	c.ID, c.Now = id, clock.Now
	a, err := account.Open(dir, c)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close() })
	return &fixture{T: t, Account: a, ctx: t.Context(), clock: clock}
}

func newOnDisk(t *testing.T, c account.Config) (f *fixture, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "account")
	f = openAt(t, dir, c, handclock.New(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)))
	return f, dir
}

// killed opens what is on disk of an account that is open: what a process finds
// that follows one that was killed.
func (f *fixture) killed(dir string, c account.Config) *fixture {
	f.Helper()
	after := filepath.Join(f.TempDir(), "account")
	require.NoError(f, os.CopyFS(after, os.DirFS(dir)))
	clock := handclock.New(f.clock.Now())
	return openAt(f.T, after, c, clock)
}

// everything returns all that an account says of itself.
func everything(f *fixture) map[string]any {
	f.Helper()
	seen := map[string]any{}
	note := func(name string, out any, err error) {
		f.Helper()
		require.NoError(f, err, name)
		seen[name] = out
	}
	streams, err := f.ListStreams(f.ctx, &account.ListStreamsInput{})
	note("streams", streams, err)
	for _, name := range streams.StreamNames {
		of := func(what string) string { return name + ": " + what }
		d := f.describe(name)
		seen[of("describe")], seen[of("summary")] = d, f.summary(name)
		tags, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: &name})
		note(of("tags"), tags, err)
		policy, err := f.GetResourcePolicy(f.ctx, &account.GetResourcePolicyInput{ResourceARN: &d.StreamARN})
		note(of("policy"), policy, err)
		consumers, err := f.ListStreamConsumers(f.ctx, &account.ListStreamConsumersInput{StreamARN: &d.StreamARN})
		note(of("consumers"), consumers, err)
		for _, cons := range consumers.Consumers {
			tags, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &cons.ConsumerARN})
			note(of("tags of "+cons.ConsumerARN), tags, err)
			policy, err := f.GetResourcePolicy(f.ctx, &account.GetResourcePolicyInput{ResourceARN: &cons.ConsumerARN})
			note(of("policy of "+cons.ConsumerARN), policy, err)
		}
		if engine := f.Stream(name); engine != nil {
			seen[of("settings")], seen[of("engine's consumers")] = engine.Settings(), engine.Consumers()
			for _, sh := range d.Shards {
				it, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{
					StreamName: &name, ShardId: &sh.ShardId, ShardIteratorType: ptr(account.IteratorTrimHorizon)})
				require.NoError(f, err)
				records, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it.ShardIterator})
				require.NoError(f, err)
				records.NextShardIterator, records.MillisBehindLatest = "", 0
				for i, r := range records.Records {
					records.Records[i] = weir.Record{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data}
				}
				seen[of("records of "+sh.ShardId)] = records
			}
		}
	}
	channels, err := f.ListChannels(f.ctx, &account.ListChannelsInput{})
	note("channels", channels, err)
	for _, ch := range channels.ChannelSummaries {
		channel, err := f.DescribeChannel(f.ctx, &account.DescribeChannelInput{ChannelARN: &ch.ChannelARN})
		note("channel "+ch.ChannelName, channel, err)
		tags, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &ch.ChannelARN})
		note("tags of "+ch.ChannelARN, tags, err)
	}
	queues, err := f.ListQueues(f.ctx, &account.ListQueuesInput{})
	note("queues", queues, err)
	for _, q := range queues.QueueSummaries {
		d, err := f.DescribeQueue(f.ctx, &account.DescribeQueueInput{QueueARN: &q.QueueARN})
		note("queue "+q.QueueName, d, err)
		tags, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &q.QueueARN})
		note("tags of "+q.QueueARN, tags, err)
		policy, err := f.GetResourcePolicy(f.ctx, &account.GetResourcePolicyInput{ResourceARN: &q.QueueARN})
		note("policy of "+q.QueueARN, policy, err)
	}
	settings, err := f.DescribeAccountSettings(f.ctx, &account.DescribeAccountSettingsInput{})
	note("settings", settings, err)
	limits, err := f.DescribeLimits(f.ctx, &account.DescribeLimitsInput{})
	note("limits", limits, err)
	return seen
}

// A step is an operation that leaves something behind.
type step struct {
	name string
	run  func(f *fixture) error
}

func (f *fixture) channelARN() *string {
	list, err := f.ListChannels(f.ctx, &account.ListChannelsInput{})
	require.NoError(f, err)
	require.NotEmpty(f, list.ChannelSummaries)
	return &list.ChannelSummaries[0].ChannelARN
}

func (f *fixture) queueARN() *string {
	list, err := f.ListQueues(f.ctx, &account.ListQueuesInput{})
	require.NoError(f, err)
	require.NotEmpty(f, list.QueueSummaries)
	return &list.QueueSummaries[0].QueueARN
}

func (f *fixture) consumerARN() *string {
	list, err := f.ListStreamConsumers(f.ctx, &account.ListStreamConsumersInput{StreamARN: ptr(arnS)})
	require.NoError(f, err)
	require.NotEmpty(f, list.Consumers)
	return &list.Consumers[0].ConsumerARN
}

const arnD = "arn:aws:kinesis:us-east-1:123456789012:stream/D"

// steps are all operations that leave something behind, in an order in which
// they succeed.
func steps() []step {
	onDemand := &account.StreamModeDetails{StreamMode: ptr(account.ModeOnDemand)}
	return []step{
		{"CreateStream", func(f *fixture) error {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(3)), Tags: map[string]string{"a": "b"}})
			return err
		}},
		{"CreateStream on demand", func(f *fixture) error {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("D"), StreamModeDetails: onDemand})
			return err
		}},
		{"PutRecord", func(f *fixture) error {
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k"), Data: []byte("one")})
			return err
		}},
		{"PutRecords", func(f *fixture) error {
			_, err := f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: S(), Records: []account.PutRecordsRequestEntry{
				{PartitionKey: ptr("a"), Data: []byte("two")}, {PartitionKey: ptr("b"), Data: []byte("three")}}})
			return err
		}},
		{"AddTagsToStream", func(f *fixture) error {
			_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"team": "a", "x": "y"}})
			return err
		}},
		{"RemoveTagsFromStream", func(f *fixture) error {
			_, err := f.RemoveTagsFromStream(f.ctx, &account.RemoveTagsFromStreamInput{StreamName: S(), TagKeys: []string{"x"}})
			return err
		}},
		{"TagResource", func(f *fixture) error {
			_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: ptr(arnS), Tags: map[string]string{"more": "1", "most": "2"}})
			return err
		}},
		{"UntagResource", func(f *fixture) error {
			_, err := f.UntagResource(f.ctx, &account.UntagResourceInput{ResourceARN: ptr(arnS), TagKeys: []string{"more"}})
			return err
		}},
		{"PutResourcePolicy", func(f *fixture) error {
			_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: ptr(arnS), Policy: ptr(`{"a":1}`)})
			return err
		}},
		{"IncreaseStreamRetentionPeriod", func(f *fixture) error {
			_, err := f.IncreaseStreamRetentionPeriod(f.ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: ptr(int32(48))})
			return err
		}},
		{"DecreaseStreamRetentionPeriod", func(f *fixture) error {
			_, err := f.DecreaseStreamRetentionPeriod(f.ctx, &account.DecreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: ptr(int32(30))})
			return err
		}},
		{"UpdateMaxRecordSize", func(f *fixture) error {
			_, err := f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: ptr(arnS), MaxRecordSizeInKiB: ptr(int32(2048))})
			return err
		}},
		{"EnableEnhancedMonitoring", func(f *fixture) error {
			_, err := f.EnableEnhancedMonitoring(f.ctx, &account.EnableEnhancedMonitoringInput{StreamName: S(), ShardLevelMetrics: []string{"IncomingBytes", "OutgoingBytes"}})
			return err
		}},
		{"DisableEnhancedMonitoring", func(f *fixture) error {
			_, err := f.DisableEnhancedMonitoring(f.ctx, &account.DisableEnhancedMonitoringInput{StreamName: S(), ShardLevelMetrics: []string{"IncomingBytes"}})
			return err
		}},
		{"RegisterStreamConsumer", func(f *fixture) error {
			_, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: ptr("c"), Tags: map[string]string{"x": "y"}})
			return err
		}},
		{"TagResource of a consumer", func(f *fixture) error {
			_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: f.consumerARN(), Tags: map[string]string{"z": "1"}})
			return err
		}},
		{"PutResourcePolicy of a consumer", func(f *fixture) error {
			_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: f.consumerARN(), Policy: ptr(`{"b":2}`)})
			return err
		}},
		{"DeleteResourcePolicy of a consumer", func(f *fixture) error {
			_, err := f.DeleteResourcePolicy(f.ctx, &account.DeleteResourcePolicyInput{ResourceARN: f.consumerARN()})
			return err
		}},
		{"SplitShard", func(f *fixture) error {
			_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: ptr(shardID(0)), NewStartingHashKey: ptr("12345")})
			return err
		}},
		{"MergeShards", func(f *fixture) error {
			_, err := f.MergeShards(f.ctx, &account.MergeShardsInput{StreamName: S(), ShardToMerge: ptr(shardID(1)), AdjacentShardToMerge: ptr(shardID(2))})
			return err
		}},
		{"UpdateShardCount", func(f *fixture) error {
			_, err := f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: ptr(int32(5)), ScalingType: ptr(account.ScalingUniform)})
			return err
		}},
		{"StartStreamEncryption", func(f *fixture) error {
			_, err := f.StartStreamEncryption(f.ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("key")})
			return err
		}},
		{"PutRecord encrypted", func(f *fixture) error {
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k"), Data: []byte("four")})
			return err
		}},
		{"StopStreamEncryption", func(f *fixture) error {
			_, err := f.StopStreamEncryption(f.ctx, &account.StopStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("key")})
			return err
		}},
		{"UpdateAccountSettings", func(f *fixture) error {
			_, err := f.UpdateAccountSettings(f.ctx, &account.UpdateAccountSettingsInput{
				MinimumThroughputBillingCommitment: &account.MinimumThroughputBillingCommitmentInput{Status: ptr(account.CommitmentEnabled)}})
			return err
		}},
		{"UpdateStreamWarmThroughput", func(f *fixture) error {
			_, err := f.UpdateStreamWarmThroughput(f.ctx, &account.UpdateStreamWarmThroughputInput{StreamName: ptr("D"), WarmThroughputMiBps: ptr(int32(8))})
			return err
		}},
		{"CreateChannel", func(f *fixture) error {
			_, err := f.CreateChannel(f.ctx, &account.CreateChannelInput{
				ChannelName: ptr("ch"), ServiceExecutionRoleARN: ptr("arn:aws:iam::123456789012:role/r"),
				StreamConfigurationList: []account.StreamConfiguration{{
					StreamARN: ptr(arnD), RecordConfiguration: &account.RecordConfiguration{RecordFormatType: ptr("JSON")}}},
				S3DestinationConfiguration: &account.S3DestinationConfiguration{},
			})
			return err
		}},
		{"UpdateChannel", func(f *fixture) error {
			_, err := f.UpdateChannel(f.ctx, &account.UpdateChannelInput{
				ChannelARN: f.channelARN(), S3DestinationConfiguration: &account.DestinationUpdate{DataFreshnessInSeconds: ptr(int32(600))}})
			return err
		}},
		{"TagResource of a channel", func(f *fixture) error {
			_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: f.channelARN(), Tags: map[string]string{"z": "1"}})
			return err
		}},
		{"DeleteChannel", func(f *fixture) error {
			_, err := f.DeleteChannel(f.ctx, &account.DeleteChannelInput{ChannelARN: f.channelARN()})
			return err
		}},
		{"UpdateStreamRecordDistributionStrategy", func(f *fixture) error {
			_, err := f.UpdateStreamRecordDistributionStrategy(f.ctx, &account.UpdateStreamRecordDistributionStrategyInput{
				StreamARN: ptr(arnD), RecordDistributionStrategy: ptr(account.DistributionAuto)})
			return err
		}},
		{"UpdateStreamMode", func(f *fixture) error {
			_, err := f.UpdateStreamMode(f.ctx, &account.UpdateStreamModeInput{StreamARN: ptr(arnS), StreamModeDetails: onDemand})
			return err
		}},
		{"DeleteResourcePolicy", func(f *fixture) error {
			_, err := f.DeleteResourcePolicy(f.ctx, &account.DeleteResourcePolicyInput{ResourceARN: ptr(arnS)})
			return err
		}},
		{"DeregisterStreamConsumer", func(f *fixture) error {
			_, err := f.DeregisterStreamConsumer(f.ctx, &account.DeregisterStreamConsumerInput{ConsumerARN: f.consumerARN()})
			return err
		}},
		{"RegisterStreamConsumer again", func(f *fixture) error {
			_, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: ptr("c")})
			return err
		}},
		{"CreateQueue", func(f *fixture) error {
			_, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{
				QueueName: ptr("q"), StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: ptr(arnD)}}, Tags: map[string]string{"a": "b"}})
			return err
		}},
		{"UpdateQueue", func(f *fixture) error {
			_, err := f.UpdateQueue(f.ctx, &account.UpdateQueueInput{QueueARN: f.queueARN(), QueueAttributes: &account.QueueAttributes{
				VisibilityTimeoutSeconds: ptr(int32(7)), DeadLetterConfiguration: &account.DeadLetterConfiguration{TargetType: ptr(account.DeadLettersNone)}}})
			return err
		}},
		{"TagResource queue", func(f *fixture) error {
			_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: f.queueARN(), Tags: map[string]string{"c": "d"}})
			return err
		}},
		{"PutResourcePolicy queue", func(f *fixture) error {
			_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: f.queueARN(), Policy: ptr(`{"of":"queue"}`)})
			return err
		}},
		{"DeleteQueue", func(f *fixture) error {
			_, err := f.DeleteQueue(f.ctx, &account.DeleteQueueInput{QueueARN: f.queueARN()})
			return err
		}},
		{"DeleteStream", func(f *fixture) error {
			_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S(), EnforceConsumerDeletion: ptr(true)})
			return err
		}},
		{"CreateStream again", func(f *fixture) error {
			_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(1))})
			return err
		}},
	}
}

// Whatever an operation leaves behind, all of it is there after the process was
// killed when it was answered.
func TestOpen_eachOperationIsThereAfterAKill(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	for _, s := range steps() {
		require.NoError(t, s.run(f), s.name)
		want := everything(f)
		after := f.killed(dir, account.Instant())
		require.Equal(t, want, everything(after), s.name)
		require.NoError(t, after.Close())
	}
	require.NoError(t, f.Close())
	assert.Len(t, everythingOnDisk(t, filepath.Join(dir, "streams")), 2, "the directory of a stream that is deleted goes")
}

func everythingOnDisk(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// What is under way when the process is killed happens when it is due, once,
// whether that is before the next start or after it.
func TestOpen_killedWhileChanging(t *testing.T) {
	for _, s := range steps() {
		if !slices.Contains([]string{"SplitShard", "MergeShards", "UpdateShardCount", "StartStreamEncryption", "UpdateStreamMode",
			"DeleteStream", "CreateStream again", "RegisterStreamConsumer", "DeregisterStreamConsumer", "CreateChannel", "DeleteChannel", "CreateQueue", "UpdateQueue", "DeleteQueue"}, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			c := withDelays()
			f, dir := newOnDisk(t, c)
			for _, before := range steps() {
				if before.name == s.name {
					break
				}
				require.NoError(t, before.run(f), before.name)
				f.clock.Advance(time.Minute)
			}
			require.NoError(t, s.run(f))
			during := everything(f)
			early := f.killed(dir, c)
			require.Equal(t, during, everything(early), "still under way")
			f.clock.Advance(time.Minute)
			early.clock.Advance(time.Minute)
			late := f.killed(dir, c) // nobody has looked at it before
			done := everything(f)
			require.NotEqual(t, during, done)
			require.Equal(t, names(done), names(everything(late)))
			require.Equal(t, names(done), names(everything(early)))
		})
	}
}

// Files of ours that a crash left are removed, and no others.
func TestOpen_sweepsWhatIsLeft(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	require.NoError(t, f.Close())
	streams := filepath.Join(dir, "streams")
	left := filepath.Join(streams, "0000000000000007-left.stream")
	s, err := weir.Open(left, weir.Config{Name: "left"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	mixed := filepath.Join(streams, "0000000000000008-mixed.stream")
	require.NoError(t, os.CopyFS(mixed, os.DirFS(left)))
	require.NoError(t, os.WriteFile(filepath.Join(mixed, "notes.txt"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(streams, "elses"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(streams, "0000000000000009-file.stream"), nil, 0o600))
	f = openAt(t, dir, account.Instant(), f.clock)
	assert.Equal(t, []string{"0000000000000001-S.stream", "0000000000000008-mixed.stream", "0000000000000009-file.stream", "elses"},
		everythingOnDisk(t, streams))
	assert.Equal(t, []string{"notes.txt"}, everythingOnDisk(t, mixed))
	f.create("T", 1)
	assert.DirExists(t, filepath.Join(streams, "0000000000000009-T.stream"), "a number that no directory has had")
}

func TestOpen_accountRefuses(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	stream := filepath.Join(t.TempDir(), "stream")
	s, err := weir.Open(stream, weir.Config{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = account.Open(dir, account.Config{ID: id})
	require.ErrorIs(t, err, weir.ErrInUse)
	require.ErrorContains(t, err, "open account in "+dir)
	require.NoError(t, f.Close())
	_, err = account.Open(dir, account.Config{ID: id, Region: "eu-west-1"})
	require.EqualError(t, err, "open account in "+dir+": the directory holds account 123456789012 in us-east-1, and not 123456789012 in eu-west-1")
	_, err = account.Open(stream, account.Config{})
	require.EqualError(t, err, "open account in "+stream+": the directory holds a stream, and not an account")
	_, err = weir.Open(dir, weir.Config{})
	require.EqualError(t, err, "open stream in "+dir+": the directory holds a journal, but not that of a stream")
	f = openAt(t, dir, account.Instant(), f.clock)
	assert.Equal(t, account.StatusActive, f.status("S"))
}

// An account that is closed answers nothing but what is in memory.
func TestAccount_close(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	assert.NoDirExists(t, dir, "who only asks leaves nothing")
	f.create("S", 1)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "again it does nothing")
	_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("T"), ShardCount: ptr(int32(1))})
	f.failsAs(err, account.CodeInternalFailure)
	_, err = f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k"), Data: []byte("x")})
	f.failsAs(err, account.CodeInternalFailure)
	_, err = f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"a": "b"}})
	f.failsAs(err, account.CodeInternalFailure)
	require.NoError(t, newAccount(t, account.Config{}).Close(), "in memory")
}

// An account that has nothing leaves nothing when it is let go of.
func TestAccount_discardedOnDisk(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	f.clock.Advance(time.Hour)
	require.True(t, f.IsEmpty())
	f.Discard()
	assert.NoDirExists(t, dir)

	f, dir = newOnDisk(t, account.Instant())
	f.create("S", 1)
	f.Discard()
	f = openAt(t, dir, account.Instant(), f.clock)
	assert.Equal(t, account.StatusActive, f.status("S"))
}

// names leaves of what an account says what does not depend on which run has
// carried a change out.
func names(seen map[string]any) map[string]any {
	for key, what := range seen {
		if d, ok := what.(account.StreamDescription); ok {
			seen[key] = withoutNumbers(d)
		}
	}
	return seen
}

// A change that the engine cannot write down stays under way, is tried again a
// second later, and happens after a restart at the latest.
func TestOpen_changeThatCannotBeCarriedOut(t *testing.T) {
	told := 0
	c := account.Instant()
	c.Failed = func(error) { told++ }
	f, dir := newOnDisk(t, c)
	f.create("S", 1)
	require.NoError(t, f.Stream("S").Close()) // as a disk that fails for good
	f.split(0, "12345")
	assert.Equal(t, account.StatusUpdating, f.status("S"))
	assert.Equal(t, 1, told)
	f.clock.Advance(2 * time.Second)
	assert.Equal(t, account.StatusUpdating, f.status("S"))
	assert.Equal(t, 2, told)
	_, err := f.IncreaseStreamRetentionPeriod(f.ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: ptr(int32(48))})
	f.failsAs(err, account.CodeResourceInUse)

	f = f.killed(dir, c)
	assert.Equal(t, account.StatusActive, f.status("S"))
	assert.Len(t, f.describe("S").Shards, 3)
}

// A consumer that the engine could not deregister does not stand in the way of
// one of its name, and is gone after a restart.
func TestOpen_consumerThatIsLeft(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	_, err := f.Stream("S").RegisterConsumer(t.Context(), "c")
	require.NoError(t, err)
	assert.Empty(t, f.killed(dir, account.Instant()).Stream("S").Consumers())
	f.register("c")
	assert.Len(t, f.killed(dir, account.Instant()).Stream("S").Consumers(), 1)
}

// What is opened counts in the memory that accounts share, and gives it back.
func TestOpen_countsMemory(t *testing.T) {
	c := account.Instant()
	c.Memory = account.NewMemory(64 << 20)
	f, dir := newOnDisk(t, c)
	f.create("S", 2)
	for i := range 1000 {
		f.put(fmt.Sprint(i), strings.Repeat("x", 1000))
	}
	held := c.Memory.Held()
	require.Greater(t, held, int64(1000*1000))
	f.Discard()
	require.Zero(t, c.Memory.Held())
	f = openAt(t, dir, c, f.clock)
	assert.InEpsilon(t, held, c.Memory.Held(), 0.2)
	f.Discard()
	assert.Zero(t, c.Memory.Held())
}
