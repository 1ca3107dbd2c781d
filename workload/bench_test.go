package workload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

func BenchmarkNext(b *testing.B) {
	zipf := workload.Keys{Count: 10_000, Zipf: 1}
	lognormal := workload.Sizes{Median: 300, Spread: 2}
	for _, bench := range []struct {
		name    string
		traffic workload.Traffic
	}{
		{"keys=uniform/sizes=fixed", workload.Traffic{}},
		{"keys=zipf/sizes=lognormal", workload.Traffic{Keys: zipf, Sizes: lognormal}},
		{"keys=zipf/sizes=lognormal/arrivals=poisson", workload.Traffic{Keys: zipf, Sizes: lognormal, Arrivals: workload.Poisson}},
		{"keys=unique/sizes=fixed", workload.Traffic{Keys: workload.Keys{Unique: true}}},
		{"keys=zipf/sizes=lognormal/rate=wave", workload.Traffic{Keys: zipf, Sizes: lognormal,
			Rate: workload.Rate{Wave: &workload.Wave{Low: 100, High: 2000}}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			if bench.traffic.Rate.Wave == nil {
				bench.traffic.Rate.Constant = 1000
			}
			g := newGenerator(b, workload.Workload{
				Duration: workload.Duration(workload.MaxDuration), Traffic: []workload.Traffic{bench.traffic},
			})
			b.ReportAllocs()
			var a workload.Arrival
			for b.Loop() {
				if !g.Next(&a) {
					b.Fatal("the workload ended")
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkNextLots(b *testing.B) {
	for _, arrivals := range []workload.Arrivals{workload.Even, workload.Poisson} {
		b.Run("ranges=8/arrivals="+string(arrivals), func(b *testing.B) {
			g := newGenerator(b, workload.Workload{
				Duration: workload.Duration(workload.MaxDuration),
				Traffic: []workload.Traffic{{
					Rate: workload.Rate{Constant: 5000}, Arrivals: arrivals, Keys: workload.Keys{Zipf: 1},
				}},
			})
			ranges := weir.EvenRanges(8)
			b.ReportAllocs()
			var lots []workload.Lot
			var more bool
			until := time.Duration(0)
			for b.Loop() {
				until += time.Second
				if lots, more = g.NextLots(lots[:0], until, ranges); !more {
					b.Fatal("the workload ended")
				}
			}
		})
	}
}

func newGenerator(tb testing.TB, w workload.Workload) *workload.Generator {
	g, err := workload.NewGenerator(w, nil)
	require.NoError(tb, err)
	tb.Cleanup(g.Close)
	return g
}
