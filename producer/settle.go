package producer

import (
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A landing is an aggregate that was stored in a shard whose range is not known
// yet, so that nobody can tell whether its consumers will see it.
type landing struct {
	items   []*record
	placed  []weir.Placed // one
	attempt Attempt
	flight  *flight
}

// settle takes in what a call has answered.
func (m *machine) settle(b *batch, results []weir.PutResult, err error, now time.Duration) {
	m.now = max(m.now, now)
	m.calls--
	m.refund(b)
	s := settling{m: m, b: b, attempt: Attempt{Began: m.c.epoch.Add(b.began), Took: m.now - b.began}}
	switch {
	case err == nil && len(results) != len(b.entries):
		m.counts.mismatches++
		s.failAll(fmt.Errorf("%w: %d for %d records", ErrMismatch, len(results), len(b.entries)))
	case errors.Is(err, ErrMismatch): // the stream has seen it
		m.counts.mismatches++
		s.failAll(err)
	case err == nil:
		s.each(results)
	case classify(err) == refused && errors.Is(err, weir.ErrInvalidArgument) && b.len() > 1:
		// One entry is the reason; the others are not to suffer from it.
		m.again = append(m.again, b.halves()...)
		b.flight.open += 2
	default:
		s.failAll(err)
	}
	m.land(b.flight)
	if b.flight.open == 0 && !b.half {
		m.out.batches = append(m.out.batches, b)
	}
}

// How much of it is kept: so many batches, of so many records.
const (
	maxSpare        = 16
	maxSpareRecords = 16 << 10
)

// reuse keeps the memory of a batch for another one. Nobody has a hold on it any
// more: landings, halves and what is told have.
func (m *machine) reuse(b *batch) {
	if b.keys != nil || len(m.spare) >= min(m.c.calls, maxSpare) || cap(b.items) > maxSpareRecords {
		return
	}
	clear(b.items)
	kept := batch{items: b.items[:0], ends: b.ends[:0], placed: b.placed[:0]}
	if b.ends == nil { // else they are the packer's
		clear(b.entries)
		kept.entries = b.entries[:0]
	}
	*b = kept
	m.spare = append(m.spare, b)
}

// land takes in that a batch or a landing of a flight is done with.
func (m *machine) land(f *flight) {
	if f.open--; f.open > 0 {
		return
	}
	delete(m.flights, f)
	for _, p := range f.parts {
		for l := range m.overlapping(p.keys) {
			l.busy--
		}
	}
}

// refund gives back what aggregates were estimated too large.
func (m *machine) refund(b *batch) {
	if b.ends == nil || b.entries == nil {
		return
	}
	from := 0
	for _, p := range b.parts {
		size := 0
		for i := range b.entries[from:p.end] {
			size += b.entries[from+i].Size()
		}
		from = p.end
		if l := m.laneOf(p.keys.Start); l.known && l.id == p.id && p.bytes > float64(size) {
			l.bytes.take(float64(size) - p.bytes)
		}
	}
}

// halves returns two batches with a half of b's entries each.
func (b *batch) halves() []*batch {
	mid := b.len() / 2
	first, second := &batch{flight: b.flight, half: true}, &batch{flight: b.flight, half: true}
	if b.ends == nil {
		first.items, second.items = b.items[:mid:mid], b.items[mid:]
	} else {
		at := b.ends[mid-1]
		first.items, second.items = b.items[:at:at], b.items[at:]
		first.ends = b.ends[:mid:mid]
		for _, end := range b.ends[mid:] {
			second.ends = append(second.ends, end-at)
		}
	}
	if b.ends == nil { // else they are made again: their memory is used for another call
		first.entries, second.entries = b.entries[:mid:mid], b.entries[mid:]
	}
	for _, p := range b.parts {
		if p.end > mid {
			q := p
			q.end -= mid
			second.parts = append(second.parts, q)
		}
		if len(first.parts) == 0 || first.parts[len(first.parts)-1].end < mid {
			p.end = min(p.end, mid)
			first.parts = append(first.parts, p)
		}
	}
	for _, half := range []*batch{first, second} {
		for i := range half.parts {
			half.parts[i].bytes = 0 // it is paid for
		}
	}
	return []*batch{first, second}
}

// A settling is the work of one call's answer.
type settling struct {
	m       *machine
	b       *batch
	attempt Attempt     // of the entry at hand
	once    *[1]Attempt // the entry at hand's, if it was delivered
	last    error       // that attempt tells of
	class   errorClass
}

// failAll settles that all entries failed.
func (s *settling) failAll(err error) {
	from := 0
	for _, p := range s.b.parts {
		s.failed(err)
		s.noteThrottle(p)
		for i := from; i < p.end; i++ {
			s.retryAll(s.b.itemsOf(i))
		}
		from = p.end
	}
}

// each settles each entry.
func (s *settling) each(results []weir.PutResult) {
	b, from := s.b, 0
	b.placed = slices.Grow(b.placed, len(results))[:len(results)]
	for _, p := range b.parts {
		throttles, next := 0, from // which is not settled yet
		for i := from; i < p.end; i++ {
			r := &results[i]
			b.placed[i] = r.Placed
			if r.Err == nil && b.ends == nil && (r.ShardID == p.id || !p.known) {
				continue // it is settled with its neighbours
			}
			s.stored(next, i)
			next = i + 1
			if r.Err == nil {
				s.landed(i, &p)
				continue
			}
			s.failed(r.Err)
			if s.class == throttled {
				if throttles++; throttles == 1 {
					s.noteThrottle(p)
				}
			}
			s.retryAll(b.itemsOf(i))
		}
		s.stored(next, p.end)
		from = p.end
	}
}

// stored settles neighbours that are stored as they are, if there are any.
func (s *settling) stored(from, to int) {
	if from < to {
		s.m.deliver(telling{items: s.b.items[from:to], placed: s.b.placed[from:to], once: s.success()})
	}
}

// failed makes the attempt that of an error. Records that failed of the same are
// to share its memory.
func (s *settling) failed(err error) {
	message := err.Error()
	if s.last != nil && message == s.attempt.Message {
		return
	}
	s.last, s.class = err, classify(err)
	s.attempt.Code, s.attempt.Message, s.attempt.err = codeOf(err), message, err
}

// noteThrottle slows down the lanes of a part if its shard was throttled.
func (s *settling) noteThrottle(p part) {
	if s.class != throttled {
		return
	}
	for l := range s.m.overlapping(p.keys) {
		if l.known {
			s.m.slowDown(l)
		}
	}
}

// landed settles an entry that is stored.
func (s *settling) landed(i int, p *part) {
	m, items, placed := s.m, s.b.itemsOf(i), s.b.placed[i:i+1]
	if p.known && placed[0].ShardID != p.id {
		m.counts.mispredicted++
		m.shards.wanted = true
		if len(items) > 1 {
			g := &landing{items: items, placed: placed, attempt: s.attempt, flight: s.b.flight}
			g.attempt.Code, g.attempt.Message, g.attempt.err = "", "", nil
			s.judge(g)
			return
		}
	}
	if len(items) == 1 {
		m.deliver(telling{items: items, placed: placed, once: s.success()})
	} else {
		m.unpack(items, placed, s.success())
	}
}

// success returns the attempt of those that were delivered at once.
func (s *settling) success() *[1]Attempt {
	if s.once == nil {
		s.once = &[1]Attempt{{Began: s.attempt.Began, Took: s.attempt.Took}}
	}
	return s.once
}

// unpack tells that the records of an aggregate are stored.
func (m *machine) unpack(items []*record, placed []weir.Placed, once *[1]Attempt) {
	m.counts.aggregates++
	m.counts.aggregated += int64(len(items))
	m.deliver(telling{items: items, placed: placed, packed: true, once: once})
}

// judge settles an aggregate that landed elsewhere than predicted: it counts as
// delivered if consumers of that shard will see it, else all of it is put again.
// Where the shard is not known, it waits until it is.
func (s *settling) judge(g *landing) {
	keys, known := s.m.shards.ranges[g.placed[0].ShardID]
	if !known && s.m.ended == nil {
		s.m.unjudged = append(s.m.unjudged, g)
		g.flight.open++
		return
	}
	for _, r := range g.items {
		if !keys.Contains(r.hash) {
			s.last, s.class = errWrongShard, transient
			s.attempt = g.attempt
			s.attempt.Code, s.attempt.err = "WrongShard", errWrongShard
			s.attempt.Message = fmt.Sprintf("the aggregate landed in %v, which is not the shard of all of it", g.placed[0].ShardID)
			s.m.counts.wrongShard++
			s.retryAll(g.items)
			return
		}
	}
	s.m.unpack(g.items, g.placed, &[1]Attempt{g.attempt})
}

// expireUnjudged fails aggregates of which it is not known in time where they
// are. Their records are of different age; all are put again or told together.
func (m *machine) expireUnjudged() {
	if len(m.unjudged) == 0 {
		return
	}
	kept := m.unjudged[:0]
	for _, g := range m.unjudged {
		if !m.isExpired(g.items[0]) {
			kept = append(kept, g)
			continue
		}
		for _, r := range g.items {
			m.expired(r)
		}
		m.land(g.flight)
	}
	clear(m.unjudged[len(kept):])
	m.unjudged = kept
}

// retryAll puts the records of an entry back, or fails them.
func (s *settling) retryAll(items []*record) {
	for _, r := range items {
		s.retry(r)
	}
}

func (s *settling) retry(r *record) {
	m := s.m
	r.tried(s.attempt)
	if s.class == throttled {
		m.counts.throttled++
	}
	switch {
	case s.class == refused, s.class == throttled && m.c.failThrottled:
		m.fail(r, nil)
		return
	case m.ended != nil:
		m.fail(r, m.ended)
		return
	}
	due := m.now + m.backOff(r.tries, s.class)
	if due >= m.expiry(r) {
		m.expired(r)
		return
	}
	m.counts.retries++
	r = m.apart(r)
	l := m.laneOf(r.hash)
	if !m.c.ordered {
		r.troubles.due = due
		heap.Push(&l.later, r)
		m.count(l, 1, r.bytes())
		return
	}
	l.notBefore = max(l.notBefore, due)
	l.fresh.insert(m.asWaiting(r))
	m.count(l, 1, r.bytes())
}
