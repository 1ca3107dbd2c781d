// Command ondemand shows an on-demand stream under a spike: what is asked of it,
// what it can take, and when it has caught up.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

const (
	recordBytes = 2 << 10
	shardBytes  = 64 << 10 // a sixteenth of the service's MiB/s, to be quick
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// demand is the KiB a second to be put in a minute: seven times as much for a time.
func demand(minute int) int {
	if minute < 3 || minute >= 16 {
		return 64
	}
	return 7 * 64
}

func run(ctx context.Context, w io.Writer) error {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	s, err := weir.NewStream("clicks", weir.Config{
		Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto},
		Limits:   weir.Limits{WriteBytesPerSecond: shardBytes}, Now: func() time.Time { return now },
	})
	if err != nil {
		return err
	}
	recovered := now
	fmt.Fprintln(w, "minute   capacity     demand      taken  throttled records")
	for minute := range 18 {
		capacity, before := s.Capacity().WriteBytesPerSecond, s.Snapshot().Total
		for range 60 {
			if err := second(ctx, s, demand(minute)); err != nil {
				return err
			}
			now = now.Add(time.Second)
		}
		total := s.Snapshot().Total
		throttled := total.WriteThrottled - before.WriteThrottled
		if throttled > 0 {
			recovered = now
		}
		fmt.Fprintf(w, "%6d  %s  %s  %s  %9d%s\n", minute, kib(capacity), kib(int64(demand(minute))<<10),
			kib((total.IncomingBytes-before.IncomingBytes)/60), throttled, bar(throttled/500))
	}
	fmt.Fprintln(w, "recovered at", recovered.Format(time.TimeOnly))
	fmt.Fprintln(w, s.Capacity())
	return nil
}

// second puts what is asked for in one second. What is throttled is lost here.
func second(ctx context.Context, s *weir.Stream, demand int) error {
	entries := slices.Repeat([]weir.Entry{{Data: zeros[:]}}, demand<<10/recordBytes)
	results, err := s.PutRecords(ctx, entries)
	for _, r := range results {
		if r.Err != nil && !errors.Is(r.Err, weir.ErrThroughputExceeded) {
			return r.Err
		}
	}
	return err
}

var zeros [recordBytes]byte

func kib(n int64) string { return fmt.Sprintf("%3d KiB/s", n>>10) }

func bar(n int64) string { return strings.TrimRight(" "+strings.Repeat("#", int(n)), " ") }
