package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/queue"
)

// A queue of this process is shown as it is, and its dead letters are restored.
func TestWorkQueue(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := newStream(t, "orders", weir.Config{Now: func() time.Time { return now }})
	q, err := queue.New(s, queue.Config{Name: "mail", Now: func() time.Time { return now }, From: weir.TrimHorizon(), Settings: queue.Settings{Visibility: time.Second, MaxReceives: 1}})
	require.NoError(t, err)
	for i := range 250 {
		put(t, s, "k", strings.Repeat("x", 1+i%3))
	}
	for range 5 {
		_, err = q.TryReceive(t.Context(), 50)
		require.NoError(t, err)
	}
	now = now.Add(2 * time.Second)
	c := newClient(t, console.Config{Source: console.Streams(s), Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
		return []console.Queue{console.WorkQueue(q)}, nil
	}})
	assert.Contains(t, c.get("readers?name=orders"), `<strong class="bad">250</strong>`)
	assert.Contains(t, c.change("do", "restore", "queue", "mail", "name", "orders"), "Done: 250 dead letters of queue mail are records again")
	counts, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 250, counts.Visible)
	assert.Zero(t, counts.DeadVisible)
}
