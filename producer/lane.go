package producer

import (
	"container/heap"
	"math"
	"time"

	"github.com/weirstream/weir"
)

// A lane is the records of one hash key range that wait: of a shard, as far as
// is known, or of the whole stream where nobody asks for its shards.
type lane struct {
	id    weir.ShardID
	known bool // there is a shard of that id with this range
	keys  weir.HashKeyRange

	fresh queue    // by number; if ordered, what comes back too
	later schedule // what comes back, by when it is due
	count int
	size  int64 // data and partition keys
	place int   // in machine.active; -1 if not there

	// busy is how many parts of calls under way have a range that overlaps.
	busy      int
	notBefore time.Duration // ordered: when to go on after a failure

	limited        bool
	records, bytes bucket
	share          float64       // of the limits, that throttles leave
	raised         time.Duration // when share was last looked at
}

// A queue is records linked by next. The zero value is empty.
type queue struct{ first, last *record }

func (q *queue) push(r *record) {
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
}

func (q *queue) pop() *record {
	r := q.first
	q.first, r.next = r.next, nil
	if q.first == nil {
		q.last = nil
	}
	return r
}

// insert puts a record where its number says, looking from a record in the list
// that has a smaller one, or from the first one if that is nil.
func (q *queue) insert(r, from *record) {
	if q.last == nil || q.last.n < r.n {
		q.push(r)
		return
	}
	if from == nil {
		if r.n < q.first.n {
			r.next, q.first = q.first, r
			return
		}
		from = q.first
	}
	for from.next.n < r.n {
		from = from.next
	}
	r.next, from.next = from.next, r
}

// A schedule is a heap of records by when they are due.
type schedule []*record

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	a, b := s[i].troubles.due, s[j].troubles.due
	return a < b || a == b && s[i].n < s[j].n
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push is for package heap, as Pop is.
func (s *schedule) Push(r any) { *s = append(*s, r.(*record)) }

// Pop removes the last one.
func (s *schedule) Pop() any {
	old := *s
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return r
}

func (m *machine) newLane(id weir.ShardID, known bool, keys weir.HashKeyRange) *lane {
	l := &lane{id: id, known: known, keys: keys, place: -1, share: 1, raised: m.now}
	if !known {
		l.records, l.bytes = newBucket(math.Inf(1), 0), newBucket(math.Inf(1), 0)
		return l
	}
	l.records, l.bytes = newBucket(m.c.shardRecordsRate, m.now), newBucket(m.c.shardBytesRate, m.now)
	l.limited = !l.records.isOff() || !l.bytes.isOff()
	return l
}

// takeFresh takes a lane's first record out of it.
func (m *machine) takeFresh(l *lane) *record {
	r := l.fresh.pop()
	m.count(l, r, -1)
	return r
}

// takeLater takes the first one out of those that came back.
func (m *machine) takeLater(l *lane) *record {
	r := heap.Pop(&l.later).(*record)
	m.count(l, r, -1)
	return r
}

// due returns when a lane wants to be part of a call, and may: now or before
// that means at once.
func (m *machine) due(l *lane) time.Duration {
	if l.busy > 0 || l.count == 0 || m.shards.missing(m.c.needsMap) {
		return never
	}
	wish := never
	if r := l.fresh.first; r != nil {
		switch {
		case m.c.linger == 0, r.n <= m.flushed, r.tries > 0, m.isFull(),
			l.size >= int64(m.c.shardBytes), l.count >= m.c.batchRecords && !m.c.aggregate:
			wish = m.now
		default:
			wish = r.arrived + m.c.linger
		}
	}
	if len(l.later) > 0 {
		wish = min(wish, l.later[0].troubles.due)
	}
	return max(wish, l.notBefore, m.affordable(l))
}

// spell is for how long records are collected at least where a limit slows them
// down: a call for each that may pass would be one for each record.
const spell = 25 * time.Millisecond

// affordable returns when the limits of a lane's shard let pass what is worth a
// call.
func (m *machine) affordable(l *lane) time.Duration {
	if !l.limited {
		return 0
	}
	m.recover(l)
	n, size := 1.0, spell.Seconds()*l.bytes.rate
	if m.c.aggregate {
		size = max(size, float64(m.c.aggregateBytes))
	} else {
		n = max(1, min(float64(l.count), math.Floor(spell.Seconds()*l.records.rate)))
	}
	if first := m.peek(l); first != nil {
		size = max(size, float64(first.bytes()))
	}
	size = min(size, float64(l.size))
	return m.now + max(l.records.wait(m.now, n), l.bytes.wait(m.now, size))
}

// peek returns the record of a lane that is taken first, or nil if there is none
// whose time has come. What is too old by then is failed.
func (m *machine) peek(l *lane) *record {
	for len(l.later) > 0 && l.later[0].troubles.due <= m.now {
		if r := l.later[0]; !m.isExpired(r) {
			return r
		}
		m.expired(m.takeLater(l))
	}
	return l.fresh.first
}

// The least share of a shard's limits that throttles leave, and how much of it
// comes back in a second without any.
const (
	leastShare   = 1.0 / 64
	shareASecond = 0.05
)

// slowDown halves what a shard is given, because it was throttled.
func (m *machine) slowDown(l *lane) {
	m.setShare(l, max(leastShare, l.share/2))
	l.records.drain()
	l.bytes.drain()
}

// recover gives back what throttles took.
func (m *machine) recover(l *lane) {
	if l.share < 1 && m.now-l.raised >= spell {
		m.setShare(l, min(1, l.share+shareASecond*(m.now-l.raised).Seconds()))
	}
}

func (m *machine) setShare(l *lane, share float64) {
	l.share, l.raised = share, m.now
	l.records.setRate(m.now, share*m.c.shardRecordsRate)
	l.bytes.setRate(m.now, share*m.c.shardBytesRate)
}

// A bucket fills at a rate up to what a second brings. A rate of infinity is no
// limit.
type bucket struct {
	rate, most, tokens float64
	at                 time.Duration
}

func newBucket(rate float64, now time.Duration) bucket {
	return bucket{rate: rate, most: rate, tokens: rate, at: now}
}

func (b *bucket) isOff() bool { return math.IsInf(b.rate, 1) }

func (b *bucket) fill(now time.Duration) {
	if now > b.at && !b.isOff() {
		b.tokens = min(b.most, b.tokens+(now-b.at).Seconds()*b.rate)
		b.at = now
	}
}

// wait returns how long it is until the bucket has n, or is full if it can never
// have as much.
func (b *bucket) wait(now time.Duration, n float64) time.Duration {
	if b.isOff() {
		return 0
	}
	b.fill(now)
	lacks := min(n, b.most) - b.tokens
	if lacks <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(lacks / b.rate * float64(time.Second)))
}

// take takes n, which may leave less than nothing.
func (b *bucket) take(n float64) {
	if !b.isOff() {
		b.tokens -= n
	}
}

// drain leaves nothing: the shard's own bucket is empty.
func (b *bucket) drain() { b.take(max(0, b.tokens)) }

// setRate changes the rate, and not what the bucket can hold.
func (b *bucket) setRate(now time.Duration, rate float64) {
	if !b.isOff() {
		b.fill(now)
		b.rate = rate
	}
}
