package weir_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

var sentinels = []error{
	weir.ErrInvalidArgument, weir.ErrThroughputExceeded, weir.ErrMemoryFull, weir.ErrShardNotFound,
	weir.ErrShardClosed, weir.ErrIteratorExpired, weir.ErrInvalidIterator, weir.ErrInvalidSequenceNumber,
	weir.ErrLimitExceeded, weir.ErrWrongMode,
}

// matches returns the only sentinel that an error matches.
func matches(t *testing.T, err error) error {
	t.Helper()
	var found error
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			require.Nil(t, found, "%v matches several", err)
			found = sentinel
		}
	}
	return found
}

func TestErrors_eachMatchesItsSentinelOnly(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 100, Shards: 2, Limits: weir.Limits{WriteRecordsPerSecond: 1}})
	other, _ := clocked(t, weir.Config{})
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	children, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Lo: 2})
	require.NoError(t, err)
	ctx := t.Context()
	lower := &weir.HashKey{}

	_, put := s.PutRecord(ctx, "", nil)
	assert.Equal(t, weir.ErrInvalidArgument, matches(t, put))
	_, full := s.PutRecord(ctx, "k", make([]byte, 100))
	assert.Equal(t, weir.ErrMemoryFull, matches(t, full))
	_, err = s.Put(ctx, weir.Entry{PartitionKey: "k", ExplicitHashKey: lower})
	require.NoError(t, err)
	_, over := s.Put(ctx, weir.Entry{PartitionKey: "k", ExplicitHashKey: lower})
	assert.Equal(t, weir.ErrThroughputExceeded, matches(t, over))
	assert.EqualError(t, over, "shardId-000000000002 of stream test: over write records per second, retry after 1s")
	assert.Equal(t, &weir.LimitError{
		Quota: weir.QuotaWriteRecords, Stream: "test", Shard: children[0], RetryAfter: time.Second}, over)

	_, missing := s.Iterator(ctx, 9, weir.TrimHorizon())
	assert.Equal(t, weir.ErrShardNotFound, matches(t, missing))
	assert.EqualError(t, missing, "shardId-000000000009 of stream test: shard not found")
	_, negative := s.Iterator(ctx, -1, weir.TrimHorizon())
	assert.Equal(t, weir.ErrShardNotFound, matches(t, negative))
	_, closed := s.SplitShard(t.Context(), shard0, weir.HashKey{Lo: 2})
	assert.Equal(t, weir.ErrShardClosed, matches(t, closed))
	_, foreign := other.GetRecords(ctx, it, 0)
	assert.Equal(t, weir.ErrInvalidIterator, matches(t, foreign))
	_, zero := s.GetRecords(ctx, weir.Iterator{}, 0)
	assert.Equal(t, weir.ErrInvalidIterator, matches(t, zero))
	_, number := s.Iterator(ctx, children[0], weir.AtSequence(s.Shards()[1].StartingSequenceNumber))
	assert.Equal(t, weir.ErrInvalidSequenceNumber, matches(t, number))

	clock.Advance(301 * time.Second)
	_, expired := s.GetRecords(ctx, it, 0)
	assert.Equal(t, weir.ErrIteratorExpired, matches(t, expired))
	assert.EqualError(t, expired,
		"shard iterator expired: issued 2026-11-02T10:00:00Z, used 2026-11-02T10:05:01Z, lives 5m0s")
	clock.Advance(24 * time.Hour)
	_, vanished := s.Iterator(ctx, shard0, weir.TrimHorizon())
	assert.Equal(t, weir.ErrShardNotFound, matches(t, vanished))
}

func TestErrors_typesMatchNothingElse(t *testing.T) {
	for _, err := range []error{
		&weir.ArgumentError{}, &weir.LimitError{}, &weir.IteratorExpiredError{}, &weir.SequenceNumberError{},
	} {
		require.NotNil(t, matches(t, err))
		assert.NotErrorIs(t, err, context.Canceled)
	}
}

func TestStream_endedContextDoesNothing(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.PutRecord(ctx, "", nil)
	assert.ErrorIs(t, err, context.Canceled, "before the arguments are looked at")
	_, err = s.PutRecords(ctx, []weir.Entry{{PartitionKey: "k"}})
	assert.ErrorIs(t, err, context.Canceled)
	results, err := s.PutRecordsWait(ctx, []weir.Entry{{PartitionKey: "k"}})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Nil(t, results)
	_, err = s.PutRecordWait(ctx, "k", nil)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.GetRecords(ctx, it, 0)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, s.Snapshot().Total)
}

