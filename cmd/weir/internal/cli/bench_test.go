package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// quick is a bench of 500 records.
func quick(args ...string) []string {
	return append([]string{"bench", "--rate", "burst:1000", "--records", "500", "--duration", "50ms", "--warm-up", "0s", "--poll", "20ms", "--limits", "none"}, args...)
}

// benchJSON runs a bench that must succeed and returns its JSON object.
func benchJSON(t *testing.T, args ...string) *bench.Set {
	t.Helper()
	status, out, errs := weir(t, "", quick(append(args, "--json")...)...)
	require.Zero(t, status, errs)
	assert.Empty(t, errs, "nothing is shown when piped")
	set, err := bench.ReadSet(strings.NewReader(out))
	require.NoError(t, err)
	return set
}

func TestBench_embedded(t *testing.T) {
	set := benchJSON(t)
	require.Len(t, set.Runs, 1)
	r := set.Runs[0]
	assert.EqualValues(t, 500, r.Records)
	assert.NotNil(t, r.Process)
	require.Len(t, r.Consumers, 2)
	for _, c := range r.Consumers {
		assert.EqualValues(t, 500, c.Records, c.Name)
	}
	assert.Equal(t, "embedded", set.Target.Kind)
	assert.NotEmpty(t, set.Environment.Go)
	assert.Equal(t, "default", set.Workload.Name)
}

func TestBench_table(t *testing.T) {
	status, out, errs := weir(t, "", quick("--repeat", "2")...)
	require.Zero(t, status, errs)
	for _, want := range []string{"default on a stream in this process", "The last of 2 runs: 500 records", "All 2 runs", "subscriber", "shardId-000000000001"} {
		assert.Contains(t, out, want)
	}
}

// A queue of the flags, and those of a workload's file.
func TestBench_queues(t *testing.T) {
	set := benchJSON(t, "--queue", "8x5:1ms", "--queue", "3")
	r := set.Runs[0]
	require.Len(t, r.Queues, 2)
	for i, workers := range []int{8, 3} {
		q := r.Queues[i]
		assert.Equal(t, workers, q.Workers)
		assert.EqualValues(t, []int64{500, 500, 0, 0}, []int64{q.Received, q.Acknowledged, q.Waiting, q.Dead}, q.Name)
	}
	assert.GreaterOrEqual(t, r.Queues[0].Done.Min, time.Millisecond)

	jobs := writeFile(t, "duration: 500ms\ntraffic: [{rate: 200/s}]\nqueues: [{name: jobs, workers: 4}]\n")
	require.NoError(t, os.Rename(jobs, jobs+".yaml"))
	status, out, errs := weir(t, "", "bench", jobs+".yaml", "--fail-if", "queue.waiting>0", "--fail-if", "queue.dead>0")
	require.Zero(t, status, errs)
	assert.Contains(t, out, "4 queue workers")
	assert.Regexp(t, `(?m)^ jobs +4 +100 +0 +100 `, out)
	status, _, errs = weir(t, "", "bench", jobs+".yaml", "--fail-if", "queue.acknowledged>1/s")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "queue.acknowledged")
}

// An endpoint has none that weir bench can call: those of a workload are left out,
// visibly, and those of the flags are refused.
func TestBench_queuesOfAnEndpoint(t *testing.T) {
	server := startServe(t, nil, "--limits", "none", "--delay", "0s")
	jobs := writeFile(t, "duration: 500ms\ntraffic: [{rate: 200/s}]\nqueues: [{name: jobs, workers: 4}]\n")
	require.NoError(t, os.Rename(jobs, jobs+".yaml"))
	status, out, errs := weir(t, "", "bench", jobs+".yaml", "--target", server.url)
	require.Zero(t, status, errs)
	assert.Equal(t, "weir bench: the workload's queues are left out: only streams in this process have them here\n", errs)
	assert.NotContains(t, out, "jobs ")
}

func TestBench_asFastAsPossible(t *testing.T) {
	set := benchJSON(t, "--rate", "max", "--records", "20000", "--duration", "1h", "--batch", "1")
	assert.EqualValues(t, 20_000, set.Runs[0].Records)
}

