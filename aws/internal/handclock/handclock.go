// Package handclock is a clock that a test moves by hand.
package handclock

import (
	"sync"
	"time"
)

// A Clock shows the time that it was moved to. The zero value shows the zero
// time. Its methods may be called by any number of goroutines at a time.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// New returns a clock that shows a time.
func New(at time.Time) *Clock { return &Clock{at: at} }

// Now returns the time that the clock shows, as [time.Now] does.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock on by d, or back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
