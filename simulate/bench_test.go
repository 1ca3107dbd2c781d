package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// BenchmarkRun simulates ten minutes of 1,000 records a second on 8 shards with one
// consumer that shares. A day is 144 times as much.
func BenchmarkRun(b *testing.B) {
	const lasts = 10 * time.Minute
	w := workload.Workload{
		Duration:  workload.Duration(lasts),
		Stream:    workload.Stream{Shards: 8},
		Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 1000}}},
		Consumers: []workload.Consumer{{}},
	}
	for _, c := range []struct {
		name string
		step time.Duration
	}{{"mode=records", 0}, {"mode=batched", 100 * time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var records int64
			for b.Loop() {
				r, err := simulate.Run(b.Context(), simulate.Config{Workload: w, Step: c.step})
				require.NoError(b, err)
				records += r.AcceptedRecords
			}
			b.ReportMetric(lasts.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "virtual-s/s")
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
