package kinesistest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"
)

// A clock is the one clock of a fake. In a bubble it is the bubble's. Outside
// one it is the wall clock and what Advance added to it, or stands still but
// for Advance.
type clock struct {
	bubble bool   // immutable, likewise the next three
	mark   string // of the bubble's goroutines: see bubbleMark
	still  bool
	made   time.Time

	before func()                    // called before the clock is moved; set once, nil means nothing
	held   atomic.Pointer[time.Time] // what it shows instead; nil: the time

	mu    sync.Mutex // guards what follows
	at    time.Time  // when still
	ahead time.Duration
	moved chan struct{} // made by the first waiter, closed by the next Advance
}

func newClock(start time.Time) *clock {
	mark := bubbleMark()
	return &clock{bubble: mark != "", mark: mark, still: !start.IsZero(), made: time.Now(), at: start}
}

// bubbleMark returns how the head of a trace ends if the calling goroutine is
// in a synctest bubble, else "". There is no function for it, but a trace says
// so in its first line.
func bubbleMark() string {
	var b [96]byte
	head, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte("\n"))
	if i := bytes.Index(head, []byte(", synctest bubble ")); i >= 0 {
		return string(head[i:])
	}
	return ""
}

// goroutineNumber returns the number of the calling goroutine, which the same
// line begins with.
func goroutineNumber() (n int) {
	var b [32]byte
	fmt.Sscanf(string(b[:runtime.Stack(b[:], false)]), "goroutine %d ", &n)
	return n
}

// virtual reports whether the clock can be moved by [clock.advance] alone.
func (c *clock) virtual() bool { return c.bubble && !c.still }

func (c *clock) now() time.Time {
	if held := c.held.Load(); held != nil {
		return *held
	}
	if c.virtual() {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *clock) nowLocked() time.Time {
	if c.still {
		return c.at
	}
	return time.Now().Round(0).Add(c.ahead)
}

// strange reports whether the calling goroutine lives in another time than the
// clock, that of a bubble, in which years less have passed.
func (c *clock) strange() bool {
	return !c.bubble && !c.still && time.Now().Before(c.made.AddDate(-1, 0, 0))
}

// advance moves the clock on and releases who waited for a time that has come.
func (c *clock) advance(d time.Duration) {
	if c.virtual() {
		time.Sleep(d)
		synctest.Wait()
		return
	}
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d = max(d, 0); c.still {
		c.at = c.at.Add(d)
	} else {
		c.ahead += d
	}
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// sleep waits until d has passed on the clock. A clock that stands still has
// nobody to wait for: sleep moves it.
func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	if c.still {
		c.advance(d)
		return ctx.Err()
	}
	for until := c.now().Add(d); d > 0; d = until.Sub(c.now()) {
		if err := c.wait(ctx, d); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pass is sleep for a clock that stands still, for who waits on others: they get
// a moment of real time.
func (c *clock) pass(ctx context.Context, d time.Duration) error {
	const moment = 50 * time.Microsecond
	if !c.bubble {
		time.Sleep(moment)
	}
	return c.sleep(ctx, d)
}

// wait waits for d, or less if the clock is moved meanwhile.
func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	if c.moved == nil {
		c.moved = make(chan struct{})
	}
	moved := c.moved
	c.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-moved:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// skip lets d pass without taking real time: outside a bubble it moves the
// clock.
func (k *Fake) skip(ctx context.Context, d time.Duration) error {
	if k.clock.virtual() {
		return k.clock.sleep(ctx, d)
	}
	k.Advance(d)
	return ctx.Err()
}

// Now returns the time of the fake's clock.
func (k *Fake) Now() time.Time { return k.clock.now() }

// Advance moves the fake's clock on by d, at once: retention, iterators, quotas
// and subscriptions find that so much time has passed. In a bubble it is
// [time.Sleep] followed by [synctest.Wait], so that the same test runs in both.
//
// Outside a bubble the clock is the wall clock and what Advance added. With
// [Config.Start] it stands still between calls of Advance, and whatever the
// fake has to wait for, such as a latency or the pace of a load, moves it on
// instead of taking time. The back-off of clients made of [Fake.Config] never
// takes time outside a bubble: it moves the clock on in either case, by the sum
// of all back-offs if several goroutines are in one. What the code under test
// waits for with package time takes real time there, whatever Advance does.
func (k *Fake) Advance(d time.Duration) {
	k.clock.advance(d)
	k.account.Wake()
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000") }
