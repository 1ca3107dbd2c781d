package weir_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func mustFollow(t testing.TB, s *weir.Stream, consumer string, from weir.Position) *weir.Follower {
	t.Helper()
	f, err := s.Follow(consumer, from)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

// follow returns the data of what a follower can give now.
func follow(t testing.TB, f *weir.Follower) []string {
	t.Helper()
	data := []string{}
	for {
		ev, ok, err := f.TryNext()
		require.NoError(t, err)
		if !ok {
			return data
		}
		data = append(data, dataOf(ev.Records)...)
	}
}

func TestFollower_refusesWhatItCannotRead(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	_, err := s.Follow("nobody", weir.TrimHorizon())
	assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
	mustRegister(t, s, "c")
	for _, from := range []weir.Position{
		weir.AtSequence(s.Shards()[0].StartingSequenceNumber), weir.AtTime(epoch.Add(time.Hour)),
	} {
		_, err = s.Follow("c", from)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	_, err = s.FollowShard("c", 7, weir.Latest())
	assert.ErrorIs(t, err, weir.ErrShardNotFound)
	_, err = s.ResumeFollow("c", nil)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestFollower_outlivesFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 3, Limits: weir.Limits{WriteRecordsPerSecond: -1}})
		mustRegister(t, s, "c")
		f := mustFollow(t, s, "c", weir.Latest())
		ctx, cancel := context.WithTimeout(t.Context(), 58*time.Minute)
		defer cancel()
		var put sync.WaitGroup
		put.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := s.PutRecord(t.Context(), fmt.Sprint(i%50), []byte(strconv.Itoa(i)))
				assert.NoError(t, err)
				time.Sleep(997 * time.Millisecond)
			}
		})
		got := make(map[string]int)
		for ev, err := range f.Events(ctx) {
			if err != nil {
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				break
			}
			for _, r := range ev.Records {
				got[string(r.Data)]++
			}
		}
		put.Wait()
		assert.GreaterOrEqual(t, len(got), 58*60)
		for data, n := range got {
			assert.Equal(t, 1, n, data)
		}
		m := s.Snapshot()
		assert.Equal(t, m.Total.IncomingRecords, int64(len(got)))
		assert.Equal(t, int64(3*12), m.Consumers[0].Total.SubscribeSuccess)
		assert.Zero(t, m.Consumers[0].Total.SubscribeRateExceeded)
		assert.Empty(t, m.Consumers[0].Shards, "leaving the loop closes the follower")
	})
}

// Children begin when the last of their parents has ended.
func TestFollower_childrenAfterParents(t *testing.T) {
	for _, whole := range []bool{true, false} {
		s, clock := clocked(t, weir.Config{Limits: weir.Limits{SubscriptionBytesPerSecond: 10, IdleEventInterval: -1}})
		mustRegister(t, s, "c")
		mustPut(t, s, "k", "0")
		lower, err := s.SplitShard(0, weir.HashKey{Hi: 1 << 63})
		require.NoError(t, err)
		for i, shard := range lower {
			for range 3 - i { // the lower one has more to read, and takes longer
				_, err := s.Put(t.Context(), weir.Entry{
					PartitionKey: "k", Data: []byte(fmt.Sprintf("1%s-------", string("ab"[i]))), ExplicitHashKey: &weir.HashKey{Hi: uint64(i) << 63},
				})
				require.NoError(t, err)
			}
			assert.Equal(t, weir.ShardID(i+1), shard)
		}
		_, err = s.MergeShards(lower[0], lower[1])
		require.NoError(t, err)
		mustPut(t, s, "k", "2")

		f := mustFollow(t, s, "c", weir.TrimHorizon())
		if !whole {
			f.Close()
			clock.Advance(5 * time.Second)
			f, err = s.FollowShard("c", 0, weir.TrimHorizon())
			require.NoError(t, err)
		}
		var got []string
		for range 10 {
			got = append(got, follow(t, f)...)
			clock.Advance(time.Second)
		}
		assert.Equal(t, []string{"0", "1a-------", "1b-------", "1a-------", "1b-------", "1a-------", "2"}, got)
		assert.LessOrEqual(t, weir.ShardsRemembered(f), 1)
		f.Close()
	}
}

// The follower of a shard whose sibling it does not read begins their child all
// the same.
func TestFollower_shardWithoutItsSibling(t *testing.T) {
	s, _ := clocked(t, weir.Config{Shards: 2})
	mustRegister(t, s, "c")
	f, err := s.FollowShard("c", 1, weir.Latest())
	require.NoError(t, err)
	defer f.Close()
	_, err = s.MergeShards(0, 1)
	require.NoError(t, err)
	mustPut(t, s, "k", "a")
	assert.Equal(t, []string{"a"}, follow(t, f))
}

