package account_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// restart saves an account and loads it with its configuration, as a process
// that follows would.
func (f *fixture) restart(c account.Config) *fixture {
	f.Helper()
	c.ID, c.Now = id, f.clock.Now
	settings, streams, err := f.Save()
	require.NoError(f, err)
	files := make(map[string][]byte)
	for _, s := range streams {
		var b bytes.Buffer
		require.NoError(f, s.Save(&b))
		files[s.Name()] = b.Bytes()
	}
	a, err := account.Load(c, settings, func(name string, c weir.Config) (*weir.Stream, error) {
		return weir.LoadStream(bytes.NewReader(files[name]), c)
	})
	require.NoError(f, err)
	again, _, err := a.Save()
	require.NoError(f, err)
	require.JSONEq(f, string(settings), string(again), "saved again it is the same")
	return &fixture{T: f.T, Account: a, ctx: f.ctx, clock: f.clock}
}

func TestAccount_savedAndLoaded(t *testing.T) {
	f := newFixture(t, account.Instant())
	f.createOnDemand("D", account.DistributionAuto)
	arn := ptr(arnS)
	_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"team": "a"}})
	require.NoError(t, err)
	_, err = f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: arn, Policy: ptr(`{"a":1}`)})
	require.NoError(t, err)
	_, err = f.IncreaseStreamRetentionPeriod(f.ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: ptr(int32(48))})
	require.NoError(t, err)
	_, err = f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: ptr(int32(2048))})
	require.NoError(t, err)
	_, err = f.EnableEnhancedMonitoring(f.ctx, &account.EnableEnhancedMonitoringInput{StreamName: S(), ShardLevelMetrics: []string{"IncomingBytes"}})
	require.NoError(t, err)
	registered, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: ptr("c"), Tags: map[string]string{"x": "y"}})
	require.NoError(t, err)
	_, err = f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: ptr("shardId-000000000000"), NewStartingHashKey: ptr("12345")})
	require.NoError(t, err)
	put := func(data string) {
		_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k"), ExplicitHashKey: ptr("7"), Data: []byte(data)})
		require.NoError(t, err)
	}
	put("plain")
	_, err = f.StartStreamEncryption(f.ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("key")})
	require.NoError(t, err)
	put("encrypted")
	_, err = f.CreateChannel(f.ctx, &account.CreateChannelInput{
		ChannelName: ptr("ch"), ServiceExecutionRoleARN: ptr("arn:aws:iam::123456789012:role/r"),
		StreamConfigurationList: []account.StreamConfiguration{{
			StreamARN: ptr("arn:aws:kinesis:us-east-1:123456789012:stream/D"), RecordConfiguration: &account.RecordConfiguration{RecordFormatType: ptr("JSON")}}},
		S3DestinationConfiguration: &account.S3DestinationConfiguration{},
	})
	require.NoError(t, err)
	_, err = f.UpdateAccountSettings(f.ctx, &account.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &account.MinimumThroughputBillingCommitmentInput{Status: ptr(account.CommitmentEnabled)}})
	require.NoError(t, err)

	it, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr("shardId-000000000003"), ShardIteratorType: ptr(account.IteratorTrimHorizon)})
	require.NoError(t, err)
	l := f.restart(account.Instant())
	assert.Equal(t, observe(f, &it.ShardIterator), observe(l, &it.ShardIterator))
	types := observe(l, &it.ShardIterator)["records"].(*account.GetRecordsOutput).EncryptionTypes
	assert.Equal(t, []string{"", "KMS"}, types)

	// A consumer that is registered again has another ARN than the one before.
	_, err = l.DeregisterStreamConsumer(l.ctx, &account.DeregisterStreamConsumerInput{ConsumerARN: &registered.Consumer.ConsumerARN})
	require.NoError(t, err)
	next, err := l.RegisterStreamConsumer(l.ctx, &account.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: ptr("c")})
	require.NoError(t, err)
	assert.NotEqual(t, registered.Consumer.ConsumerARN, next.Consumer.ConsumerARN)
}

