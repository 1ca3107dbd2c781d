package leasetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

// faulty returns faults over a store that has the lease "a", and both of its
// faces.
func faulty(t *testing.T) (f *leasetest.Faults, s, below lease.Store) {
	m := new(lease.Memory)
	require.NoError(t, m.Create(t.Context(), lease.Lease{Key: "a", Owner: "me"}))
	f = leasetest.NewFaults(m, 1)
	return f, f.Store(), m
}

func holds(t *testing.T, s lease.Store, want ...lease.Lease) {
	t.Helper()
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, list)
}

func TestFaults_conform(t *testing.T) {
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		s := leasetest.NewFaults(new(lease.Memory), 1).Store()
		return func() lease.Store { return s }
	})
}

func TestFaults_conflict(t *testing.T) {
	f, s, below := faulty(t)
	f.Next(leasetest.Conflict)
	holds(t, s, lease.Lease{Key: "a", Owner: "me"})
	got, err := s.Update(t.Context(), lease.Lease{Key: "a", Owner: "me", State: []byte("x")})
	require.ErrorIs(t, err, lease.ErrConflict)
	touched := lease.Lease{Key: "a", Owner: "me", Counter: 1}
	require.Equal(t, touched, got)
	holds(t, below, touched)

	f.Next(leasetest.Conflict)
	require.ErrorIs(t, s.Delete(t.Context(), touched), lease.ErrConflict)
	touched.Counter = 2
	holds(t, below, touched)

	f.Other = func(l *lease.Lease) { l.Owner = "other" }
	f.Next(leasetest.Conflict, leasetest.Conflict)
	require.ErrorIs(t, s.Create(t.Context(), lease.Lease{Key: "b", Owner: "me"}), lease.ErrConflict)
	got, err = s.Update(t.Context(), touched)
	require.ErrorIs(t, err, lease.ErrConflict)
	require.Equal(t, lease.Lease{Key: "a", Owner: "other", Counter: 3}, got)
	holds(t, below, got, lease.Lease{Key: "b", Owner: "other"})
	require.Equal(t, map[leasetest.Fault]int{leasetest.Conflict: 4}, f.Counts())
}

func TestFaults_lostAnswer(t *testing.T) {
	f, s, below := faulty(t)
	f.Next(leasetest.Lost, leasetest.Lost, leasetest.Lost, leasetest.Lost)
	got, err := s.Update(t.Context(), lease.Lease{Key: "a", Owner: "you"})
	require.ErrorIs(t, err, leasetest.ErrLost)
	require.NotErrorIs(t, err, lease.ErrConflict)
	require.Zero(t, got)
	require.ErrorIs(t, s.Create(t.Context(), lease.Lease{Key: "b"}), leasetest.ErrLost)
	holds(t, below, lease.Lease{Key: "a", Owner: "you", Counter: 1}, lease.Lease{Key: "b"})
	require.ErrorIs(t, s.Delete(t.Context(), lease.Lease{Key: "b"}), leasetest.ErrLost)
	_, err = s.List(t.Context())
	require.ErrorIs(t, err, leasetest.ErrLost)
	holds(t, s, lease.Lease{Key: "a", Owner: "you", Counter: 1})
}

func TestFaults_throttled(t *testing.T) {
	f, s, below := faulty(t)
	f.Next(leasetest.Throttled, "", leasetest.Throttled)
	_, err := s.Update(t.Context(), lease.Lease{Key: "a"})
	require.ErrorIs(t, err, leasetest.ErrThrottled)
	holds(t, below, lease.Lease{Key: "a", Owner: "me"})
	holds(t, s, lease.Lease{Key: "a", Owner: "me"})
	require.ErrorIs(t, s.Delete(t.Context(), lease.Lease{Key: "a"}), leasetest.ErrThrottled)
	require.NoError(t, s.Delete(t.Context(), lease.Lease{Key: "a"}))
}

func TestFaults_delay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, below := faulty(t)
		f.By(leasetest.Chances{Delayed: 1, MaxDelay: time.Minute})
		begin, written := time.Now(), 0
		for n := range int64(20) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := s.Update(ctx, lease.Lease{Key: "a", Counter: int64(written)})
			cancel()
			list, _ := below.List(t.Context())
			if list[0].Counter > int64(written) {
				written++
			}
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.LessOrEqual(t, time.Since(begin), time.Duration(n+1)*time.Second)
		}
		assert.Greater(t, time.Since(begin), 10*time.Second, "most calls waited")
		assert.Greater(t, written, 3, "the answer waits at times")
		assert.Less(t, written, 17, "the call waits at times")
		assert.Equal(t, map[leasetest.Fault]int{leasetest.Delayed: 20}, f.Counts())
	})
}

func TestFaults_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s, below := faulty(t)
		f.Outage(time.Minute, false)
		for range 59 {
			_, err := s.Update(t.Context(), lease.Lease{Key: "a"})
			require.ErrorIs(t, err, leasetest.ErrDown)
			time.Sleep(time.Second)
		}
		holds(t, below, lease.Lease{Key: "a", Owner: "me"})
		time.Sleep(time.Second)
		_, err := s.Update(t.Context(), lease.Lease{Key: "a"})
		require.NoError(t, err)

		f.Outage(time.Minute, true)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err = s.List(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 20*time.Second, time.Since(begin))
		_, err = s.List(t.Context())
		require.ErrorIs(t, err, leasetest.ErrDown)
		require.Equal(t, time.Minute, time.Since(begin))
		holds(t, s, lease.Lease{Key: "a", Counter: 1})
	})
}

// What happens by chance is the same for the same seed, and as often as was
// asked for.
func TestFaults_chances(t *testing.T) {
	history := func(seed uint64) (h string, counts map[leasetest.Fault]int) {
		f := leasetest.NewFaults(new(lease.Memory), seed)
		s := f.Store()
		f.By(leasetest.Chances{Conflict: 0.2, Lost: 0.2, Throttled: 0.2})
		for i := range 1000 {
			err := s.Create(t.Context(), lease.Lease{Key: fmt.Sprint(i)})
			h += fmt.Sprint(errors.Is(err, leasetest.ErrLost), errors.Is(err, leasetest.ErrThrottled), errors.Is(err, lease.ErrConflict))
		}
		return h, f.Counts()
	}
	a, counts := history(1)
	b, _ := history(1)
	c, _ := history(2)
	require.Equal(t, a, b)
	require.NotEqual(t, a, c)
	for _, fault := range []leasetest.Fault{leasetest.Conflict, leasetest.Lost, leasetest.Throttled} {
		assert.InDelta(t, 200, counts[fault], 50, fault)
	}
}

func TestFaults_watchWhereTheStoreDoes(t *testing.T) {
	_, s, _ := faulty(t)
	assert.Implements(t, (*lease.Watcher)(nil), s)
	s = leasetest.NewFaults(struct{ lease.Store }{new(lease.Memory)}, 1).Store()
	assert.NotImplements(t, (*lease.Watcher)(nil), s)
}
