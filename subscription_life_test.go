package weir_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

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
		var active *weir.SubscriptionActiveError
		require.ErrorAs(t, err, &active)
		assert.Equal(t, &weir.SubscriptionActiveError{
			Consumer: "c", Stream: "test", Shard: 0, RetryAfter: 5*time.Second - age,
		}, active)
	}
	assert.EqualError(t, &weir.SubscriptionActiveError{Consumer: "c", Stream: "test", RetryAfter: time.Second},
		`shardId-000000000000 of stream test: another subscription of consumer "c" began just now, retry after 1s`)
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
