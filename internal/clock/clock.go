// Package clock is readings of a stream's clock and their arithmetic. It reads
// no clock itself.
package clock

import (
	"math"
	"time"
)

// An Instant is a reading of the stream's clock in Unix nanoseconds. Readings
// outside 1970 to 2262 are taken for the nearer end.
type Instant int64

// Never is later than every reading of a clock and, as a wait, no wait at all.
const Never = Instant(math.MaxInt64)

// MaxSecond is the latest second, Unix time, that an Instant can be.
const MaxSecond = int64(1<<63-1)/int64(time.Second) - 1

// MaxMs is later than all milliseconds, Unix time, of an Instant.
const MaxMs = (MaxSecond + 1) * 1000

// Of returns the instant of a time.
func Of(t time.Time) Instant {
	if sec := t.Unix(); sec < 0 {
		return 0
	} else if sec > MaxSecond {
		return Instant(MaxSecond * int64(time.Second))
	}
	return Instant(t.UnixNano())
}

// Ms, Second and Minute count from 1970, rounded down.
func (i Instant) Ms() int64     { return int64(i) / int64(time.Millisecond) }
func (i Instant) Second() int64 { return int64(i) / int64(time.Second) }
func (i Instant) Minute() int64 { return int64(i) / int64(time.Minute) }

// Time returns the instant in UTC.
func (i Instant) Time() time.Time { return time.Unix(0, int64(i)).UTC() }

// Plus returns the instant d later, or Never if that is beyond it.
func (i Instant) Plus(d time.Duration) Instant {
	if Instant(d) >= Never-i {
		return Never
	}
	return i + Instant(d)
}

// MinuteStart returns when a minute of the clock begins.
func MinuteStart(minute int64) Instant { return Instant(minute * int64(time.Minute)) }

// TimeOfMs returns the time of a Unix millisecond, in UTC.
func TimeOfMs(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// HorizonMs returns the millisecond that lies d before now, rounded down.
func HorizonMs(now Instant, d time.Duration) int64 { return floorMs(int64(now) - int64(d)) }

// floorMs converts Unix nanoseconds to milliseconds, rounding down.
func floorMs(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns%int64(time.Millisecond) < 0 {
		ms--
	}
	return ms
}
