package account

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

const (
	maxListedChannels    = 100      // of one ListChannels
	defaultDataFreshness = 300      // seconds
	defaultErrorPrefix   = "error/" // our choice
)

// A channel is a managed delivery of an on-demand stream. It is stored and
// described, and delivers nothing. It is guarded by Account.mu.
type channel struct {
	st      *stream
	id      string
	arn     string
	name    string
	order   int64 // of creation in the account
	created time.Time
	status  string
	due     time.Time // when status changes by itself; zero: it does not
	role    string
	record  *RecordConfiguration
	s3      *S3DestinationConfiguration
	tables  *S3TablesDestinationConfiguration
	key     *EncryptionConfiguration
	log     *LoggingConfiguration
	tags    map[string]string
}

// settleChannels carries out what has fallen due.
func (c *control) settleChannels() {
	for id, ch := range c.a.channels {
		if ch.due.IsZero() || c.now.Before(ch.due) {
			continue
		}
		c.a.disk.touch(ch.st)
		ch.due = time.Time{}
		if ch.status == StatusDeleting {
			delete(c.a.channels, id)
		}
		ch.status = StatusActive
	}
}

// allChannels returns the channels in the order of their creation.
func (c *control) allChannels() []*channel {
	c.settleChannels()
	list := make([]*channel, 0, len(c.a.channels))
	for _, ch := range c.a.channels {
		list = append(list, ch)
	}
	slices.SortFunc(list, func(x, y *channel) int { return cmp.Compare(x.order, y.order) })
	return list
}

// channelsOf returns the channels of a stream.
func (c *control) channelsOf(st *stream) []*channel {
	return slices.DeleteFunc(c.allChannels(), func(ch *channel) bool { return ch.st != st })
}

// channel returns the channel of an ARN.
func (c *control) channel(text *string) (*channel, error) {
	if text == nil {
		return nil, missing("channelARN")
	}
	p, ok := parseARN(*text)
	if !ok || p.kind != "channel" {
		return nil, errorf(CodeInvalidArgument, msgBadARN, *text)
	}
	c.settleChannels()
	if ch := c.a.channels[p.name]; ch != nil && c.a.local(p) {
		c.met = ch.st
		return ch, nil
	}
	return nil, errorf(CodeResourceNotFound, msgChannelNotFound, *text)
}

// begin sets a status that changes by itself.
func (ch *channel) begin(c *control, status string) {
	ch.status, ch.due = status, c.now.Add(c.a.config.Delays.Channel)
}

// CreateChannel creates a channel that delivers an on-demand stream to a bucket
// or to tables. It is CREATING and then ACTIVE. A stream has two at most, one
// of each kind.
func (a *Account) CreateChannel(ctx context.Context, in *CreateChannelInput) (*CreateChannelOutput, error) {
	return do(ctx, a, "CreateChannel", in, createChannel)
}

