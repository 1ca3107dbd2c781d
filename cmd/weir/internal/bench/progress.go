package bench

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A Progress is how far a run is.
type Progress struct {
	Elapsed time.Duration
	Length  time.Duration // of the workload; zero if its traces tell
	WarmUp  bool          // it is not over yet
	Drain   bool          // all that was due has been put
	Count                 // so far
	// Rate, Read and Throttled are per second, of the last second or so; the
	// latencies are of it, too.
	Rate, ReadRate, ThrottleRate float64
	Put, Propagation             PointLatency
	Age                          time.Duration
	Backlog                      int64
	// DoneRate is what queues acknowledge in a second, Waiting what they have not.
	DoneRate float64
	Waiting  int64
	Heap     int64
	GCs      int64
}

// Lines says in a few lines how far the run is, number run, from 0, of so many.
func (p Progress) Lines(run, runs int) []string {
	phase := ""
	switch {
	case p.Drain:
		phase = ", reading what is left"
	case p.WarmUp:
		phase = ", warming up"
	}
	which := ""
	if runs > 1 {
		which = fmt.Sprintf("run %d of %d, ", run+1, runs)
	}
	length := ""
	if p.Length > 0 {
		length = " of " + figures.Duration(p.Length)
	}
	lines := []string{
		fmt.Sprintf("%s%s%s%s", which, figures.Duration(p.Elapsed.Round(100*time.Millisecond)), length, phase),
		fmt.Sprintf("  put         %s/s   p50 %s   p99 %s   max %s   %s so far", figures.Number(p.Rate), figures.Duration(p.Put.P50),
			figures.Duration(p.Put.P99), figures.Duration(p.Put.Max), figures.Comma(p.Count.Records)),
		fmt.Sprintf("  throttled   %s/s   %s given up   %s failed", figures.Number(p.ThrottleRate), figures.Comma(p.Count.GivenUp), figures.Comma(p.Count.Errors)),
	}
	if p.ReadRate > 0 || p.Backlog > 0 {
		lines = append(lines, fmt.Sprintf("  read        %s/s   propagation p99 %s   age %s   backlog %s", figures.Number(p.ReadRate),
			figures.Duration(p.Propagation.P99), figures.Duration(p.Age), figures.Comma(p.Backlog)))
	}
	if p.DoneRate > 0 || p.Waiting > 0 {
		lines = append(lines, fmt.Sprintf("  queues      %s/s acknowledged   %s waiting", figures.Number(p.DoneRate), figures.Comma(p.Waiting)))
	}
	if p.Heap > 0 {
		lines = append(lines, fmt.Sprintf("  heap        %s   %s", figures.Bytes(float64(p.Heap)), figures.Count(p.GCs, "garbage collection")))
	}
	return lines
}
