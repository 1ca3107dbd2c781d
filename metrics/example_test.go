package metrics_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// Counts of single seconds add up to those of any period.
func ExampleCounts() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s, err := weir.NewStream("orders", weir.Config{Now: func() time.Time { return now }})
	if err != nil {
		log.Fatal(err)
	}
	for range 90 {
		if _, err := s.PutRecord(context.Background(), "a", []byte("1 weir")); err != nil {
			log.Fatal(err)
		}
		now = now.Add(time.Second)
	}

	seconds, err := s.Seconds(now.Add(-time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	var minute metrics.Counts
	for _, second := range seconds {
		minute.Add(second.Counts)
	}
	fmt.Println(minute.IncomingRecords, "records,", minute.IncomingBytes, "bytes in the last minute")
	// Output: 60 records, 420 bytes in the last minute
}
