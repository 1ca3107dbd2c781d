package demo

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Millis is a time in milliseconds. It prints with three digits that matter.
type Millis float64

// MillisOf returns d in milliseconds.
func MillisOf(d time.Duration) Millis {
	return Millis(float64(d) / float64(time.Millisecond))
}

// String returns the number without its unit.
func (m Millis) String() string {
	switch {
	case m == 0:
		return "0"
	case m < 10:
		return fmt.Sprintf("%.3f", float64(m))
	case m < 100:
		return fmt.Sprintf("%.1f", float64(m))
	default:
		return humanize.Comma(int64(m))
	}
}

// A Share is a part of a whole, 0 to 1. It prints as a percentage.
type Share float64

// shareOf returns n/all, and 0 when there is nothing.
func shareOf(n, all int64) Share {
	return Share(ratio(float64(n), float64(all)))
}

// ratio returns a/b, and 0 when there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// String returns the percentage.
func (s Share) String() string { return fmt.Sprintf("%.1f %%", 100*float64(s)) }
