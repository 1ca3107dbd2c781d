package workload

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// The bounds of a workload. They keep a generator's memory below a GiB or so, and its
// numbers where floating point counts exactly enough.
const (
	// MaxDuration is the longest a run may last, and the latest time in it.
	MaxDuration = 10 * 365 * 24 * time.Hour
	// MaxPerSecond is the highest rate of one traffic.
	MaxPerSecond = 1e9
	// MaxRecords is the largest count of records.
	MaxRecords = 1e15
	// MaxTraffic is how many kinds of records there may be.
	MaxTraffic = 100
	// MaxKeys is how many keys all traffic may have together, unique ones and those of
	// traces not counted.
	MaxKeys = 5_000_000
	// MaxSteps is how many steps a rate may have, and how many sizes, outages and
	// reshards there may be.
	MaxSteps = 10_000
	// MaxQueues is how many queues there may be, and MaxWorkers how many workers
	// all of them may have. MaxQueueBatch is how many records one receive may ask
	// for.
	MaxQueues     = 50
	MaxWorkers    = 10_000
	MaxQueueBatch = 10
	// MaxConsumers is how many consumers may read, [Consumer.Count] included.
	MaxConsumers = 1000
	// MaxProducers is how many producers may put.
	MaxProducers = 10_000
	// MaxShards is how many shards a stream may have.
	MaxShards = 100_000

	minPerSecond = 1e-9 // one record in 32 years

	rounding = 1e-9 // by which shares may miss their sum

	maxZipf    = 10
	maxSpread  = 1000
	maxSpeed   = 1e9
	minWeight  = 1e-15
	maxWeight  = 1e15
	maxRetries = 1000
)

// Validate says which field is out of bounds: the first one, as a
// [*weir.ArgumentError] whose Field is a path such as "traffic[0].rate.ramp.to".
// It does not look into files.
func (w Workload) Validate() error {
	var c checker
	c.checkRun(w)
	c.checkStream("stream.", w.Stream)
	c.checkAllTraffic(w)
	c.checkProducers("producers.", w.Producers)
	c.checkConsumers(w)
	c.checkQueues(w)
	c.checkReshards(w)
	return c.err
}

// A checker keeps the first thing that is wrong.
type checker struct {
	err error
}

// refuse says that a field is wrong.
func (c *checker) refuse(field, format string, args ...any) {
	if c.err == nil {
		c.err = &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
}

// require refuses a field unless ok.
func (c *checker) require(ok bool, field, format string, args ...any) {
	if !ok {
		c.refuse(field, format, args...)
	}
}

// within refuses a field whose value is outside both bounds, or no number.
func within[T cmp.Ordered](c *checker, field string, v, least, most T) {
	if !(v >= least && v <= most) {
		c.refuse(field, "%v is outside %v to %v", v, least, most)
	}
}

// above refuses a field whose value is not above least, or above most.
func above[T cmp.Ordered](c *checker, field string, v, least, most T) {
	if !(v > least && v <= most) {
		c.refuse(field, "%v must be above %v, and at most %v", v, least, most)
	}
}

// time refuses a time or duration that is negative or too long.
func (c *checker) time(field string, d Duration) {
	within(c, field, d, 0, Duration(MaxDuration))
}

// oneOf refuses a text that is not empty and none of the known ones.
func (c *checker) oneOf(field, text string, known ...string) {
	for _, k := range known {
		if text == k {
			return
		}
	}
	if text != "" {
		c.refuse(field, "%q is none of %q", text, known)
	}
}

// count refuses a list that is too long.
func (c *checker) count(field string, n, most int) {
	c.require(n <= most, field, "%d are too many; at most %d are allowed", n, most)
}

// given returns those names whose value is true.
func given(names map[string]bool) (n int) {
	for _, is := range names {
		if is {
			n++
		}
	}
	return n
}

// text refuses what does not come back from JSON as it was.
func (c *checker) text(field, s string) {
	c.require(utf8.ValidString(s), field, "%q is not UTF-8", s)
}

func (c *checker) key(field, key string) {
	if err := checkKey(key); err != nil {
		c.refuse(field, "%s", err)
	}
}

// checkKey says why no record can have the key.
func checkKey(key string) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%q is not UTF-8", key)
	}
	n := utf8.RuneCountInString(key)
	if n == 0 {
		return errors.New("is empty")
	}
	if n > weir.MaxPartitionKeyLength {
		return fmt.Errorf("has %d characters; at most %d are allowed", n, weir.MaxPartitionKeyLength)
	}
	return nil
}

