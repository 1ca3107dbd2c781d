package weir_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// drain returns the data of what a subscription can give now, and its last event.
func drain(t testing.TB, sub *weir.Subscription) (data []string, last weir.Batch) {
	t.Helper()
	data = []string{}
	for {
		ev, ok, err := sub.TryNext()
		if err == io.EOF {
			return data, last
		}
		require.NoError(t, err)
		if !ok {
			return data, last
		}
		last = ev
		data = append(data, dataOf(ev.Records)...)
	}
}

func TestSubscription_givesRecordsAsTheyArePut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.Latest())
		assert.Equal(t, shard0, sub.ShardID())
		assert.Equal(t, "c", sub.Consumer().Name)
		assert.Empty(t, mustNext(t, sub).Records, "the first event comes at once")
		begin := time.Now()
		go func() {
			time.Sleep(time.Second)
			_, err := s.PutRecord(t.Context(), "k", []byte("a"))
			assert.NoError(t, err)
		}()
		ev := mustNext(t, sub)
		assert.Equal(t, []string{"a"}, dataOf(ev.Records))
		assert.Equal(t, ev.Records[0].SequenceNumber, ev.Continue.Number())
		assert.Zero(t, ev.Behind)
		assert.Nil(t, ev.Children)
		assert.Equal(t, time.Second, time.Since(begin), "nothing polls")
	})
}

func TestSubscription_positions(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustRegister(t, s, "c")
	start := s.Shards()[0].StartingSequenceNumber
	var puts []weir.Placed
	for i := range 4 {
		puts = append(puts, mustPut(t, s, "k", fmt.Sprint(i)))
		clock.Advance(time.Second)
	}
	for _, c := range []struct {
		from weir.Position
		want []string
	}{
		{weir.Position{}, []string{"0", "1", "2", "3"}},
		{weir.TrimHorizon(), []string{"0", "1", "2", "3"}},
		{weir.AtSequence(start), []string{"0", "1", "2", "3"}},
		{weir.AfterSequence(start), []string{"0", "1", "2", "3"}},
		{weir.AtSequence(puts[2].SequenceNumber), []string{"2", "3"}},
		{weir.AfterSequence(puts[2].SequenceNumber), []string{"3"}},
		{weir.AfterSequence(puts[3].SequenceNumber), []string{}},
		{weir.AtTime(epoch.Add(time.Second)), []string{"1", "2", "3"}},
		{weir.AtTime(epoch.Add(time.Second + time.Millisecond)), []string{"2", "3"}},
		{weir.AtTime(time.Unix(0, 0)), []string{"0", "1", "2", "3"}},
		{weir.Latest(), []string{}},
	} {
		sub := mustSubscribe(t, s, "c", 0, c.from)
		data, last := drain(t, sub)
		assert.Equal(t, c.want, data, "%v", c.from)
		assert.Equal(t, puts[3].SequenceNumber, last.Continue.Number(), "%v", c.from)
		clock.Advance(5 * time.Second)
	}
}

