package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// BenchmarkQueue receives and acknowledges records of 100 bytes with one
// worker, so many at a time.
func BenchmarkQueue(b *testing.B) {
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			s, err := weir.NewStream("s", weir.Config{Limits: weir.Unlimited()})
			require.NoError(b, err)
			q, err := queue.New(s, queue.Config{})
			require.NoError(b, err)
			ctx, data := context.Background(), make([]byte, 100)
			receipts := make([]queue.Receipt, 0, batch)
			b.ReportAllocs()
			left := 0
			for b.Loop() {
				if left == 0 {
					b.StopTimer()
					s.TrimToPositions()
					_, err := s.PutCopies(ctx, weir.Entry{PartitionKey: "key", Data: data}, 100_000)
					require.NoError(b, err)
					left = 100_000 / batch
					b.StartTimer()
				}
				left--
				list, err := q.Receive(ctx, batch)
				if err != nil || len(list) != batch {
					b.Fatal(len(list), err)
				}
				receipts = receipts[:0]
				for i := range list {
					receipts = append(receipts, list[i].Receipt)
				}
				if errs, err := q.Acknowledge(ctx, receipts...); err != nil || errs != nil {
					b.Fatal(errs, err)
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record")
		})
	}
}

// BenchmarkReceive receives and acknowledges ten records while so many others
// are in flight.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		b.Run(fmt.Sprint("inFlight=", n), func(b *testing.B) {
			s, err := weir.NewStream("s", weir.Config{Limits: weir.Unlimited()})
			require.NoError(b, err)
			q, err := queue.New(s, queue.Config{MaxInFlight: 10_000_000})
			require.NoError(b, err)
			ctx := context.Background()
			if n > 0 {
				_, err = s.PutCopies(ctx, weir.Entry{PartitionKey: "key", Data: make([]byte, 100)}, n)
				require.NoError(b, err)
			}
			for left := n; left > 0; {
				list, err := q.ReceiveWith(ctx, queue.Request{Max: 1000, Visibility: time.Hour})
				require.NoError(b, err)
				left -= len(list)
			}
			if n > 0 {
				b.ReportMetric(float64(q.MemoryOf())/float64(n), "B/record")
			}
			for b.Loop() {
				_, err := s.PutCopies(ctx, weir.Entry{PartitionKey: "key", Data: make([]byte, 100)}, 10)
				require.NoError(b, err)
				list, err := q.Receive(ctx, 10)
				require.NoError(b, err)
				require.Len(b, list, 10)
				for i := range list {
					require.NoError(b, list[i].Ack(ctx))
				}
			}
		})
	}
}
