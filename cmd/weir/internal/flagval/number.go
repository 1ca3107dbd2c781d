// Package flagval has the values of the command's flags: each reads its text,
// says in an error what it may be, and prints itself as it is given. They are
// values for package pflag, and say nothing of which command has which flag.
package flagval

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// An Int is a number within bounds, both inclusive.
type Int struct {
	Value    *int
	Min, Max int
}

// Set sets the value from text.
func (f Int) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < f.Min || n > f.Max {
		return fmt.Errorf("must be a number from %d to %d", f.Min, f.Max)
	}
	*f.Value = n
	return nil
}

// String returns the value.
func (f Int) String() string { return strconv.Itoa(*f.Value) }

// Type returns what help calls the value.
func (f Int) Type() string { return "N" }

// A Seed is a number that random events are made from.
type Seed uint64

// Set sets the seed from text.
func (f *Seed) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("must be a number from 0 to %d", uint64(math.MaxUint64))
	}
	*f = Seed(n)
	return nil
}

// String returns the seed.
func (f *Seed) String() string { return strconv.FormatUint(uint64(*f), 10) }

// Type returns what help calls the value.
func (f *Seed) Type() string { return "N" }

// fastest is the speed of a replay that waits for nothing.
const fastest = "max"

// A Speed is a multiple of the recorded time, 0 being as fast as possible.
type Speed float64

// Set takes "max", or a number such as 60 or 60x.
func (f *Speed) Set(s string) error {
	if s == fastest {
		*f = 0
		return nil
	}
	x, ok := parseSpeed(s)
	if !ok {
		return fmt.Errorf("must be %q or a number greater than 0, such as 60", fastest)
	}
	*f = Speed(x)
	return nil
}

// ParseSpeed reads a speed that is a number.
func ParseSpeed(s string) (float64, error) {
	x, ok := parseSpeed(s)
	if !ok {
		return 0, errors.New("must be a number greater than 0, such as 60")
	}
	return x, nil
}

func parseSpeed(s string) (float64, bool) {
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	return x, err == nil && x > 0 && !math.IsInf(x, 0)
}

// String returns the speed as Set takes it.
func (f *Speed) String() string {
	if *f == 0 {
		return fastest
	}
	return strconv.FormatFloat(float64(*f), 'g', -1, 64)
}

// Type returns what help calls the value.
func (f *Speed) Type() string { return "X" }

// A Size is a number of bytes.
type Size int64

// Set takes a number with or without a unit, such as 1MiB.
func (f *Size) Set(s string) error {
	const most = 1 << 30 // and the text below
	n, err := humanize.ParseBytes(s)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("must be a number of bytes from 1 to 1GiB, such as 16MiB")
	}
	*f = Size(n)
	return nil
}

// String returns the size as Set takes it.
func (f *Size) String() string {
	return strings.ReplaceAll(humanize.IBytes(uint64(*f)), " ", "")
}

// Type returns what help calls the value.
func (f *Size) Type() string { return "SIZE" }

// A Memory is a number of bytes that may be as large as a machine's memory. The
// zero value is none.
type Memory int64

// Set takes a number with or without a unit, such as 512MiB.
func (f *Memory) Set(s string) error {
	const most = 1 << 50 // and the text below
	n, err := humanize.ParseBytes(s)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("must be a number of bytes from 1 to 1PiB, such as 512MiB")
	}
	*f = Memory(n)
	return nil
}

// String returns the number as Set takes it, or "" if there is none.
func (f *Memory) String() string {
	if *f == 0 {
		return ""
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*f)), " ", "")
}

// Type returns what help calls the value.
func (f *Memory) Type() string { return "SIZE" }

// A Percent is a part of a whole. The zero value is none.
type Percent struct {
	Share *float64 // 0 to below 1; nil if none is given
}

// Set takes a number from 0 to below 100, with or without a percent sign.
func (f *Percent) Set(s string) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if err != nil || !(v >= 0 && v < 100) {
		return fmt.Errorf("must be a number from 0 to below 100, such as 0.5")
	}
	v /= 100
	f.Share = &v
	return nil
}

// String returns the percentage, or "" if there is none.
func (f *Percent) String() string {
	if f.Share == nil {
		return ""
	}
	return strconv.FormatFloat(100**f.Share, 'g', -1, 64)
}

// Type returns what help calls the value.
func (f *Percent) Type() string { return "PERCENT" }
