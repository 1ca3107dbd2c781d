package bench

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/course"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/workload"
)

// A Set is the runs of one command. It is also the JSON object that the command
// prints: the names of its fields are stable. Times that end in _ns are
// nanoseconds.
type Set struct {
	Target      TargetName        `json:"target"`
	Workload    workload.Workload `json:"workload"`
	Environment Environment       `json:"environment"`
	Runs        []*Result         `json:"runs"`
}

// A TargetName says what was under load.
type TargetName struct {
	Kind     string `json:"kind"` // embedded, endpoint or aws
	Endpoint string `json:"endpoint,omitempty"`
	Region   string `json:"region,omitempty"`
	Stream   string `json:"stream"`
}

// String returns the target in words.
func (t TargetName) String() string {
	switch t.Kind {
	case "embedded":
		return "a stream in this process"
	case "aws":
		return "stream " + t.Stream + " of the service in " + t.Region
	default:
		return "stream " + t.Stream + " at " + t.Endpoint
	}
}

// A Result is one run. What happened before the warm-up was over is in its
// timeline only.
type Result struct {
	Started     time.Time `json:"started"`
	Interrupted bool      `json:"interrupted"` // ended before its workload
	// Duration is from the beginning until the last put was over, WarmUp the
	// part of it that is left out of what follows, Total until the last
	// consumer was done.
	Duration float64 `json:"duration_seconds"`
	WarmUp   float64 `json:"warm_up_seconds"`
	Total    float64 `json:"total_seconds"`

	// Offered is the records that were due, zero if the workload puts as fast
	// as it can; Unsent those of them that were not put by the end. Rates are
	// per second of Duration without WarmUp.
	Offered       int64   `json:"offered"`
	OfferedPerSec float64 `json:"offered_per_second"`
	Unsent        int64   `json:"unsent"`
	Count
	RecordsPerSec float64 `json:"records_per_second"`
	BytesPerSec   float64 `json:"bytes_per_second"`

	Latency   Latencies        `json:"latency"`
	Consumers []ConsumerResult `json:"consumers"`
	Queues    []QueueResult    `json:"queues,omitempty"`
	Shards    []ShardResult    `json:"shards"`
	Reshards  []Reshard        `json:"reshards,omitempty"`
	Failures  []Failure        `json:"failures,omitempty"`
	Process   *Process         `json:"process,omitempty"`

	// ShardNames are the shards of Point.Shards; there is one count more for
	// all others if there are many.
	ShardNames []weir.ShardID `json:"shard_names"`
	Timeline   []Point        `json:"timeline"`
}

// Latencies are the times that records and calls take.
type Latencies struct {
	// Put is from when a record was due until it was acknowledged, whatever it
	// waited for: the load generator's own lateness, a free producer, the call,
	// and its repetitions. A record that was never put counts with its wait
	// until the end. PutCall is the calls alone.
	Put     figures.Latency `json:"put"`
	PutCall figures.Latency `json:"put_call"`
	// Propagation is from the beginning of the call that stored a record until
	// a consumer has it, EndToEnd from when it was due until a consumer has
	// processed it.
	Propagation figures.Latency `json:"propagation"`
	EndToEnd    figures.Latency `json:"end_to_end"`
	// Lateness is by how much the load generator woke up too late for records
	// that it waited for. It is part of Put.
	Lateness figures.Latency `json:"lateness"`
}

// A ConsumerResult is one consumer after the run.
type ConsumerResult struct {
	Name      string  `json:"name"`
	FanOut    bool    `json:"fan_out"`
	Records   int64   `json:"records"` // processed
	Bytes     int64   `json:"bytes"`
	PerSecond float64 `json:"records_per_second"`
	// Calls is the calls of GetRecords or the events of subscriptions,
	// Throttled those that a limit refused, Errors those that failed otherwise.
	Calls     int64 `json:"calls"`
	Throttled int64 `json:"throttled"`
	Errors    int64 `json:"errors"`
	// Unread is the records of the run, warm-up included, that it had not
	// processed at the end.
	Unread int64 `json:"unread"`
	// MaxAge is the greatest age of the last record of a read, or of what it
	// may not have read while it did not read, at any time of the run. It is what
	// the service calls MillisBehindLatest, and not the max age of a simulation,
	// which knows of records that came between two reads.
	MaxAge      time.Duration   `json:"max_age_ns"`
	Propagation figures.Latency `json:"propagation"`
	EndToEnd    figures.Latency `json:"end_to_end"`
}

