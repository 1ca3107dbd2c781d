// Package everything has one of everything whose figures there are, at work, for
// tests.
package everything

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/producer"
	"github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/telemetry"
	"github.com/weirstream/weir/window"
)

// A System has one of everything, over one stream.
type System struct {
	Stream  *weir.Stream
	Figures *telemetry.Figures // of all of it
	Queue   *queue.Queue

	producer *producer.Producer
	handled  chan int // records, by the group
}

// New returns a system that runs until the test ends: a stream "orders" on disk
// with a registered consumer "billing", a reader "tail", a queue "jobs" and a
// producer "checkout", a group "audit", an event source "function", a delivery
// "lake" and windows "counts".
func New(t testing.TB) *System {
	stream, err := weir.Open(t.TempDir(), weir.Config{Name: "orders", Shards: 2, Sync: weir.SyncNever})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, stream.Close()) })
	s := &System{Stream: stream, Figures: telemetry.NewFigures(), handled: make(chan int, 1000)}
	s.groups(t)
	_, err = stream.RegisterConsumer(t.Context(), "billing")
	require.NoError(t, err)
	reader, err := stream.NewReader("tail", weir.TrimHorizon())
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	s.Queue, err = queue.New(stream, queue.Config{Name: "jobs"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Queue.Close()) })
	s.producer, err = producer.New(producer.Config{Stream: client.Embedded(stream)})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.producer.Close(context.Background())) })
	require.NoError(t, s.Figures.Add(telemetry.StreamByShard(stream), telemetry.Producer("checkout", s.producer), telemetry.Queue(s.Queue)))
	return s
}

// groups runs what reads as a group does.
func (s *System) groups(t testing.TB) {
	group := func(name string) consumer.Config {
		return consumer.Config{Name: name, Streams: []client.Stream{client.Embedded(s.Stream)}, Store: new(lease.Memory)}
	}
	c := group("audit")
	c.Handler = func(ctx context.Context, b *consumer.Batch) error {
		select {
		case s.handled <- len(b.Records):
		case <-ctx.Done():
		}
		return nil
	}
	g, err := consumer.New(c)
	require.NoError(t, err)
	trigger, err := eventsource.New(eventsource.Config{
		Settings: eventsource.Settings{StartingPosition: "TRIM_HORIZON"}, Group: group("function"),
		Function: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
	require.NoError(t, err)
	sink, err := delivery.NewDirectory(t.TempDir())
	require.NoError(t, err)
	d, err := delivery.New(delivery.Config{Sink: sink, Group: group("lake")})
	require.NoError(t, err)
	w, err := window.New(window.Config[*weir.Record, int64, int64]{
		Windows: window.Tumbling(time.Minute, window.Count[*weir.Record]()), Group: group("counts"),
		Handler: func(context.Context, []window.Result[int64]) error { return nil },
	})
	require.NoError(t, err)
	for _, run := range []func(context.Context) error{g.Run, trigger.Run, d.Run, w.Run} {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() {
			stop()
			assert.NoError(t, <-done)
		})
	}
	require.NoError(t, s.Figures.Add(telemetry.Group(g), telemetry.Trigger("function", trigger), telemetry.Delivery("lake", d), telemetry.Windows("counts", w)))
}

// Put puts n records, and returns when the group has processed them.
func (s *System) Put(t testing.TB, n int) {
	for i := range n {
		require.NoError(t, s.producer.PutAsync(t.Context(), weir.Entry{PartitionKey: fmt.Sprint(i), Data: []byte("data")}, nil))
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	for left := n; left > 0; {
		left -= <-s.handled
	}
}
