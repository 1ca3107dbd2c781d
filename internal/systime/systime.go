// Package systime tells the system's time at half of what [time.Now] takes.
package systime

import (
	"sync/atomic"
	"time"
)

// maxAge is how long the monotonic clock is trusted to run beside the wall
// clock. Where the wall clock is set it takes as long until that is seen.
const maxAge = time.Millisecond

// New returns a function that tells the time as [time.Now] does, in UTC,
// without a reading of the monotonic clock in it. It may be called by any
// number of goroutines at a time.
//
// time.Now reads two clocks, the wall clock and the monotonic one. Here the
// monotonic one is read alone, and how far the other one is ahead of it is
// asked for again after a millisecond. Calls that lie further apart than that
// take longer than time.Now, but then nobody is in a hurry.
func New() func() time.Time {
	c := &clock{base: time.Now()}
	c.ahead.Store(c.base.UnixNano())
	return c.now
}

// A clock is how the wall clock relates to the monotonic one. The two atomics
// need not be of the same asking: either is right.
type clock struct {
	base  time.Time    // immutable; what the monotonic clock is counted from
	ahead atomic.Int64 // Unix nanoseconds of the wall clock, less those since base
	asked atomic.Int64 // nanoseconds since base when ahead was found
}

func (c *clock) now() time.Time {
	since := int64(time.Since(c.base))
	// Negative where another clock goes by now than did at base, in a bubble of
	// package synctest.
	if age := since - c.asked.Load(); age < 0 || age > int64(maxAge) {
		return c.ask()
	}
	return time.Unix(0, c.ahead.Load()+since).UTC()
}

func (c *clock) ask() time.Time {
	now := time.Now()
	since := int64(now.Sub(c.base))
	c.ahead.Store(now.UnixNano() - since)
	c.asked.Store(since)
	return now.Round(0).UTC()
}
