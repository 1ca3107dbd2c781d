package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A durationFlag is a time of a workload, above zero.
type durationFlag struct{ value *workload.Duration }

// Set sets the time from text.
func (f durationFlag) Set(s string) error {
	d, err := workload.ParseDuration(s)
	if err != nil {
		return err
	}
	if d <= 0 {
		return fmt.Errorf("must be above 0")
	}
	*f.value = d
	return nil
}

// String returns the time, or "" if there is none.
func (f durationFlag) String() string {
	if f.value == nil || *f.value == 0 {
		return ""
	}
	return time.Duration(*f.value).String()
}

// Type returns what help calls the value.
func (f durationFlag) Type() string { return "TIME" }

// A stepFlag is how records are put together in a simulation.
type stepFlag struct {
	auto bool
	step time.Duration
}

// mostSingle is how many records are put each by itself unless --step says otherwise:
// some ten seconds' work.
const mostSingle = 20_000_000

// Set takes "auto" or a time.
func (f *stepFlag) Set(s string) error {
	if f.auto = s == "auto"; f.auto {
		return nil
	}
	d, err := workload.ParseDuration(s)
	if err != nil || d < 0 || time.Duration(d) > simulate.MaxStep {
		return fmt.Errorf("must be auto, or a time from 0 to %v, such as 100ms", simulate.MaxStep)
	}
	f.step = time.Duration(d)
	return nil
}

// String returns the step as Set takes it.
func (f *stepFlag) String() string {
	if f.auto {
		return "auto"
	}
	return f.step.String()
}

// Type returns what help calls the value.
func (f *stepFlag) Type() string { return "TIME" }

// of returns the step for a workload: none if it is small enough.
func (f *stepFlag) of(w workload.Workload, open workload.Open) (time.Duration, error) {
	if !f.auto {
		return f.step, nil
	}
	v, err := w.Volume(open)
	if err != nil || v.Records <= mostSingle {
		return 0, err
	}
	return 100 * time.Millisecond, nil
}

// A timeFlag is a moment.
type timeFlag struct{ t time.Time }

// Set takes a time of RFC 3339.
func (f *timeFlag) Set(s string) error {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 0 {
		return fmt.Errorf("must be a time since 1970 such as 2026-03-02T09:00:00Z")
	}
	f.t = t.UTC()
	return nil
}

// String returns the time, or "" if there is none.
func (f *timeFlag) String() string {
	if f.t.IsZero() {
		return ""
	}
	return f.t.Format(time.RFC3339)
}

// Type returns what help calls the value.
func (f *timeFlag) Type() string { return "TIME" }

// A percentFlag is a part of a whole, or nothing.
type percentFlag struct{ share *float64 }

// Set takes a number from 0 to below 100, with or without a percent sign.
func (f *percentFlag) Set(s string) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if err != nil || !(v >= 0 && v < 100) {
		return fmt.Errorf("must be a number from 0 to below 100, such as 0.5")
	}
	v /= 100
	f.share = &v
	return nil
}

// String returns the percentage, or "" if there is none.
func (f *percentFlag) String() string {
	if f.share == nil {
		return ""
	}
	return strconv.FormatFloat(100**f.share, 'g', -1, 64)
}

// Type returns what help calls the value.
func (f *percentFlag) Type() string { return "PERCENT" }

// A sweepFlag is numbers of shards to try.
type sweepFlag struct {
	text   string
	shards []int
}

// Most numbers of shards that are tried, and the greatest one.
const (
	mostTries  = 256
	mostShards = 10_000
)

// Set takes shards=1..64, shards=1..64/4 for every fourth, or shards=1,2,8.
func (f *sweepFlag) Set(s string) error {
	list, ok := strings.CutPrefix(s, "shards=")
	if !ok {
		return fmt.Errorf("must begin with shards=, as in shards=1..64 or shards=1,2,4")
	}
	var shards []int
	for _, part := range strings.Split(list, ",") {
		some, err := parseRange(part)
		if err != nil {
			return err
		}
		if shards = append(shards, some...); len(shards) > mostTries {
			return fmt.Errorf("has more than %d numbers; a range such as 1..%d/8 takes every eighth", mostTries, mostShards)
		}
	}
	slices.Sort(shards)
	f.text, f.shards = s, slices.Compact(shards)
	return nil
}

// String returns the flag as it was given.
func (f *sweepFlag) String() string { return f.text }

// Type returns what help calls the value.
func (f *sweepFlag) Type() string { return "RANGE" }

// parseRange reads "8", "1..64" or "1..64/4".
func parseRange(s string) ([]int, error) {
	span, every, stepped := strings.Cut(s, "/")
	from, to, ranged := strings.Cut(span, "..")
	if !ranged {
		to = from
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	step := 1
	var errStep error
	if stepped {
		step, errStep = strconv.Atoi(every)
	}
	if errFirst != nil || errLast != nil || errStep != nil || first < 1 || last < first || last > mostShards || step < 1 {
		return nil, fmt.Errorf("%q is no number or range of 1 to %d, such as 1..64 or 1..64/4", s, mostShards)
	}
	var list []int
	for n := first; n <= last && len(list) <= mostTries; n += step {
		list = append(list, n)
	}
	return list, nil
}
