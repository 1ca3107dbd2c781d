package eventsource

import (
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Trial is the machine of one batch, for tests that have no goroutines.
type Trial struct{ t *trial }

// NewTrial returns one of a batch that waits a second before its first retry,
// and a minute at most.
func NewTrial(retries int, bisect bool, age time.Duration, arrived []time.Time) Trial {
	return Trial{newTrial(&rules{retries: retries, bisect: bisect, age: age, backoff: time.Second, longest: time.Minute}, arrived)}
}

// NewFinalTrial returns one of a window's final invocation.
func NewFinalTrial(retries int, age time.Duration, end time.Time) Trial {
	return Trial{newFinalTrial(&rules{retries: retries, age: age, backoff: time.Second, longest: time.Minute}, end)}
}

// Next says what is to be done, and until when if that is to wait.
func (t Trial) Next(now time.Time) (text string, until time.Time) {
	switch s := t.t.next(now); s.kind {
	case invoke:
		return fmt.Sprintf("invoke %d-%d", s.from, s.to), until
	case report:
		return fmt.Sprintf("report %d-%d attempts=%d threw=%t aged=%t", s.from, s.to, s.attempts, s.threw, s.aged), until
	case pause:
		return "pause", s.at
	}
	return "finish", until
}

// Answer takes in what came of what was done: "ok", "throw", "fail", "partial
// N", "refuse", "delivered" or "lost".
func (t Trial) Answer(now time.Time, answer string) {
	var at int
	if _, err := fmt.Sscanf(answer, "partial %d", &at); err == nil {
		t.t.result(now, outcome{kind: partial, at: at})
		return
	}
	switch answer {
	case "ok":
		t.t.result(now, outcome{kind: succeeded})
	case "throw":
		t.t.result(now, outcome{kind: failed, threw: true})
	case "fail":
		t.t.result(now, outcome{kind: failed})
	case "refuse":
		t.t.result(now, outcome{kind: refused})
	default:
		t.t.reported(now, answer == "delivered")
	}
}

// Finished returns how many records are finished.
func (t Trial) Finished() int { return t.t.finished() }

// Key tells two states apart, but for how long they wait.
func (t Trial) Key() string {
	key := ""
	for _, p := range t.t.work {
		key += fmt.Sprintf("[%d-%d %d %t %t]", p.from, p.to, p.attempts, p.givenUp, p.threw)
	}
	return key
}

// Clone returns a copy.
func (t Trial) Clone() Trial {
	c := *t.t
	c.work = append([]piece(nil), c.work...)
	return Trial{&c}
}

// A Desk is the machine of a shard, for tests that have no goroutines.
type Desk struct{ d *desk }

// A Job is something that a desk wants to be done.
type Job struct {
	Lane     int
	Report   bool
	Aged     bool
	Attempts int
	Records  []weir.Record
	Event    []byte // what the function gets
}

// NewDesk returns the desk of shard 0. It waits a second before a first retry.
func NewDesk(s Settings, state []byte, now time.Time) (Desk, error) {
	s = s.withDefaults()
	d := newDesk(s, rulesOf(s, time.Second, time.Minute), newEnvelope(0, "arn:stream", "arn:role", "us-east-1"))
	return Desk{d}, d.windows.resume(now, state)
}

// Settings returns the settings with their defaults.
func (s Settings) WithDefaults() Settings { return s.withDefaults() }

func (d Desk) Add(now time.Time, records []weir.Record, keep []bool, tip bool) {
	d.d.add(now, records, keep, tip)
}

func (d Desk) End()       { d.d.end() }
func (d Desk) Close()     { d.d.close() }
func (d Desk) Room() bool { return d.d.room() }
func (d Desk) Idle() bool { return d.d.idle() }
func (d Desk) Held() int  { return d.d.bytes }

func (d Desk) Position() (weir.SequenceNumber, string, bool) {
	at, _, ok := d.d.position()
	return at, string(d.d.windows.blob()), ok
}

func (d Desk) Next(now time.Time) (jobs []Job, wake time.Time) {
	list, wake := d.d.next(now)
	for _, j := range list {
		job := Job{Lane: j.lane, Report: j.kind == report, Aged: j.aged, Attempts: j.attempts}
		for i := range j.items {
			job.Records = append(job.Records, j.items[i].record)
		}
		job.Event = d.d.envelope.event(j.items, j.frame)
		jobs = append(jobs, job)
	}
	return jobs, wake
}

// Answer takes in what the function returned; an error of it if answer is nil.
func (d Desk) Answer(now time.Time, j Job, s Settings, answer []byte) {
	if answer == nil {
		d.d.answered(now, j.Lane, verdict{outcome: outcome{kind: failed, threw: true}})
		return
	}
	items := make([]item, len(j.Records))
	for i := range items {
		items[i].record = j.Records[i]
	}
	d.d.answered(now, j.Lane, judge(answer, s.reports(), s.TumblingWindowInSeconds > 0, items))
}

// Refuse takes in that the function was not begun.
func (d Desk) Refuse(now time.Time, j Job) {
	d.d.answered(now, j.Lane, verdict{outcome: outcome{kind: refused}})
}

func (d Desk) Delivered(now time.Time, j Job, ok bool) { d.d.delivered(now, j.Lane, ok) }

// Event and Size return a record's event, and its size within it.
func Event(shard weir.ShardID, source, role, region string, records []weir.Record) []byte {
	e := newEnvelope(shard, source, role, region)
	var items []item
	for _, r := range records {
		items = append(items, item{record: r, size: e.size(&r)})
	}
	return e.event(items, nil)
}

func Size(r weir.Record) int { return newEnvelope(0, "s", "r", "g").size(&r) }

// Judge says what an answer means: "ok", "failed", "threw" or "from N".
func Judge(answer []byte, reports, windows bool, records []weir.Record) (string, string) {
	items := make([]item, len(records))
	for i := range items {
		items[i].record = records[i]
	}
	v := judge(answer, reports, windows, items)
	switch {
	case v.kind == succeeded:
		return "ok", string(v.state)
	case v.kind == partial:
		return fmt.Sprint("from ", v.at), string(v.state)
	case v.threw:
		return "threw", ""
	}
	return "failed", v.why.Error()
}

// Matches reports whether a filter keeps a record.
func Matches(c FilterCriteria, r weir.Record) bool {
	f, err := newFilter(c)
	if err != nil {
		panic(err)
	}
	keep, left := f.keep([]weir.Record{r})
	return keep == nil && left == 0 || keep[0]
}
