package seconds

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"
	"unsafe"
)

// An Intake is what was taken in, from the beginning or within a second.
type Intake struct {
	Records, Bytes           int64
	BatchRecords, BatchBytes int64 // the part that came in batches
}

// Plus returns both together.
func (in Intake) Plus(o Intake) Intake {
	return Intake{
		Records: in.Records + o.Records, Bytes: in.Bytes + o.Bytes,
		BatchRecords: in.BatchRecords + o.BatchRecords, BatchBytes: in.BatchBytes + o.BatchBytes,
	}
}

// Since returns what came in after an earlier Intake. None of it is negative.
func (in Intake) Since(before Intake) Intake {
	return Intake{
		Records: max(0, in.Records-before.Records), Bytes: max(0, in.Bytes-before.Bytes),
		BatchRecords: max(0, in.BatchRecords-before.BatchRecords), BatchBytes: max(0, in.BatchBytes-before.BatchBytes),
	}
}

// Marks remember, for each second in which something was taken in, what had
// been taken in before. What came in within a second is the difference between
// two marks, so nothing has to be counted but once a second. Init comes before
// use.
type Marks struct {
	// Grown is as in [History].
	Grown func(bytes int64)

	window int64 // immutable
	ring   atomic.Pointer[[]mark]
	last   atomic.Int64 // newest marked second

	records, bytes peak
}

// A mark is what had been taken in when a second began.
type mark struct {
	at                       atomic.Int64 // 0: unused, or being changed
	records, bytes           atomic.Int64
	batchRecords, batchBytes atomic.Int64
}

// A peak is the most that any one finished second had.
type peak struct {
	n, at atomic.Int64
}

func (p *peak) offer(n, at int64) {
	if n > p.n.Load() {
		p.n.Store(n)
		p.at.Store(at)
	}
}

// or returns the peak or, if more came in during a second that is not finished,
// that one.
func (p *peak) or(n, at int64) Peak {
	if most := p.n.Load(); n <= most {
		return Peak{most, p.at.Load()}
	}
	return Peak{n, at}
}

// Init says how many seconds are remembered.
func (m *Marks) Init(window int64) { m.window = window }

// Last returns the newest marked second, 0 if there is none.
func (m *Marks) Last() int64 { return m.last.Load() }

// Mark says that a second begins, and what has been taken in before it. It does
// nothing and returns false if that second or a later one is marked. Calls must
// not overlap; readers need not care.
func (m *Marks) Mark(at int64, before Intake) bool {
	at = max(at, 1)
	last := m.last.Load()
	if at <= last {
		return false
	}
	if last != 0 {
		finished := before.Since(m.place(last).get().Intake)
		m.records.offer(finished.Records, last)
		m.bytes.offer(finished.Bytes, last)
	}
	m.place(at).set(at, before)
	m.last.Store(at)
	return true
}

// place returns the place of a second's mark, which may hold another second's.
// The ring grows as a History's does.
func (m *Marks) place(at int64) *mark {
	ring := m.ring.Load()
	if ring == nil {
		ring = m.grow(firstRingSeconds)
	}
	for {
		place := &(*ring)[at%int64(len(*ring))]
		held := place.at.Load()
		if held == at || held == 0 || held <= at-m.window || int64(len(*ring)) >= m.window {
			return place
		}
		ring = m.grow(min(4*len(*ring), int(m.window)))
	}
}

func (m *Marks) grow(n int) *[]mark {
	ring, before := make([]mark, n), m.Bytes()
	if old := m.ring.Load(); old != nil {
		for i := range *old {
			from := (*old)[i].get()
			to := &ring[from.at%int64(n)]
			if from.at > to.at.Load() {
				to.set(from.at, from.Intake)
			}
		}
	}
	m.ring.Store(&ring)
	if m.Grown != nil {
		m.Grown(m.Bytes() - before)
	}
	return &ring
}

// Bytes returns what the ring takes.
func (m *Marks) Bytes() int64 {
	ring := m.ring.Load()
	if ring == nil {
		return 0
	}
	return int64(len(*ring)) * int64(unsafe.Sizeof(mark{}))
}

func (m *mark) set(at int64, in Intake) {
	m.at.Store(0)
	m.records.Store(in.Records)
	m.bytes.Store(in.Bytes)
	m.batchRecords.Store(in.BatchRecords)
	m.batchBytes.Store(in.BatchBytes)
	m.at.Store(at)
}

// A marked is a mark as it was read.
type marked struct {
	at int64
	Intake
}

// get reads the mark; its second is 0 if there is none or it was changing.
func (m *mark) get() marked {
	at := m.at.Load()
	in := Intake{
		Records: m.records.Load(), Bytes: m.bytes.Load(),
		BatchRecords: m.batchRecords.Load(), BatchBytes: m.batchBytes.Load(),
	}
	if m.at.Load() != at {
		at = 0
	}
	return marked{at, in}
}

// Seconds returns the marked seconds, rising, with what came in during each,
// when total was taken in altogether. Marks younger than total count as empty.
func (m *Marks) Seconds(total Intake) iter.Seq2[int64, Intake] {
	marks := m.sorted()
	following := total
	for i := len(marks) - 1; i >= 0; i-- {
		before := marks[i].Intake
		marks[i].Intake = following.Since(before)
		if before.Records < following.Records {
			following = before
		}
	}
	return func(yield func(int64, Intake) bool) {
		for _, second := range marks {
			if !yield(second.at, second.Intake) {
				return
			}
		}
	}
}

// Peaks returns the busiest seconds by records and by bytes, the one that is
// not finished included, when total was taken in altogether.
func (m *Marks) Peaks(total Intake) (records, bytes Peak) {
	newest := marked{}
	if marks := m.sorted(); len(marks) > 0 {
		newest = marks[len(marks)-1]
		newest.Intake = total.Since(newest.Intake)
	}
	return m.records.or(newest.Records, newest.at), m.bytes.or(newest.Bytes, newest.at)
}

// sorted returns the marks by second.
func (m *Marks) sorted() []marked {
	ring := m.ring.Load()
	if ring == nil {
		return nil
	}
	marks := make([]marked, 0, len(*ring))
	for i := range *ring {
		if mark := (*ring)[i].get(); mark.at != 0 {
			marks = append(marks, mark)
		}
	}
	slices.SortFunc(marks, func(a, b marked) int { return cmp.Compare(a.at, b.at) })
	return marks
}
