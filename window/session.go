package window

import (
	"time"

	"github.com/weirstream/weir"
)

// takeSession adds a value to the session of its key, which may become longer by
// it, or be joined to others.
func (m *machine[V, A, R]) takeSession(key string, ms int64, v V) {
	gap, ok := m.gap(key, ms, v)
	if !ok {
		return
	}
	e := m.entries[key]
	start, end, first := ms, ms+gap, (*pane[A])(nil)
	if e != nil { // each that overlaps or touches it; of each other they do neither
		for i := len(e.panes) - 1; i >= 0 && e.panes[i].end >= ms; i-- {
			if p := e.panes[i]; p.start <= ms+gap {
				start, end, first = min(start, p.start), max(end, p.end), p
			}
		}
	}
	if m.isLate(key, e, end) {
		m.late(key, ms, v)
		return
	}
	if first == nil {
		m.addTo(m.entry(key, e), start, end, v)
		return
	}
	p := m.join(first, start, end)
	m.plan.add(&p.acc, v)
	m.added(p)
}

// gap returns the gap after an event, in milliseconds. It rejects one whose gap
// is out of bounds.
func (m *machine[V, A, R]) gap(key string, ms int64, v V) (int64, bool) {
	if m.plan.kind == session {
		return m.plan.size, true
	}
	gap := m.plan.gap(v)
	if gap >= time.Millisecond && gap <= MaxSize {
		return gap.Milliseconds(), true
	}
	m.counts.rejected++
	var errs problems
	errs.add("gap", "%v is not %v to %v", gap, time.Millisecond, MaxSize)
	m.reject(m.record, Event[V]{Key: key, Time: timeOf(ms), Value: v}, errs[0].(*weir.ArgumentError))
	return 0, false
}

// join makes one session of those that a window overlaps or touches, of which p
// is the first.
func (m *machine[V, A, R]) join(p *pane[A], start, end int64) *pane[A] {
	if p.start == start && p.end == end {
		return p
	}
	e := p.entry
	p.outdate()
	for i := len(e.panes) - 1; i >= 0; i-- {
		q := e.panes[i]
		if q == p || q.start > end || q.end < start {
			continue
		}
		q.outdate()
		m.plan.merge(&p.acc, q.acc)
		p.records, p.told, p.base, p.stale = p.records+q.records, p.told+q.told, p.base+q.base, append(p.stale, q.stale...)
		var none A
		q.acc, q.stale = none, nil
		m.giveUp(q)
	}
	p.start, p.end = start, end
	if !p.fired {
		return p // its place among the timers is one that is looked at in time
	}
	// Something may be due for it sooner than when it was to be given up.
	next := *p
	var none A
	p.acc, p.stale, p.gone = none, nil, true
	for i, q := range e.panes {
		if q == p {
			e.panes[i] = &next
		}
	}
	next.isChanged = false
	m.settle(&next)
	m.timers.push(&next)
	return &next
}

// outdate notes that a session will have other bounds: what was told of it does
// not hold any more.
func (p *pane[A]) outdate() {
	if p.revisions > 0 || p.shown {
		p.stale = append(p.stale, span{p.start, p.end, p.revisions})
		p.revisions, p.shown = 0, false
	}
}