func TestSubscription_refusesWhatItCannotRead(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	mustRegister(t, s, "c")
	other := s.Shards()[1].StartingSequenceNumber
	for _, c := range []struct {
		consumer string
		shard    weir.ShardID
		from     weir.Position
		want     error
	}{
		{"nobody", 0, weir.Latest(), weir.ErrConsumerNotFound},
		{"c", 2, weir.Latest(), weir.ErrShardNotFound},
		{"c", 0, weir.AtSequence(other), weir.ErrInvalidSequenceNumber},
		{"c", 0, weir.AtTime(epoch.Add(time.Millisecond)), weir.ErrInvalidArgument},
	} {
		_, err := s.Subscribe(t.Context(), c.consumer, c.shard, c.from)
		assert.ErrorIs(t, err, c.want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Subscribe(ended, "c", 0, weir.Latest())
	assert.ErrorIs(t, err, context.Canceled)

	_, err = s.MergeShards(t.Context(), 0, 1)
	require.NoError(t, err)
	mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	clock.Advance(weir.ServiceLimits().MinRetention)
	_, err = s.Subscribe(t.Context(), "c", 1, weir.TrimHorizon())
	assert.ErrorIs(t, err, weir.ErrShardNotFound, "it has vanished")
}

// What is put between Subscribe and Next is not missed, and the number of an
// event without records continues exactly there.
func TestSubscription_latestMissesNothing(t *testing.T) {
	for _, before := range []int{0, 3} {
		s, clock := clocked(t, weir.Config{})
		mustRegister(t, s, "c", "d")
		for range before {
			mustPut(t, s, "k", "old")
		}
		sub := mustSubscribe(t, s, "c", 0, weir.Latest())
		idle := mustNext(t, mustSubscribe(t, s, "d", 0, weir.Latest()))
		assert.False(t, idle.Continue.Number().IsZero())
		mustPut(t, s, "k", "new")
		data, _ := drain(t, sub)
		assert.Equal(t, []string{"new"}, data)

		clock.Advance(5 * time.Second)
		resumed := mustSubscribe(t, s, "d", 0, idle.Continue)
		data, _ = drain(t, resumed)
		assert.Equal(t, []string{"new"}, data)
	}
}

func TestSubscription_endOfClosedShard(t *testing.T) {
	for _, records := range []int{0, 2} {
		s, _ := clocked(t, weir.Config{})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
		for range records {
			mustPut(t, s, "k", "a")
		}
		children, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		ev := mustNext(t, sub)
		assert.Len(t, ev.Records, records, "they come with the last event")
		assert.Equal(t, weir.AfterSequence(s.Shards()[0].EndingSequenceNumber), ev.Continue)
		assert.True(t, ev.Last)
		require.Len(t, ev.Children, 2)
		for i, child := range ev.Children {
			assert.Equal(t, children[i], child.ID)
			assert.Equal(t, []weir.ShardID{0}, child.Parents)
		}
		_, err = sub.Next(t.Context())
		assert.Equal(t, io.EOF, err)
		assert.Empty(t, s.Snapshot().Consumers[0].Shards, "it is not active any more")
	}
}

func TestSubscription_closedShardFromItsEnd(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2})
	mustRegister(t, s, "c")
	mustPut(t, s, "k", "a")
	child, err := s.MergeShards(t.Context(), 0, 1)
	require.NoError(t, err)
	for shard := range weir.ShardID(2) {
		ev := mustNext(t, mustSubscribe(t, s, "c", shard, weir.Latest()))
		ending := weir.AfterSequence(s.Shards()[shard].EndingSequenceNumber)
		assert.Equal(t, weir.Batch{Shard: shard, Last: true, Continue: ending, Children: ev.Children}, ev)
		require.Len(t, ev.Children, 1)
		assert.Equal(t, child, ev.Children[0].ID)
		assert.Equal(t, []weir.ShardID{0, 1}, ev.Children[0].Parents)
	}
}

func TestSubscription_closingWakesWaitingNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.Latest())
		mustNext(t, sub)
		begin := time.Now()
		go func() {
			time.Sleep(time.Second)
			_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
		}()
		assert.Len(t, mustNext(t, sub).Children, 2)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

// A subscription that falls behind retention loses what expired, no more.
func TestSubscription_trimmedUnderneath(t *testing.T) {
	s, clock := clocked(t, weir.Config{Settings: weir.Settings{Retention: 24 * time.Hour}})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	mustPut(t, s, "k", "a")
	clock.Advance(time.Second)
	mustPut(t, s, "k", "b")
	clock.Advance(24*time.Hour - time.Second)
	data, _ := drain(t, mustSubscribe(t, s, "c", 0, weir.TrimHorizon()))
	assert.Equal(t, []string{"b"}, data)
	_, err := sub.Next(t.Context())
	assert.Equal(t, io.EOF, err)

	limits := weir.Unlimited()
	long, clock := clocked(t, weir.Config{Settings: weir.Settings{Retention: 24 * time.Hour}, Limits: limits})
	mustRegister(t, long, "c")
	sub = mustSubscribe(t, long, "c", 0, weir.TrimHorizon())
	mustPut(t, long, "k", "a")
	assert.Len(t, mustNext(t, sub).Records, 1)
	b := mustPut(t, long, "k", "b")
	clock.Advance(25 * time.Hour)
	long.Trim()
	ev := mustNext(t, sub)
	assert.Empty(t, ev.Records)
	assert.Equal(t, b.SequenceNumber.Index(), ev.Continue.Number().Index(), "what expired is behind it")
	c := mustPut(t, long, "k", "c")
	assert.Equal(t, c.SequenceNumber, mustNext(t, sub).Continue.Number())
}

func TestSubscription_droppedUnderneath(t *testing.T) {
	s, _ := clocked(t, weir.Config{
		Limits: weir.Unlimited(), MaxBytes: 10 * (100 + weir.RecordOverheadBytes), WhenFull: weir.DropOldest,
	})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	var last weir.Placed
	for range 1000 {
		last = mustPut(t, s, "k", text(99))
	}
	ev := mustNext(t, sub)
	assert.Len(t, ev.Records, 10)
	assert.Equal(t, last.SequenceNumber, ev.Continue.Number())
}

// A shard that vanishes while it is read ends with its children all the same.
func TestSubscription_shardVanishesUnderneath(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	mustPut(t, s, "k", "a")
	_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(25 * time.Hour)
	s.Trim()
	ev := mustNext(t, sub)
	assert.Empty(t, ev.Records)
	assert.Len(t, ev.Children, 2)
}
