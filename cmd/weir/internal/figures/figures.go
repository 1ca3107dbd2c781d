// Package figures is how the commands say latencies, shares, times, sizes and
// numbers, the same way in all of them.
package figures

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Count returns "1 shard" or "1,024 shards".
func Count[T ~int | ~int64](n T, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}

// Comma returns a whole number with separators of thousands.
func Comma[T ~int | ~int64](n T) string { return humanize.Comma(int64(n)) }

// Number returns a number with at most three digits after those that matter
// little: 0.0123, 1.23, 12.3, 123, 12,345.
func Number(v float64) string {
	switch size := math.Abs(v); {
	case v == 0:
		return "0"
	case size < 0.01:
		return fmt.Sprintf("%.2g", v)
	case size < 10:
		return trimZeros(fmt.Sprintf("%.2f", v))
	case size < 100:
		return trimZeros(fmt.Sprintf("%.1f", v))
	default:
		return humanize.Comma(int64(math.Round(v)))
	}
}

// Short returns a whole number to one digit after the point of its thousands,
// millions and so on, rounded: 999, 2.7 M for 2,696,872, 39 M for 38,971,444.
func Short[T ~int | ~int64](n T) string {
	if n < 0 {
		return "-" + Short(-n)
	}
	v, units := float64(n), []string{"", " k", " M", " G", " T", " P", " E"}
	for i, unit := range units {
		// 999,950 is 1 M and not 1000 k.
		if rounded := math.Round(10*v) / 10; rounded < 1000 || i == len(units)-1 {
			return trimZeros(fmt.Sprintf("%.1f", rounded)) + unit
		}
		v /= 1000
	}
	return Comma(n)
}

func trimZeros(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// Ratio returns a/b, and 0 where there is nothing to divide by.
func Ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Share returns which part of a whole n is, 0 to 1, and 0 where there is
// nothing.
func Share[T ~int | ~int64](n, whole T) float64 { return Ratio(float64(n), float64(whole)) }

// Percent returns a part of a whole, 0 to 1, as "12.3 %". What is more than
// nothing or less than all is never rounded to either: 0.0042 % or > 99.9 %.
func Percent(share float64) string {
	switch percent := 100 * share; {
	case percent > 0 && percent < 0.0001:
		return "< 0.0001 %"
	case percent > 0 && percent < 0.05:
		return strconv.FormatFloat(twoDigits(percent), 'f', -1, 64) + " %"
	case percent >= 99.95 && percent < 100:
		return "> 99.9 %"
	default:
		return fmt.Sprintf("%.1f %%", percent)
	}
}

// twoDigits rounds to two digits that are not zeros at the front.
func twoDigits(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	return v
}

// Bytes returns "1.5 MiB".
func Bytes(n float64) string { return humanize.IBytes(uint64(max(0, n))) }

// Millis returns a time in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Seconds returns a number of seconds as Duration does.
func Seconds(s float64) string { return Duration(time.Duration(s * float64(time.Second))) }

// Duration returns a time to about three digits: 850µs, 1.25s, 3m20s, 26h10m.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return d.Round(10 * time.Nanosecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	default:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
}
