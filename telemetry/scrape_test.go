package telemetry_test

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/telemetry"
)

var goals = flag.Bool("goals", false, "judge what is measured; it wants the machine alone")

// scraping returns a registry of a stream of so many shards, all in use.
func scraping(tb testing.TB, shards int) *prometheus.Registry {
	s, err := weir.NewStream("orders", weir.Config{Shards: shards, Limits: weir.Unlimited()})
	require.NoError(tb, err)
	for i := range 100_000 {
		_, err := s.PutRecord(tb.Context(), fmt.Sprint(i), []byte("data"))
		require.NoError(tb, err)
	}
	f := telemetry.NewFigures()
	require.NoError(tb, f.Add(telemetry.StreamByShard(s)))
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.Collector())
	return registry
}

// A scrape of 1,000 shards takes 10 ms at most.
func TestScrape_isQuick(t *testing.T) {
	registry := scraping(t, 1000)
	const rounds, must, noise = 21, 10 * time.Millisecond, time.Millisecond
	var took []time.Duration
	for range rounds {
		begin := time.Now()
		list, err := registry.Gather()
		took = append(took, time.Since(begin))
		require.NoError(t, err)
		require.NotEmpty(t, list)
	}
	slices.Sort(took)
	t.Logf("a scrape of 1,000 shards: median %v, %v to %v; must %v", took[rounds/2], took[0], took[rounds-1], must)
	if *goals {
		assert.LessOrEqual(t, took[rounds/2], must+noise)
	}
}

func BenchmarkScrape(b *testing.B) {
	for _, shards := range []int{1, 1000} {
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) {
			registry := scraping(b, shards)
			for b.Loop() {
				list, err := registry.Gather()
				if err != nil {
					b.Fatal(err)
				}
				fmt.Fprint(io.Discard, len(list))
			}
		})
	}
}
