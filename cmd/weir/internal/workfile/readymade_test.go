package workfile_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
	"github.com/weirstream/weir/workloads"
)

func TestNames_readyMade(t *testing.T) {
	assert.Equal(t, []string{
		"burst-within-a-minute", "clickstream", "cloudwatch-logs", "deliveries", "hot-key", "iot",
		"one-year-of-retention", "replay-after-a-bug", "resharding-day", "slow-consumer", "slow-jobs",
	}, workfile.Names())
}

func TestReadyMade_generate(t *testing.T) {
	for _, name := range workfile.Names() {
		t.Run(name, func(t *testing.T) {
			w, err := workfile.Load(name, nil)
			require.NoError(t, err)
			assert.Equal(t, name, w.Name)
			assert.NotEmpty(t, w.About)
			assert.NotEmpty(t, w.Consumers)
			w.Records = 5000
			g, err := workload.NewGenerator(w, nil)
			require.NoError(t, err)
			defer g.Close()
			var a workload.Arrival
			n, last := 0, a.At
			for g.Next(&a) {
				n++
				assert.GreaterOrEqual(t, a.At, last)
				last = a.At
			}
			require.NoError(t, g.Err())
			assert.Equal(t, 5000, n)
		})
	}
}

// Each says what it models, what it is for and what comes of it, before anything
// else.
func TestReadyMade_explainThemselves(t *testing.T) {
	for _, name := range workfile.Names() {
		text, err := fs.ReadFile(workloads.Files(), name+".yaml")
		require.NoError(t, err)
		before, _, ok := strings.Cut(string(text), "\nname: "+name+"\nabout: ")
		require.True(t, ok, name)
		assert.Contains(t, before, "\n# Question: ", name)
		assert.Contains(t, before, "\n# What one sees: ", name)
		for line := range strings.Lines(string(text)) {
			assert.LessOrEqual(t, len(line), 100, "%s: %s", name, line)
		}
	}
}

// The first half hour of each, of which every record is accounted for.
func TestReadyMade_simulate(t *testing.T) {
	for _, name := range workfile.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := workfile.Load(name, nil)
			require.NoError(t, err)
			const most = workload.Duration(30 * time.Minute)
			w.Duration = min(w.Duration, most)
			w.Traffic = slices.DeleteFunc(w.Traffic, func(x workload.Traffic) bool { return x.From >= most })
			w.Reshards = slices.DeleteFunc(w.Reshards, func(r workload.Reshard) bool { return r.At >= most })
			r, err := simulate.Run(t.Context(), simulate.Config{Workload: w, Step: time.Second})
			require.NoError(t, err)
			assert.Equal(t, time.Duration(w.Duration), r.Duration)
			assert.Positive(t, r.OfferedRecords)
			assert.Equal(t, r.OfferedRecords, r.AcceptedRecords+r.LostRecords+r.RefusedRecords+r.PendingRecords)
			assert.Empty(t, r.RefusedReshards)
		})
	}
}
