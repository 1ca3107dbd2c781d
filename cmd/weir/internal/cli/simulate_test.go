package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// simulated runs weir simulate, which must succeed, and returns its JSON
// object.
func simulated(t *testing.T, stdin string, args ...string) map[string]any {
	t.Helper()
	status, out, errs := weir(t, stdin, append([]string{"simulate", "--json"}, args...)...)
	require.Zero(t, status, errs)
	assert.Empty(t, errs, "no progress when piped")
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &o))
	return o
}

// One shard holds a second's worth of its limit of 1,000 records a second, so
// of 1,500/s for a minute it takes 61,000 or, because the last of them come
// just before the minute is over, one less.
func TestSimulate_overTheLimit(t *testing.T) {
	r := simulated(t, "", "--rate", "1500/s", "--duration", "1m", "--shards", "1", "--keys", "100")["result"].(map[string]any)
	assert.EqualValues(t, 90000, r["offered_records"])
	assert.InDelta(t, 61000, r["accepted_records"], 1)
	assert.InDelta(t, 29000, r["throttled_records"], 1)
	assert.Equal(t, r["throttled_records"], r["lost_records"])
}

func TestSimulate_sameSeedSameOutput(t *testing.T) {
	line := strings.Fields("simulate hot-key --duration 10s --seed 7 --json --sweep shards=1..3 --fit 1")
	status, first, errs := weir(t, "", line...)
	require.Zero(t, status, errs)
	_, second, _ := weir(t, "", line...)
	assert.Equal(t, first, second)
	other := strings.Fields("simulate hot-key --duration 10s --seed 8 --json --sweep shards=1..3 --fit 1")
	_, third, _ := weir(t, "", other...)
	assert.NotEqual(t, first, third)
}

func TestSimulate_sweepAndFit(t *testing.T) {
	o := simulated(t, "", strings.Fields("--rate 2500/s --duration 30s --unique-keys --sweep shards=2..6/2 --fit 0")...)
	var tried []float64
	for _, try := range o["sweep"].([]any) {
		tried = append(tried, try.(map[string]any)["shards"].(float64))
	}
	assert.Equal(t, []float64{2, 4, 6}, tried)
	fit := o["fit"].(map[string]any)
	assert.Equal(t, false, fit["impossible"])
	assert.InDelta(t, 3, fit["shards"], 1, "2,500/s need three shards, or one more where they fall unevenly")
}

func TestSimulate_trace(t *testing.T) {
	o := simulated(t, "", "--input", writeFile(t, accessLog), "--speed", "10")
	r := o["result"].(map[string]any)
	assert.EqualValues(t, 4, r["offered_records"])
	assert.EqualValues(t, 4, r["accepted_records"])
	assert.Contains(t, o["rejections"], "rejected 1 line")
	assert.Equal(t, "192.0.2.1", r["hottest_key"].(map[string]any)["key"])
}

// Each second has a row of the stream, of each shard and of each consumer, and
// the columns of the shards add up to the stream's.
func TestSimulate_csv(t *testing.T) {
	name := filepath.Join(t.TempDir(), "seconds.csv")
	simulated(t, "", "--rate", "100/s", "--duration", "5s", "--shards", "2", "--consumers", "1", "--csv", name)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err, "every row has the same columns")
	require.Len(t, rows, 1+5*(1+2+1))
	kinds := make(map[string]int)
	offered := make(map[string]int)
	for _, row := range rows[1:] {
		kinds[row[1]]++
		offered[row[1]] += atoi(t, row[3])
	}
	assert.Equal(t, map[string]int{"stream": 5, "shard": 10, "consumer": 5}, kinds)
	assert.Equal(t, 500, offered["stream"])
	assert.Equal(t, 500, offered["shard"])
}