func TestSequenceNumberError_saysWhatIsWrong(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	clock.Advance(time.Second)
	other, err := weir.NewStream("test", weir.Config{Now: clock.Now})
	require.NoError(t, err)
	numbers := map[string]weir.SequenceNumber{
		"belongs to shardId-000000000001, not to shardId-000000000000": s.Shards()[1].StartingSequenceNumber,
		"did not come from this stream":                                other.Shards()[0].StartingSequenceNumber,
	}
	for reason, n := range numbers {
		_, err := s.Iterator(t.Context(), shard0, weir.AfterSequence(n))
		var bad *weir.SequenceNumberError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, &weir.SequenceNumberError{Text: n.String(), Reason: reason, Shard: shard0, Encodes: n.Shard()}, bad)
		assert.EqualError(t, err, "sequence number "+n.String()+" "+reason)
	}
}

// A nil context is an error of every method that takes one, and never a panic.
func TestStream_nilContext(t *testing.T) {
	var none context.Context
	s, _ := clocked(t, weir.Config{})
	_, err := s.RegisterConsumer(t.Context(), "c")
	require.NoError(t, err)
	mustPut(t, s, "k", "v")
	entries := []weir.Entry{{PartitionKey: "k"}}
	reader, err := s.NewReader("r", weir.TrimHorizon().In(shard0))
	require.NoError(t, err)
	defer reader.Close()
	sub, err := s.Subscribe(t.Context(), "c", shard0, weir.TrimHorizon())
	require.NoError(t, err)
	defer sub.Close()
	of := func(_ any, err error) error { return err }
	ofStream := map[string]error{
		"PutRecord":          of(s.PutRecord(none, "k", nil)),
		"Put":                of(s.Put(none, entries[0])),
		"PutRecords":         of(s.PutRecords(none, entries)),
		"PutCopies":          of(s.PutCopies(none, entries[0], 1)),
		"PutRecordWait":      of(s.PutRecordWait(none, "k", nil)),
		"PutRecordsWait":     of(s.PutRecordsWait(none, entries)),
		"EndWrites":          s.EndWrites(none),
		"GetRecords":         of(s.GetRecords(none, mustIterator(t, s, shard0, weir.TrimHorizon()), 1)),
		"AppendRecords":      of(s.AppendRecords(none, nil, mustIterator(t, s, shard0, weir.TrimHorizon()), 1)),
		"Iterator":           of(s.Iterator(none, shard0, weir.TrimHorizon())),
		"RegisterConsumer":   of(s.RegisterConsumer(none, "d")),
		"DeregisterConsumer": s.DeregisterConsumer(none, "c"),
		"Subscribe":          of(s.Subscribe(none, "c", shard0, weir.TrimHorizon())),
		"ListShards":         of(s.ListShards(none, weir.ShardQuery{})),
		"SplitShard":         of(s.SplitShard(none, shard0, weir.HashKey{Hi: 1 << 63})),
		"MergeShards":        of(s.MergeShards(none, shard0, 1)),
		"Resize":             of(s.Resize(none, 2)),
		"Set":                s.Set(none, func(*weir.Settings) {}),
		"SetWarmThroughput":  s.SetWarmThroughput(none, 0),
		"Records":            nil, // it has no error, but yields one
	}
	methods := reflect.TypeFor[*weir.Stream]()
	for i := range methods.NumMethod() {
		if m := methods.Method(i); m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			assert.Contains(t, ofStream, m.Name, "it takes a context")
		}
	}
	delete(ofStream, "Records")
	maps.Copy(ofStream, map[string]error{
		"Reader":       of(reader.Next(none)),
		"NextBatch":    of(reader.NextBatch(none, 1, 0)),
		"Subscription": of(sub.Next(none)),
	})
	for name, err := range ofStream {
		var bad *weir.ArgumentError
		assert.ErrorAs(t, err, &bad, name)
		assert.EqualError(t, err, "context: is nil", name)
	}
	for name, loop := range map[string]iter.Seq2[weir.Record, error]{
		"of a shard":  s.Records(none, weir.TrimHorizon().In(shard0)),
		"of a stream": s.Records(none, weir.TrimHorizon()),
		"to the tip":  s.Records(none, weir.TrimHorizon().ToTip()),
	} {
		n := 0
		for _, err := range loop {
			n++
			assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		}
		assert.Equal(t, 1, n, name)
	}
	n := 0
	for _, err := range sub.Events(none) {
		n++
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	assert.Equal(t, 1, n)
	assert.Len(t, readable(t, s, shard0), 1, "nothing was put")
}
