package demo

import (
	"sort"
	"time"
)

// samplePeriod is how often the run is looked at to begin with. When there are
// maxSamples, every other one is dropped and the period doubles.
const (
	samplePeriod = 200 * time.Millisecond
	maxSamples   = 600
)

// A Sample is the state of the shards at one moment.
type Sample struct {
	At     time.Duration // since the run began
	Shards []ShardSample // in the order of the stream's shards
}

// A ShardSample is the state of one shard.
type ShardSample struct {
	Records     int64 // put so far
	Throttled   int64 // refusals so far
	IteratorAge time.Duration
}

// A timeline is the samples of a run, of bounded number.
type timeline struct {
	samples []Sample
	period  time.Duration
}

// add appends a sample.
func (t *timeline) add(s Sample) {
	t.samples = append(t.samples, s)
	if len(t.samples) < maxSamples {
		return
	}
	t.period *= 2
	for i := range len(t.samples) / 2 {
		t.samples[i] = t.samples[2*i]
	}
	t.samples = t.samples[:len(t.samples)/2]
}

// A Progress is how far a run is.
type Progress struct {
	Elapsed     time.Duration
	Records     int64 // put so far
	Rate        float64
	Throttled   int64
	IteratorAge time.Duration
}

// watch takes samples until stop is closed, and one more.
func (r *run) watch(stop <-chan struct{}) {
	r.timeline.period = samplePeriod
	r.look()
	for {
		timer := time.NewTimer(r.timeline.period)
		select {
		case <-timer.C:
			r.look()
		case <-stop:
			timer.Stop()
			r.look()
			return
		}
	}
}

// look takes a sample and reports progress.
func (r *run) look() {
	snap := r.stream.Snapshot()
	s := Sample{At: r.since()}
	for i, shard := range snap.Shards {
		s.Shards = append(s.Shards, ShardSample{
			Records: shard.Total.IncomingRecords, Throttled: shard.Total.WriteThrottled,
			IteratorAge: snap.Readers[i].Age,
		})
	}
	r.timeline.add(s)
	if r.config.Progress == nil {
		return
	}
	last := len(r.timeline.samples) - 1
	r.config.Progress(Progress{
		Elapsed: s.At, Records: snap.Total.IncomingRecords, Throttled: snap.Total.WriteThrottled,
		IteratorAge: snap.IteratorAge, Rate: rate(r.timeline.samples, last, Sample.records),
	})
}

// records returns the records of all shards.
func (s Sample) records() (n int64) {
	for _, shard := range s.Shards {
		n += shard.Records
	}
	return n
}

// Rates returns, for each sample, by how much a count grew in the second before
// it: per second if the samples are further apart.
func Rates(samples []Sample, count func(Sample) int64) []float64 {
	rates := make([]float64, len(samples))
	for i := range samples {
		rates[i] = rate(samples, i, count)
	}
	return rates
}

// rate returns the growth in the second before sample i.
func rate(samples []Sample, i int, count func(Sample) int64) float64 {
	if i == 0 {
		return 0
	}
	from := samples[i].At - time.Second
	j := sort.Search(i-1, func(j int) bool { return samples[j+1].At > from })
	grown := float64(count(samples[i]) - count(samples[j]))
	if span := samples[i].At - samples[j].At; span > time.Second {
		grown /= span.Seconds()
	}
	return grown
}