func (c *checker) checkRun(w Workload) {
	c.text("name", w.Name)
	c.text("about", w.About)
	c.time("duration", w.Duration)
	within(c, "records", w.Records, 0, MaxRecords)
	c.time("warm_up", w.WarmUp)
	c.require(w.Duration == 0 || w.WarmUp < w.Duration, "warm_up", "%v is not shorter than duration, %v", w.WarmUp, w.Duration)
}

func (c *checker) checkStream(at string, s Stream) {
	c.text(at+"name", s.Name)
	within(c, at+"shards", s.Shards, 0, MaxShards)
	c.oneOf(at+"mode", s.Mode, ProvisionedMode, OnDemandMode)
	c.oneOf(at+"distribution", s.Distribution, ByPartitionKey, AutoDistribution)
	onDemand := s.Mode == OnDemandMode
	c.require(onDemand || s.Distribution != AutoDistribution, at+"distribution", "%q is for streams of mode %q", s.Distribution, OnDemandMode)
	c.require(onDemand || s.WarmThroughput == 0, at+"warm_throughput", "%d is for streams of mode %q", s.WarmThroughput, OnDemandMode)
	within(c, at+"warm_throughput", s.WarmThroughput, 0, s.Limits.mostWarm())
	if s.Retention != 0 {
		least, most := s.Limits.retention()
		within(c, at+"retention", s.Retention, least, most)
	}
	within(c, at+"record_bytes", s.RecordBytes, 0, weir.MaxRecordBytes)
	c.checkLimits(at+"limits.", s.Limits)
}

// mostWarm returns the highest warm throughput, in MiB a second.
func (l Limits) mostWarm() int {
	most := weir.ServiceLimits()
	if l.None {
		most = weir.Unlimited()
	}
	return int(most.OnDemandWriteBytesPerSecond) >> 20
}

// retention returns the shortest and the longest one.
func (l Limits) retention() (least, most Duration) {
	if l.None {
		return 1, Duration(MaxDuration)
	}
	return Duration(weir.ServiceLimits().MinRetention), Duration(weir.ServiceLimits().MaxRetention)
}

func (c *checker) checkLimits(at string, l Limits) {
	const most = 1e12
	within(c, at+"write_records", l.WriteRecords, 0, most)
	within(c, at+"write_bytes", l.WriteBytes, 0, most)
	within(c, at+"read_calls", l.ReadCalls, 0, most)
	within(c, at+"read_bytes", l.ReadBytes, 0, most)
	c.require(!l.None || l == Limits{None: true}, at+"none", "cannot be given together with a limit")
}

func (c *checker) checkProducers(at string, p Producers) {
	within(c, at+"count", p.Count, 0, MaxProducers)
	within(c, at+"batch", p.Batch, 0, weir.ServiceLimits().BatchRecords)
	c.time(at+"linger", p.Linger)
	within(c, at+"retries", p.Retries, 0, maxRetries)
	c.time(at+"backoff", p.Backoff)
}

func (c *checker) checkConsumers(w Workload) {
	c.count("consumers", len(w.Consumers), MaxConsumers)
	names := make(map[string]int)
	all, fanOut := 0, 0
	for i, consumer := range w.Consumers {
		at := fmt.Sprintf("consumers[%d].", i)
		c.checkConsumer(at, consumer)
		if first, taken := names[consumer.Name]; taken && consumer.Name != "" {
			c.refuse(at+"name", "%q is the name of consumers[%d] too", consumer.Name, first)
		}
		names[consumer.Name] = i
		if c.err != nil {
			return
		}
		all += max(1, consumer.Count)
		if consumer.FanOut {
			fanOut += max(1, consumer.Count)
		}
	}
	c.require(all <= MaxConsumers, "consumers", "%d are too many; at most %d are allowed", all, MaxConsumers)
	c.require(fanOut <= weir.ServiceLimits().Consumers || w.Stream.Limits.None, "consumers",
		"%d with fan_out are too many; a stream has at most %d unless stream.limits.none is set", fanOut, weir.ServiceLimits().Consumers)
}

