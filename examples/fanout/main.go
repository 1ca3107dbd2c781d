// Command fanout shows what the readers of one shard get of 1 MiB/s during a
// minute, on a clock of its own: shared readers divide 2 MiB/s and five calls a
// second and fall behind, registered consumers have 2 MiB/s each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"time"

	"github.com/weirstream/weir"
)

const second, steps, recordBytes = 8, 60 * 8, 1 << 17 // eight steps of one record are 1 MiB a second

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	fmt.Fprintln(w, "readers  shared                                  registered")
	for _, n := range []int{1, 2, 3, 5, 10} {
		m, err := simulate(ctx, n)
		if err != nil {
			return err
		}
		shared := m.Total.GetRecordsRecords
		fmt.Fprintf(w, "%7d  %s, %4d refused   %s\n", n, rates(shared, n), m.Total.ReadThrottled, rates(m.Total.OutgoingRecords-shared, n))
	}
	return nil
}

// simulate lets n readers of each kind read for a minute.
func simulate(ctx context.Context, n int) (m weir.Snapshot, err error) {
	now, random := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rand.New(rand.NewPCG(1, uint64(n)))
	s, err := weir.NewStream("clicks", weir.Config{Now: func() time.Time { return now }})
	if err != nil {
		return m, err
	}
	its, subs := make([]weir.Iterator, n), make([]*weir.Subscription, n)
	for i := range n {
		c, err1 := s.RegisterConsumer(ctx, fmt.Sprintf("consumer-%d", i))
		sub, err2 := s.Subscribe(ctx, c.Name, 0, weir.TrimHorizon())
		it, err3 := s.Iterator(ctx, 0, weir.TrimHorizon())
		if err := errors.Join(err1, err2, err3); err != nil {
			return m, err
		}
		its[i], subs[i] = it, sub
	}
	for range steps {
		if _, err := s.PutRecord(ctx, "key", make([]byte, recordBytes-len("key"))); err != nil {
			return m, err
		}
		for _, i := range random.Perm(n) {
			if random.IntN(second) == 0 { // each polls about once a second
				batch, err := s.GetRecords(ctx, its[i], 0)
				switch {
				case err == nil:
					its[i] = batch.Next
				case !errors.Is(err, weir.ErrThroughputExceeded): // else it polls again
					return m, err
				}
			}
			if _, _, err := subs[i].TryNext(); err != nil {
				return m, err
			}
		}
		now = now.Add(time.Second / second)
	}
	return s.Snapshot(), nil
}

// rates tells how much each of n readers got, and how far behind that is.
func rates(records int64, n int) string {
	each := float64(records) / float64(n)
	return fmt.Sprintf("%.2f MiB/s %4.1f s behind", each/steps, (steps-each)/second)
}
