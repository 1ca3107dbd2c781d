package demo_test

import (
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

// paged runs n events through shards and returns the result and its page.
func paged(t *testing.T, n, shards int) (*demo.Result, string) {
	t.Helper()
	r, err := demo.Run(t.Context(), demo.Config{
		Source: clickstream.New(1, n), Parse: input.ParseCombined, Shards: shards, Producers: 2, Limits: weir.Unlimited(),
	})
	require.NoError(t, err)
	r.Input = "made up"
	return r, written(t, r)
}

func written(t *testing.T, r *demo.Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.Write(&b, r.Page()))
	return b.String()
}

func TestResult_pageHasEachChart(t *testing.T) {
	r, page := paged(t, 1000, 4)
	var titles []string
	for _, c := range r.Page().Charts {
		titles = append(titles, c.Title)
		assert.NotEmpty(t, c.X, c.Title)
	}
	assert.Equal(t, []string{"Throughput per shard", "Throttles per second", "Iterator age", "Key skew", "Events per minute by status"}, titles)
	for _, unit := range []string{"records per second", "refusals per second", "iterator age", "seconds since the start", "% of all records"} {
		assert.Contains(t, page, unit)
	}
	for _, name := range []string{"shard 0", "shard 3", "2xx"} {
		assert.Contains(t, page, `"name":"`+name+`"`)
	}
}

func TestResult_pageOfManyShards(t *testing.T) {
	_, page := paged(t, 1000, 40)
	assert.Contains(t, page, `"name":"32 others together"`)
}

func TestResult_pageOfNothing(t *testing.T) {
	r, page := paged(t, 0, 2)
	assert.Zero(t, r.RecordsIn)
	assert.NotContains(t, page, "NaN%")
	assert.Contains(t, page, `"x":[]`)
	assert.Contains(t, page, "Nothing to show: no records went in.")
}

func TestResult_pageEscapesWhatTheInputSays(t *testing.T) {
	r, _ := paged(t, 100, 1)
	r.HotKeys[0].Key, r.TopPages[0].Page, r.Input = "<script>alert(1)</script>", "</script><b>", "<i>x"
	page := written(t, r)
	assert.NotContains(t, page, "alert(1)</script>")
	assert.NotContains(t, page, "</script><b>")
	assert.NotContains(t, page, "<i>x")
}

func TestResult_pageSaysWhenTheStreamBrokeItsPromise(t *testing.T) {
	r, _ := paged(t, 100, 1)
	r.Complete, r.Lost, r.OrderViolations = false, 3, 2
	assert.Contains(t, written(t, r), "3 lost, 0 duplicated, 2 out of order")
}