// Where the consumer just subscribed, the follower waits its five seconds, then
// takes over from the position of the call.
func TestFollower_waitsToTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 1})
		mustRegister(t, s, "c")
		old := mustSubscribe(t, s, "c", 0, weir.Latest())
		mustNext(t, old)
		time.Sleep(time.Second)
		begin := time.Now()
		f := mustFollow(t, s, "c", weir.Latest())
		mustPut(t, s, "k", "a")
		ev, err := f.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, dataOf(ev.Records))
		assert.Equal(t, 4*time.Second, time.Since(begin))
		_, err = old.Next(t.Context())
		assert.ErrorIs(t, err, weir.ErrSubscriptionTakenOver)
		assert.Equal(t, int64(1), s.Snapshot().Consumers[0].Total.SubscribeRateExceeded)
	})
}

func TestFollower_endsWhenTakenOverClosedOrDeregistered(t *testing.T) {
	for want, end := range map[error]func(s *weir.Stream, f *weir.Follower) error{
		weir.ErrSubscriptionClosed: func(_ *weir.Stream, f *weir.Follower) error { f.Close(); return nil },
		weir.ErrConsumerNotFound: func(s *weir.Stream, _ *weir.Follower) error {
			return s.DeregisterConsumer("c")
		},
		weir.ErrSubscriptionTakenOver: func(s *weir.Stream, _ *weir.Follower) error {
			_, err := s.Subscribe(context.Background(), "c", 1, weir.Latest())
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStream(t, weir.Config{Shards: 3, Limits: weir.Limits{IdleEventInterval: -1}})
			mustRegister(t, s, "c")
			f := mustFollow(t, s, "c", weir.Latest())
			ended := make(chan error, 1)
			go func() {
				_, err := f.Next(t.Context())
				ended <- err
			}()
			time.Sleep(6 * time.Second)
			require.NoError(t, end(s, f))
			assert.ErrorIs(t, <-ended, want)
			_, err := f.Next(t.Context())
			assert.ErrorIs(t, err, want, "for good")
		})
	}
}

// A lifetime shorter than the time to take over makes a follower wait between two
// subscriptions, and loses nothing.
func TestFollower_shortLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2, Limits: weir.Limits{
			SubscriptionLifetime: time.Second, SubscribeTakeover: 3 * time.Second,
		}})
		mustRegister(t, s, "c")
		f := mustFollow(t, s, "c", weir.TrimHorizon())
		begin := time.Now()
		for i := range 20 {
			mustPut(t, s, fmt.Sprint(i), strconv.Itoa(i))
			for {
				ev, err := f.Next(t.Context())
				require.NoError(t, err)
				if len(ev.Records) > 0 {
					assert.Equal(t, []string{strconv.Itoa(i)}, dataOf(ev.Records))
					break
				}
			}
			time.Sleep(1100 * time.Millisecond)
		}
		assert.Less(t, time.Since(begin), 2*time.Minute)
	})
}

// A follower resumes from the positions of another one, whatever was resharded
// meanwhile.
func TestFollower_resumes(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2, Limits: weir.Limits{SubscriptionBytesPerSecond: 20, IdleEventInterval: -1}})
	mustRegister(t, s, "c")
	var want []string
	put := func() {
		for range 10 {
			data := strconv.Itoa(len(want))
			want = append(want, data)
			mustPut(t, s, "key", data)
		}
	}
	put()
	child, err := s.MergeShards(0, 1)
	require.NoError(t, err)
	put()
	_, err = s.SplitShard(child, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	put()
	var got []string
	f := mustFollow(t, s, "c", weir.TrimHorizon())
	for range 60 {
		ev, ok, err := f.TryNext()
		require.NoError(t, err)
		if ok {
			got = append(got, dataOf(ev.Records)...)
		}
		text := f.Positions().String()
		f.Close()
		clock.Advance(5 * time.Second)
		positions, err := weir.ParsePositions(text)
		require.NoError(t, err)
		f, err = s.ResumeFollow("c", positions)
		require.NoError(t, err)
	}
	assert.Equal(t, want, got)
}

// A follower that stood still for longer than retention goes on with what is
// left, and begins nothing twice.
func TestFollower_standsStillBeyondRetention(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	mustRegister(t, s, "c")
	f := mustFollow(t, s, "c", weir.TrimHorizon())
	_, ok, err := f.TryNext()
	require.NoError(t, err)
	require.True(t, ok, "shard 1 is the next to be looked at, before its nephew's other parent is begun")
	mustPut(t, s, "k", "gone")
	for range 3 {
		open := openShards(t, s)
		children, err := s.SplitShard(open[0].ID, weir.HashKey{Hi: open[0].HashKeyRange.End.Hi / 2})
		require.NoError(t, err)
		_, err = s.MergeShards(children[1], open[1].ID)
		require.NoError(t, err)
		clock.Advance(25 * time.Hour)
		s.Trim()
	}
	last := mustPut(t, s, "k", "last")
	assert.Equal(t, []string{"last"}, follow(t, f))
	assert.Contains(t, s.Snapshot().Consumers[0].Shards, last.ShardID)
	assert.Len(t, s.Snapshot().Consumers[0].Shards, len(openShards(t, s)))
}
