package workflags

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/workload"
)

// An editGroup is flags about one thing.
type editGroup struct {
	title string
	edits []*editFlag
}

// workloadEdits returns the flags that change a workload, in the order in which
// they are shown and applied.
func workloadEdits() []editGroup {
	return []editGroup{
		{"Traffic", trafficEdits()}, {"Run", runEdits()}, {"Stream", streamEdits()},
		{"Producers", producerEdits()}, {"Consumers", consumerEdits()},
	}
}

func trafficEdits() []*editFlag {
	return []*editFlag{
		{name: "input", kind: "FILE", usage: "trace to play: an Apache combined log, JSON lines or a table time,key,size; - for standard input", parse: setTrace},
		{name: "speed", kind: "X", usage: "play traces at this multiple of the recorded time", parse: setSpeed},
		{name: "rate", kind: "RATE", usage: "1500/s, ramp:100..2000/s, wave:LOW..HIGH[:PERIOD][@PEAK], wave:mean:AVG..HIGH, burst:N[:EVERY][+WITHIN] or max", parse: setRate},
		{name: "size", kind: "SIZE", usage: "bytes of data: 1KiB, 100..2KiB for any between, or mean:1KiB", parse: setSize},
		{name: "keys", kind: "KEYS", usage: "10000 alike, zipf:10000:1.1 for uneven ones, or file:NAME with a key a line", parse: setKeys},
		{name: "hot", kind: "KEY:SHARE", usage: "key with a share of its own, such as vip:0.2; may be repeated", parse: addHotKey, clear: noHotKeys},
		{name: "unique-keys", usage: "a new key for each record", parse: setUniqueKeys},
	}
}

func runEdits() []*editFlag {
	return []*editFlag{
		{name: "duration", kind: "TIME", usage: "how long it lasts, such as 90s, 2h30m or 7d", parse: setDuration},
		{name: "records", kind: "N", usage: "end after so many records", parse: number(func(w *workload.Workload, n int64) { w.Records = n })},
		{name: "warm-up", kind: "TIME", usage: "leave so much of the beginning out of what is measured", parse: duration(func(w *workload.Workload, d workload.Duration) { w.WarmUp = d })},
		{name: "seed", kind: "N", usage: "another run of the same kind", parse: number(func(w *workload.Workload, n int64) { w.Seed = n })},
	}
}

func streamEdits() []*editFlag {
	return []*editFlag{
		{name: "shards", kind: "N", usage: "shards of the stream at first", parse: number(func(w *workload.Workload, n int64) { w.Stream.Shards = int(n) })},
		{name: "mode", kind: "MODE", usage: "provisioned or on-demand", parse: setMode},
		{name: "warm-throughput", kind: "MIB", usage: "MiB a second that an on-demand stream holds ready", parse: number(func(w *workload.Workload, n int64) { w.Stream.WarmThroughput = int(n) })},
		{name: "retention", kind: "TIME", usage: "how long records stay readable", parse: duration(func(w *workload.Workload, d workload.Duration) { w.Stream.Retention = d })},
		{name: "limits", kind: "NAME", usage: "limits of the stream, service or none", parse: setLimits},
		{name: "reshard", kind: "AT:WHAT", usage: "2h:16 for 16 shards, 2h:split for the busiest, 2h:merge for the coldest two; may be repeated", parse: addReshard, clear: noReshards},
	}
}

func producerEdits() []*editFlag {
	return []*editFlag{
		{name: "producers", kind: "N", usage: "how many put at the same time", parse: number(func(w *workload.Workload, n int64) { w.Producers.Count = int(n) })},
		{name: "batch", kind: "N", usage: "records of one call at most; 1 for PutRecord", parse: number(func(w *workload.Workload, n int64) { w.Producers.Batch = int(n) })},
		{name: "linger", kind: "TIME", usage: "how long a record may wait for others to fill its call", parse: duration(func(w *workload.Workload, d workload.Duration) { w.Producers.Linger = d })},
		{name: "retries", kind: "N", usage: "how often a throttled record is tried again", parse: number(func(w *workload.Workload, n int64) { w.Producers.Retries = int(n) })},
	}
}

