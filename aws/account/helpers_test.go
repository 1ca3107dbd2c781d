package account_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
)

const (
	id        = "123456789012"
	arnS      = "arn:aws:kinesis:us-east-1:123456789012:stream/S"
	lastShard = "340282366920938463463374607431768211455"
)

// A fixture is an account with a stream S of three shards.
type fixture struct {
	*testing.T
	*account.Account
	ctx   context.Context
	clock *handclock.Clock
}

// S names the stream.
func S() *string { return account.Ptr("S") }

func ptr[T any](v T) *T { return account.Ptr(v) }

// newAccount returns an account without streams.
func newAccount(t *testing.T, config account.Config) *fixture {
	t.Helper()
	f := &fixture{T: t, ctx: t.Context(), clock: handclock.New(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))}
	config.ID, config.Now = id, f.clock.Now
	a, err := account.New(config)
	require.NoError(t, err)
	f.Account = a
	return f
}

func newFixture(t *testing.T, config account.Config) *fixture {
	t.Helper()
	f := newAccount(t, config)
	f.create("S", 3)
	return f
}

// create creates a stream and waits until it is ACTIVE.
func (f *fixture) create(name string, shards int32) {
	f.Helper()
	_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: &name, ShardCount: &shards})
	require.NoError(f, err)
	f.clock.Advance(max(0, f.Config().Delays.Create))
	require.Equal(f, account.StatusActive, f.status(name))
}

func (f *fixture) createOnDemand(name string, strategy string) {
	f.Helper()
	in := &account.CreateStreamInput{StreamName: &name,
		StreamModeDetails: &account.StreamModeDetails{StreamMode: ptr(account.ModeOnDemand)}}
	if strategy != "" {
		in.RecordDistributionStrategy = &strategy
	}
	_, err := f.CreateStream(f.ctx, in)
	require.NoError(f, err)
	f.clock.Advance(max(0, f.Config().Delays.Create))
}

func (f *fixture) describe(name string) account.StreamDescription {
	f.Helper()
	out, err := f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: &name})
	require.NoError(f, err)
	return out.StreamDescription
}

func (f *fixture) summary(name string) account.StreamDescriptionSummary {
	f.Helper()
	out, err := f.DescribeStreamSummary(f.ctx, &account.DescribeStreamSummaryInput{StreamName: &name})
	require.NoError(f, err)
	return out.StreamDescriptionSummary
}

func (f *fixture) status(name string) string { f.Helper(); return f.describe(name).StreamStatus }

func (f *fixture) shards(in *account.ListShardsInput) (ids []string) {
	f.Helper()
	out, err := f.ListShards(f.ctx, in)
	require.NoError(f, err)
	for _, sh := range out.Shards {
		ids = append(ids, sh.ShardId)
	}
	return ids
}

func shardID(n int) string { return weir.ShardID(n).String() }

func shardIDs(numbers ...int) (ids []string) {
	for _, n := range numbers {
		ids = append(ids, shardID(n))
	}
	return ids
}

func (f *fixture) put(key, data string) *account.PutRecordOutput {
	f.Helper()
	out, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: &key, Data: []byte(data)})
	require.NoError(f, err)
	return out
}

// iterator issues an iterator of S.
func (f *fixture) iterator(shard int, kind string) string {
	f.Helper()
	out, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{
		StreamName: S(), ShardId: ptr(shardID(shard)), ShardIteratorType: &kind})
	require.NoError(f, err)
	return out.ShardIterator
}

func (f *fixture) read(iterator string) *account.GetRecordsOutput {
	f.Helper()
	out, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &iterator})
	require.NoError(f, err)
	return out
}

func data(out *account.GetRecordsOutput) (list []string) {
	for _, r := range out.Records {
		list = append(list, string(r.Data))
	}
	return list
}

func (f *fixture) split(shard int, at string) {
	f.Helper()
	_, err := f.SplitShard(f.ctx, &account.SplitShardInput{StreamName: S(), ShardToSplit: ptr(shardID(shard)), NewStartingHashKey: &at})
	require.NoError(f, err)
}

func (f *fixture) register(name string) account.Consumer {
	f.Helper()
	out, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: &name})
	require.NoError(f, err)
	return out.Consumer
}

func position(kind string) *account.StartingPosition { return &account.StartingPosition{Type: &kind} }

// fails requires an error of a code with exactly that message.
func (f *fixture) fails(err error, code, message string) {
	f.Helper()
	var e *account.Error
	require.ErrorAs(f, err, &e)
	require.Equal(f, code+": "+message, e.Code+": "+e.Message)
	status := 400
	if code == account.CodeInternalFailure {
		status = 500
	}
	require.Equal(f, status, e.HTTPStatus)
}

// failsAs requires an error of a code, whatever its message.
func (f *fixture) failsAs(err error, code string) {
	f.Helper()
	require.ErrorIs(f, err, &account.Error{Code: code})
}

// A row is one of the cases of the reference's checklist, by its number there.
type row struct {
	number int
	name   string
	run    func(f *fixture)
}

// runRows runs rows, each with an account of its own.
func runRows(t *testing.T, config account.Config, rows []row) {
	for _, r := range rows {
		t.Run(rowName(r), func(t *testing.T) {
			t.Parallel()
			r.run(newFixture(t, config))
		})
	}
}

func rowName(r row) string { return fmt.Sprintf("row%03d %s", r.number, r.name) }

func withDelays() account.Config {
	c := account.Instant()
	c.Delays, c.Quotas = account.Delays{}, account.Quotas{}
	return c
}
