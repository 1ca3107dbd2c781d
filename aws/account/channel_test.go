package account_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

const arnT = "arn:aws:kinesis:us-east-1:123456789012:stream/T"

func toBucket(name, stream string) *account.CreateChannelInput {
	return &account.CreateChannelInput{
		ChannelName: &name, ServiceExecutionRoleARN: ptr("arn:aws:iam::123456789012:role/r"),
		StreamConfigurationList: []account.StreamConfiguration{{StreamARN: &stream,
			RecordConfiguration: &account.RecordConfiguration{RecordFormatType: ptr("JSON")}}},
		S3DestinationConfiguration: &account.S3DestinationConfiguration{
			StorageConfiguration: &account.S3StorageConfiguration{BucketARN: ptr("arn:aws:s3:::bucket")}},
		Tags: map[string]string{"k": "v"},
	}
}

func toTables(name, stream string) *account.CreateChannelInput {
	in := toBucket(name, stream)
	in.S3DestinationConfiguration = nil
	in.S3TablesDestinationConfiguration = &account.S3TablesDestinationConfiguration{}
	in.StreamConfigurationList[0].RecordConfiguration.GSRSchemaARN = ptr("arn:aws:glue:us-east-1:123456789012:schema/r/s")
	return in
}

func TestChannel_life(t *testing.T) {
	f := newFixture(t, withDelays())
	f.createOnDemand("T", "")
	created := f.clock.Now()
	out, err := f.CreateChannel(f.ctx, toBucket("ch", arnT))
	require.NoError(t, err)
	d := out.ChannelDescription
	assert.Equal(t, account.ChannelDescription{
		ChannelARN: "arn:aws:kinesis:us-east-1:123456789012:channel/" + d.ChannelId, ChannelId: d.ChannelId,
		ChannelName: "ch", ChannelStatus: "CREATING", ChannelCreationTimestamp: created,
		ServiceExecutionRoleARN: "arn:aws:iam::123456789012:role/r",
		StreamConfigurationList: []account.StreamConfiguration{{StreamARN: ptr(arnT),
			StreamCreationTimestamp: ptr(f.describe("T").StreamCreationTimestamp),
			RecordConfiguration:     &account.RecordConfiguration{RecordFormatType: ptr("JSON")}}},
		S3DestinationConfiguration: &account.S3DestinationConfiguration{DataFreshnessInSeconds: ptr(int32(300)),
			StorageConfiguration: &account.S3StorageConfiguration{BucketARN: ptr("arn:aws:s3:::bucket")},
			DeadLetterQueueS3Configuration: &account.DeadLetterQueueS3Configuration{
				BucketARN: ptr("arn:aws:s3:::bucket"), ErrorOutputPrefix: ptr("error/")}},
		LoggingConfiguration: &account.LoggingConfiguration{CloudWatchLogs: &account.CloudWatchLogs{Enabled: ptr(false)}},
	}, d)
	status := func() string {
		out, err := f.DescribeChannel(f.ctx, &account.DescribeChannelInput{ChannelARN: &d.ChannelARN})
		if err != nil {
			f.fails(err, account.CodeResourceNotFound, "Channel "+d.ChannelARN+" not found.")
			return "gone"
		}
		return out.ChannelDescription.ChannelStatus
	}
	update := &account.UpdateChannelInput{ChannelARN: &d.ChannelARN,
		S3DestinationConfiguration: &account.DestinationUpdate{DataFreshnessInSeconds: ptr(int32(60))}}
	_, err = f.UpdateChannel(f.ctx, update)
	f.fails(err, account.CodeResourceInUse, "Channel ch under account 123456789012 not ACTIVE, instead in state CREATING")
	f.clock.Advance(account.DefaultChannelDelay - 1)
	assert.Equal(t, "CREATING", status())
	f.clock.Advance(1)
	assert.Equal(t, "ACTIVE", status())

	updated, err := f.UpdateChannel(f.ctx, update)
	require.NoError(t, err)
	assert.Equal(t, "UPDATING", updated.ChannelDescription.ChannelStatus)
	assert.Equal(t, int32(60), *updated.ChannelDescription.S3DestinationConfiguration.DataFreshnessInSeconds)
	f.clock.Advance(account.DefaultChannelDelay)
	assert.Equal(t, "ACTIVE", status())
	_, err = f.UpdateChannel(f.ctx, &account.UpdateChannelInput{ChannelARN: &d.ChannelARN, S3TablesDestinationConfiguration: &account.DestinationUpdate{}})
	f.failsAs(err, account.CodeInvalidArgument)

	tags, err := f.ListTagsForResource(f.ctx, &account.ListTagsForResourceInput{ResourceARN: &d.ChannelARN})
	require.NoError(t, err)
	assert.Equal(t, []account.Tag{{Key: "k", Value: "v"}}, tags.Tags)
	_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: ptr("T")})
	f.failsAs(err, account.CodeResourceInUse)

	_, err = f.DeleteChannel(f.ctx, &account.DeleteChannelInput{ChannelARN: &d.ChannelARN})
	require.NoError(t, err)
	assert.Equal(t, "DELETING", status())
	f.clock.Advance(account.DefaultChannelDelay)
	assert.Equal(t, "gone", status())
	_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: ptr("T")})
	require.NoError(t, err)
}

