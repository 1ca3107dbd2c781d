package clients_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subscribe subscribes a consumer to a shard.
func subscribe(ctx context.Context, c *kinesis.Client, consumer *string, shard string, from types.StartingPosition) (*kinesis.SubscribeToShardEventStream, error) {
	out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: &shard, StartingPosition: &from})
	if err != nil {
		return nil, err
	}
	return out.GetStream(), nil
}

var fromHorizon = types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}

// collect takes events until it has n records, and returns their text and the
// last event.
func collect(t *testing.T, events *kinesis.SubscribeToShardEventStream, n int) (data []string, last types.SubscribeToShardEvent) {
	t.Helper()
	for len(data) < n {
		select {
		case ev, ok := <-events.Events():
			require.True(t, ok, "ended after %d records: %v", len(data), events.Err())
			last = ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			data = append(data, texts(last.Records)...)
		case <-time.After(time.Minute):
			require.FailNow(t, "no event in a minute", "after %d records", len(data))
		}
	}
	return data, last
}

func subscribeToShard(t *testing.T, s *session) {
	st := s.stream(t, 1)
	consumer := st.register()
	st.put("k", "a")
	events, err := subscribe(s.ctx, s.Client, consumer, shard0, fromHorizon)
	require.NoError(t, err)
	_, err = subscribe(s.ctx, s.Client, consumer, shard0, fromHorizon)
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse, "a second subscription within five seconds")
	data, ev := collect(t, events, 1)
	assert.Equal(t, []string{"a"}, data)
	assert.NotEmpty(t, *ev.ContinuationSequenceNumber)
	assert.NotNil(t, ev.MillisBehindLatest)
	assert.Nil(t, ev.ChildShards)

	put := time.Now()
	st.put("k", "b")
	data, ev = collect(t, events, 1)
	assert.Equal(t, []string{"b"}, data)
	assert.Less(t, time.Since(put), 4*time.Second, "records are pushed, and do not wait for the next idle event")
	assert.EqualValues(t, 0, *ev.MillisBehindLatest)
	require.NoError(t, events.Close())
}

func TestSubscription_endOfShard(t *testing.T) {
	over(t, "check", "SubscribeToShard: a closed shard ends with its children", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		st.put("k", "a")
		events, err := subscribe(s.ctx, s.Client, st.register(), shard0, fromHorizon)
		require.NoError(t, err)
		collect(t, events, 1)
		st.split(shard0)
		var last types.SubscribeToShardEvent
		for ev := range events.Events() {
			last = ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		}
		require.NoError(t, events.Err())
		require.Len(t, last.ChildShards, 2)
		assert.Nil(t, last.ContinuationSequenceNumber)
		assert.Equal(t, []string{shard0}, last.ChildShards[0].ParentShards)
	})
}

func TestSubscription_takenOver(t *testing.T) {
	over(t, "check", "SubscribeToShard: hands over after 5 s, resumes where it was", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		consumer := st.register()
		st.put("k", "a")
		first, err := subscribe(s.ctx, s.Client, consumer, shard0, fromHorizon)
		require.NoError(t, err)
		_, last := collect(t, first, 1)
		idle, ok := <-first.Events() // the keep-alive, about five seconds later
		require.True(t, ok, "ended: %v", first.Err())
		ev := idle.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for len(ev.Records) == 0 && ev.ContinuationSequenceNumber != nil {
			last = ev
			second, err := subscribe(s.ctx, s.Client, consumer, shard0, types.StartingPosition{
				Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: last.ContinuationSequenceNumber})
			if err != nil {
				var inUse *types.ResourceInUseException
				require.ErrorAs(t, err, &inUse)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			st.put("k", "b")
			data, _ := collect(t, second, 1)
			assert.Equal(t, []string{"b"}, data)
			require.NoError(t, second.Close())
			break
		}
		for range first.Events() { // it ends
		}
		if err := first.Err(); err != nil {
			var inUse *types.ResourceInUseException
			assert.ErrorAs(t, err, &inUse)
		}
	})
}

func TestSubscription_positions(t *testing.T) {
	over(t, "check", "SubscribeToShard: all starting positions", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		st.put("k", "a")
		time.Sleep(5 * time.Millisecond)
		at := time.Now()
		b := st.put("k", "b")
		for _, row := range []struct {
			from types.StartingPosition
			want []string
		}{
			{fromHorizon, []string{"a", "b"}},
			{types.StartingPosition{Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: b.SequenceNumber}, []string{"b"}},
			{types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: &at}, []string{"b"}},
			{types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: aws.Time(at.AddDate(-3, 0, 0))}, []string{"a", "b"}},
		} {
			events, err := subscribe(s.ctx, s.Client, st.register(), shard0, row.from)
			require.NoError(t, err)
			data, _ := collect(t, events, len(row.want))
			assert.Equal(t, row.want, data)
			require.NoError(t, events.Close())
		}
		latest, err := subscribe(s.ctx, s.Client, st.register(), shard0, types.StartingPosition{Type: types.ShardIteratorTypeLatest})
		require.NoError(t, err)
		after, err := subscribe(s.ctx, s.Client, st.register(), shard0, types.StartingPosition{
			Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: b.SequenceNumber})
		require.NoError(t, err)
		st.put("k", "c")
		for _, events := range []*kinesis.SubscribeToShardEventStream{latest, after} {
			data, _ := collect(t, events, 1)
			assert.Equal(t, []string{"c"}, data)
			require.NoError(t, events.Close())
		}
	})
}

func TestSubscription_large(t *testing.T) {
	over(t, "check", "SubscribeToShard: a 10 MiB record", func(t *testing.T, s *session) {
		st := s.create(t, &kinesis.CreateStreamInput{ShardCount: aws.Int32(1), MaxRecordSizeInKiB: aws.Int32(10240)})
		events, err := subscribe(s.ctx, s.Client, st.register(), shard0, fromHorizon)
		require.NoError(t, err)
		large := make([]byte, 10<<20-1)
		_, err = s.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: &st.name, PartitionKey: aws.String("k"), Data: large})
		require.NoError(t, err)
		data, _ := collect(t, events, 1)
		assert.Len(t, data[0], len(large))
		require.NoError(t, events.Close())
	})
}

func TestSubscription_consumerGone(t *testing.T) {
	over(t, "check", "SubscribeToShard: an exception in the stream is typed", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		consumer := st.register()
		events, err := subscribe(s.ctx, s.Client, consumer, shard0, fromHorizon)
		require.NoError(t, err)
		_, err = s.DeregisterStreamConsumer(s.ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer})
		require.NoError(t, err)
		for range events.Events() {
		}
		var notFound *types.ResourceNotFoundException
		assert.ErrorAs(t, events.Err(), &notFound)
	})
}
