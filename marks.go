package weir

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/weirstream/weir/internal/shardlog"
)

// A markHistory remembers, for each second in which something was put into a
// shard, what the shard had taken in before. What came in within a second is the
// difference between two marks, so a put pays for metrics only when a new second
// begins. It is written under the shard's mutex and read without.
type markHistory struct {
	ring atomic.Pointer[[]mark]
	last atomic.Int64 // newest marked second

	peakRecords, peakBytes peak
}

// A mark is what a shard had taken in when a second began.
type mark struct {
	at                       atomic.Int64 // Unix time; 0: unused, or being changed
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

// mark marks the beginning of the second of lastMs, and reports whether that was
// not done yet. The caller is between begin and end.
func (sh *shard) mark() bool {
	at := markSecond(sh.lastMs)
	sh.markMs = (sh.lastMs/1000 + 1) * 1000
	if at == sh.marks.last.Load() {
		return false
	}
	in := sh.appended()
	in.at = at
	sh.marks.mark(in, sh.counts.window)
	return true
}

// markSecond returns the second that marks know an arrival by: the first two of
// 1970 share one, because zero stands for no mark.
func markSecond(ms int64) int64 { return max(ms/1000, 1) }

// mark marks the beginning of a second in which something is put, unless that is
// done.
func (s *Stream) mark(at int64) bool {
	if at <= s.marks.last.Load() {
		return false
	}
	s.marking.Lock()
	defer s.marking.Unlock()
	if at <= s.marks.last.Load() {
		return false
	}
	routes := s.routes.Load()
	in := routes.retired.taken
	for _, sh := range routes.all {
		in.add(sh.takenIn())
	}
	in.at = at
	s.marks.mark(in, s.counts.window)
	return true
}

// mark enters what had been taken in when the second in.at began, and offers the
// second before it for the peaks. Calls must not overlap.
func (m *markHistory) mark(in intake, window int64) {
	if last := m.last.Load(); last != 0 {
		before := m.placeLocked(last, window)
		m.peakRecords.offer(in.records-before.records.Load(), last)
		m.peakBytes.offer(in.bytes-before.bytes.Load(), last)
	}
	m.placeLocked(in.at, window).set(in)
	m.last.Store(in.at)
}

// appended returns what the shard ever took in, published or not. The caller holds
// mu.
func (sh *shard) appended() intake { return sh.intakeOf(sh.log.Appended()) }

// placeLocked returns the place of a second's mark, which may hold another
// second's. The ring grows as a history's does.
func (m *markHistory) placeLocked(at, window int64) *mark {
	at = max(at, 1)
	ring := m.ring.Load()
	if ring == nil {
		ring = m.growLocked(firstRingSeconds)
	}
	for {
		place := &(*ring)[at%int64(len(*ring))]
		held := place.at.Load()
		if held == at || held == 0 || held <= at-window || int64(len(*ring)) >= window {
			return place
		}
		ring = m.growLocked(min(4*len(*ring), int(window)))
	}
}

func (m *markHistory) growLocked(n int) *[]mark {
	ring := make([]mark, n)
	if old := m.ring.Load(); old != nil {
		for i := range *old {
			from := &(*old)[i]
			to := &ring[from.at.Load()%int64(n)]
			if from.at.Load() > to.at.Load() {
				to.set(from.get())
			}
		}
	}
	m.ring.Store(&ring)
	return &ring
}

func (m *mark) set(in intake) {
	m.at.Store(0)
	m.records.Store(in.records)
	m.bytes.Store(in.bytes)
	m.batchRecords.Store(in.batchRecords)
	m.batchBytes.Store(in.batchBytes)
	m.at.Store(in.at)
}

// get returns the mark; its second is 0 if there is none or it was changing.
func (m *mark) get() intake {
	in := intake{
		at:      m.at.Load(),
		records: m.records.Load(), bytes: m.bytes.Load(),
		batchRecords: m.batchRecords.Load(), batchBytes: m.batchBytes.Load(),
	}
	if m.at.Load() != in.at {
		in.at = 0
	}
	return in
}

// intake is what a shard or a stream took in, ever or during the second at.
type intake struct {
	at                       int64
	records, bytes           int64
	batchRecords, batchBytes int64 // the part that PutRecords put
}

func (in *intake) add(o intake) {
	in.records += o.records
	in.bytes += o.bytes
	in.batchRecords += o.batchRecords
	in.batchBytes += o.batchBytes
}

// since returns what came in between an earlier mark and this one.
func (in intake) since(before intake) intake {
	return intake{
		at:           before.at,
		records:      max(0, in.records-before.records),
		bytes:        max(0, in.bytes-before.bytes),
		batchRecords: max(0, in.batchRecords-before.batchRecords),
		batchBytes:   max(0, in.batchBytes-before.batchBytes),
	}
}

// seconds returns what was taken in second by second, rising, when total was
// taken in altogether. Marks younger than total are left out.
func (m *markHistory) seconds(total intake) []intake {
	seconds := m.sorted()
	following := total
	for i := len(seconds) - 1; i >= 0; i-- {
		mark := seconds[i]
		seconds[i] = following.since(mark)
		if mark.records < following.records {
			following = mark
		}
	}
	return seconds
}

// sorted returns the marks by second.
func (m *markHistory) sorted() []intake {
	ring := m.ring.Load()
	if ring == nil {
		return nil
	}
	marks := make([]intake, 0, len(*ring))
	for i := range *ring {
		if in := (*ring)[i].get(); in.at != 0 {
			marks = append(marks, in)
		}
	}
	slices.SortFunc(marks, func(a, b intake) int { return cmp.Compare(a.at, b.at) })
	return marks
}

// takenIn returns what the shard ever took in, as far as it is published.
func (sh *shard) takenIn() intake { return sh.intakeOf(sh.log.Published()) }

func (sh *shard) intakeOf(all shardlog.Extent) intake {
	return intake{
		records: all.Records, bytes: all.Bytes,
		batchRecords: sh.batchRecords.Load(), batchBytes: sh.batchBytes.Load(),
	}
}