func createChannel(c *control, in *CreateChannelInput) (*CreateChannelOutput, error) {
	switch {
	case in.ChannelName == nil:
		return nil, missing("channelName")
	case in.ServiceExecutionRoleARN == nil:
		return nil, missing("serviceExecutionRoleARN")
	case len(in.StreamConfigurationList) != 1:
		return nil, errorf(CodeValidation, msgChannelStreams)
	case (in.S3DestinationConfiguration == nil) == (in.S3TablesDestinationConfiguration == nil):
		return nil, errorf(CodeValidation, msgChannelDestination)
	case in.S3TablesDestinationConfiguration != nil && len(in.S3TablesDestinationConfiguration.S3TablesConfigurationList) > 1:
		return nil, errorf(CodeValidation, msgChannelTables)
	}
	source := in.StreamConfigurationList[0]
	if err := checkFormat(source.RecordConfiguration, in.S3TablesDestinationConfiguration != nil); err != nil {
		return nil, err
	}
	st, err := c.active(nil, source.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := c.checkChannel(st, in); err != nil {
		return nil, err
	}
	if err := c.checkNewTags("channel "+*in.ChannelName, "channel", nil, in.Tags); err != nil {
		return nil, err
	}
	c.a.channelSeq++
	ch := &channel{
		st: st, name: *in.ChannelName, order: int64(c.a.channelSeq),
		created: c.now.UTC().Truncate(time.Millisecond), role: *in.ServiceExecutionRoleARN,
		record: clone(source.RecordConfiguration), key: clone(in.EncryptionConfiguration),
		log: cloneLog(in.LoggingConfiguration), tags: addTags(nil, in.Tags),
	}
	ch.id = c.channelID()
	ch.arn = c.a.arnOf("channel/" + ch.id)
	ch.s3, ch.tables = clone(in.S3DestinationConfiguration), clone(in.S3TablesDestinationConfiguration)
	*ch.freshness() = cmp.Or(*ch.freshness(), Ptr(int32(defaultDataFreshness)))
	c.a.channels[ch.id] = ch
	ch.begin(c, StatusCreating)
	c.settleChannels()
	return &CreateChannelOutput{ChannelDescription: ch.describe()}, nil
}

// formats says which kinds of destination take a format of records.
var formats = map[string]struct{ bucket, tables bool }{
	"JSON": {true, true}, "GSR_JSON": {false, true}, "STRING": {true, false}, "BYTE_ARRAY": {true, false},
}

// checkFormat checks whether records can be delivered to tables, or to a bucket.
func checkFormat(r *RecordConfiguration, tables bool) error {
	if r == nil || r.RecordFormatType == nil {
		return missing("streamConfigurationList.1.member.recordConfiguration")
	}
	takes, ok := formats[*r.RecordFormatType]
	switch {
	case !ok:
		return invalid(quoted(*r.RecordFormatType), "streamConfigurationList.1.member.recordConfiguration.recordFormatType",
			"Member must satisfy enum value set: [GSR_JSON, JSON, STRING, BYTE_ARRAY]")
	case tables && !takes.tables, !tables && !takes.bucket:
		return errorf(CodeValidation, msgChannelFormat, *r.RecordFormatType)
	case tables && r.GSRSchemaARN == nil:
		return errorf(CodeValidation, msgChannelSchema)
	}
	return nil
}

// checkChannel checks whether a stream may have the channel.
func (c *control) checkChannel(st *stream, in *CreateChannelInput) error {
	id := c.a.config.ID
	if st.mode != ModeOnDemand {
		return errorf(CodeValidation, msgChannelOnDemand)
	}
	all := c.allChannels()
	ofStream := 0
	for _, ch := range all {
		if ch.name == *in.ChannelName {
			return errorf(CodeResourceInUse, msgChannelExists, ch.name, id)
		}
		if ch.st == st {
			ofStream++
		}
	}
	most := c.a.config.Quotas.ChannelsPerStream
	sameKind := func(ch *channel) bool { return ch.st == st && (ch.s3 == nil) == (in.S3DestinationConfiguration == nil) }
	if ofStream >= most || most != lifted && slices.ContainsFunc(all, sameKind) {
		return errorf(CodeLimitExceeded, msgChannelPerStream, st.name, id, most)
	}
	if most := c.a.config.Quotas.Channels; len(all) >= most {
		return errorf(CodeLimitExceeded, msgChannelLimit, id, most)
	}
	return nil
}

// channelID returns an id that looks random and is the same in every run.
func (c *control) channelID() string {
	sum := sha256.Sum256(fmt.Appendf(c.a.seal[:len(c.a.seal):len(c.a.seal)], "%d %d", c.a.channelSeq, c.now.UnixNano()))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// UpdateChannel changes how fresh the delivered data is and where a channel
// logs. It is UPDATING meanwhile.
func (a *Account) UpdateChannel(ctx context.Context, in *UpdateChannelInput) (*UpdateChannelOutput, error) {
	return do(ctx, a, "UpdateChannel", in, updateChannel)
}

func updateChannel(c *control, in *UpdateChannelInput) (*UpdateChannelOutput, error) {
	ch, err := c.channel(in.ChannelARN)
	if err != nil {
		return nil, err
	}
	if ch.status != StatusActive {
		return nil, errorf(CodeResourceInUse, msgChannelNotActive, ch.name, c.a.config.ID, ch.status)
	}
	if in.S3DestinationConfiguration != nil && ch.s3 == nil || in.S3TablesDestinationConfiguration != nil && ch.tables == nil {
		return nil, errorf(CodeInvalidArgument, msgChannelKind, ch.name)
	}
	for _, update := range []*DestinationUpdate{in.S3DestinationConfiguration, in.S3TablesDestinationConfiguration} {
		if update != nil && update.DataFreshnessInSeconds != nil {
			*ch.freshness() = Ptr(*update.DataFreshnessInSeconds)
		}
	}
	if in.LoggingConfiguration != nil {
		ch.log = cloneLog(in.LoggingConfiguration)
	}
	ch.begin(c, StatusUpdating)
	c.settleChannels()
	return &UpdateChannelOutput{ChannelDescription: ch.describe()}, nil
}

// freshness returns where the freshness of the channel's data is kept.
func (ch *channel) freshness() **int32 {
	if ch.s3 != nil {
		return &ch.s3.DataFreshnessInSeconds
	}
	return &ch.tables.DataFreshnessInSeconds
}

// DeleteChannel deletes a channel. It is DELETING for a while.
func (a *Account) DeleteChannel(ctx context.Context, in *DeleteChannelInput) (*DeleteChannelOutput, error) {
	return do(ctx, a, "DeleteChannel", in, func(c *control, in *DeleteChannelInput) (*DeleteChannelOutput, error) {
		ch, err := c.channel(in.ChannelARN)
		if err != nil {
			return nil, err
		}
		if ch.status != StatusDeleting {
			ch.begin(c, StatusDeleting)
			c.settleChannels()
		}
		return &DeleteChannelOutput{}, nil
	})
}

// DescribeChannel describes a channel.
func (a *Account) DescribeChannel(ctx context.Context, in *DescribeChannelInput) (*DescribeChannelOutput, error) {
	return do(ctx, a, "DescribeChannel", in, func(c *control, in *DescribeChannelInput) (*DescribeChannelOutput, error) {
		ch, err := c.channel(in.ChannelARN)
		if err != nil {
			return nil, err
		}
		return &DescribeChannelOutput{ChannelDescription: ch.describe()}, nil
	})
}

// ListChannels lists the channels in the order of their creation, all or those
// of the streams of StreamFilter, 100 at most. NextToken continues a list for
// 300 s.
func (a *Account) ListChannels(ctx context.Context, in *ListChannelsInput) (*ListChannelsOutput, error) {
	return do(ctx, a, "ListChannels", in, listChannels)
}

func listChannels(c *control, in *ListChannelsInput) (*ListChannelsOutput, error) {
	limit, err := pageSize("maxResults", in.MaxResults, maxListedChannels)
	if err != nil {
		return nil, err
	}
	token := pageToken{Kind: tokenOfChannels}
	if in.NextToken != nil {
		if token, err = c.openToken(*in.NextToken, tokenOfChannels); err != nil {
			return nil, err
		}
	}
	out := &ListChannelsOutput{ChannelSummaries: []ChannelSummary{}}
	for _, ch := range c.allChannels() {
		if ch.order <= token.Order || !ch.st.chosen(in.StreamFilter) {
			continue
		}
		if len(out.ChannelSummaries) == limit {
			out.NextToken = c.sealToken(token)
			break
		}
		out.ChannelSummaries = append(out.ChannelSummaries, ch.summary())
		token.Order = ch.order
	}
	return out, nil
}

// chosen reports whether a filter chooses the stream; no filter chooses all.
func (st *stream) chosen(filter []StreamFilter) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f StreamFilter) bool {
		return value(f.StreamARN) == st.arn && st.checkCreated(f.StreamCreationTimestamp) == nil
	})
}

