package quota

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Writes is the write limits of one shard. The zero value limits nothing.
type Writes struct {
	limited bool          // invariant: false if and only if all buckets are nil
	records *rate.Limiter // nil when unlimited, likewise the others
	bytes   *rate.Limiter
	burst   *rate.Limiter // for records larger than bytes holds; nil unless the stream admits them
	clock   Clock
}

// NewWrites returns full buckets. A rate of infinity limits nothing.
func NewWrites(recordsPerSecond, bytesPerSecond rate.Limit) Writes {
	w := Writes{records: NewBucket(recordsPerSecond), bytes: NewBucket(bytesPerSecond)}
	w.limited = w.records != nil || w.bytes != nil
	return w
}

// Limited reports whether there is any limit.
func (w *Writes) Limited() bool { return w.limited }

// AdmitLarge prepares the bucket for records above 1 MiB, full, unless there is
// one.
func (w *Writes) AdmitLarge() {
	if w.bytes != nil && w.burst == nil {
		w.burst = newBucket(w.bytes.Limit(), math.Max(burstBytes, float64(w.bytes.Burst())))
	}
}

// Take takes one record of size bytes at a reading of the stream's clock, in
// Unix nanoseconds, from all buckets; or nothing, and returns what refused it.
func (w *Writes) Take(now int64, size int) Refusal {
	at, behind := w.clock.Read(now)
	r := w.take(at, size)
	if r.Kind != None {
		r.Wait = max(1, r.Wait) + behind
	}
	return r
}

func (w *Writes) take(at time.Time, size int) Refusal {
	if b := w.payer(size); b != nil {
		if wait := Until(b, at, size); wait > 0 {
			return Refusal{WriteBytes, wait}
		}
	}
	if w.records != nil && !w.records.AllowN(at, 1) {
		return Refusal{WriteRecords, Until(w.records, at, 1)}
	}
	w.pay(at, size)
	return Refusal{}
}

// payer returns the bucket of bytes that decides about a record of size bytes:
// the one for large records if the other could never hold it.
func (w *Writes) payer(size int) *rate.Limiter {
	if w.bytes != nil && size > w.bytes.Burst() && w.burst != nil {
		return w.burst
	}
	return w.bytes
}

// pay takes bytes from both buckets.
func (w *Writes) pay(at time.Time, size int) {
	takeUpTo(w.bytes, at, size)
	takeUpTo(w.burst, at, size)
}

// TakeMost takes as many of n records of size bytes as Take would let pass one
// after the other, and returns how many and what refuses the next.
func (w *Writes) TakeMost(now int64, size, n int) (passed int, r Refusal) {
	at, _ := w.clock.Read(now)
	for passed = w.takeMost(at, size, n); passed < n; passed++ {
		if r = w.Take(now, size); r.Kind != None {
			return passed, r
		}
	}
	return passed, Refusal{}
}

// takeMost takes records, at most n and none that take would refuse, and
// returns how many: all that pass but those that do so only because a bucket
// lacks less than a nanosecond's worth, or is full and smaller than a record.
func (w *Writes) takeMost(at time.Time, size, n int) int {
	n = holds(w.payer(size), at, size, holds(w.records, at, 1, n))
	takeTimes(w.records, at, 1, n)
	takeTimes(w.bytes, at, size, n)
	takeTimes(w.burst, at, size, n)
	return n
}

// holds returns how many times size tokens b holds at now, at most n.
func holds(b *rate.Limiter, now time.Time, size, n int) int {
	if b == nil || size == 0 {
		return n
	}
	tokens := b.TokensAt(now)
	k := math.Floor(tokens / float64(size))
	if k*float64(size) > tokens { // rounded up
		k--
	}
	return int(min(float64(n), max(0, k)))
}

// takeTimes does what takeUpTo does n times.
func takeTimes(b *rate.Limiter, now time.Time, size, n int) {
	if b == nil || n == 0 {
		return
	}
	k := holds(b, now, size, n)
	b.AllowN(now, k*size)
	for range min(2, n-k) { // one may lack less than a nanosecond's worth, the next takes the rest
		takeUpTo(b, now, size)
	}
}

// A Debt is what records took in advance: they may pass when it is paid off.
// The zero value is none.
type Debt struct {
	// Wait is how long that takes from the reading at which the latest record took
	// its share.
	Wait time.Duration
	// By is the limit that takes longest.
	By Kind

	due   time.Time // when it is paid off, by the quota's clock
	taken []share
}

// A share is tokens that a debt took of a bucket.
type share struct {
	of     *rate.Limiter
	tokens int
}

// Owe takes one record of size bytes although the buckets do not hold it, and
// adds it to d. Whoever comes later finds them emptier by so much, so nobody
// overtakes a record that waits for its debt to be paid off.
func (w *Writes) Owe(d *Debt, now int64, size int) {
	at, behind := w.clock.Read(now)
	wait, by := time.Duration(0), WriteRecords
	payer := w.payer(size)
	if payer != nil {
		if until := Until(payer, at, size); until > 0 {
			wait, by = until, WriteBytes
		}
	}
	if w.records != nil {
		if until := Until(w.records, at, 1); until > wait {
			wait, by = until, WriteRecords
		}
		d.owe(w.records, at, 1)
	}
	if w.burst != nil {
		d.owe(w.burst, at, min(size, w.burst.Burst()))
	}
	switch {
	case payer == nil:
	case payer == w.bytes:
		d.owe(w.bytes, at, min(size, w.bytes.Burst()))
	default:
		// The other bucket is empty once a large record has passed, and not before
		// the burst is paid for: else small records would pass meanwhile.
		d.owe(w.bytes, at, int(math.Ceil(w.bytes.TokensAt(at)-min(0, w.burst.TokensAt(at)))))
	}
	if wait = max(1, wait); d.due.IsZero() || at.Add(wait).After(d.due) {
		d.due, d.By = at.Add(wait), by
	}
	d.Wait = d.due.Sub(at) + behind
}

// owe takes n tokens of b, whatever it holds.
func (d *Debt) owe(b *rate.Limiter, at time.Time, n int) {
	if n <= 0 {
		return
	}
	size := b.Burst()
	if n > size { // no more can be reserved at a time than a bucket holds, so it holds more for a moment
		b.SetBurstAt(at, n)
		defer b.SetBurstAt(at, size)
	}
	if b.ReserveN(at, n).OK() {
		d.taken = append(d.taken, share{b, n})
	}
}

// Left returns how long it is from a reading of the clock until d is paid off:
// zero if it is.
func (w *Writes) Left(d *Debt, now int64) time.Duration {
	at, behind := w.clock.Read(now)
	if left := d.due.Sub(at); left > 0 {
		return left + behind
	}
	return 0
}

// Forgive gives back what d took for records that will not pass, and leaves d
// empty.
func (w *Writes) Forgive(d *Debt, now int64) {
	at, _ := w.clock.Read(now)
	for _, s := range d.taken {
		s.of.ReserveN(at, -s.tokens) // not Cancel, which keeps a share of a bucket that was not short
	}
	*d = Debt{}
}
