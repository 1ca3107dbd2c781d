package window

import (
	"fmt"
	"time"
)

// Windows say which windows a record is in, and what becomes of those that are
// in one. [Tumbling], [Sliding], [Session], [SessionBy] and [Counted] make them;
// the zero value is none, which [New] refuses. All times are whole milliseconds.
type Windows[V, A, R any] struct {
	kind        kind
	size, slide time.Duration
	offset      time.Duration
	count       int64
	gap         func(V) time.Duration
	aggregator  Aggregator[V, A, R]
}

// A kind is one of windows.
type kind byte

const (
	none kind = iota
	tumbling
	sliding
	session
	sessionBy
	counted
)

// Bounds of windows.
const (
	// MaxSize is how long a window, a gap, a bound or a lateness may be.
	MaxSize = 366 * 24 * time.Hour
	// MaxOverlap is in how many sliding windows a record may be.
	MaxOverlap = 1000
	// MaxCount is how many records a window of [Counted] may have.
	MaxCount = 1_000_000_000
)

// Tumbling windows follow each other without a gap. Each is of one size, begins
// at a multiple of it since 1970, and has its beginning but not its end: a
// record at 12:01:00.000 is in the minute that begins then.
func Tumbling[V, A, R any](size time.Duration, a Aggregator[V, A, R]) Windows[V, A, R] {
	return Windows[V, A, R]{kind: tumbling, size: size, slide: size, aggregator: a}
}

// Sliding windows are of one size and begin at each multiple of slide: a record
// is in size/slide of them, up to [MaxOverlap], and is added to each. If slide
// is greater than size, records that fall between windows are in none.
func Sliding[V, A, R any](size, slide time.Duration, a Aggregator[V, A, R]) Windows[V, A, R] {
	return Windows[V, A, R]{kind: sliding, size: size, slide: slide, aggregator: a}
}

// Session windows go on for as long as records of their key come, and end when
// none has come for gap. Each record makes a window from its time to gap later;
// those of a key that overlap or touch are one. A record may join two of them,
// hence the [Merger]. A session whose result was handed over and that goes on
// after that, because a late record came, gives a result that is [Gone] and one
// in its place.
func Session[V, A, R any](gap time.Duration, m Merger[V, A, R]) Windows[V, A, R] {
	return Windows[V, A, R]{kind: session, size: gap, aggregator: m}
}

// SessionBy windows are sessions whose gap is said by each record. A gap that is
// not 1 ms to [MaxSize] makes the record one for [Config.Aside].
func SessionBy[V, A, R any](gap func(V) time.Duration, m Merger[V, A, R]) Windows[V, A, R] {
	return Windows[V, A, R]{kind: sessionBy, gap: gap, aggregator: m}
}

// Counted windows have n records of a key each, 1 to [MaxCount], in the order of
// reading, whatever their times. What is left of a key stays until more come.
func Counted[V, A, R any](n int64, a Aggregator[V, A, R]) Windows[V, A, R] {
	return Windows[V, A, R]{kind: counted, count: n, aggregator: a}
}

// Offset returns tumbling or sliding windows that begin later by so much: -8
// hours make days of UTC+8.
func (w Windows[V, A, R]) Offset(d time.Duration) Windows[V, A, R] {
	w.offset = d
	return w
}

// String returns such as "tumbling 1m0s".
func (w Windows[V, A, R]) String() string {
	s := ""
	switch w.kind {
	case tumbling:
		s = fmt.Sprintf("tumbling %v", w.size)
	case sliding:
		s = fmt.Sprintf("sliding %v by %v", w.size, w.slide)
	case session:
		s = fmt.Sprintf("session %v", w.size)
	case sessionBy:
		s = "session by record"
	case counted:
		s = fmt.Sprintf("counted %d", w.count)
	default:
		return "none"
	}
	if w.offset != 0 {
		s += fmt.Sprintf(" offset %v", w.offset)
	}
	return s
}

func (w Windows[V, A, R]) check(errs *problems) {
	if w.kind == none {
		errs.add("Windows", "are none; Tumbling and others make some")
		return
	}
	if w.aggregator == nil {
		errs.add("Windows", "have no aggregator")
	}
	period := w.size
	switch w.kind {
	case tumbling:
		errs.span("Windows.size", w.size, time.Millisecond)
	case sliding:
		errs.span("Windows.size", w.size, time.Millisecond)
		errs.span("Windows.slide", w.slide, time.Millisecond)
		if period = w.slide; w.slide > 0 && w.size/w.slide > MaxOverlap {
			errs.add("Windows.slide", "%v puts a record into %d windows of %v; at most %d are possible", w.slide, w.size/w.slide, w.size, MaxOverlap)
		}
	case session:
		errs.span("Windows.gap", w.size, time.Millisecond)
	case sessionBy:
		if w.gap == nil {
			errs.add("Windows.gap", "is nil")
		}
	case counted:
		if w.count < 1 || w.count > MaxCount {
			errs.add("Windows.count", "%d records are not 1 to %d", w.count, MaxCount)
		}
	}
	w.checkOffset(period, errs)
}

// checkOffset checks the offset of windows of which one begins every period.
func (w Windows[V, A, R]) checkOffset(period time.Duration, errs *problems) {
	switch {
	case w.offset == 0:
	case w.kind != tumbling && w.kind != sliding:
		errs.add("Windows.offset", "is set, but %v windows have none", w)
	case w.offset%time.Millisecond != 0:
		errs.add("Windows.offset", "%v is not whole milliseconds", w.offset)
	case w.offset <= -period || w.offset >= period:
		errs.add("Windows.offset", "%v is not within %v of zero", w.offset, period)
	}
}

// startOf returns when the tumbling or sliding window of a time begins, the last
// one that does not begin after it: with the modulo of mathematics, so that
// times before 1970 are in windows too.
func startOf(ms, period, offset int64) int64 {
	r := (ms - offset) % period
	if r < 0 {
		r += period
	}
	return ms - r
}