// observe returns what an account says of itself.
func observe(f *fixture, iterator *string) map[string]any {
	arn := ptr(arnS)
	seen := map[string]any{}
	note := func(name string, out any, err error) {
		f.Helper()
		require.NoError(f, err, name)
		seen[name] = out
	}
	for _, name := range []string{"S", "D"} {
		seen["describe "+name], seen["summary "+name] = f.describe(name), f.summary(name)
	}
	tags, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S()})
	note("tags", tags, err)
	policy, err := f.GetResourcePolicy(f.ctx, &account.GetResourcePolicyInput{ResourceARN: arn})
	note("policy", policy, err)
	consumers, err := f.ListStreamConsumers(f.ctx, &account.ListStreamConsumersInput{StreamARN: arn})
	note("consumers", consumers, err)
	consumerTags, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &consumers.Consumers[0].ConsumerARN})
	note("consumer's tags", consumerTags, err)
	channels, err := f.ListChannels(f.ctx, &account.ListChannelsInput{})
	note("channels", channels, err)
	channel, err := f.DescribeChannel(f.ctx, &account.DescribeChannelInput{ChannelARN: &channels.ChannelSummaries[0].ChannelARN})
	note("channel", channel, err)
	settings, err := f.DescribeAccountSettings(f.ctx, &account.DescribeAccountSettingsInput{})
	note("settings", settings, err)
	limits, err := f.DescribeLimits(f.ctx, &account.DescribeLimitsInput{})
	note("limits", limits, err)
	records, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: iterator})
	note("records", records, err)
	return seen
}

// What is under way when an account is saved happens when it is due, whether
// that is after it was loaded or before.
func TestAccount_savedWhileChanging(t *testing.T) {
	changes := map[string]func(f *fixture) error{
		"split": func(f *fixture) error {
			_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: ptr("shardId-000000000000"), NewStartingHashKey: ptr("12345")})
			return err
		},
		"merge": func(f *fixture) error {
			_, err := f.MergeShards(f.ctx, &account.MergeShardsInput{StreamName: S(), ShardToMerge: ptr("shardId-000000000000"), AdjacentShardToMerge: ptr("shardId-000000000001")})
			return err
		},
		"resize": func(f *fixture) error {
			_, err := f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: ptr(int32(5)), ScalingType: ptr(account.ScalingUniform)})
			return err
		},
		"encryption": func(f *fixture) error {
			_, err := f.StartStreamEncryption(f.ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("key")})
			return err
		},
		"mode": func(f *fixture) error {
			_, err := f.UpdateStreamMode(f.ctx, &account.UpdateStreamModeInput{StreamARN: ptr(arnS), StreamModeDetails: &account.StreamModeDetails{StreamMode: ptr(account.ModeOnDemand)}})
			return err
		},
	}
	for name, begin := range changes {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, account.Config{})
			require.NoError(t, begin(f))
			early := f.restart(account.Config{})
			assert.Equal(t, account.StatusUpdating, early.status("S"))
			f.clock.Advance(time.Hour)
			late := f.restart(account.Config{}) // the change had not been looked at when it was saved
			want := f.describe("S")
			assert.Equal(t, account.StatusActive, want.StreamStatus)
			// Whichever run carries it out, the numbers that come of it are its
			// own.
			assert.Equal(t, withoutNumbers(want), withoutNumbers(early.describe("S")))
			got := late.describe("S")
			if name == "mode" { // scaling begins anew when a stream is loaded
				want.Shards, got.Shards = nil, nil
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestAccount_savedWhileCreatingAndDeleting(t *testing.T) {
	f := newFixture(t, account.Config{})
	_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: ptr("N"), ShardCount: ptr(int32(2))})
	require.NoError(t, err)
	_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	l := f.restart(account.Config{})
	assert.Equal(t, account.StatusDeleting, l.status("S"))
	assert.Equal(t, account.StatusCreating, l.status("N"))
	f.clock.Advance(account.DefaultCreateDelay)
	assert.Equal(t, account.StatusActive, l.status("N"))
	_, err = l.DescribeStream(l.ctx, &account.DescribeStreamInput{StreamName: S()})
	require.ErrorIs(t, err, &account.Error{Code: account.CodeResourceNotFound})
}

