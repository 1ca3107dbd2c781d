package bench

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/course"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A watcher looks at a run as it goes.
type watcher struct {
	run      *run
	timeline *timeline

	last      look // at the end of the last period
	lastAt    time.Duration
	lastReads reads
	lastDone  int64 // acknowledged by all queues
	lastUsage usage

	// What was there when the warm-up was over.
	marked    bool
	markAt    time.Duration
	mark      look
	markReads map[*consumer]reads
	markWork  map[*workQueue]work
	markUsage usage
	pauses    pauses

	heapMax int64
}

func newWatcher(r *run) *watcher {
	w := &watcher{run: r, timeline: newTimeline()}
	if r.config.Process {
		w.lastUsage = readUsage()
		w.markUsage = w.lastUsage
	}
	if r.meter.warmUp == 0 {
		w.markNow()
	}
	return w
}

// loop looks at the run at the end of each period, and of the warm-up, until
// stop is closed, and once more.
func (w *watcher) loop(stop <-chan struct{}) {
	course.Watch(stop, func() time.Duration {
		next := w.lastAt + w.timeline.Left(w.lastAt)
		if warm := w.run.meter.warmUp; !w.marked && warm < next {
			// What is measured is the difference from the counts at this very
			// moment, so it must not wait for the end of the period.
			next = warm
		}
		return next - w.run.since()
	}, w.look)
}

// markNow notes the end of the warm-up.
func (w *watcher) markNow() {
	w.marked, w.markAt, w.mark, w.markUsage = true, w.lastAt, w.last, w.lastUsage
	w.markReads = make(map[*consumer]reads)
	for _, c := range w.run.consumers {
		c.count(func(r *reads) { w.markReads[c] = *r })
	}
	w.markWork = make(map[*workQueue]work)
	for _, q := range w.run.queues {
		q.count(func(now *work) { w.markWork[q] = *now })
	}
	if w.run.config.Process {
		w.pauses = readPauses()
	}
}

// look ends a period.
func (w *watcher) look() {
	now := w.run.since()
	l, read := w.run.meter.look(), w.reads()
	p := Point{
		At: now.Seconds(), Seconds: (now - w.lastAt).Seconds(), Count: l.Count.minus(w.last.Count),
		Read: read.records - w.lastReads.records, ReadThrottled: read.throttled - w.lastReads.throttled,
		Put: l.put, Propagation: l.propagation, Age: w.age(now), Backlog: w.backlog(l.Records),
		Shards: w.shards(&l),
	}
	w.lookAtQueues(&p)
	if w.run.config.Process {
		u := readUsage()
		p.Heap, p.GCs, p.GCPause = u.heap, u.gcs-w.lastUsage.gcs, u.pause-w.lastUsage.pause
		w.heapMax, w.lastUsage = max(w.heapMax, u.heap), u
	}
	// A period of no length is a part of the one before it.
	w.timeline.Add(min(w.lastAt, now-1), p)
	w.last, w.lastAt, w.lastReads = l, now, read
	if !w.marked && now >= w.run.meter.warmUp {
		w.markNow()
	}
	w.report(l.Count)
}

// lookAtQueues fills in what the queues did.
func (w *watcher) lookAtQueues(p *Point) {
	var done int64
	for _, q := range w.run.queues {
		q.count(func(now *work) { done += now.acknowledged })
		waiting, _ := q.waiting() // of a stream in memory it cannot fail
		p.Waiting += waiting
		if w.run.ended.Err() != nil { // the last one may have died of its age, of which no worker hears
			q.finishIfDone()
		}
	}
	p.Acknowledged, w.lastDone = done-w.lastDone, done
}

// reads returns what all consumers have read.
func (w *watcher) reads() (all reads) {
	for _, c := range w.run.consumers {
		c.count(func(r *reads) {
			all.records += r.records
			all.throttled += r.throttled
		})
	}
	return all
}

// age returns the greatest age of any consumer.
func (w *watcher) age(now time.Duration) (age time.Duration) {
	for _, c := range w.run.consumers {
		age = max(age, c.age(now))
	}
	return age
}

// backlog returns how many records that were put the consumers have not read,
// all together.
func (w *watcher) backlog(put int64) (n int64) {
	for _, c := range w.run.consumers {
		n += c.unread(put)
	}
	return n
}

// shards returns the records put to each shard since the last look.
func (w *watcher) shards(l *look) []int64 {
	var list []int64
	for _, id := range l.shards.ids() {
		i := w.timeline.line(id)
		for len(list) <= i {
			list = append(list, 0)
		}
		list[i] += l.shards.of(id).records - w.lastOf(id)
	}
	return list
}

func (w *watcher) lastOf(id weir.ShardID) int64 { return w.last.shards.of(id).records }

// report reports progress.
func (w *watcher) report(all Count) {
	if w.run.config.Progress == nil {
		return
	}
	p := Progress{
		Elapsed: w.lastAt, Length: time.Duration(w.run.w.Duration), Count: all,
		WarmUp: !w.marked, Drain: w.run.ended.Err() != nil,
	}
	var sum Point
	points := w.timeline.Points()
	// Going backwards, for periods become longer as the run does.
	for i := len(points) - 1; i >= 0 && sum.Seconds < 1; i-- {
		sum = points[i].join(sum)
	}
	if n := len(points); n > 0 {
		p.Age, p.Backlog, p.Heap = points[n-1].Age, points[n-1].Backlog, points[n-1].Heap
		p.Waiting = points[n-1].Waiting
	}
	p.Put, p.Propagation = sum.Put, sum.Propagation
	p.Rate = figures.Ratio(float64(sum.Records), sum.Seconds)
	p.DoneRate = figures.Ratio(float64(sum.Acknowledged), sum.Seconds)
	p.ReadRate = figures.Ratio(float64(sum.Read), sum.Seconds)
	p.ThrottleRate = figures.Ratio(float64(sum.Throttled), sum.Seconds)
	p.GCs = w.lastUsage.gcs - w.markUsage.gcs
	w.run.config.Progress(p)
}