func consumerEdits() []*editFlag {
	return []*editFlag{
		{name: "consumers", kind: "N", usage: "consumers that poll and share the read quota", parse: number(func(w *workload.Workload, n int64) { setConsumers(w, false, int(n)) })},
		{name: "fan-out", kind: "N", usage: "consumers with throughput of their own", parse: number(func(w *workload.Workload, n int64) { setConsumers(w, true, int(n)) })},
		{name: "poll", kind: "TIME", usage: "from one call of GetRecords on a shard to the next", parse: consumerTime(func(c *workload.Consumer, d workload.Duration) { c.Poll = d })},
		{name: "per-record", kind: "TIME", usage: "how long a consumer takes for a record", parse: consumerTime(func(c *workload.Consumer, d workload.Duration) { c.PerRecord = d })},
		{name: "per-batch", kind: "TIME", usage: "how long a consumer takes for a batch, beside its records", parse: consumerTime(func(c *workload.Consumer, d workload.Duration) { c.PerBatch = d })},
		{name: "workers", kind: "N", usage: "shards that a consumer processes at a time", parse: setWorkers},
		{name: "queue", kind: "SPEC", usage: "60x1:2s: a work queue with 60 workers that receive one record at a time and take 2s for it; may be repeated", parse: addQueue, clear: noQueues},
		{name: "outage", kind: "AT+FOR", usage: "6h+30m: consumers do nothing for half an hour; may be repeated", parse: addOutage, clear: noOutages},
	}
}

// number returns how a flag with a whole number is read. The workload knows the
// bounds.
func number(set func(*workload.Workload, int64)) func(string) (edit, error) {
	return func(text string) (edit, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("must be a number from 0 to %d", int64(math.MaxInt64))
		}
		return func(w *workload.Workload) error { set(w, n); return nil }, nil
	}
}

// duration returns how a flag with a time is read.
func duration(set func(*workload.Workload, workload.Duration)) func(string) (edit, error) {
	return func(text string) (edit, error) {
		d, err := workload.ParseDuration(text)
		return func(w *workload.Workload) error { set(w, d); return nil }, err
	}
}

// consumerTime returns how a flag with a time for all consumers is read.
func consumerTime(set func(*workload.Consumer, workload.Duration)) func(string) (edit, error) {
	return func(text string) (edit, error) {
		d, err := workload.ParseDuration(text)
		return eachConsumer(func(c *workload.Consumer) { set(c, d) }), err
	}
}

// eachConsumer changes all consumers, of which there has to be one.
func eachConsumer(change func(*workload.Consumer)) edit {
	return func(w *workload.Workload) error {
		if len(w.Consumers) == 0 {
			return errors.New("the workload has no consumers; --consumers 1 adds one")
		}
		for i := range w.Consumers {
			change(&w.Consumers[i])
		}
		return nil
	}
}

func setWorkers(text string) (edit, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("must be a number from 0, for all, to %d", workload.MaxShards)
	}
	return eachConsumer(func(c *workload.Consumer) { c.Workers = n }), nil
}

// setConsumers makes the consumers of a kind n times the first of them.
func setConsumers(w *workload.Workload, fanOut bool, n int) {
	first := workload.Consumer{FanOut: fanOut}
	var others []workload.Consumer
	for i := len(w.Consumers) - 1; i >= 0; i-- {
		if c := w.Consumers[i]; c.FanOut == fanOut {
			first = c
		} else {
			others = append([]workload.Consumer{c}, others...)
		}
	}
	w.Consumers = others
	if n > 0 {
		first.Count = n
		w.Consumers = append([]workload.Consumer{first}, others...)
	}
}

func noOutages(w *workload.Workload) error {
	return eachConsumer(func(c *workload.Consumer) { c.Outages = nil })(w)
}