func TestBench_trace(t *testing.T) {
	log := writeFile(t, accessLog)
	status, out, errs := weir(t, "", "bench", "--input", log, "--speed", "1000", "--warm-up", "0s", "--poll", "20ms", "--repeat", "2", "--json")
	require.Zero(t, status, errs)
	set, err := bench.ReadSet(strings.NewReader(out))
	require.NoError(t, err)
	require.Len(t, set.Runs, 2)
	for _, r := range set.Runs {
		assert.EqualValues(t, 4, r.Records)
	}
}

func TestBench_endpoint(t *testing.T) {
	server := startServe(t, nil, "--limits", "none", "--delay", "0s")
	status, out, errs := weir(t, "", quick("--target", server.url, "--json")...)
	require.Zero(t, status, errs)
	assert.Equal(t, "weir bench: the workload's limits are not used: the target has its own\n", errs)
	set, err := bench.ReadSet(strings.NewReader(out))
	require.NoError(t, err)
	r := set.Runs[0]
	assert.EqualValues(t, 500, r.Records)
	assert.Nil(t, r.Process, "that of another process is not known")
	assert.Equal(t, "endpoint", set.Target.Kind)
	for _, c := range r.Consumers {
		assert.EqualValues(t, 500, c.Records, c.Name)
	}

	status, _, errs = weir(t, "", quick("--target", server.url, "--existing", set.Target.Stream)...)
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "ResourceNotFoundException", "the stream of the run before was removed")
}

func TestBench_endpointIsNotThere(t *testing.T) {
	server := startServe(t, nil)
	url := server.url
	server.stop()
	status, out, errs := weir(t, "", quick("--target", url)...)
	assert.Equal(t, 1, status)
	assert.Empty(t, out)
	assert.Contains(t, errs, "create stream weir-bench-")
}

func TestBench_failIf(t *testing.T) {
	status, out, errs := weir(t, "", quick("--fail-if", "errors>0", "--fail-if", "p99>1h", "--fail-if", "throughput<1000000M")...)
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "500 records put", "the result is printed all the same")
	assert.Contains(t, errs, "weir bench: throughput<1000000M: throughput is ")
	assert.NotContains(t, errs, "errors>0")

	status, _, errs = weir(t, "", quick("--fail-if", "errors>0", "--fail-if", "end_to_end.p99 > 1h")...)
	assert.Zero(t, status, errs)
}

func TestBench_report(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.html")
	status, _, errs := weir(t, "", quick("--report", name)...)
	require.Zero(t, status, errs)
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Contains(t, string(page), "weir bench: default")
}

// Load leaves this machine only if somebody agrees.
func TestBench_needsSomebodyToAgree(t *testing.T) {
	for _, args := range [][]string{
		{"--target", "aws", "--region", "eu-west-1", "--repeat", "3"}, {"--target", "http://192.0.2.1:4567"},
	} {
		status, out, errs := weir(t, "y\n", append([]string{"bench"}, args...)...)
		assert.Equal(t, 1, status)
		assert.Empty(t, out)
		assert.Contains(t, errs, "nobody is there to agree to that")
		assert.Contains(t, errs, "Made and deleted again: stream weir-bench-")
		assert.Contains(t, errs, "Registered and deregistered again: 1 fan-out consumer")
		assert.Equal(t, args[1] == "aws", strings.Contains(errs, "Cost: about USD"), errs)
	}
}

// Two shards for an hour are 2 × 0.015, the fan-out consumer 2 × 0.015 more;
// 10,000 records of one unit each and their delivery are next to nothing: three
// runs are three times that.
func TestBench_estimatesTheCost(t *testing.T) {
	_, _, errs := weir(t, "", "bench", "--target", "aws", "--region", "us-east-1", "--repeat", "3")
	assert.Contains(t, errs, "Cost: about USD 0.18. This is an estimate")
	assert.Contains(t, errs, "shards               6 shard-hours at 0.015")
	assert.Contains(t, errs, "fan-out consumers    6 consumer-shard-hours at 0.015")
}

