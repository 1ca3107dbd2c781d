package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
)

func TestProgress_Lines(t *testing.T) {
	p := bench.Progress{
		Elapsed: 4*time.Second + 50*time.Millisecond, Length: 10 * time.Second, WarmUp: true,
		Count: bench.Count{Records: 4000}, Rate: 1000, ReadRate: 990, ThrottleRate: 2,
		Put:     bench.PointLatency{P50: time.Millisecond, P99: 2 * time.Millisecond, Max: 3 * time.Millisecond},
		Backlog: 12, Heap: 1 << 20, GCs: 1,
	}
	assert.Equal(t, []string{
		"run 2 of 3, 4.1s of 10s, warming up",
		"  put         1,000/s   p50 1ms   p99 2ms   max 3ms   4,000 so far",
		"  throttled   2/s   0 given up   0 failed",
		"  read        990/s   propagation p99 0s   age 0s   backlog 12",
		"  heap        1.0 MiB   1 garbage collection",
	}, p.Lines(1, 3))
	p = bench.Progress{Elapsed: time.Second, Drain: true}
	assert.Equal(t, "1s, reading what is left", p.Lines(0, 1)[0])
}
