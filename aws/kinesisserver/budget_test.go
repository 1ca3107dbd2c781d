package kinesisserver

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A closingConn notes that it was closed.
type closingConn struct {
	net.Conn
	closed bool
}

func (c *closingConn) Close() error { c.closed = true; return nil }

// Only who has stalled for long enough is cut off, and only when somebody finds
// no room.
func TestBudget_cutsTheStalled(t *testing.T) {
	var b budget
	b.init(100_000)
	now := time.Now()
	var conns [4]closingConn
	var flights [4]flight
	for i, since := range []time.Duration{-1, 0, b.stall - time.Second, b.stall + time.Second} {
		require.True(t, b.begin(&flights[i], withConn(t.Context(), &conns[i])))
		if since >= 0 {
			flights[i].waits.Store(now.Add(-since).UnixNano())
		}
	}
	closed := func() (list []bool) {
		for i := range conns {
			list = append(list, conns[i].closed)
		}
		return list
	}
	require.True(t, b.take(&b.large, 60_000))
	assert.Equal(t, []bool{false, false, false, false}, closed(), "there is room")
	assert.False(t, b.take(&b.large, 60_000))
	assert.Equal(t, []bool{false, false, false, true}, closed())
	for i := range flights {
		b.end(&flights[i])
		b.end(&flights[i]) // once
	}
	assert.Zero(t, b.small.held.Load())
	for i := range b.parties {
		assert.Nil(t, b.parties[i].one)
	}
}

// Sixty connections that had 250 streams each with nothing but an announced body
// took the room of all small requests, and everybody else was refused for the
// five seconds that they may stall.
func TestBudget_firstOfAConnectionFindsRoom(t *testing.T) {
	const most = 4
	var b budget
	b.init(most * requestBytes)
	many, one := withConn(t.Context(), new(closingConn)), withConn(t.Context(), new(closingConn))
	var flights [most]flight
	for i := range flights {
		require.True(t, b.begin(&flights[i], many))
	}
	var next, polite, second flight
	assert.False(t, b.begin(&next, many))
	require.True(t, b.begin(&polite, one))
	x := exchange{server: &Server{}, flight: flight{first: true}}
	assert.True(t, x.holdSmall(), "its body and its answer likewise")
	assert.False(t, b.begin(&second, one))
	b.end(&polite)
	require.True(t, b.begin(&polite, one), "one that was refused is not under way")
	b.end(&polite)
	for i := range flights {
		b.end(&flights[i])
	}
	assert.Zero(t, b.small.held.Load())
}

// Who waits for room gets it when it is given back, and no earlier.
func TestBudget_waits(t *testing.T) {
	var b budget
	b.init(1000 + requestBytes)
	var f, g flight
	require.True(t, b.begin(&f, t.Context()))
	require.NoError(t, b.wait(t.Context(), &f, &b.large, 8<<20), "more than there is")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, b.wait(ctx, &g, &b.large, 1), context.Canceled)
	done := make(chan error)
	go func() { done <- b.wait(t.Context(), &g, &b.large, 500) }()
	b.end(&f)
	require.NoError(t, <-done)
	assert.EqualValues(t, 500, b.large.held.Load())
	b.give(&g, 500, 0)
	assert.Zero(t, b.large.held.Load())
}

// A small answer that was made out in a buffer of a large one gives that back:
// its client may never read it.
func TestExchange_smallAnswerKeepsNoLargeBuffer(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	for _, n := range []int{10, maxFirstBytes, maxFirstBytes + 1} {
		pooled := make([]byte, 0, 1<<20)
		x := &exchange{server: s, pooled: &pooled, out: pooled}
		x.out = append(x.out, make([]byte, n)...)
		require.True(t, x.holdOut())
		assert.Len(t, x.out, n)
		if n <= maxFirstBytes {
			assert.LessOrEqual(t, cap(x.out), 2*maxFirstBytes)
			assert.Less(t, x.flight.large, int64(maxFirstBytes))
		} else {
			assert.EqualValues(t, 1<<20-maxFirstBytes, x.flight.large, "all its room counts")
		}
	}
}
