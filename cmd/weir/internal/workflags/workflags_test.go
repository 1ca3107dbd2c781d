package workflags_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/cmd/weir/internal/workflags"
	"github.com/weirstream/weir/workload"
)

// aMinute is what flags change in these tests if no workload is named.
var aMinute = workload.Workload{Duration: workload.Duration(time.Minute)}

// busy is a workload with two kinds of traffic, two consumers and a reshard.
const busy = `
name: busy
duration: 1h
stream: {shards: 2}
traffic:
  - {name: people, rate: 5/s, keys: {count: 10, hot: [{key: vip, share: 0.5}]}}
  - {name: robots, from: 30m, rate: 1/s}
consumers:
  - {name: slow, per_record: 5ms, outages: [{at: 1m, for: 1m}]}
  - {name: fast, fan_out: true}
reshards: [{at: 10m, shards: 4}]
`

// load reads a command line as the commands do that run a workload, and
// returns the workload. base is what flags change if none is named.
func load(ctx context.Context, base workload.Workload, stdin io.Reader, args ...string) (w workload.Workload, o *workfile.Opener, help string, err error) {
	f := workflags.New(base)
	var out strings.Builder
	c := &cobra.Command{Use: "run [WORKLOAD]", Args: f.Args, SilenceUsage: true, SilenceErrors: true}
	c.Flags().Bool("json", false, "print the result as one JSON object")
	f.Add(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		w, o, err = f.Load(c)
		return err
	}
	c.SetArgs(args)
	c.SetIn(stdin)
	c.SetOut(&out)
	c.SetErr(&out)
	err = c.ExecuteContext(ctx)
	return w, o, out.String(), err
}

// traceFile returns the name of an access log of one line.
func traceFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "access.log")
	line := `192.0.2.1 - - [02/Mar/2026:09:00:05 +0000] "GET /a HTTP/1.1" 200 512 "-" "Agent/1.0"` + "\n"
	require.NoError(t, os.WriteFile(name, []byte(line), 0o644))
	return name
}

// loaded returns the workload of a command line as JSON.
func loaded(t *testing.T, stdin, line string) string {
	t.Helper()
	w, opener, _, err := load(t.Context(), aMinute, strings.NewReader(stdin), strings.Fields(line)...)
	require.NoError(t, err, line)
	require.NoError(t, opener.Close())
	text, err := json.Marshal(w)
	require.NoError(t, err)
	return string(text)
}

