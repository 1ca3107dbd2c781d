package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

func newStream(t *testing.T, c weir.Config) *weir.Stream {
	t.Helper()
	c.Limits = weir.Unlimited()
	s, err := weir.NewStream("orders", c)
	require.NoError(t, err)
	return s
}

func put(t *testing.T, s *weir.Stream, n int) {
	t.Helper()
	for i := range n {
		_, err := s.PutRecord(t.Context(), "key", fmt.Append(nil, i))
		require.NoError(t, err)
	}
}

func newQueue(t *testing.T, s *weir.Stream, c queue.Config) *queue.Queue {
	t.Helper()
	q, err := queue.New(s, c)
	require.NoError(t, err)
	return q
}

func try(t *testing.T, q interface {
	TryReceive(context.Context, int) ([]queue.Delivery, error)
}, n int) []queue.Delivery {
	t.Helper()
	list, err := q.TryReceive(t.Context(), n)
	require.NoError(t, err)
	return list
}

func data(list []queue.Delivery) (texts []string) {
	for _, d := range list {
		texts = append(texts, string(d.Data))
	}
	return texts
}

func TestQueue_deliversAcknowledgesAndBringsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		put(t, s, 5)
		list := try(t, q, 3)
		require.Equal(t, []string{"0", "1", "2"}, data(list))
		errs, err := q.Acknowledge(t.Context(), list[0].Receipt)
		require.NoError(t, err)
		require.Nil(t, errs)
		require.Equal(t, []string{"3", "4"}, data(try(t, q, 10)))
		time.Sleep(30*time.Second - 1)
		require.Empty(t, try(t, q, 10))
		time.Sleep(time.Nanosecond)
		again := try(t, q, 10)
		require.Equal(t, []string{"1", "2", "3", "4"}, data(again))
		assert.Equal(t, 2, again[0].Receives)
		assert.Equal(t, list[1].FirstReceived, again[0].FirstReceived)
		assert.NotEqual(t, list[1].Receipt, again[0].Receipt)
		errs, err = q.Acknowledge(t.Context(), list[1].Receipt, again[1].Receipt, list[0].Receipt)
		require.NoError(t, err)
		require.ErrorIs(t, errs[0], queue.ErrStaleReceipt)
		require.NoError(t, errs[1])
		require.NoError(t, errs[2], "the same receipt twice")
	})
}

func TestQueue_waitsForARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		time.AfterFunc(time.Second, func() { put(t, s, 1) })
		began := time.Now()
		list, err := q.Receive(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, time.Second, time.Since(began))
		list, err = q.Receive(t.Context(), 10)
		require.NoError(t, err)
		assert.Equal(t, 31*time.Second, time.Since(began), "when it comes back")
		require.Len(t, list, 1)
		list, err = q.ReceiveWith(t.Context(), queue.Request{Wait: 9 * time.Second})
		require.NoError(t, err)
		require.Empty(t, list)
		assert.Equal(t, 40*time.Second, time.Since(began))
	})
}

func TestDeadLetters_afterTheMostReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 2}})
		put(t, s, 1)
		for range 2 {
			require.Len(t, try(t, q, 10), 1)
			time.Sleep(30 * time.Second)
		}
		require.Empty(t, try(t, q, 10))
		letters := try(t, q.DeadLetters(), 10)
		require.Len(t, letters, 1)
		assert.Equal(t, 3, letters[0].Receives)
		errs, err := q.Acknowledge(t.Context(), letters[0].Receipt)
		require.NoError(t, err)
		require.ErrorIs(t, errs[0], queue.ErrInvalidReceipt)
		errs, err = q.DeadLetters().Restore(t.Context(), letters[0].Receipt)
		require.NoError(t, err)
		require.Nil(t, errs)
		list := try(t, q, 10)
		require.Len(t, list, 1)
		assert.Equal(t, 1, list[0].Receives)
		text := q.Text(list[0].Receipt)
		r, err := q.ParseReceipt(text)
		require.NoError(t, err)
		require.Equal(t, list[0].Receipt, r)
	})
}
