package window

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/crew"
)

// tell makes a result of a window. One at which the aggregator panics is set
// aside.
func (m *machine[V, A, R]) tell(p *pane[A], k Kind) {
	value, err := m.valueOf(p)
	r := Result[R]{Key: p.entry.key, Stream: m.stream, Shard: m.shard, After: m.at.number}
	for _, s := range p.stale {
		r.Window, r.Kind, r.Revision = Window{Start: timeOf(s.start), End: timeOf(s.end)}, Gone, s.revisions
		m.results = append(m.results, r)
		m.counts.results[Gone]++
	}
	p.stale = nil
	p.told, p.base = p.records, p.records
	if err != nil {
		m.setAside(p.entry.key, timeOf(p.start), err)
		return
	}
	r.Window = Window{Start: timeOf(p.start), End: timeOf(p.end), First: p.first.number, Index: p.index}
	r.Value, r.Kind, r.Records, r.Revision = value, k, p.records, p.revisions
	m.results = append(m.results, r)
	m.counts.results[k]++
	p.revisions++
}

// refuse sets a result aside that the handler will never take.
func (m *machine[V, A, R]) refuse(r Result[R], why error) {
	m.setAside(r.Key, r.Window.Start, &ResultError[R]{r, why})
}

// setAside sets a result of a window aside, by its key and beginning.
func (m *machine[V, A, R]) setAside(key string, start time.Time, err error) {
	m.counts.rejected++
	m.reject(new(weir.Record), Event[V]{Key: key, Time: start}, err)
}

// valueOf returns what the accumulator comes to. A panic is an error: by the
// clock it would end the process.
func (m *machine[V, A, R]) valueOf(p *pane[A]) (value R, err error) {
	defer crew.Recovered(&err)
	return m.plan.result(p.acc), nil
}

// tick makes the early results that the clock asks for, and returns when to
// look again; the zero time is never.
func (m *machine[V, A, R]) tick(now time.Time) (next time.Time) {
	if m.plan.earlyEvery == 0 {
		return time.Time{}
	}
	if now.Before(m.nextEarly) {
		return m.nextEarly
	}
	m.nextEarly = now.Add(m.plan.earlyEvery)
	for i, p := range m.changed {
		p.isChanged = false
		if p.isUntold() {
			// What the records ask for must not depend on the clock: after a crash
			// it would not be so again.
			base := p.base
			m.tell(p, Early)
			p.base = base
		}
		m.changed[i] = nil
	}
	m.changed = m.changed[:0]
	return m.nextEarly
}

// isUntold reports whether an early result of the window would be news.
func (p *pane[A]) isUntold() bool { return !p.gone && !p.fired && p.records > p.told }

// announce notes that the next tick will tell of sessions, and reports whether
// there are any. After a crash they may have become longer before somebody looks
// at the clock again, and then it must be known that they may have been told as
// they are: that is kept before they are.
func (m *machine[V, A, R]) announce(now time.Time) (some bool) {
	if m.plan.kind != session && m.plan.kind != sessionBy || m.plan.earlyEvery == 0 || now.Before(m.nextEarly) {
		return false
	}
	for _, p := range m.changed {
		if p.isUntold() {
			p.shown, some = true, true
		}
	}
	return some
}