// A queue has rows too: what it received, and what is where.
func TestSimulate_csvOfQueues(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(work, []byte("duration: 60s\ntraffic: [{rate: 20/s}]\nqueues: [{name: jobs, workers: 10, batch: 1, per_record: 1s}]\n"), 0o600))
	name := filepath.Join(dir, "seconds.csv")
	simulated(t, "", work, "--csv", name)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err, "every row has the same columns")
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	var received, acknowledged int
	var last []string
	for _, row := range rows[1:] {
		if row[1] == "queue" {
			assert.Equal(t, "jobs", row[2])
			received += atoi(t, row[column["read_records"]])
			acknowledged += atoi(t, row[column["processed_records"]])
			last = row
		}
	}
	is := func(name string) int { return atoi(t, last[column[name]]) }
	assert.Equal(t, 59, is("second"))
	assert.InDelta(t, 600, received, 20, "ten workers, a record a second each")
	assert.InDelta(t, 590, acknowledged, 20)
	assert.Equal(t, received-acknowledged, is("in_flight_records"))
	assert.Equal(t, 1200, received+is("lag_records"))
	assert.InDelta(t, 10_000, is("busy_ms"), 1)
	assert.InDelta(t, 30_000, is("max_wait_ms"), 1500)
	assert.InDelta(t, is("max_wait_ms"), is("max_done_ms"), 1500)
	assert.Zero(t, is("redelivered_records")+is("late_records")+is("dead_records")+is("lost_records"))
	assert.Empty(t, last[column["offered_records"]]+last[column["read_throttled"]]+last[column["age_ms"]])
}

func TestSimulate_report(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	status, out, errs := weir(t, "", strings.Fields("simulate --rate 1200/s --shards 1 --duration 1m --consumers 1 --sweep shards=1..2 --report "+name)...)
	require.Zero(t, status, errs)
	assert.Contains(t, out, "Of the numbers that were tried 2 shards is the smallest")
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	for _, title := range []string{"Records", "Throttled records by shard", "Bytes", "Iterator age", "Backlog", "Stored", "By number of shards"} {
		assert.Contains(t, string(page), title)
	}
	assert.NotContains(t, string(page), "src=\"http")
}

func TestSimulate_badFlags(t *testing.T) {
	trace := writeFile(t, accessLog)
	for line, want := range map[string]string{
		"clickstream --sweep shard=1..3":                    `must begin with shards=`,
		"clickstream --sweep shards=0..3":                   `"0..3" is no number or range of 1 to 10000`,
		"clickstream --sweep shards=5..3":                   `"5..3" is no number or range`,
		"clickstream --sweep shards=1..3/0":                 `"1..3/0" is no number or range`,
		"clickstream --sweep shards=1..10000":               `has more than 256 numbers`,
		"clickstream --sweep shards=":                       `"" is no number or range`,
		"clickstream --csv " + trace + " --report " + trace: `--csv ` + trace + ` would overwrite ` + trace,
		"clickstream --fit 100":                             `must be a number from 0 to below 100`,
		"iot --fit 0":                                       `--fit: an on-demand stream chooses its number of shards itself; --mode provisioned`,
		"iot --sweep shards=1..2":                           `--sweep: an on-demand stream chooses its number of shards itself`,
		"--rate 1/s --catch-up 1m":                          `--catch-up: the workload has no consumers`,
		"clickstream --fit 101":                             `must be a number from 0 to below 100`,
		"clickstream --fit NaN":                             `must be a number from 0 to below 100`,
		"clickstream --step 1001ms":                         `must be auto, or a time from 0 to 1s`,
		"clickstream --start 1969-12-31":                    `must be a time since 1970`,
		"clickstream --catch-up 0s":                         `must be above 0`,
		"clickstream --csv /nonexistent/a.csv":              `--csv: open /nonexistent/a.csv: no such file or directory`,
		"--input " + trace + " --csv " + trace:              `would overwrite ` + trace,
		"clickstream --catch-up 30h":                        `--catch-up 30h0m0s: an outage has to be shorter than half of the workload, 12h0m0s`,
	} {
		status, out, errs := weir(t, "", append([]string{"simulate"}, strings.Fields(line)...)...)
		assert.Equal(t, 1, status, line)
		assert.Empty(t, out, line)
		assert.Contains(t, errs, want, line)
	}
}

// A context that has ended is what ctrl-C makes of it: what there is is
// printed, and the exit status says so.
func TestSimulate_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	status := cli.Run(ctx, strings.Fields("simulate clickstream --sweep shards=1..4 --fit 0"), noEnv, strings.NewReader(""), &out, &errs)
	assert.Equal(t, 130, status)
	assert.Contains(t, out.String(), "INTERRUPTED")
	assert.Contains(t, errs.String(), "interrupted")
}

func TestSimulate_cannotWrite(t *testing.T) {
	var errs strings.Builder
	status := cli.Run(t.Context(), strings.Fields("simulate --rate 1/s --duration 1s"), noEnv, strings.NewReader(""), brokenWriter{}, &errs)
	assert.Equal(t, 1, status)
	assert.Contains(t, errs.String(), "broken")
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}