func (c *checker) checkConsumer(at string, k Consumer) {
	c.text(at+"name", k.Name)
	within(c, at+"count", k.Count, 0, MaxConsumers)
	c.oneOf(at+"from", k.From, FromTrimHorizon, FromLatest)
	c.time(at+"start", k.Start)
	c.time(at+"poll", k.Poll)
	within(c, at+"limit", k.Limit, 0, weir.ServiceLimits().ReadRecords)
	c.time(at+"per_record", k.PerRecord)
	c.time(at+"per_batch", k.PerBatch)
	within(c, at+"workers", k.Workers, 0, MaxShards)
	c.count(at+"outages", len(k.Outages), MaxSteps)
	var end Duration
	for i, o := range k.Outages {
		at := fmt.Sprintf("%soutages[%d].", at, i)
		c.time(at+"at", o.At)
		c.require(o.At >= end, at+"at", "%v is before the end of the outage before it, %v", o.At, end)
		above(c, at+"for", o.For, 0, Duration(MaxDuration))
		end = o.At + o.For
	}
}

func (c *checker) checkQueues(w Workload) {
	const longest, most = Duration(12 * time.Hour), 1000
	c.count("queues", len(w.Queues), MaxQueues)
	names := make(map[string]int)
	workers := 0
	for i, q := range w.Queues {
		at := fmt.Sprintf("queues[%d].", i)
		c.text(at+"name", q.Name)
		within(c, at+"workers", q.Workers, 0, MaxWorkers)
		within(c, at+"batch", q.Batch, 0, MaxQueueBatch)
		c.time(at+"per_record", q.PerRecord)
		c.time(at+"per_batch", q.PerBatch)
		within(c, at+"visibility", q.Visibility, 0, longest)
		within(c, at+"max_receives", q.MaxReceives, 0, most)
		within(c, at+"failures", q.Failures, 0, 1)
		if first, taken := names[q.Name]; taken && q.Name != "" {
			c.refuse(at+"name", "%q is the name of queues[%d] too", q.Name, first)
		}
		names[q.Name] = i
		workers += max(1, q.Workers)
		if c.err != nil {
			return
		}
	}
	c.require(workers <= MaxWorkers, "queues", "%d workers are too many; at most %d are allowed", workers, MaxWorkers)
}

func (c *checker) checkReshards(w Workload) {
	c.count("reshards", len(w.Reshards), MaxSteps)
	c.require(len(w.Reshards) == 0 || w.Stream.Mode != OnDemandMode, "reshards",
		"are for streams of mode %q; one of mode %q changes its shards itself", ProvisionedMode, OnDemandMode)
	var last Duration
	for i, r := range w.Reshards {
		at := fmt.Sprintf("reshards[%d].", i)
		c.time(at+"at", r.At)
		c.require(r.At >= last, at+"at", "%v is before the one before it, %v", r.At, last)
		c.require(w.Duration == 0 || r.At < w.Duration, at+"at", "%v is not before the end, duration %v", r.At, w.Duration)
		last = r.At
		c.checkReshard(at, r)
	}
}

func (c *checker) checkReshard(at string, r Reshard) {
	n := given(map[string]bool{"shards": r.Shards != 0, "split": r.Split != "", "merge": len(r.Merge) > 0})
	c.require(n == 1, at[:len(at)-1], "needs one of shards, split and merge, and has %d", n)
	within(c, at+"shards", r.Shards, 0, MaxShards)
	if r.Split != "" && r.Split != BusiestShard {
		c.shard(at+"split", r.Split, BusiestShard)
	}
	if len(r.Merge) == 0 || len(r.Merge) == 1 && r.Merge[0] == ColdestShards {
		return
	}
	c.require(len(r.Merge) == 2, at+"merge", "%q are neither two shards nor %q", r.Merge, ColdestShards)
	for i, id := range r.Merge {
		c.shard(fmt.Sprintf("%smerge[%d]", at, i), id, ColdestShards)
	}
}

// shard refuses a text that is no shard's name.
func (c *checker) shard(field, id, word string) {
	if _, err := weir.ParseShardID(id); err != nil {
		c.refuse(field, "%q is neither a shard such as %q nor %q", id, weir.ShardID(0), word)
	}
}
