package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/weirstream/weir"
)

// A boundedInt is a flag that is a number within bounds, both inclusive.
type boundedInt struct {
	value    *int
	min, max int
}

// Set sets the value from text.
func (f boundedInt) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < f.min || n > f.max {
		return fmt.Errorf("must be a number from %d to %d", f.min, f.max)
	}
	*f.value = n
	return nil
}

// String returns the value.
func (f boundedInt) String() string { return strconv.Itoa(*f.value) }

// Type returns what help calls the value.
func (f boundedInt) Type() string { return "N" }

// A seedFlag is a number that random events are made from.
type seedFlag uint64

// Set sets the seed from text.
func (f *seedFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("must be a number from 0 to %d", uint64(math.MaxUint64))
	}
	*f = seedFlag(n)
	return nil
}

// String returns the seed.
func (f *seedFlag) String() string { return strconv.FormatUint(uint64(*f), 10) }

// Type returns what help calls the value.
func (f *seedFlag) Type() string { return "N" }

// fastest is the speed of a replay without waiting.
const fastest = "max"

// A speedFlag is a multiple of the recorded time, 0 being as fast as possible.
type speedFlag float64

// Set takes "max", or a number such as 60 or 60x.
func (f *speedFlag) Set(s string) error {
	if s == fastest {
		*f = 0
		return nil
	}
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(x > 0) || math.IsInf(x, 0) {
		return fmt.Errorf("must be %q or a number greater than 0, such as 60", fastest)
	}
	*f = speedFlag(x)
	return nil
}

// String returns the speed as Set takes it.
func (f *speedFlag) String() string {
	if *f == 0 {
		return fastest
	}
	return strconv.FormatFloat(float64(*f), 'g', -1, 64)
}

// Type returns what help calls the value.
func (f *speedFlag) Type() string { return "X" }

// A limitsFlag is the limits of a stream.
type limitsFlag struct {
	name   string
	limits weir.Limits
}

// Set takes "service" or "none".
func (f *limitsFlag) Set(s string) error {
	switch s {
	case "service":
		f.limits = weir.Limits{}
	case "none":
		f.limits = weir.Unlimited()
	default:
		return fmt.Errorf(`must be "service" or "none"`)
	}
	f.name = s
	return nil
}

// String returns the limits' name.
func (f *limitsFlag) String() string { return f.name }

// Type returns what help calls the value.
func (f *limitsFlag) Type() string { return "NAME" }

// A choice is a flag that is one of a few words.
type choice struct {
	value *string
	words []string
}

// Set sets the value from text.
func (f choice) Set(s string) error {
	if !slices.Contains(f.words, s) {
		return fmt.Errorf(`must be "%s"`, strings.Join(f.words, `" or "`))
	}
	*f.value = s
	return nil
}

// String returns the value.
func (f choice) String() string { return *f.value }

// Type returns what help calls the value.
func (f choice) Type() string { return "NAME" }

// A boundedDuration is a flag that is a time from zero to a bound, both inclusive.
type boundedDuration struct {
	value *time.Duration
	max   time.Duration
}

// Set sets the value from text.
func (f boundedDuration) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > f.max {
		return fmt.Errorf("must be a time from 0s to %v, such as 500ms", f.max)
	}
	*f.value = d
	return nil
}

// String returns the value.
func (f boundedDuration) String() string { return f.value.String() }

// Type returns what help calls the value.
func (f boundedDuration) Type() string { return "TIME" }

// A byteSize is a flag that is a number of bytes.
type byteSize int64

// Set takes a number with or without a unit, such as 1MiB.
func (f *byteSize) Set(s string) error {
	const most = 1 << 30
	n, err := humanize.ParseBytes(s)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("must be a number of bytes from 1 to 1GiB, such as 16MiB")
	}
	*f = byteSize(n)
	return nil
}

// String returns the size as Set takes it.
func (f *byteSize) String() string {
	return strings.ReplaceAll(humanize.IBytes(uint64(*f)), " ", "")
}

// Type returns what help calls the value.
func (f *byteSize) Type() string { return "SIZE" }