// addOutage reads "6h+30m".
func addOutage(text string) (edit, error) {
	at, lasts, ok := strings.Cut(text, "+")
	from, err := workload.ParseDuration(at)
	length, err2 := workload.ParseDuration(lasts)
	if err = errors.Join(err, err2); !ok || err != nil {
		return nil, errors.New("must be when it begins and how long it lasts, such as 6h+30m")
	}
	return eachConsumer(func(c *workload.Consumer) {
		c.Outages = append(c.Outages, workload.Outage{At: from, For: length})
		slices.SortStableFunc(c.Outages, func(a, b workload.Outage) int { return cmp.Compare(a.At, b.At) })
	}), nil
}

func noQueues(w *workload.Workload) error {
	w.Queues = nil
	return nil
}

// addQueue reads "60x1:2s": workers, records that each receives at a time, and how
// long it takes for one.
func addQueue(text string) (edit, error) {
	count, takes, timed := strings.Cut(text, ":")
	workers, batch, batched := strings.Cut(count, "x")
	var q workload.Queue
	var errs [3]error
	q.Workers, errs[0] = strconv.Atoi(workers)
	if batched {
		q.Batch, errs[1] = strconv.Atoi(batch)
	}
	if timed {
		q.PerRecord, errs[2] = workload.ParseDuration(takes)
	}
	switch {
	case errors.Join(errs[:]...) != nil, q.Workers < 0, batched && q.Batch < 1, q.Workers == 0 && text != "0":
		return nil, errors.New("must be how many workers, how many records each receives at a time and how long it takes for one, such as 60, 60x1 or 60x1:2s, or 0 for no queue")
	case q.Workers == 0:
		return noQueues, nil
	}
	return func(w *workload.Workload) error { w.Queues = append(w.Queues, q); return nil }, nil
}

func noReshards(w *workload.Workload) error {
	w.Reshards = nil
	return nil
}

// addReshard reads "2h:16", "2h:split" and "2h:merge".
func addReshard(text string) (edit, error) {
	at, what, _ := strings.Cut(text, ":")
	from, err := workload.ParseDuration(at)
	r := workload.Reshard{At: from}
	switch what {
	case "split":
		r.Split = workload.BusiestShard
	case "merge":
		r.Merge = []string{workload.ColdestShards}
	default:
		n, bad := strconv.Atoi(what)
		if r.Shards = n; bad != nil || n < 1 {
			err = errors.Join(err, errors.New("neither a number of shards nor split nor merge"))
		}
	}
	if err != nil {
		return nil, errors.New("must be when, and a number of shards or split or merge, such as 2h:16")
	}
	return func(w *workload.Workload) error {
		w.Reshards = append(w.Reshards, r)
		slices.SortStableFunc(w.Reshards, func(a, b workload.Reshard) int { return cmp.Compare(a.At, b.At) })
		return nil
	}, nil
}

// setDuration also leaves out the traffic and the reshards that come later.
func setDuration(text string) (edit, error) {
	d, err := workload.ParseDuration(text)
	return func(w *workload.Workload) error {
		w.Duration = d
		if d == 0 {
			return nil
		}
		w.Traffic = slices.DeleteFunc(w.Traffic, func(t workload.Traffic) bool { return t.From >= d })
		w.Reshards = slices.DeleteFunc(w.Reshards, func(r workload.Reshard) bool { return r.At >= d })
		return nil
	}, err
}

func setMode(text string) (edit, error) {
	if text != workload.ProvisionedMode && text != workload.OnDemandMode {
		return nil, fmt.Errorf("must be %q or %q", workload.ProvisionedMode, workload.OnDemandMode)
	}
	return func(w *workload.Workload) error { w.Stream.Mode = text; return nil }, nil
}

func setLimits(text string) (edit, error) {
	var limits flagval.Limits
	err := limits.Set(text)
	return func(w *workload.Workload) error {
		w.Stream.Limits = workload.Limits{None: limits.None}
		return nil
	}, err
}

// openFile opens a file of keys.
func openFile(name string) (io.ReadCloser, error) { return os.Open(name) }
