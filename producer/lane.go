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

	block  *block // the memory of the next records; nil if there is none yet
	blocks int    // the logarithm of how many records the next block has
	count  int
	size   int64 // data and partition keys
	place  int   // in machine.active; -1 if not there

	// busy is how many parts of calls under way have a range that overlaps.
	busy      int
	notBefore time.Duration // ordered: when to go on after a failure

	limited        bool
	records, bytes bucket
	share          float64       // of the limits, that throttles leave
	raised         time.Duration // when share was last looked at
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

// join puts the newest record of a lane behind the others.
func (m *machine) join(l *lane, r *record) {
	w := m.asWaiting(r)
	l.fresh.push(w)
	m.count(l, 1, int(w.bytes))
}

// asWaiting returns a record as one that waits.
func (m *machine) asWaiting(r *record) waiting {
	w := waiting{r: r, bytes: int32(r.bytes())}
	if m.c.aggregate {
		w.packed = int32(packedBytes(r))
	}
	return w
}

// takeFresh takes a lane's first record out of it.
func (m *machine) takeFresh(l *lane) waiting {
	w := l.fresh.pop()
	m.count(l, -1, -int(w.bytes))
	return w
}

// takeLater takes the first one out of those that came back.
func (m *machine) takeLater(l *lane) *record {
	r := heap.Pop(&l.later).(*record)
	m.count(l, -1, -r.bytes())
	return r
}

// due returns when a lane wants to be part of a call, and may: now or before
// that means at once.
func (m *machine) due(l *lane) time.Duration {
	if l.busy > 0 || l.count == 0 || m.shards.missing(m.c.needsMap) {
		return never
	}
	wish := never
	if r := l.fresh.first().r; r != nil {
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
	if first := m.peek(l); first.r != nil {
		size = max(size, float64(first.bytes))
	}
	size = min(size, float64(l.size))
	return m.now + max(l.records.wait(m.now, n), l.bytes.wait(m.now, size))
}

// peek returns the record of a lane that is taken first, if there is one whose
// time has come. What is too old by then is failed.
func (m *machine) peek(l *lane) waiting {
	for len(l.later) > 0 && l.later[0].troubles.due <= m.now {
		if r := l.later[0]; !m.isExpired(r) {
			return m.asWaiting(r)
		}
		m.expired(m.takeLater(l))
	}
	return l.fresh.first()
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
