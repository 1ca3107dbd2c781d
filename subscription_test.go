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

// drain returns the data of what a subscription can give now, and its last
// event.
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

func TestSubscription_takeover(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	mustRegister(t, s, "c", "d")
	first := mustSubscribe(t, s, "c", 0, weir.Latest())
	mustSubscribe(t, s, "c", 1, weir.Latest())
	mustSubscribe(t, s, "d", 0, weir.Latest())
	for _, age := range []time.Duration{0, 4 * time.Second, 5*time.Second - time.Nanosecond} {
		clock.Advance(age - clock.Now().Sub(epoch))
		_, err := s.Subscribe(t.Context(), "c", 0, weir.Latest())
		require.ErrorIs(t, err, weir.ErrSubscriptionActive)
		var active *weir.LimitError
		require.ErrorAs(t, err, &active)
		assert.Equal(t, &weir.LimitError{
			Quota: weir.QuotaSubscriptions, Stream: "test", Shard: 0, RetryAfter: 5*time.Second - age,
		}, active)
	}
	assert.EqualError(t, &weir.LimitError{Quota: weir.QuotaSubscriptions, Stream: "test", RetryAfter: time.Second},
		"shardId-000000000000 of stream test: over new subscriptions of a consumer, retry after 1s")
	_, ok, err := first.TryNext()
	require.NoError(t, err)
	assert.True(t, ok)

	clock.Advance(time.Nanosecond)
	second := mustSubscribe(t, s, "c", 0, weir.Latest())
	for range 2 {
		_, err = first.Next(t.Context())
		assert.ErrorIs(t, err, weir.ErrSubscriptionTakenOver)
		assert.ErrorContains(t, err, `consumer "c" to shardId-000000000000 of stream test`)
	}
	first.Close()
	mustNext(t, second)
	clock.Advance(5*time.Second - time.Nanosecond)
	_, err = s.Subscribe(t.Context(), "c", 0, weir.Latest())
	assert.ErrorIs(t, err, weir.ErrSubscriptionActive, "five seconds from the second one")
}

// One that was over when another began stays so, though the clock is set back.
func TestSubscription_overBeforeTheNextBegan(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustRegister(t, s, "c")
	first := mustSubscribe(t, s, "c", 0, weir.Latest())
	clock.Advance(weir.ServiceLimits().SubscriptionLifetime)
	mustSubscribe(t, s, "c", 0, weir.Latest())
	clock.Advance(-time.Second)
	_, _, err := first.TryNext()
	assert.ErrorIs(t, err, io.EOF)
}

func TestSubscription_takeoverEndsWaitingNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{IdleEventInterval: -1}})
		mustRegister(t, s, "c")
		first := mustSubscribe(t, s, "c", 0, weir.Latest())
		ended := make(chan error, 1)
		go func() {
			_, err := first.Next(t.Context())
			ended <- err
		}()
		time.Sleep(5 * time.Second)
		mustSubscribe(t, s, "c", 0, weir.Latest())
		assert.ErrorIs(t, <-ended, weir.ErrSubscriptionTakenOver)
	})
}

func TestSubscription_takeoverSettings(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{SubscribeTakeover: time.Second}})
	mustRegister(t, s, "c")
	mustSubscribe(t, s, "c", 0, weir.Latest()).Close()
	_, err := s.Subscribe(t.Context(), "c", 0, weir.Latest())
	assert.ErrorIs(t, err, weir.ErrSubscriptionActive, "the one before is closed, but the call was just now")
	clock.Advance(time.Second)
	mustSubscribe(t, s, "c", 0, weir.Latest())

	s = newStream(t, weir.Config{Limits: weir.Limits{SubscribeTakeover: -1}})
	mustRegister(t, s, "c")
	first := mustSubscribe(t, s, "c", 0, weir.Latest())
	mustSubscribe(t, s, "c", 0, weir.Latest())
	_, err = first.Next(t.Context())
	assert.ErrorIs(t, err, weir.ErrSubscriptionTakenOver)
}

