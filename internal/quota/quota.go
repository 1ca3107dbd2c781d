// Package quota is the limits of one shard: buckets that fill at a rate, and
// what the service does when they are empty. It knows no shard, takes no lock
// and reads no clock: whoever calls it holds the lock that guards the quota,
// and says what time it is.
package quota

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// A Kind says which limit refused something.
type Kind uint8

const (
	None         Kind = iota // nothing was refused
	WriteRecords             // records a second into a shard
	WriteBytes               // bytes a second into a shard
	ReadCalls                // calls a second of a shard's shared readers
	ReadBytes                // bytes a second to a shard's shared readers
)

// A Refusal says which limit refused something and after how long the same may
// pass; never zero. The zero value says that nothing was refused.
type Refusal struct {
	Kind Kind
	Wait time.Duration
}

const (
	mib = 1 << 20

	// burstBytes is what the bucket for records above its own size holds, where a
	// stream admits them: the service's 10 MiB.
	burstBytes = 10 * mib

	// longestWait is the longest wait that is told.
	longestWait = 100 * 365 * 24 * time.Hour
)

// NewBucket returns a full bucket that holds one second of r, at least one
// token, or nil if r is infinite.
func NewBucket(r rate.Limit) *rate.Limiter { return newBucket(r, float64(r)) }

func newBucket(r rate.Limit, size float64) *rate.Limiter {
	if r >= math.MaxInt32*mib { // an infinite one, or one that nobody can reach
		return nil
	}
	return rate.NewLimiter(r, max(1, int(math.Min(size, math.MaxInt))))
}

// Until returns how long from now it takes until b holds n tokens or, if it
// cannot hold so many, is full: zero if it is so far, never less than a
// nanosecond if not.
func Until(b *rate.Limiter, now time.Time, n int) time.Duration {
	missing := float64(min(n, b.Burst())) - b.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	nanoseconds := missing / float64(b.Limit()) * float64(time.Second)
	switch {
	case nanoseconds < 1: // closer than a clock can tell
		return 0
	case nanoseconds > float64(longestWait):
		return longestWait
	default:
		return time.Duration(math.Ceil(nanoseconds))
	}
}

// takeUpTo empties b by n tokens, or by all it has.
func takeUpTo(b *rate.Limiter, now time.Time, n int) {
	if b != nil && !b.AllowN(now, n) {
		const rounding = 0.5e-9                                                     // seconds: whole tokens are not to be missed by an error of floating point
		if whole := int(b.TokensAt(now) + rounding*float64(b.Limit())); whole > 0 { // less than none gives none
			b.AllowN(now, whole)
		}
	}
}

// A Clock makes of the stream's clock one that never goes back, which is what
// buckets need. Readings of several goroutines may come in a wrong order; the
// clock stands still then. One that is more than a second back is a step of the
// clock itself, after which time goes on from where it stood. The zero value is
// ready.
//
// Where the stream's clock is set forth and back by years again and again, this
// one adds all that up. So it is kept as a time, which has room for it, and not
// as nanoseconds.
type Clock struct {
	last int64     // the latest reading since the last step back, Unix nanoseconds
	at   time.Time // given out for it; zero before the first
}

const longestDisorder = int64(time.Second)

// Read returns the time for a reading in Unix nanoseconds, which is not
// negative, and how far the reading is behind it.
func (c *Clock) Read(now int64) (at time.Time, behind time.Duration) {
	switch passed := now - c.last; {
	case c.at.IsZero():
		c.at, c.last = time.Unix(0, now).UTC(), now
	case passed >= 0:
		c.at, c.last = c.at.Add(time.Duration(passed)), now
	case passed < -longestDisorder:
		c.last = now
	default:
		behind = time.Duration(-passed)
	}
	return c.at, behind
}

func (c *Clock) time() time.Time { return c.at }