func TestFlags_makeAWorkload(t *testing.T) {
	for line, want := range map[string]string{
		"--rate 1500/s":                                                 `"traffic":[{"rate":"1500/s"}]`,
		"--rate 90000/min":                                              `"traffic":[{"rate":"1500/s"}]`,
		"--rate max":                                                    `"traffic":[{"rate":"max"}]`,
		"--rate ramp:100..2000/s":                                       `"ramp":{"from":"100/s","to":"2000/s"}`,
		"--rate ramp:60/min..2/s":                                       `"ramp":{"from":"1/s","to":"2/s"}`,
		"--rate wave:10..20/s":                                          `"wave":{"low":"10/s","high":"20/s"}`,
		"--rate wave:mean:15..20/s:2h@30m":                              `"wave":{"mean":"15/s","peak":"20/s","period":"2h","peak_at":"30m"}`,
		"--rate wave:10..20/s:2h@30m":                                   `"wave":{"low":"10/s","high":"20/s","period":"2h","peak_at":"30m"}`,
		"--rate burst:5000":                                             `"burst":{"records":5000}`,
		"--rate burst:5000:10s+2s":                                      `"burst":{"records":5000,"every":"10s","within":"2s"}`,
		"--rate 1 --size 1.5KiB":                                        `"sizes":"1536B"`,
		"--rate 1 --size mean:1KiB":                                     `"sizes":{"mean":"1KiB"}`,
		"--rate 1 --size 100..1KiB":                                     `"sizes":{"min":"100B","max":"1KiB"}`,
		"--rate 1 --keys 7":                                             `"keys":7`,
		"--rate 1 --keys zipf:7:1.1":                                    `"keys":{"count":7,"zipf":1.1}`,
		"--rate 1 --unique-keys":                                        `"keys":{"unique":true}`,
		"--rate 1 --hot a:b:0.5 --hot c:0.1 --keys 9":                   `"keys":{"count":9,"hot":[{"key":"a:b","share":0.5},{"key":"c","share":0.1}]}`,
		"--rate 1 --duration 2d --records 5 --warm-up 1s":               `"duration":"2d","records":5,"warm_up":"1s",`,
		"--rate 1 --seed 7":                                             `"seed":7`,
		"--rate 1 --shards 3 --retention 7d":                            `"stream":{"shards":3,"retention":"7d"}`,
		"--rate 1 --mode on-demand --warm-throughput 20":                `"stream":{"mode":"on-demand","warm_throughput":20}`,
		"--rate 1 --limits none":                                        `"stream":{"limits":{"none":true}}`,
		"--rate 1 --producers 2 --batch 1 --linger 5ms --retries 3":     `"producers":{"count":2,"batch":1,"linger":"5ms","retries":3}`,
		"--rate 1 --consumers 2 --poll 2s --per-record 1ms --workers 4": `"consumers":[{"count":2,"poll":"2s","per_record":"1ms","workers":4}]`,
		"--rate 1 --fan-out 3 --per-batch 1ms":                          `"consumers":[{"count":3,"fan_out":true,"per_batch":"1ms"}]`,
		"--rate 1 --consumers 1 --outage 9s+1s --outage 2s+3s":          `"outages":[{"at":"2s","for":"3s"},{"at":"9s","for":"1s"}]`,
		"--rate 1 --queue 60":                                           `"queues":[{"workers":60}]`,
		"--rate 1 --queue 60x1:2s --queue 5:10ms":                       `"queues":[{"workers":60,"batch":1,"per_record":"2s"},{"workers":5,"per_record":"10ms"}]`,
		"--rate 1 --reshard 9s:merge --reshard 2s:16 --reshard 3s:split": `"reshards":[{"at":"2s","shards":16},` +
			`{"at":"3s","split":"busiest"},{"at":"9s","merge":["coldest"]}]`,
	} {
		assert.Contains(t, loaded(t, "", line), want, line)
	}
}

func TestFlags_changeAWorkload(t *testing.T) {
	whole := loaded(t, busy, "-")
	assert.Contains(t, whole, `"name":"busy"`)
	for line, want := range map[string]string{
		"--duration 10m": `"traffic":[{"name":"people","rate":"5/s","keys":{"count":10,"hot":[{"key":"vip","share":0.5}]}}],` +
			`"consumers":[{"name":"slow","per_record":"5ms","outages":[{"at":"1m","for":"1m"}]},{"name":"fast","fan_out":true}]}`,
		"--keys 3 --hot x:0.1": `"traffic":[{"name":"people","rate":"5/s","keys":{"count":3,"hot":[{"key":"x","share":0.1}]}},` +
			`{"name":"robots","from":"30m","rate":"1/s","keys":{"count":3,"hot":[{"key":"x","share":0.1}]}}]`,
		"--consumers 0":    `"consumers":[{"name":"fast","fan_out":true}]`,
		"--consumers 4":    `"consumers":[{"name":"slow","count":4,"per_record":"5ms","outages":[{"at":"1m","for":"1m"}]},{"name":"fast","fan_out":true}]`,
		"--fan-out 0":      `"consumers":[{"name":"slow","per_record":"5ms","outages":[{"at":"1m","for":"1m"}]}]`,
		"--outage 5m+30s":  `"outages":[{"at":"5m","for":"30s"}]},{"name":"fast","fan_out":true,"outages":[{"at":"5m","for":"30s"}]}]`,
		"--reshard 1m:8":   `"reshards":[{"at":"1m","shards":8}]`,
		"--limits service": whole,
		"--queue 0":        whole,
	} {
		assert.Contains(t, loaded(t, busy, "- "+line), want, line)
	}
	assert.Contains(t, loaded(t, "", "clickstream --shards 9"), `"name":"clickstream"`)
	assert.Contains(t, loaded(t, "", "-w clickstream --shards 9"), `"shards":9`)
}

func TestFlags_trace(t *testing.T) {
	log := traceFile(t)
	assert.Equal(t, `{"name":"access.log","traffic":[{"name":"trace","trace":{"file":"`+log+`","speed":60}}]}`, loaded(t, "", "--input "+log+" --speed 60x"),
		"it lasts as long as the trace")
	w := loaded(t, busy, "- --input "+log+" --duration 10m")
	assert.Contains(t, w, `"duration":"10m"`)
	assert.NotContains(t, w, "people")
	assert.Contains(t, w, `"name":"slow"`, "all but the traffic stays")
}

