package bench

import (
	"context"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A schedule hands the records of a workload to its producers, each when it is due.
// What is late is handed out at once, with the time it was due, so that a target that
// stalls is charged with all that had to wait meanwhile.
//
// One producer at a time has the turn: it waits until a record is due and takes
// all that are, while others put what they took.
type schedule struct {
	run  *run
	turn chan struct{} // holds a value while a producer has the turn
	// What follows is for who has the turn.
	records *workload.Generator
	next    workload.Arrival
	more    bool // next is one
}

func newSchedule(r *run, records *workload.Generator) *schedule {
	s := &schedule{run: r, turn: make(chan struct{}, 1), records: records}
	s.advance()
	return s
}

func (s *schedule) advance() { s.more = s.records.Next(&s.next) }

// take fills a batch with records that are due, waiting until there are some. It
// reports false when there will be none.
func (s *schedule) take(ctx context.Context, b *batch) bool {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return false
	}
	b.reset()
	if !s.more || s.run.tooLate() {
		return false
	}
	first := s.next.At
	if wait := first - s.run.since(); wait > 0 {
		if s.run.wait(ctx, wait) != nil {
			return false
		}
		s.run.meter.woke(first, s.run.since())
	}
	s.fill(b, first+s.run.linger)
	s.run.meter.taken(b.due)
	return s.run.wait(ctx, b.ready(first+s.run.linger)-s.run.since()) == nil
}

// fill adds all records that are due now or by a time until which the batch may wait.
func (s *schedule) fill(b *batch, until time.Duration) {
	until = max(until, s.run.since())
	for s.more && s.next.At <= until && b.fits(s.next.Bytes+len(s.next.Key.Text)) {
		b.add(&s.next)
		s.advance()
	}
	b.full = !s.more || len(b.entries) == b.most || s.next.At <= until
}

// rest records what was due by now and was never put, and returns how much it is.
func (s *schedule) rest() (n int64) {
	now := s.run.since()
	for s.more && s.next.At <= now {
		s.run.meter.unsent(s.next.At, now)
		s.advance()
		n++
	}
	return n
}

// A batch is the records of one call.
type batch struct {
	most    int // records
	entries []weir.Entry
	due     []time.Duration
	buffers [][]byte // the entries' data, to be used again
	bytes   int      // data and keys
	full    bool     // there is no room for the next record, or none to come
}

func newBatch(most int) *batch { return &batch{most: most} }

func (b *batch) reset() {
	b.entries, b.due, b.bytes, b.full = b.entries[:0], b.due[:0], 0, false
}

// fits reports whether a record of a size fits in. The first one always does.
func (b *batch) fits(size int) bool {
	return len(b.entries) == 0 || len(b.entries) < b.most && b.bytes+size <= weir.ServiceLimits().BatchBytes
}

// add adds a record.
func (b *batch) add(a *workload.Arrival) {
	i := len(b.entries)
	if i == len(b.buffers) {
		b.buffers = append(b.buffers, nil)
	}
	if len(b.buffers[i]) < a.Bytes {
		b.buffers[i] = filler(max(a.Bytes, 2*len(b.buffers[i])))
	}
	b.entries = append(b.entries, weir.Entry{PartitionKey: a.Key.Text, Data: b.buffers[i][:a.Bytes:a.Bytes]})
	b.due = append(b.due, a.At)
	b.bytes += a.Bytes + len(a.Key.Text)
}

// swap swaps two records.
func (b *batch) swap(i, j int) {
	b.entries[i], b.entries[j] = b.entries[j], b.entries[i]
	b.buffers[i], b.buffers[j] = b.buffers[j], b.buffers[i]
	b.due[i], b.due[j] = b.due[j], b.due[i]
}

// ready returns when the batch is to be put, if it may wait until a time for more: then,
// or as soon as it is full.
func (b *batch) ready(until time.Duration) time.Duration {
	if b.full {
		return b.due[len(b.due)-1]
	}
	return until
}

// filler returns bytes that look random, the same ones each time.
func filler(n int) []byte {
	data := make([]byte, n)
	x := uint64(0x9e3779b97f4a7c15)
	for i := range data {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x)
	}
	return data
}
