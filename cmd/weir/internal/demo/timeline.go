package demo

import (
	"fmt"
	"sort"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/course"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// The course of a run has one sample each samplePeriod to begin with, and as
// many as maxSamples after the one of its beginning, when there was nothing.
const (
	samplePeriod = 200 * time.Millisecond
	maxSamples   = 599
)

// A Sample is the state of the shards at one moment.
type Sample struct {
	At     time.Duration // since the run began
	Shards []ShardSample // in the order of the stream's shards
}

// A ShardSample is the state of one shard.
type ShardSample struct {
	Records     int64         // put so far
	Throttled   int64         // refusals so far
	IteratorAge time.Duration // the greatest at any look since the sample before
}

// A timeline is what is seen of a run while it goes.
type timeline struct {
	course *course.Course[Sample]
	lastAt time.Duration // of the last look
	age    IteratorAge   // but for its mean
	ages   time.Duration // of each look's slowest reader, all together
}

func newTimeline() *timeline {
	return &timeline{course: course.New(samplePeriod, maxSamples, joinSamples)}
}

// joinSamples makes one sample of two: counts are those of the later one.
func joinSamples(earlier, later Sample) Sample {
	for i := range earlier.Shards {
		later.Shards[i].IteratorAge = max(later.Shards[i].IteratorAge, earlier.Shards[i].IteratorAge)
	}
	return later
}

// add adds what a look has seen: it ends the time since the last one. A look at
// the same moment as the last one is joined to it.
func (t *timeline) add(s Sample) {
	t.course.Add(min(t.lastAt, s.At-1), s)
	t.lastAt = s.At
	t.age.Samples++
	t.age.Last = 0
	for _, shard := range s.Shards {
		t.age.Last = max(t.age.Last, shard.IteratorAge)
	}
	t.age.Max = max(t.age.Max, t.age.Last)
	t.ages += t.age.Last
}

// samples returns the samples, the first one being the beginning of the run,
// when its shards were empty.
func (t *timeline) samples() []Sample {
	list := t.course.Points()
	if len(list) == 0 {
		return nil
	}
	return append([]Sample{{Shards: make([]ShardSample, len(list[0].Shards))}}, list...)
}

// iteratorAge sums up the looks.
func (t *timeline) iteratorAge() IteratorAge {
	age := t.age
	age.Mean = t.ages / time.Duration(max(1, age.Samples))
	return age
}

// A Progress is how far a run is.
type Progress struct {
	Elapsed     time.Duration
	Records     int64 // put so far
	Rate        float64
	Throttled   int64
	IteratorAge time.Duration
}

// String says how far the run is.
func (p Progress) String() string {
	return fmt.Sprintf("%s  %s records  %s/s  %s throttled  age %s", figures.Duration(p.Elapsed.Round(100*time.Millisecond)),
		figures.Comma(p.Records), figures.Number(p.Rate), figures.Comma(p.Throttled), figures.Duration(p.IteratorAge))
}

// watch looks at the run until stop is closed, and once more.
func (r *run) watch(stop <-chan struct{}) {
	course.Watch(stop, func() time.Duration { return r.timeline.course.Left(r.since()) }, r.look)
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
	samples := r.timeline.samples()
	r.config.Progress(Progress{
		Elapsed: s.At, Records: snap.Total.IncomingRecords, Throttled: snap.Total.WriteThrottled,
		IteratorAge: snap.IteratorAge, Rate: rate(samples, len(samples)-1, Sample.records),
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