func TestSubscription_livesFiveMinutes(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
	clock.Advance(5*time.Minute - time.Nanosecond)
	mustPut(t, s, "k", "a")
	ev := mustNext(t, sub)
	assert.Equal(t, []string{"a"}, dataOf(ev.Records))
	last := ev.Continue.Number()
	mustPut(t, s, "k", "b")
	assert.Len(t, s.Snapshot().Consumers[0].Shards, 1)
	clock.Advance(time.Nanosecond)
	assert.Empty(t, s.Snapshot().Consumers[0].Shards)
	for range 2 {
		_, err := sub.Next(t.Context())
		assert.Equal(t, io.EOF, err)
	}
	again := mustSubscribe(t, s, "c", 0, weir.AfterSequence(last))
	data, _ := drain(t, again)
	assert.Equal(t, []string{"b"}, data)
	_, err := sub.Next(t.Context())
	assert.Equal(t, io.EOF, err, "its life was over before it could be taken over")
}

func TestSubscription_waitingNextEndsWithItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		begin := time.Now()
		sub := mustSubscribe(t, s, "c", 0, weir.Latest())
		var at []time.Duration
		for ev, err := range sub.Events(t.Context()) {
			require.NoError(t, err)
			assert.Empty(t, ev.Records)
			at = append(at, time.Since(begin))
		}
		assert.Equal(t, 5*time.Minute, time.Since(begin))
		require.Len(t, at, 60, "one at once, then one every five seconds; at five minutes the end")
		for i, d := range at {
			assert.Equal(t, time.Duration(i)*5*time.Second, d)
		}
		_, err := sub.Next(t.Context())
		assert.Equal(t, io.EOF, err)
	})
}

// An idle event is due five seconds after the event before it, records or not.
func TestSubscription_idleEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		start := s.Shards()[0].StartingSequenceNumber
		sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
		assert.Equal(t, weir.Batch{Continue: weir.AfterSequence(start)}, mustNext(t, sub))
		time.Sleep(3 * time.Second)
		a := mustPut(t, s, "k", "a")
		assert.Len(t, mustNext(t, sub).Records, 1)
		began := time.Now()
		assert.Equal(t, weir.Batch{Continue: weir.AfterSequence(a.SequenceNumber)}, mustNext(t, sub))
		assert.Equal(t, 5*time.Second, time.Since(began))

		time.Sleep(20 * time.Second)
		began = time.Now()
		mustNext(t, sub)
		assert.Zero(t, time.Since(began), "one was due")
		mustNext(t, sub)
		assert.Equal(t, 5*time.Second, time.Since(began), "not four: what nobody asked for is not made up for")
	})
}

func TestSubscription_idleEventsLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{IdleEventInterval: -1}})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
		begin := time.Now()
		_, err := sub.Next(t.Context())
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, 5*time.Minute, time.Since(begin))
	})
}

func TestSubscription_everythingLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := weir.Unlimited()
		limits.IdleEventInterval = -1
		s := newStream(t, weir.Config{Limits: limits})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.TrimHorizon())
		ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
		defer cancel()
		_, err := sub.Next(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for range 20 {
			mustPut(t, s, "k", text(1<<20-1))
		}
		begin := time.Now()
		for range 20 {
			assert.Len(t, mustNext(t, sub).Records, 1, "events hold 1 MiB in any case")
		}
		assert.Zero(t, time.Since(begin))
	})
}

func TestSubscription_contextAndCloseEndNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "c")
		sub := mustSubscribe(t, s, "c", 0, weir.Latest())
		mustNext(t, sub)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sub.Next(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = sub.Next(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		ended := make(chan error, 1)
		go func() {
			_, err := sub.Next(t.Context())
			ended <- err
		}()
		time.Sleep(time.Second)
		sub.Close()
		assert.ErrorIs(t, <-ended, weir.ErrClosed)
		sub.Close()
		_, _, err = sub.TryNext()
		assert.ErrorIs(t, err, weir.ErrClosed)
	})
}

func TestSubscription_leavingTheLoopClosesIt(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.Latest())
	for range sub.Events(t.Context()) {
		break
	}
	assert.Empty(t, s.Snapshot().Consumers[0].Shards)
	for _, err := range sub.Events(t.Context()) {
		assert.ErrorIs(t, err, weir.ErrClosed)
	}
}

// An abandoned subscription ends by itself.
func TestSubscription_abandoned(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	mustRegister(t, s, "c")
	sub := mustSubscribe(t, s, "c", 0, weir.Latest())
	clock.Advance(time.Hour)
	mustSubscribe(t, s, "c", 0, weir.Latest())
	_, _, err := sub.TryNext()
	assert.Equal(t, io.EOF, err)
}
