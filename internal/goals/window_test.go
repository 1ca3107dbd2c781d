package goals_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// windowGoals say what windows cost beside a map.
func windowGoals() []goal {
	const backlog = 1_000_000
	count := func(expand func(weir.HashKeyRange, []weir.Record) ([]weir.Record, []uint64, error)) func(testing.TB) sample {
		return func(tb testing.TB) sample {
			s := keyedStream(tb, backlog, 1000)
			return ratios(windowWork(tb, s, backlog, expand), mapWork(tb, s, backlog))
		}
	}
	return []goal{
		{"W1", "tumbling count of 1,000 keys ÷ a map update in a loop over a Reader, a backlog", 2.5, 1.5, false, count(nil)},
		{"W1", "the same, records left whole", 2.5, 1.5, false, count(consumer.Raw)},
	}
}

// keyedStream returns a stream with n records of 100 bytes and so many keys in
// turn, that will have no more.
func keyedStream(tb testing.TB, n, keys int) *weir.Stream {
	s := newStream(tb, 1, weir.Config{})
	data := make([]byte, 100)
	entries := make([]weir.Entry, 0, 500)
	for i := range n {
		if entries = append(entries, weir.Entry{PartitionKey: fmt.Sprintf("key-%d", i%keys), Data: data}); len(entries) == cap(entries) || i == n-1 {
			if _, err := s.PutRecords(context.Background(), entries); err != nil {
				tb.Fatal(err)
			}
			entries = entries[:0]
		}
	}
	if err := s.EndWrites(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// windowWork counts all records of a stream by key in windows of a minute, each
// time with a new group; a unit is the whole of it.
func windowWork(tb testing.TB, s *weir.Stream, backlog int, expand func(weir.HashKeyRange, []weir.Record) ([]weir.Record, []uint64, error)) work {
	return func(n int) {
		for range n {
			ctx, stop := context.WithCancel(context.Background())
			left := int64(backlog)
			w, err := window.New(window.Config[*weir.Record, int64, int64]{
				Windows: window.Tumbling(time.Minute, window.Count[*weir.Record]()),
				Handler: func(_ context.Context, results []window.Result[int64]) error {
					for _, r := range results {
						if left -= r.Value; left == 0 {
							stop()
						}
					}
					return nil
				},
				Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory), Expand: expand},
			})
			if err != nil {
				tb.Fatal(err)
			}
			if err := w.Run(ctx); err != nil {
				tb.Error(err)
			}
			stop()
		}
	}
}

// mapWork counts the same in a map.
func mapWork(tb testing.TB, s *weir.Stream, backlog int) work {
	return func(n int) {
		for range n {
			r, err := s.NewReader("", weir.TrimHorizon())
			if err != nil {
				tb.Fatal(err)
			}
			counts, left := make(map[string]int64), backlog
			for left > 0 {
				b, err := r.Next(context.Background())
				if err != nil {
					tb.Fatal(err)
				}
				for i := range b.Records {
					counts[b.Records[i].PartitionKey]++
				}
				left -= len(b.Records)
			}
			r.Close()
			if len(counts) != 1000 {
				tb.Errorf("%d keys", len(counts))
			}
		}
	}
}
