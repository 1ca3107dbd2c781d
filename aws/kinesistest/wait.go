package kinesistest

import (
	"testing/synctest"
	"time"
)

// WaitFor waits until cond holds, for at most within on the fake's clock, and
// fails the test at once if it does not. In a bubble no real time passes. Where
// the clock stands still WaitFor moves it; goroutines of the test get a moment
// of real time after each step. If cond asks [Checker.Complete], the test is told
// which records are missing.
func (k *Fake) WaitFor(what string, within time.Duration, cond func() bool) {
	k.t.Helper()
	k.forgetMissing()
	step := max(within/1000, time.Millisecond)
	for until := k.Now().Add(within); ; {
		if k.clock.bubble {
			synctest.Wait()
		}
		if cond() {
			return
		}
		if !k.Now().Before(until) {
			break
		}
		switch {
		case k.clock.virtual():
			time.Sleep(min(step, until.Sub(k.Now())))
		case k.clock.still:
			k.Advance(step)
			time.Sleep(100 * time.Microsecond) // for other goroutines
		default:
			time.Sleep(min(step, 10*time.Millisecond))
		}
	}
	k.t.Fatalf("kinesistest: after %v still not: %s%s", within, what, k.missed())
}
