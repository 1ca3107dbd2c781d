package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// countText returns a number as people write it: in full with separators below a
// hundred thousand, else to three digits.
func countText[T int | int64 | float64](number T) string {
	n := float64(number)
	switch {
	case n < 0:
		return "−" + countText(-n)
	case n >= 999.5e6:
		return threeDigits(n/1e9) + " G"
	case n >= 999.5e3:
		return threeDigits(n/1e6) + " M"
	case n >= 99_999.5:
		return threeDigits(n/1e3) + " k"
	case n >= 999.5:
		whole := strconv.Itoa(int(n + 0.5))
		return whole[:len(whole)-3] + "," + whole[len(whole)-3:]
	case n != float64(int(n)):
		return threeDigits(n)
	}
	return strconv.Itoa(int(n))
}

// threeDigits returns a number below a thousand. It changes the form where what is
// rounded does.
func threeDigits(n float64) string {
	switch {
	case n >= 99.95:
		return strconv.FormatFloat(n, 'f', 0, 64)
	case n >= 9.995:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}

// bytesText returns bytes in the unit that suits them, by powers of 1,024.
func bytesText[T int | int64 | float64](number T) string {
	n := float64(number)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1023.5 {
			if unit == "B" {
				return countText(n) + " B"
			}
			return threeDigits(n) + " " + unit
		}
		n /= 1024
	}
	return threeDigits(n) + " TiB"
}

// rateText is countText for what may be a fraction.
func rateText(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0.01:
		return "< 0.01"
	case n < 10:
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(n, 'f', 2, 64), "0"), ".")
	case n < 999.5:
		return strconv.Itoa(int(n + 0.5))
	}
	return countText(n)
}

// percentText returns a share of 1 in percent.
func percentText(share float64) string {
	switch {
	case share <= 0:
		return "0 %"
	case share < 0.01:
		return "< 1 %"
	}
	return strconv.Itoa(int(share*100+0.5)) + " %"
}

// partText is percentText with a tenth where that says more.
func partText(share float64) string {
	if share >= 0.001 && share < 0.0995 {
		return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
	}
	return percentText(share)
}

// knownText is countText for what may not be known, and is negative then.
func knownText(n int64) string {
	if n < 0 {
		return "—"
	}
	return countText(n)
}

// ageText is spanText for what may not be known, and is negative then.
func ageText(d time.Duration) string {
	if d < 0 {
		return "—"
	}
	return spanText(d)
}

// number returns how many there are of something.
func number[T int | int64](n T, one, other string) string {
	return countText(n) + " " + plural(int(n), one, other)
}

// plural returns the word for one, or for another number.
func plural(n int, one, other string) string {
	if n == 1 {
		return one
	}
	return other
}

// spanText returns a duration in its greatest unit or two.
func spanText(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 72*time.Hour:
		return strconv.FormatFloat(float64(int(d.Hours()*10))/10, 'f', -1, 64) + " h"
	}
	return strconv.FormatFloat(float64(int(d.Hours()/2.4))/10, 'f', -1, 64) + " days"
}

// whenText returns a time to the millisecond, in UTC.
func whenText(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

// dateText and clockText return the parts of whenText.
func dateText(t time.Time) string  { return t.UTC().Format("2006-01-02") }
func clockText(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// dayText returns a time to the minute, in UTC.
func dayText(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// amountText returns an amount of money, in whole units where it is not small.
func amountText(p Price) string {
	if p.Amount < 10 {
		return fmt.Sprintf("%.2f %s", p.Amount, p.Currency)
	}
	return countText(float64(int(p.Amount+0.5))) + " " + p.Currency
}