func (ch *channel) summary() ChannelSummary {
	kind := DestinationS3
	if ch.s3 == nil {
		kind = DestinationS3Tables
	}
	return ChannelSummary{
		ChannelARN: ch.arn, ChannelId: ch.id, ChannelName: ch.name, ChannelStatus: ch.status,
		ChannelCreationTimestamp: ch.created, ChannelDestinationType: kind,
		Streams: []ChannelStream{{StreamARN: ch.st.arn, StreamCreationTimestamp: ch.st.created}},
	}
}

func (ch *channel) describe() ChannelDescription {
	return ChannelDescription{
		ChannelARN: ch.arn, ChannelId: ch.id, ChannelName: ch.name, ChannelStatus: ch.status,
		ChannelCreationTimestamp: ch.created, ServiceExecutionRoleARN: ch.role,
		StreamConfigurationList: []StreamConfiguration{{
			StreamARN: Ptr(ch.st.arn), StreamCreationTimestamp: Ptr(ch.st.created), RecordConfiguration: clone(ch.record),
		}},
		S3DestinationConfiguration: ch.bucket(), S3TablesDestinationConfiguration: clone(ch.tables),
		EncryptionConfiguration: clone(ch.key), LoggingConfiguration: ch.logging(),
	}
}

// bucket describes a destination. Where undeliverable records go is part of it,
// whether it was given or not.
func (ch *channel) bucket() *S3DestinationConfiguration {
	d := clone(ch.s3)
	if d != nil && d.DeadLetterQueueS3Configuration == nil && d.StorageConfiguration != nil {
		d.DeadLetterQueueS3Configuration = &DeadLetterQueueS3Configuration{
			BucketARN: d.StorageConfiguration.BucketARN, ExpectedBucketOwner: d.StorageConfiguration.ExpectedBucketOwner,
			ErrorOutputPrefix: Ptr(defaultErrorPrefix),
		}
	}
	return d
}

// logging describes where the channel logs, which is told even if it does not.
func (ch *channel) logging() *LoggingConfiguration {
	if ch.log == nil || ch.log.CloudWatchLogs == nil {
		return &LoggingConfiguration{CloudWatchLogs: &CloudWatchLogs{Enabled: Ptr(false)}}
	}
	return cloneLog(ch.log)
}

// clone returns a pointer to a shallow copy, or nil. What lies deeper is never
// changed.
func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return Ptr(*p)
}

func cloneLog(l *LoggingConfiguration) *LoggingConfiguration {
	if l = clone(l); l != nil {
		l.CloudWatchLogs = clone(l.CloudWatchLogs)
	}
	return l
}
