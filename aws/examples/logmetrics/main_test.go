package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/window"
)

// The metrics are what counting all lines in a loop comes to.
func TestRun_countsByMinute(t *testing.T) {
	for seed := range uint64(5) {
		var out strings.Builder
		table := &window.Memory[seconds]{}
		require.NoError(t, run(t.Context(), &out, table, rand.New(rand.NewPCG(seed, 0))))

		naive := map[string]int{}
		list, requests := messages(rand.New(rand.NewPCG(seed, 0)))
		total := 0
		for _, m := range list {
			for _, e := range m.Events {
				if f := strings.Fields(e.Message); f[0] == "GET" {
					minute := e.Time.Truncate(time.Minute).Add(time.Minute)
					naive[fmt.Sprintf(`log_requests{log_stream=%q,status="%s"} %%d %d`, m.LogStream, f[2], minute.UnixMilli())]++
					total++
				}
			}
		}
		assert.EqualValues(t, requests, total)
		lines := 0
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "log_requests{") {
				lines++
			}
		}
		assert.Len(t, naive, lines)
		for line, n := range naive {
			assert.Contains(t, out.String(), fmt.Sprintf(line, n)+"\n")
		}
	}
}

// What is served is the text format, and Prometheus has nothing to say against
// it.
func TestWrite_isTheTextFormat(t *testing.T) {
	var out strings.Builder
	table := &window.Memory[seconds]{}
	require.NoError(t, run(t.Context(), &out, table, rand.New(rand.NewPCG(1, 0))))
	var minute strings.Builder
	write(&minute, table, begin.Add(3*time.Minute))
	assert.True(t, strings.HasSuffix(out.String(), minute.String()))
	assert.Equal(t, 18, strings.Count(minute.String(), "\nlog_request"))
	problems, err := promlint.New(strings.NewReader(minute.String())).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}
