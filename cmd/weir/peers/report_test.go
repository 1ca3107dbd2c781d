package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// sample is a report of three rounds whose figures are worked out by hand.
func sample() *report {
	return &report{
		Time: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Go: "go1.26.8", OS: "linux", Arch: "amd64", Processors: 2,
		Size: 100, Keys: keys, KeyBytes: keyBytes, Live: 1_000_000,
		Groups: []*group{{Name: embedded, Rounds: 3, Peers: []*result{
			{Name: nameWeir, Note: "the base.", Values: map[measure][]float64{
				putNs: {200, 100, 300}, batchNs: {60, 50, 70}, readNs: {10, 10, 20}, wakeP50: {4, 4, 4}, processedNs: {40, 50, 30}, queuedNs: {200, 200, 100},
				durableNs: {10_000, 10_000, 10_000}, durableOneNs: {200_000, 100_000, 300_000}, durableBatchNs: {1000, 900, 1100}}},
			{Name: nameJetStream, Module: "example.com/js", Version: "v1.2.3", Note: "a server.", DiskNote: "every message.", Values: map[measure][]float64{
				putNs: {20_000, 20_000, 20_000}, batchNs: {1500, 1500, 1400}, readNs: {1000, 900, 2200}, processedNs: {4000, 1500, 900}, queuedNs: {6000, 4000, 1000},
				durableNs: {50_000, 50_000, 40_000}}},
			{Name: nameBbolt, DiskNote: "a tree.", Values: map[measure][]float64{durableNs: {12_000, 9000, 30_000}, durableOneNs: {300_000, 300_000, 300_000}}},
		}}},
	}
}

func TestReport_concludes(t *testing.T) {
	r := sample()
	r.conclude()
	weir, js := r.Groups[0].Peers[0], r.Groups[0].Peers[1]
	assert.Equal(t, map[measure]float64{putNs: 200, batchNs: 60, readNs: 10, wakeP50: 4, processedNs: 40, queuedNs: 200,
		durableNs: 10_000, durableOneNs: 200_000, durableBatchNs: 1000}, weir.Medians)
	assert.Empty(t, weir.Ratios)
	assert.Equal(t, map[measure]spread{
		putNs:   {Median: 100, Min: 20_000.0 / 300, Max: 200},
		batchNs: {Median: 25, Min: 20, Max: 30},
		readNs:  {Median: 100, Min: 90, Max: 110},

		processedNs: {Median: 30, Min: 30, Max: 100},
		queuedNs:    {Median: 20, Min: 10, Max: 30},

		durableNs: {Median: 5, Min: 4, Max: 5},
	}, js.Ratios)
	var met []bool
	for _, g := range r.Goals {
		met = append(met, g.Met, g.Beyond)
	}
	assert.Equal(t, []bool{true, false, true, true, true, false, true, true, true, false, true, false}, met,
		"goals 5, 6, 10, G4 and Q1, each exactly at its bound or its moonshot, and D5")
	assert.Equal(t, "bbolt, best on disk, 64 producers ÷ PutRecord, synced", r.Goals[4].Text)
	assert.Equal(t, 1.2, r.Goals[4].Ratio)
}

func TestReport_goalsAreAboutHundredBytes(t *testing.T) {
	r := sample()
	r.Size = 1024
	r.conclude()
	assert.Empty(t, r.Goals)
}

func TestReport_text(t *testing.T) {
	checkPrinted(t, formatText, "report.txt")
}

func TestReport_markdown(t *testing.T) {
	checkPrinted(t, formatMarkdown, "report.md")
}

func checkPrinted(t *testing.T, format, golden string) {
	r := sample()
	r.conclude()
	var out writes
	require.NoError(t, r.print(&out, format))
	golden = filepath.Join("testdata", golden)
	if *update {
		require.NoError(t, os.WriteFile(golden, out, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(out))
}

// What aws/peers writes is added as a group of its own, and its ratios follow from
// its values.
func TestReport_addsWhatWasMeasuredOverHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "http.json")
	text := `{"interrupted": true, "groups": [{"name": "over HTTP", "rounds": 2, "peers": [
		{"name": "weir serve", "note": "n", "values": {"put_ns": [10, 20]}},
		{"name": "kinesalite", "note": "n", "values": {"put_ns": [40, 60]}}]}]}`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	r := sample()
	require.NoError(t, r.addHTTP(file))
	r.conclude()
	require.Len(t, r.Groups, 2)
	assert.True(t, r.Interrupted)
	assert.Equal(t, map[measure]spread{putNs: {Median: 3.5, Min: 3, Max: 4}}, r.Groups[1].Peers[1].Ratios)

	var out writes
	require.NoError(t, r.print(&out, formatJSON))
	var again report
	require.NoError(t, json.Unmarshal(out, &again))
	assert.Equal(t, r.Groups, again.Groups)
}

func TestReport_refusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":  "| a | b |",
		"no peers": `{"groups": [{"name": "x", "peers": []}]}`,
		"null":     `{"groups": [null]}`,
		"no peer":  `{"groups": [{"name": "x", "peers": [null]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "http.json")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			assert.ErrorContains(t, sample().addHTTP(file), "http.json: ")
		})
	}
	assert.Error(t, sample().addHTTP(filepath.Join(t.TempDir(), "missing")))
}
