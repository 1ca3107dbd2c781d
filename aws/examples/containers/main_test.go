package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `82 events, of which the rule takes 68

time    PROVISIONING        PENDING        RUNNING DEPROVISIONING        STOPPED
12:00               0              0              0              0              0
12:02               0              0              3              0              0
12:04               0              1              6              1              2
12:06               0              0              7              1              4
12:08               0              0              5              0              7
12:10               0              0              3              0              9
12:12               0              0              1              0             11
12:14               0              0              1              0             11

task      service        ran for
task-00   service:web    11s
task-01   service:worker 4m9s
task-02   service:web    3m58s
task-03   service:worker 3m5s
task-04   service:web    1m17s
task-05   service:worker 6m34s
task-06   service:web    4m57s
task-07   service:worker 2m6s
task-08   service:web    8m12s
task-09   service:worker 43s
task-10   service:web    5m31s
task-11   service:worker still runs
`

func TestRun_countsTasks(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, events(rand.New(rand.NewPCG(1, 0)))))
	assert.Equal(t, want, out.String())
}

// Whatever order the events come in, and how often, the counts are the same.
func TestRun_inAnyOrder(t *testing.T) {
	all := events(rand.New(rand.NewPCG(1, 0)))
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		again := append(slices.Clone(all), all[:random.IntN(len(all))]...)
		random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, again))
		_, counts, _ := strings.Cut(out.String(), "\n")
		_, expected, _ := strings.Cut(want, "\n")
		assert.Equal(t, expected, counts, seed)
	}
}

func TestRun_saysWhichEventIsNone(t *testing.T) {
	err := run(t.Context(), &strings.Builder{}, [][]byte{[]byte(`{"id":"1"}`)})
	assert.ErrorContains(t, err, "rule tasks: event 0 of 1")
}