func TestBench_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe() // a trace that never ends
	defer feed.Close()
	go func() {
		_, _ = io.WriteString(feed, accessLog+"\n")
		cancel()
	}()
	var out, errs bytes.Buffer
	status := cli.Run(ctx, []string{"bench", "--input", "-", "--warm-up", "0s"}, noEnv, in, &out, &errs)
	assert.Equal(t, 130, status)
	assert.Contains(t, errs.String(), "weir bench: interrupted")

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	url, s := endpoint(t)
	var first sync.WaitGroup
	first.Go(func() {
		for _, err := range s.Records(ctx, engine.TrimHorizon()) {
			assert.NoError(t, err)
			cancel()
			return
		}
	})
	out.Reset()
	status = cli.Run(ctx, []string{"bench", "--target", url, "--existing", "orders", "--duration", "1h", "--warm-up", "0s", "--repeat", "3", "--fail-if", "errors==0"}, noEnv, strings.NewReader(""), &out, &errs)
	assert.Equal(t, 130, status)
	assert.Contains(t, out.String(), "INTERRUPTED")
	assert.Contains(t, out.String(), "records put")
	cancel()
	first.Wait()
}

func TestBench_errors(t *testing.T) {
	for args, want := range map[string]string{
		"--target nowhere":                      `--target: neither embedded nor aws, and "nowhere" is no URL such as http://127.0.0.1:4567`,
		"--target aws":                          "--region is missing",
		"--existing x":                          "--existing is for endpoints and the service",
		"--memory 5":                            "--memory 5B is less than 1MiB",
		"--queue 5 --target http://127.0.0.1:1": "--queue is for streams in this process: --target http://127.0.0.1:1 has no queues that weir bench can call",
		"--queue 5x":                            `invalid argument "5x" for "--queue" flag: must be how many workers`,
		"--queue 5x20":                          "--queue 5x20: queues[0].batch: 20 is outside 0 to 10",
		"--repeat 0":                            `invalid argument "0" for "--repeat" flag: must be a number from 1 to 50`,
		"--fail-if p98>1s":                      `no metric "p98"; there are`,
		"--fail-if p99>1":                       `"1" is no time such as 5ms`,
		"--drain 25h":                           "must be a time from 0s to 24h0m0s",
		"--rate 0":                              "rate",
		"nope":                                  "nope",
		"--producers 2000":                      "2000",
		"--report /no/such/dir/x":               "--report: open /no/such/dir/x",
		"--input /no/such/file":                 "/no/such/file",
		"hot-key iot":                           "unexpected argument",
		"compare":                               "two files are needed, the one before and the one after; 0 given",
		"compare a":                             "1 given",
		"compare /no/such /no/other":            "open /no/such: no such file or directory",
	} {
		t.Run(args, func(t *testing.T) {
			status, out, errs := weir(t, "", append([]string{"bench"}, strings.Fields(args)...)...)
			assert.Equal(t, 1, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
			assert.True(t, strings.HasPrefix(errs, "weir bench"), errs)
		})
	}
}

func TestBenchCompare(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, perSecond ...float64) string {
		set := &bench.Set{Target: bench.TargetName{Kind: "embedded"}}
		for _, v := range perSecond {
			set.Runs = append(set.Runs, &bench.Result{RecordsPerSec: v})
		}
		text, err := json.Marshal(set)
		require.NoError(t, err)
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, text, 0o644))
		return file
	}
	before, after := write("before.json", 100, 101, 102, 103), write("after.json", 90, 91, 92, 93)

	status, out, errs := weir(t, "", "bench", "compare", before, after)
	require.Zero(t, status, errs)
	assert.Contains(t, out, "worse")
	assert.Contains(t, out, "-9.9 %")

	status, out, errs = weir(t, "", "bench", "compare", before, after, "--fail-if-worse", "5%")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "throughput")
	assert.Equal(t, "weir bench compare: worse by more than 5.0 %: throughput -9.9 %\n", errs)

	status, out, _ = weir(t, "", "bench", "compare", before, after, "--fail-if-worse", "10%", "--json")
	assert.Zero(t, status)
	var comparison bench.Comparison
	require.NoError(t, json.Unmarshal([]byte(out), &comparison))
	assert.InDelta(t, 2./70, comparison.Changes[0].P, 1e-12)

	status, _, errs = weir(t, "", "bench", "compare", before, writeFile(t, "{}"))
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "is no result of weir bench --json: it has no runs")
}
