// Command hiddenburst shows a stream that looks half idle by the minute and yet
// throttles: its producer puts everything in a few seconds.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run puts 400 records a second for most of a minute, and 2,400 in every twelfth
// second, to a shard that takes 1,000.
func run(ctx context.Context, w io.Writer) error {
	begin := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	now := begin
	s, err := weir.NewStream("orders", weir.Config{Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	for second := range 60 {
		records := 400
		if second%12 == 6 {
			records = 2400
		}
		if err := put(ctx, s, records); err != nil {
			return err
		}
		now = begin.Add(time.Duration(second+1) * time.Second)
	}
	return report(w, s, begin)
}

// put puts records in batches as large as they may be.
func put(ctx context.Context, s *weir.Stream, records int) error {
	for ; records > 0; records -= weir.ServiceLimits().BatchRecords {
		entries := make([]weir.Entry, min(records, weir.ServiceLimits().BatchRecords))
		for i := range entries {
			entries[i] = weir.Entry{PartitionKey: fmt.Sprint("order-", i), Data: []byte("1 weir")}
		}
		results, err := s.PutRecords(ctx, entries)
		if err != nil {
			return err
		}
		for _, r := range results { // what is throttled is lost here
			if r.Err != nil && !errors.Is(r.Err, weir.ErrThroughputExceeded) {
				return r.Err
			}
		}
	}
	return nil
}

func report(w io.Writer, s *weir.Stream, begin time.Time) error {
	snap := s.Snapshot()
	limit := snap.Capacity.WriteRecordsPerSecond
	fmt.Fprintf(w, "by the minute: %d records/s taken of %d/s, and yet %d throttled\n",
		snap.Total.IncomingRecords/60, limit, snap.Total.WriteThrottled)
	peak := snap.Shards[0].Peaks.WriteThrottled
	fmt.Fprintf(w, "worst second: %s with %d throttled\n\n", peak.At.Format(time.TimeOnly), peak.N)
	fmt.Fprintln(w, "by the second, # is 100 records taken, x is 100 throttled:")
	seconds, err := s.Seconds(begin)
	if err != nil {
		return err
	}
	for _, second := range seconds[:14] {
		fmt.Fprintf(w, "%s  %s%s\n", second.At.Format(time.TimeOnly),
			strings.Repeat("#", int(second.IncomingRecords/100)), strings.Repeat("x", int(second.WriteThrottled/100)))
	}
	return nil
}