func TestFlags_opensTraces(t *testing.T) {
	lines := `{"device":"a","at":1}` + "\n" + `{"device":"b","at":2}` + "\nnonsense\n"
	w, opener, _, err := load(t.Context(), aMinute, strings.NewReader(lines), "clickstream", "--input", "-", "--key", "device", "--time", "at")
	require.NoError(t, err)
	defer opener.Close()
	g, err := workload.NewGenerator(w, opener.Open)
	require.NoError(t, err)
	var got []string
	for a := (workload.Arrival{}); g.Next(&a); {
		got = append(got, a.At.String()+" "+a.Key.Text)
	}
	require.NoError(t, g.Err())
	assert.Equal(t, []string{"0s a", "1s b"}, got)
	assert.Contains(t, opener.Rejections(), "rejected 1 line of standard input:\n  line 3: not a JSON object")
}

func TestFlags_errors(t *testing.T) {
	log := traceFile(t)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("traffic:\n  - rate: fast\n"), 0o644))
	tests := []struct{ line, want string }{
		{"", "which workload? Name one ('weir workloads' lists those that are ready-made), or give --rate or --input"},
		{"--shards 3", "which workload?"},
		{"nope", `no workload "nope": neither a file ending in .yaml, .yml or .json, nor one of`},
		{"nope.yaml", "open nope.yaml: no such file or directory"},
		{bad, "bad.yaml:2: traffic[0].rate: \"fast\" is no rate"},
		{"clickstream iot", `unexpected argument "iot": there is one workload`},
		{"clickstream -w iot", "--workload iot and the argument clickstream name two workloads"},
		{"--workload=", "--workload is empty"},
		{"--input=", "is empty"},
		{"- --input -", "the workload and --input cannot both come from standard input"},
		{"--input nope", "trace nope: no such file or directory"},
		{"--input x --rate 5/s", "--rate 5/s cannot be given together with --input, which has its own"},
		{"--input x --hot a:0.1", "--hot a:0.1 cannot be given together with --input"},
		{"--input " + log + " --retention 1h", "--retention 1h: stream.retention: 1h is outside 1d to 365d"},
		{"clickstream --key x", "--key is about the lines of a trace, and the workload has none; --input gives it one"},
		{"clickstream --time x", "--time is about the lines of a trace"},
		{"clickstream --speed 5", "--speed 5: the workload has no trace; --input gives it one"},
		{"--rate 1 --queue 6xx1", `invalid argument "6xx1" for "--queue" flag: must be how many workers`},
		{"--rate 1 --queue 60x0", "such as 60, 60x1 or 60x1:2s, or 0 for no queue"},
		{"--rate 1 --queue 0x5", "must be how many workers"},
		{"--rate 1 --queue -1", "must be how many workers"},
		{"--rate 1 --queue 5:2", "must be how many workers"},
		{"--rate 1 --queue=", "must be how many workers"},
		{"--rate 1 --queue 60x11", "--queue 60x11: queues[0].batch: 11 is outside 0 to 10"},
		{"--rate 1 --queue 10001", "--queue 10001: queues[0].workers: 10001 is outside 0 to 10000"},
		{"--rate 0", `invalid argument "0" for "--rate" flag: must be above 0`},
		{"--rate fast", `for "--rate" flag: "fast" is no rate`},
		{"--rate line:1", `"line" is none of ramp, wave and burst`},
		{"--rate ramp:5", `"5" is not two rates such as 100..2000/s`},
		{"--rate wave:5..1/s", "--rate wave:5..1/s: traffic[0].rate.wave.low: 5/s is above high, 1/s"},
		{"--rate wave:mean:5..11/s", "--rate wave:mean:5..11/s: traffic[0].rate.wave.peak: 11/s is more than twice mean, 5/s"},
		{"--rate wave:mean:0..1/s", "mean must be above 0"},
		{"--rate wave:mean:5", `"5" is not two rates`},
		{"--rate wave:1..5/s:x", `"x" is no duration`},
		{"--rate burst:x", `"x" is no number of records`},
		{"--rate burst:0", "--rate burst:0: traffic[0].rate.burst.records: 0 is outside 1 to"},
		{"--rate 2G/s", "--rate 2G/s: traffic[0].rate.constant: "},
		{"--rate 1 --size 0", `for "--size" flag: must be above 0`},
		{"--rate 1 --size mean:0", `for "--size" flag: must be above 0`},
		{"--rate 1 --size x", `"x" is no size`},
		{"--rate 1 --size 5..2", "--size 5..2: traffic[0].sizes.min: 5B is above max, 2B"},
		{"--rate 1 --keys zipf:10", "must be a number such as 10000, or zipf:10000:1.1, or file:NAME"},
		{"--rate 1 --keys 0", "must be a number such as 10000"},
		{"--rate 1 --keys file:nope", "nope: no such file or directory"},
		{"--rate 1 --hot x", "must be a key and its share from 0 to 1, such as vip:0.2"},
		{"--rate 1 --hot x:2", "--hot x:2: traffic[0].keys.hot[0].share: 2 must be above 0, and at most 1"},
		{"--rate 1 --unique-keys --keys 5", "--keys 5 and --unique-keys are two kinds of keys"},
		{"--rate 1 --speed -1", "must be a number greater than 0, such as 60"},
		{"--rate 1 --duration 5", `"5" has no unit`},
		{"--rate 1 --warm-up 1m", "--warm-up 1m: warm_up: 1m is not shorter than duration, 1m"},
		{"--rate 1 --records -1", "must be a number from 0"},
		{"--rate 1 --shards 100001", "--shards 100001: stream.shards: 100001 is outside 0 to 100000"},
		{"--rate 1 --mode both", `must be "provisioned" or "on-demand"`},
		{"--rate 1 --mode on-demand --reshard 30s:16", `--mode on-demand: reshards: are for streams of mode "provisioned"`},
		{"--rate 1 --warm-throughput 5", `--warm-throughput 5: stream.warm_throughput: 5 is for streams of mode "on-demand"`},
		{"--rate 1 --limits some", `must be "service" or "none"`},
		{"--rate 1 --batch 501", "--batch 501: producers.batch: 501 is outside 0 to 500"},
		{"--rate 1 --poll 1s", "--poll 1s: the workload has no consumers; --consumers 1 adds one"},
		{"--rate 1 --consumers 1 --workers x", "must be a number from 0, for all, to 100000"},
		{"--rate 1 --fan-out 21", "--fan-out 21: consumers: 21 with fan_out are too many"},
		{"--rate 1 --fan-out 21 --batch 501", "--batch 501: producers.batch: 501 is outside"},
		{"--rate 1 --consumers 1 --outage 6h", "must be when it begins and how long it lasts, such as 6h+30m"},
		{"--rate 1 --consumers 1 --outage 6h+0s", "--outage 6h+0s: consumers[0].outages[0].for: 0s must be above 0"},
		{"--rate 1 --reshard 2h", "must be when, and a number of shards or split or merge, such as 2h:16"},
		{"--rate 1 --reshard x:3", "must be when, and a number of shards"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			_, opener, _, err := load(t.Context(), aMinute, strings.NewReader(busy), strings.Fields(tt.line)...)
			assert.ErrorContains(t, err, tt.want)
			assert.Nil(t, opener)
		})
	}
	_, _, _, err := load(t.Context(), aMinute, strings.NewReader(busy), "-", "--rate", "5/s")
	assert.EqualError(t, err, "--rate 5/s: the workload has 2 kinds of traffic, and one rate is not for all")
	assert.ErrorAs(t, err, new(usage.Error))
}

func TestFlags_help(t *testing.T) {
	_, _, help, err := load(t.Context(), aMinute, nil, "--help")
	require.NoError(t, err)
	var titles []string
	for line := range strings.Lines(help) {
		if !strings.HasPrefix(line, " ") && line != "\n" {
			titles = append(titles, strings.TrimSpace(line))
		}
		assert.LessOrEqual(t, len(line), 135, line)
	}
	assert.Equal(t, []string{"Usage:", "Flags:", "Traffic:", "Run:", "Stream:", "Producers:", "Consumers:"}, titles)
	assert.Equal(t, 1, strings.Count(help, "--rate"))
	assert.NotContains(t, help, "default []")
}
