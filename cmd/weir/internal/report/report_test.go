package report_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/clickstream"
	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// run runs n events through shards and returns the result and its page.
func run(t *testing.T, n, shards int) (*demo.Result, string) {
	t.Helper()
	r, err := demo.Run(t.Context(), demo.Config{
		Source: clickstream.New(1, n), Parse: input.ParseCombined, Shards: shards, Producers: 2, Limits: weir.Unlimited(),
	})
	require.NoError(t, err)
	r.Input = "made up"
	return r, write(t, r)
}

func write(t *testing.T, r *demo.Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.Write(&b, r))
	return b.String()
}

// asset matches whatever makes a browser fetch something.
var asset = regexp.MustCompile(`(?i)(src|href|srcset|data|action)\s*=\s*["']?\s*(https?:)?//|@import|url\(\s*["']?(https?:)?//|<link\b`)

func TestWrite_isSelfContained(t *testing.T) {
	_, page := run(t, 1000, 4)
	assert.Empty(t, asset.FindAllString(page, -1))
	assert.NotContains(t, page, "http://")
	assert.NotContains(t, page, "https://")
	assert.Contains(t, page, "Permission is hereby granted", "the licence of the library goes with it")
	assert.Contains(t, page, "prefers-color-scheme: dark")
}

func TestWrite_hasEachChart(t *testing.T) {
	_, page := run(t, 1000, 4)
	for _, id := range []string{"throughput", "throttles", "iterator-age", "key-skew", "minutes"} {
		assert.Contains(t, page, `<figure id="`+id+`">`)
		assert.Contains(t, page, `"id":"`+id+`"`)
	}
	for _, unit := range []string{"records per second", "refusals per second", "milliseconds", "seconds since the start", "% of all records"} {
		assert.Contains(t, page, unit)
	}
	for _, name := range []string{"shard 0", "shard 3", "2xx"} {
		assert.Contains(t, page, `"name":"`+name+`"`)
	}
}

func TestWrite_manyShardsShareALine(t *testing.T) {
	_, page := run(t, 1000, 40)
	assert.Contains(t, page, `"name":"32 others together"`)
}

func TestWrite_nothing(t *testing.T) {
	r, page := run(t, 0, 2)
	assert.Zero(t, r.RecordsIn)
	assert.NotContains(t, page, "NaN")
	assert.Contains(t, page, `"x":[]`)
}

func TestWrite_escapesWhatTheInputSays(t *testing.T) {
	r, _ := run(t, 100, 1)
	r.HotKeys[0].Key, r.TopPages[0].Page, r.Input = "<script>alert(1)</script>", "</script><b>", "<i>x"
	page := write(t, r)
	assert.NotContains(t, page, "alert(1)</script>")
	assert.NotContains(t, page, "</script><b>")
	assert.NotContains(t, page, "<i>x")
}

func TestWrite_saysWhenTheStreamBrokeItsPromise(t *testing.T) {
	r, _ := run(t, 100, 1)
	r.Complete, r.Lost, r.OrderViolations = false, 3, 2
	assert.Contains(t, write(t, r), "3 lost, 0 duplicated, 2 out of order")
}