func withoutNumbers(d account.StreamDescription) account.StreamDescription {
	d.Shards = slices.Clone(d.Shards)
	for i := range d.Shards {
		d.Shards[i].SequenceNumberRange = account.SequenceNumberRange{}
	}
	return d
}

// Between the account and its streams consumers may come and go.
func TestAccount_savedBesideItsStreams(t *testing.T) {
	f := newFixture(t, account.Instant())
	_, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: ptr("stays")})
	require.NoError(t, err)
	settings, _, err := f.Save()
	require.NoError(t, err)
	l, err := account.Load(account.Config{}, settings, func(name string, c weir.Config) (*weir.Stream, error) {
		s, err := weir.NewStream(name, c)
		require.NoError(t, err)
		_, err = s.RegisterConsumer(t.Context(), "came")
		return s, err
	})
	require.NoError(t, err)
	consumers := l.Stream("S").Consumers()
	require.Len(t, consumers, 1)
	assert.Equal(t, "stays", consumers[0].Name)
}

func TestLoad_refused(t *testing.T) {
	for settings, want := range map[string]string{
		"":               "saved account: unexpected end of JSON input",
		`{"version":2}`:  "saved account: it is of version 2; versions up to 1 can be read",
		`{"version":-1}`: "saved account: it is of version -1; versions up to 1 can be read",
		`{"version":1,"streams":[{"name":"S","change":{"at":"2026-01-02T03:04:05Z","what":"paint"}}]}`: `stream S: saved account: unknown change "paint"`,
		`{"version":1,"channels":[{"name":"ch"}]}`:                                                     "saved account: channel ch has no stream or no destination",
		`{"version":1,"streams":[{"name":"S"}]}`:                                                       "stream S: the saved stream is T",
	} {
		_, err := account.Load(account.Config{}, []byte(settings), func(_ string, c weir.Config) (*weir.Stream, error) {
			return weir.NewStream("T", c)
		})
		assert.EqualError(t, err, want)
	}
}

// What one version saved another one loads, so the names must stay as they are.
func TestAccount_savedUnderTheSameNames(t *testing.T) {
	const settings = `{"version":1,"streams":[{"name":"S","created":"2026-01-02T03:04:05Z","status":"ACTIVE","open":true,` +
		`"mode":"PROVISIONED","warm":{"TargetMiBps":0,"CurrentMiBps":0},` +
		`"encryption":{"on":true,"key_id":"k","turns":[{"on":true,"after":{"shardId-000000000000":3}},{"on":false,"after":{}},{"on":true,"after":null}]},` +
		`"consumers":[{"name":"c","created":"2026-01-02T03:04:05Z","order":2,"status":"CREATING","due":"2027-01-02T03:04:05Z",` +
		`"tags":{"a":"b"},"policy":"{}"}],"registered":2,"suffixes":{"c":1767323045}}],` +
		`"channels":[{"stream":"S","id":"i","name":"ch","order":1,"created":"2026-01-02T03:04:05Z","status":"CREATING",` +
		`"due":"2027-01-02T03:04:05Z","role":"r","record":{"RecordFormatType":"JSON"},` +
		`"s3":{"DataFreshnessInSeconds":300,"StorageConfiguration":null},` +
		`"key":{"EncryptionType":"KMS","KeyId":"k"},"tags":{"a":"b"}}],"channel_seq":1,` +
		`"commitment":{"enabled":true,"ending":true,"ever_on":true,"started":"2026-01-02T03:04:05Z","end":"2026-01-02T03:04:05Z"}}`
	f := newAccount(t, account.Config{})
	a, err := account.Load(account.Config{ID: id, Now: f.clock.Now}, []byte(settings), weir.NewStream)
	require.NoError(t, err)
	again, _, err := a.Save()
	require.NoError(t, err)
	require.JSONEq(t, settings, string(again))
}
