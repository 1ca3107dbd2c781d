package window

import (
	"cmp"
	"fmt"
	"slices"
)

// A twin does what a machine does, naively: it keeps all events, and looks at
// all of them each time. It shares no code with it.
type twin struct {
	kind                twinKind
	size, slide, offset int64 // size is the gap of sessions
	bound, lateness     int64
	count               int
	early               int
	byValue             bool // the gap of a session is the value of its event

	watermark, newest int64
	seen              bool
	events            []*twinEvent
	told              []twinTold // what somebody who reads the results has
	ticks             bool       // it is the clock that asks
}

type twinKind int

const (
	twinFixed twinKind = iota // tumbling and sliding
	twinSession
	twinCounted
)

// A twinEvent is an event in one window; one in several is there several times.
type twinEvent struct {
	ev
	start, end int64
	told       bool // in a result
	based      bool // and in one that the clock did not ask for
}

type twinTold struct {
	key        string
	start, end int64
}

// A twinWindow is the events that are in one window.
type twinWindow struct {
	key        string
	start, end int64
	events     []*twinEvent
}

// windows returns what windows there are.
func (w *twin) windows() (list []twinWindow) {
	events := slices.Clone(w.events)
	slices.SortStableFunc(events, func(a, b *twinEvent) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	for _, e := range events {
		if n := len(list) - 1; n >= 0 && list[n].key == e.key {
			l := &list[n]
			same := l.start == e.start && l.end == e.end
			if same || w.kind == twinSession && e.start <= l.end {
				l.end = max(l.end, e.end)
				l.events = append(l.events, e)
				continue
			}
		}
		list = append(list, twinWindow{e.key, e.start, e.end, []*twinEvent{e}})
	}
	slices.SortFunc(list, func(a, b twinWindow) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.key, b.key), cmp.Compare(a.start, b.start))
	})
	return list
}

func (v twinWindow) has(e *twinEvent) bool { return slices.Contains(v.events, e) }

func (v twinWindow) count(is func(*twinEvent) bool) (n int) {
	for _, e := range v.events {
		if is(e) {
			n++
		}
	}
	return n
}

func untold(e *twinEvent) bool  { return !e.told }
func unbased(e *twinEvent) bool { return !e.based }

// tell returns the lines of a result.
func (w *twin) tell(v twinWindow, k Kind) (out []string) {
	w.told = slices.DeleteFunc(w.told, func(t twinTold) bool {
		inside := t.key == v.key && t.start >= v.start && t.end <= v.end && w.kind == twinSession
		if inside && (t.start != v.start || t.end != v.end) {
			out = append(out, fmt.Sprintf("%s [%d,%d) gone", t.key, t.start, t.end))
		}
		return inside
	})
	w.told = append(w.told, twinTold{v.key, v.start, v.end})
	var values []int64
	for _, e := range v.events {
		values = append(values, e.value)
		e.told, e.based = true, e.based || !w.ticks
	}
	slices.Sort(values)
	return append(out, fmt.Sprintf("%s [%d,%d) %v %v", v.key, v.start, v.end, k, values))
}

// feed takes an event and returns the lines of what comes of it.
func (w *twin) feed(e ev) (out []string) {
	if !w.seen {
		w.watermark, w.newest, w.seen = -1<<50, -1<<50, true
	}
	if w.kind == twinCounted {
		return w.feedCounted(e)
	}
	some, added := false, false
	for start := e.ms - w.size; start <= e.ms; start++ {
		end := start + w.size
		if w.kind == twinSession {
			start, end = e.ms, e.ms+w.size
			if w.byValue {
				end = e.ms + e.value
			}
		} else if (start-w.offset+1_000_000*w.slide)%w.slide != 0 || end <= e.ms {
			continue
		}
		some = true
		te := &twinEvent{ev: e, start: start, end: end}
		w.events = append(w.events, te)
		for _, v := range w.windows() {
			switch {
			case !v.has(te):
			case v.end-1+w.lateness <= w.watermark:
				w.events = w.events[:len(w.events)-1]
			default:
				added = true
				if v.end-1 <= w.watermark {
					out = append(out, w.tell(v, Late)...)
				} else if w.early > 0 && v.count(unbased) >= w.early {
					out = append(out, w.tell(v, Early)...)
				}
			}
		}
	}
	if some && !added {
		out = append(out, fmt.Sprintf("aside %s %d", e.key, e.value))
	}
	w.newest = max(w.newest, e.ms)
	return append(out, w.raise(w.newest-w.bound-1)...)
}

// raise lets the watermark go on.
func (w *twin) raise(to int64) (out []string) {
	if to <= w.watermark {
		return nil
	}
	was := w.watermark
	w.watermark = to
	for _, v := range w.windows() {
		if v.end-1 > was && v.end-1 <= to {
			out = append(out, w.tell(v, Final)...)
		}
	}
	for _, v := range w.windows() {
		if v.end-1+w.lateness <= to {
			w.events = slices.DeleteFunc(w.events, v.has)
			w.told = slices.DeleteFunc(w.told, func(t twinTold) bool { return t.key == v.key && t.start >= v.start && t.end <= v.end })
		}
	}
	return out
}

// tick is what the clock asks for.
func (w *twin) tick() (out []string) {
	w.ticks = true
	defer func() { w.ticks = false }()
	for _, v := range w.windows() {
		if w.kind == twinCounted {
			v.start, v.end = 1<<50, -1<<50
			for _, e := range v.events {
				v.start, v.end = min(v.start, e.ms), max(v.end, e.ms+1)
			}
		}
		if v.end-1 > w.watermark && v.count(untold) > 0 {
			out = append(out, w.tell(v, Early)...)
		}
	}
	return out
}

func (w *twin) feedCounted(e ev) []string {
	w.events = append(w.events, &twinEvent{ev: e})
	v := twinWindow{key: e.key, start: 1 << 50, end: -1 << 50}
	for _, te := range w.events {
		if te.key == e.key {
			v.events = append(v.events, te)
			v.start, v.end = min(v.start, te.ms), max(v.end, te.ms+1)
		}
	}
	switch {
	case len(v.events) == w.count:
		w.events = slices.DeleteFunc(w.events, v.has)
		return w.tell(v, Final)
	case w.early > 0 && v.count(unbased) >= w.early:
		return w.tell(v, Early)
	}
	return nil
}
