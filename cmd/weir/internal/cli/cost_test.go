package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// 500 records/s of 1,000 bytes and keys of 5 or 6 in a month of 730 hours are
// 1,314 million, each of one payload unit and one whole KiB: 1,314 × 0.014 =
// 18.396, and 1,253.1 GB × 0.08 = 100.25. One shard is enough: 730 × 0.015 =
// 10.95.
func TestCost(t *testing.T) {
	status, out, errs := weir(t, "", strings.Fields("cost --rate 500/s --size 1000B --keys 100 --duration 10m --consumers 1 --shards 0 --json")...)
	require.Zero(t, status, errs)
	var e struct {
		Cheapest    string
		ShardsGiven bool `json:"shards_given"`
		Month       struct{ Records, Shards float64 }
		Bills       []struct {
			Plan  string
			Items []struct {
				What   string
				Amount float64
			}
		}
		Prices struct{ Estimate bool }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &e))
	assert.Equal(t, "provisioned", e.Cheapest)
	assert.False(t, e.ShardsGiven)
	assert.True(t, e.Prices.Estimate)
	assert.InEpsilon(t, 1314e6, e.Month.Records, 1e-9)
	assert.EqualValues(t, 1, e.Month.Shards)
	amounts := make(map[string]float64)
	for _, b := range e.Bills {
		for _, item := range b.Items {
			amounts[b.Plan+": "+item.What] = item.Amount
		}
	}
	assert.InDelta(t, 10.95, amounts["provisioned: shards"], 0.001)
	assert.InDelta(t, 18.396, amounts["provisioned: payload units put"], 0.001)
	assert.InDelta(t, 29.20, amounts["on-demand: stream"], 0.001)
	assert.InDelta(t, 100.25, amounts["on-demand: data in, in whole KiB"], 0.01)
	assert.NotContains(t, amounts, "provisioned: extended retention")
}

func TestCost_givenShards(t *testing.T) {
	_, out, errs := weir(t, "", strings.Fields("cost --rate 500/s --duration 10m --shards 3")...)
	assert.Empty(t, errs)
	assert.Contains(t, out, "3 shards, as given")
	assert.Contains(t, out, "32.85") // 3 × 730 × 0.015
	assert.Contains(t, out, "no official prices")
}

func TestCost_aHotKeyIsSaid(t *testing.T) {
	_, out, errs := weir(t, "", strings.Fields("cost --rate 3000/s --hot big:0.5 --duration 1m")...)
	assert.Empty(t, errs)
	assert.Contains(t, out, `the busiest key alone, "big"`)
}

func TestCost_trace(t *testing.T) {
	status, out, errs := weir(t, "", "cost", "--input", writeFile(t, accessLog))
	require.Zero(t, status, errs)
	assert.Contains(t, out, "rejected 1 line")
}

func TestCost_pricesOfOnesOwn(t *testing.T) {
	_, text, _ := weir(t, "", "cost", "--print-prices")
	name := filepath.Join(t.TempDir(), "prices.yaml")
	text = strings.Replace(text, "shard_hour: 0.015", "shard_hour: 1.5", 1)
	text = strings.Replace(text, "estimate: true", "estimate: false", 1)
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	_, out, errs := weir(t, "", strings.Fields("cost --rate 500/s --duration 10m --shards 3 --prices "+name)...)
	assert.Empty(t, errs)
	assert.Contains(t, out, "3,285.00")
	assert.NotContains(t, out, "no official prices")
}

func TestCost_report(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	status, _, errs := weir(t, "", strings.Fields("cost iot --duration 2m --report "+name)...)
	require.Zero(t, status, errs)
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Contains(t, string(page), "Cost by rate")
	assert.Contains(t, string(page), "this workload")
}

// What needs no simulation is printed when there was no time for one.
func TestCost_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	status := cli.Run(ctx, strings.Fields("cost iot"), noEnv, strings.NewReader(""), &out, &errs)
	assert.Equal(t, 130, status)
	assert.Contains(t, out.String(), "INTERRUPTED")
	assert.Contains(t, out.String(), "stream-hours")
	assert.NotContains(t, out.String(), "provisioned")
}

func TestCost_badFlags(t *testing.T) {
	bad := writeFile(t, "provisioned: [")
	for line, want := range map[string]string{
		"iot --prices /nonexistent":        "--prices: open /nonexistent: no such file or directory",
		"iot --prices " + bad:              "--prices " + bad,
		"":                                 "which workload?",
		"--rate 0/s":                       "must be above 0",
		"iot --report /nonexistent/a.html": "--report: open /nonexistent/a.html",
		"iot --duration 1h --consumers -1": "--consumers",
		"iot --duration 1h extra":          "unexpected argument",
	} {
		status, out, errs := weir(t, "", append([]string{"cost"}, strings.Fields(line)...)...)
		assert.Equal(t, 1, status, line)
		assert.Empty(t, out, line)
		assert.Contains(t, errs, want, line)
	}
}
