package workload

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Duration is a [time.Duration] that reads as text such as "90s", "2h30m" or
// "7d", a day being 24 h. See [ParseDuration].
type Duration time.Duration

// A Size is a number of bytes that reads as a number or as text such as "100B",
// "1.5KiB" or "25KB". See [ParseSize].
type Size int64

// A PerSecond is a rate that reads as a number or as text such as "1500/s",
// "90000/min" or "1M/h". See [ParsePerSecond].
type PerSecond float64

const day = 24 * time.Hour

// ParseDuration reads what [time.ParseDuration] does, with days of 24 h before it:
// "1.5d", "7d12h". A number needs a unit unless it is 0, and is not negative.
func ParseDuration(text string) (Duration, error) {
	if err := refuseNegative(text); err != nil {
		return 0, err
	}
	rest := text
	var days time.Duration
	if number, after, found := strings.Cut(text, "d"); found {
		n, err := parseNumber(number)
		if err != nil || n*float64(day) >= math.MaxInt64 {
			return 0, badDuration(text)
		}
		days, rest = time.Duration(math.Round(n*float64(day))), after
	}
	if rest == "" && days == 0 && text != "0d" {
		return 0, badDuration(text)
	}
	if rest == "" {
		return Duration(days), nil
	}
	if n, err := parseNumber(text); err == nil && n != 0 {
		return 0, fmt.Errorf("%q has no unit; expected one of ms, s, m, h and d, such as %ss", text, text)
	}
	d, err := time.ParseDuration(rest)
	if err != nil || strings.ContainsAny(rest, "+-") || d > math.MaxInt64-days {
		return 0, badDuration(text)
	}
	return Duration(days + d), nil
}

func badDuration(text string) error {
	return fmt.Errorf("%q is no duration; expected text such as 90s, 2h30m or 7d", text)
}

// String returns d without the units that are zero: "90h" is "3d18h".
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	if d < 0 {
		return time.Duration(d).String()
	}
	days, rest := time.Duration(d)/day, time.Duration(d)%day
	text := rest.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	switch {
	case days == 0:
		return text
	case rest == 0:
		return fmt.Sprintf("%dd", days)
	default:
		return fmt.Sprintf("%dd%s", days, text)
	}
}

func (d Duration) seconds() float64 { return time.Duration(d).Seconds() }

// MarshalText returns what [Duration.String] does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads text or a number.
func (d *Duration) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, d) }

// UnmarshalText reads what [ParseDuration] does.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// sizeUnits are in the order in which text ends in them.
var sizeUnits = [...]struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1}, {"", 1},
}

// maxSize is 1 PiB.
const maxSize = 1 << 50

// ParseSize reads a number of bytes, with or without a unit: B, KB, MB, GB and TB
// are powers of 1,000, KiB, MiB, GiB and TiB of 1,024. Upper and lower case are the
// same. It must come to whole bytes, is not negative and at most 1 PiB.
func ParseSize(text string) (Size, error) {
	if err := refuseNegative(text); err != nil {
		return 0, err
	}
	for _, unit := range sizeUnits {
		number, found := cutSuffixFold(text, unit.name)
		if !found {
			continue
		}
		n, err := parseNumber(strings.TrimRight(number, " "))
		switch bytes := n * unit.bytes; {
		case err != nil:
			return 0, fmt.Errorf("%q is no size; expected a number of bytes, or text such as 100B, 1.5KiB (1,536 bytes) or 25KB (25,000 bytes)", text)
		case bytes != math.Trunc(bytes):
			return 0, fmt.Errorf("%q is %v bytes; expected a whole number", text, bytes)
		case bytes > maxSize:
			return 0, fmt.Errorf("%q is above 1 PiB", text)
		default:
			return Size(bytes), nil
		}
	}
	return 0, nil // never: all texts end in ""
}

func cutSuffixFold(s, suffix string) (before string, found bool) {
	at := len(s) - len(suffix)
	if at < 0 || !strings.EqualFold(s[at:], suffix) {
		return s, false
	}
	return s[:at], true
}

// String returns z in the largest of B, KiB, MiB and GiB in which it is whole.
func (z Size) String() string {
	for _, unit := range []struct {
		name  string
		bytes Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if z != 0 && z%unit.bytes == 0 {
			return strconv.FormatInt(int64(z/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(z), 10) + "B"
}

// MarshalText returns what [Size.String] does.
func (z Size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalJSON reads text or a number.
func (z *Size) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, z) }

// UnmarshalText reads what [ParseSize] does.
func (z *Size) UnmarshalText(text []byte) (err error) {
	*z, err = ParseSize(string(text))
	return err
}

// ParsePerSecond reads a rate: a number, of thousands with k or K, of millions with
// M, of thousand millions with G, and the time after a slash: s, min, h or d. Without
// one it is a second. A rate is not negative.
func ParsePerSecond(text string) (PerSecond, error) {
	if err := refuseNegative(text); err != nil {
		return 0, err
	}
	number, unit, found := strings.Cut(text, "/")
	per := 1.0
	if found {
		per = secondsIn(strings.TrimSpace(unit))
	}
	number = strings.TrimSpace(number)
	times := 1.0
	if number != "" {
		times = multiple(number[len(number)-1])
	}
	if times != 1 {
		number = number[:len(number)-1]
	}
	n, err := parseNumber(number)
	if err != nil || per == 0 || math.IsInf(n*times, 0) {
		return 0, fmt.Errorf("%q is no rate; expected a number of records and a time: 1500/s, 90000/min, 1M/h", text)
	}
	return PerSecond(n * times / per), nil
}

func secondsIn(unit string) float64 {
	switch unit {
	case "s", "sec", "second":
		return 1
	case "min", "minute":
		return 60
	case "h", "hour":
		return 3600
	case "d", "day":
		return 86400
	default:
		return 0
	}
}

func multiple(letter byte) float64 {
	switch letter {
	case 'k', 'K':
		return 1e3
	case 'M':
		return 1e6
	case 'G':
		return 1e9
	default:
		return 1
	}
}

// String returns r as records a second, with all its digits.
func (r PerSecond) String() string {
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}

// MarshalText returns what [PerSecond.String] does.
func (r PerSecond) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalJSON reads text or a number.
func (r *PerSecond) UnmarshalJSON(data []byte) error { return unmarshalQuantity(data, r) }

// UnmarshalText reads what [ParsePerSecond] does.
func (r *PerSecond) UnmarshalText(text []byte) (err error) {
	*r, err = ParsePerSecond(string(text))
	return err
}

// unmarshalQuantity gives q the text of a JSON string or number.
func unmarshalQuantity(data []byte, q encoding.TextUnmarshaler) error {
	switch string(data[:min(1, len(data))]) {
	case "n": // null
		return nil
	case `"`:
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		return q.UnmarshalText([]byte(text))
	case "", "t", "f", "{", "[":
		return fmt.Errorf("expected a number or text, found %.20s", data)
	default:
		return q.UnmarshalText(data)
	}
}

func refuseNegative(text string) error {
	if strings.HasPrefix(text, "-") {
		return fmt.Errorf("%q is negative", text)
	}
	return nil
}

// parseNumber reads a decimal number without a sign, and nothing else that strconv
// knows, such as "Inf" or "0x1p4".
func parseNumber(text string) (float64, error) {
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" || text[0] == '-' || text[0] == '+' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}
