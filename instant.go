package weir

import (
	"math"
	"time"
)

// An instant is a reading of the stream's clock in Unix nanoseconds. Readings
// outside 1970 to 2262 are taken for the nearer end.
type instant int64

// never is later than every reading of the clock and, as a wait, no wait at
// all.
const never = instant(math.MaxInt64)

const maxSecond = int64(1<<63-1)/int64(time.Second) - 1

func (s *Stream) now() instant { return instantOf(s.clock()) }

func instantOf(t time.Time) instant {
	if sec := t.Unix(); sec < 0 {
		return 0
	} else if sec > maxSecond {
		return instant(maxSecond * int64(time.Second))
	}
	return instant(t.UnixNano())
}

func (i instant) ms() int64       { return int64(i) / int64(time.Millisecond) }
func (i instant) second() int64   { return int64(i) / int64(time.Second) }
func (i instant) minute() int64   { return int64(i) / int64(time.Minute) }
func (i instant) time() time.Time { return time.Unix(0, int64(i)).UTC() }

// plus returns the instant d later, or never if that is beyond it.
func (i instant) plus(d time.Duration) instant {
	if instant(d) >= never-i {
		return never
	}
	return i + instant(d)
}

// minuteStart returns when a minute of the clock begins.
func minuteStart(minute int64) instant { return instant(minute * int64(time.Minute)) }

func timeOfMs(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// horizonMs returns the arrival, in Unix milliseconds, at or before which
// records have expired at now.
func (s *Stream) horizonMs(now instant) int64 { return horizonMs(now, s.retention()) }

// horizonMs returns the millisecond that lies d before now, rounded down.
func horizonMs(now instant, d time.Duration) int64 { return floorMs(int64(now) - int64(d)) }

// floorMs converts Unix nanoseconds to milliseconds, rounding down.
func floorMs(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns%int64(time.Millisecond) < 0 {
		ms--
	}
	return ms
}