// A ShardResult is one shard after the run.
type ShardResult struct {
	Shard     weir.ShardID `json:"shard"`
	Records   int64        `json:"records"`
	PerSecond float64      `json:"records_per_second"`
	Bytes     int64        `json:"bytes"`
	Share     float64      `json:"share"` // of the records, 0 to 1
	Throttled int64        `json:"throttled"`
}

// result puts together what a finished run saw.
func (r *run) result(w *watcher, interrupted bool) *Result {
	if !w.marked {
		w.markNow() // it ended before the warm-up did: there is nothing to tell
	}
	var unsent int64
	if r.schedule != nil {
		unsent = r.schedule.rest()
	}
	res := &Result{
		Started: r.start.Round(0).UTC(), Interrupted: interrupted,
		Duration: r.puts.Seconds(), WarmUp: min(w.markAt, r.puts).Seconds(), Total: w.lastAt.Seconds(),
		Unsent: unsent, Count: w.last.Count.minus(w.mark.Count),
		Reshards: r.reshards, Failures: r.meter.failures,
		ShardNames: w.timeline.lines, Timeline: w.timeline.Points(),
	}
	measured := res.Duration - res.WarmUp
	res.Offered = r.meter.offeredWarm
	res.OfferedPerSec = figures.Ratio(float64(res.Offered), measured)
	res.RecordsPerSec = figures.Ratio(float64(res.Records), measured)
	res.BytesPerSec = figures.Ratio(float64(res.Bytes), measured)
	res.Latency = r.latencies()
	r.addConsumers(res, w)
	r.addQueues(res, w)
	r.addShards(res, w)
	for i := range res.Timeline {
		// Not known when the period ended: a record that is put late was due
		// in an earlier one.
		p := &res.Timeline[i]
		p.Offered = int64(course.Between(r.meter.offered, seconds(p.At-p.Seconds), seconds(p.At)) + 0.5)
	}
	if r.config.Process {
		res.Process = processBetween(w.markUsage, w.lastUsage, w.heapMax, readPauses().longestSince(w.pauses), res.Records)
	}
	return res
}

// seconds returns s seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (r *run) latencies() Latencies {
	propagation, endToEnd := figures.NewHistogram(), figures.NewHistogram()
	for _, c := range r.consumers {
		propagation.Add(c.propagation)
		endToEnd.Add(c.endToEnd)
	}
	return Latencies{
		Put: r.meter.put.Latency(), PutCall: r.meter.call.Latency(), Lateness: r.meter.lateness.Latency(),
		Propagation: propagation.Latency(), EndToEnd: endToEnd.Latency(),
	}
}

func (r *run) addConsumers(res *Result, w *watcher) {
	for _, c := range r.consumers {
		before := w.markReads[c]
		res.Consumers = append(res.Consumers, ConsumerResult{
			Name: c.name, FanOut: c.config.FanOut, Records: c.records - before.records, Bytes: c.bytes - before.bytes,
			PerSecond: figures.Ratio(float64(c.records-before.records), res.Total-res.WarmUp),
			Calls:     c.calls - before.calls, Throttled: c.throttled - before.throttled, Errors: c.errors - before.errors,
			Unread: c.unread(w.last.Records), MaxAge: c.maxAge,
			Propagation: c.propagation.Latency(), EndToEnd: c.endToEnd.Latency(),
		})
	}
}

func (r *run) addShards(res *Result, w *watcher) {
	for _, id := range w.last.shards.ids() {
		now, before := w.last.shards.of(id), w.mark.shards.of(id)
		s := ShardResult{
			Shard: id, Records: now.records - before.records, Bytes: now.bytes - before.bytes,
			Throttled: now.throttled - before.throttled,
		}
		s.PerSecond = figures.Ratio(float64(s.Records), res.Duration-res.WarmUp)
		s.Share = figures.Ratio(float64(s.Records), float64(res.Records))
		res.Shards = append(res.Shards, s)
	}
}