func TestChannel_rules(t *testing.T) {
	f := newFixture(t, account.Instant())
	f.createOnDemand("T", "")
	f.createOnDemand("U", "")
	try := func(in *account.CreateChannelInput) error {
		_, err := f.CreateChannel(f.ctx, in)
		return err
	}
	f.fails(try(toBucket("ch", arnS)), account.CodeValidation, "Channels are supported for streams with the ON_DEMAND mode only.")
	f.failsAs(try(toBucket("ch", arnT+"X")), account.CodeResourceNotFound)
	both := toBucket("ch", arnT)
	both.S3TablesDestinationConfiguration = &account.S3TablesDestinationConfiguration{}
	f.failsAs(try(both), account.CodeValidation)
	two := toTables("ch", arnT) // each record would have to be put into both
	two.S3TablesDestinationConfiguration.S3TablesConfigurationList = make([]account.S3TablesConfiguration, 2)
	f.fails(try(two), account.CodeValidation, "Exactly one table should be provided in S3TablesConfigurationList.")
	require.NoError(t, try(toBucket("ch", arnT)))
	f.fails(try(toTables("ch", arnT)), account.CodeResourceInUse, "Channel ch under account 123456789012 already exists.")
	f.failsAs(try(toBucket("ch2", arnT)), account.CodeLimitExceeded)
	require.NoError(t, try(toTables("ch2", arnT)))
	f.failsAs(try(toTables("ch3", arnT)), account.CodeLimitExceeded)
	f.clock.Advance(time.Second)
	require.NoError(t, try(toTables("ch3", "arn:aws:kinesis:us-east-1:123456789012:stream/U")))
	assert.Equal(t, int32(2), f.summary("T").ChannelCount)

	in := &account.ListChannelsInput{MaxResults: ptr(int32(2))}
	out, err := f.ListChannels(f.ctx, in)
	require.NoError(t, err)
	require.Len(t, out.ChannelSummaries, 2)
	assert.Equal(t, account.DestinationS3, out.ChannelSummaries[0].ChannelDestinationType)
	in.NextToken = &out.NextToken
	out, err = f.ListChannels(f.ctx, in)
	require.NoError(t, err)
	require.Len(t, out.ChannelSummaries, 1)
	assert.Equal(t, "ch3", out.ChannelSummaries[0].ChannelName)
	assert.Empty(t, out.NextToken)
	out, err = f.ListChannels(f.ctx, &account.ListChannelsInput{StreamFilter: []account.StreamFilter{{StreamARN: ptr(arnT)}}})
	require.NoError(t, err)
	assert.Len(t, out.ChannelSummaries, 2)
}

// Tables have columns, so that their records need a schema, and text or bytes
// are nothing to them; objects in a bucket take whatever there is but what only
// a schema can read.
func TestChannel_formats(t *testing.T) {
	f := newFixture(t, account.Instant())
	f.createOnDemand("T", "")
	try := func(in *account.CreateChannelInput, format string) error {
		in.StreamConfigurationList[0].RecordConfiguration.RecordFormatType = &format
		out, err := f.CreateChannel(f.ctx, in)
		if err == nil {
			_, gone := f.DeleteChannel(f.ctx, &account.DeleteChannelInput{ChannelARN: &out.ChannelDescription.ChannelARN})
			require.NoError(t, gone)
		}
		return err
	}
	for format, takes := range map[string][2]bool{
		"JSON": {true, true}, "GSR_JSON": {false, true}, "STRING": {true, false}, "BYTE_ARRAY": {true, false},
	} {
		for i, in := range []*account.CreateChannelInput{toBucket("ch", arnT), toTables("ch", arnT)} {
			if err := try(in, format); takes[i] {
				require.NoError(t, err, format)
			} else {
				f.fails(err, account.CodeValidation, "RecordFormatType "+format+" is not supported for this kind of destination.")
			}
		}
	}
	in := toTables("ch", arnT)
	in.StreamConfigurationList[0].RecordConfiguration.GSRSchemaARN = nil
	f.fails(try(in, "JSON"), account.CodeValidation, "GSRSchemaARN should be provided in RecordConfiguration for a destination of S3 tables.")
	f.failsAs(try(toBucket("ch", arnT), "CSV"), account.CodeValidation)
	in.StreamConfigurationList[0].RecordConfiguration = nil
	_, err := f.CreateChannel(f.ctx, in)
	f.failsAs(err, account.CodeValidation)
}
