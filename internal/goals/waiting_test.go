package goals_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

// waitingGoals say that who waits for quota costs the same however many others
// do.
func waitingGoals() []goal {
	return []goal{{"waiting", "processor time of a put that waits for quota, 500 waiters ÷ 5", 1.5, 0, false, func(tb testing.TB) (s sample) {
		for range rounds {
			s.add(waitCost(tb, 500), waitCost(tb, 5))
		}
		return s
	}}}
}

// waitCost has so many goroutines put records into a shard whose quota is used
// up, and returns the processor time that a record takes in nanoseconds.
func waitCost(tb testing.TB, waiters int) float64 {
	const perSecond, records = 5000, 2500
	limits := weir.Unlimited()
	limits.WriteRecordsPerSecond = perSecond
	s := limitedStream(tb, weir.Config{Shards: 1, Limits: limits})
	ctx, data := context.Background(), make([]byte, 100)
	for range perSecond {
		if _, err := s.PutRecordWait(ctx, "k", data); err != nil {
			tb.Fatal(err)
		}
	}
	before := processorTime(tb)
	var wg sync.WaitGroup
	for range waiters {
		wg.Go(func() {
			for range records / waiters {
				if _, err := s.PutRecordWait(ctx, "k", data); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(processorTime(tb)-before) / float64(time.Nanosecond) / records
}
