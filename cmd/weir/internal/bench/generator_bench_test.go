package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/workload"
)

// A sink is a target that does nothing with what it is given.
type sink struct {
	bench.Target
	results []weir.PutResult
}

func (sink) PutRecord(context.Context, string, []byte) (weir.Placed, error) {
	return weir.Placed{}, nil
}

func (s *sink) PutRecords(_ context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	return s.results[:len(entries)], nil
}

// fastest is n records of 100 bytes, put as fast as possible by one producer.
func fastest(n int64, batch int) workload.Workload {
	return workload.Workload{
		Records: n,
		Stream:  workload.Stream{Shards: 8},
		Traffic: []workload.Traffic{{
			Rate: workload.Rate{Max: true}, Sizes: workload.Sizes{Fixed: 100}, Keys: workload.Keys{Count: 4096},
		}},
		Producers: workload.Producers{Batch: batch},
	}
}

// engine returns a stream without limits that forgets all but the newest records.
func engine(tb testing.TB, shards int) bench.Target {
	tb.Helper()
	s, err := bench.OpenEmbedded(workload.Stream{Shards: shards, Limits: workload.Limits{None: true}}, 256<<20)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// perRecord returns how much processor time a run takes for 1,000 records.
func perRecord(tb testing.TB, w workload.Workload, target bench.Target) time.Duration {
	tb.Helper()
	res, err := bench.Run(tb.Context(), bench.Config{Workload: w, Target: target, Process: true})
	require.NoError(tb, err)
	require.EqualValues(tb, w.Records, res.Records)
	return time.Duration(1000 * res.Process.CPUPerRecord)
}

// What is compared is measured in turn, rounds times each, and quartiles are compared:
// what else runs on the machine only ever adds time.
const rounds = 11

func quartile(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/4]
}

// BenchmarkGenerator compares how many records the load generator can put to a target
// that does nothing with how many the engine takes: "x engine" has to be 5 at least,
// or the generator would be what is measured.
func BenchmarkGenerator(b *testing.B) {
	for _, batch := range []int{1, 500} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			for b.Loop() {
				var alone, engines []time.Duration
				w := fastest(2_000_000, batch)
				s := engine(b, 8)
				for range rounds {
					alone = append(alone, perRecord(b, w, &sink{results: make([]weir.PutResult, 500)}))
					engines = append(engines, perRecord(b, w, s))
				}
				b.ReportMetric(float64(quartile(engines))/float64(quartile(alone)), "x-engine")
				b.ReportMetric(float64(quartile(alone))/1000, "ns/record-alone")
				b.ReportMetric(float64(quartile(engines))/1000, "ns/record-engine")
			}
		})
	}
}

// BenchmarkMeasuring compares a producer of the bench with a loop that puts the same
// records and does nothing else: "measured/bare" is to be 1.05 at most.
func BenchmarkMeasuring(b *testing.B) {
	for _, batch := range []int{1, 500} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			for b.Loop() {
				var bare, measured []time.Duration
				w := fastest(2_000_000, batch)
				s := engine(b, 8)
				for range rounds {
					bare = append(bare, bareRecord(b, w, s))
					measured = append(measured, perRecord(b, w, s))
				}
				b.ReportMetric(float64(quartile(measured))/float64(quartile(bare)), "measured/bare")
				b.ReportMetric(float64(quartile(bare))/1000, "ns/record-bare")
			}
		})
	}
}

// bareRecord returns how much processor time 1,000 records take without the bench.
func bareRecord(b *testing.B, w workload.Workload, target bench.Target) time.Duration {
	b.Helper()
	took, err := bench.PutBare(b.Context(), target, w)
	require.NoError(b, err)
	return took * 1000 / time.Duration(w.Records)
}

// BenchmarkSchedule is the cost of a record of an open load: what making it, waiting
// for it, stamping it and measuring it takes, in calls of 500 to a target that does
// nothing. It is offered all at once, so that nothing waits.
func BenchmarkSchedule(b *testing.B) {
	for b.Loop() {
		w := workload.Workload{
			Duration: workload.Duration(time.Second), Records: 1_000_000,
			Traffic: []workload.Traffic{{
				Rate: workload.Rate{Burst: &workload.Burst{Records: 1_000_000}}, Sizes: workload.Sizes{Fixed: 100},
				Keys: workload.Keys{Count: 4096},
			}},
		}
		b.ReportMetric(float64(perRecord(b, w, &sink{results: make([]weir.PutResult, 500)}))/1000, "ns/record")
	}
}
