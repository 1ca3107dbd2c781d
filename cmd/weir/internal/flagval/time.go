package flagval

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A Duration is a time from zero to a bound, both inclusive.
type Duration struct {
	Value *time.Duration
	Max   time.Duration
}

// Set sets the value from text.
func (f Duration) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > f.Max {
		return fmt.Errorf("must be a time from 0s to %v, such as 500ms", f.Max)
	}
	*f.Value = d
	return nil
}

// String returns the value.
func (f Duration) String() string { return f.Value.String() }

// Type returns what help calls the value.
func (f Duration) Type() string { return "TIME" }

// A Length is a time as workloads have it, in days too, above zero.
type Length struct{ Value *workload.Duration }

// Set sets the time from text.
func (f Length) Set(s string) error {
	d, err := workload.ParseDuration(s)
	if err != nil {
		return err
	}
	if d <= 0 {
		return fmt.Errorf("must be above 0")
	}
	*f.Value = d
	return nil
}

// String returns the time, or "" if there is none.
func (f Length) String() string {
	if f.Value == nil || *f.Value == 0 {
		return ""
	}
	return time.Duration(*f.Value).String()
}

// Type returns what help calls the value.
func (f Length) Type() string { return "TIME" }

// A Moment is a date and a time of day. The zero value is none.
type Moment struct{ Time time.Time }

// Set takes a time of RFC 3339.
func (f *Moment) Set(s string) error {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 0 {
		return fmt.Errorf("must be a time since 1970 such as 2026-03-02T09:00:00Z")
	}
	f.Time = t.UTC()
	return nil
}

// String returns the time, or "" if there is none.
func (f *Moment) String() string {
	if f.Time.IsZero() {
		return ""
	}
	return f.Time.Format(time.RFC3339)
}

// Type returns what help calls the value.
func (f *Moment) Type() string { return "TIME" }

// A Step is how long records are put together in a simulation.
type Step struct {
	Auto bool          // it depends on the workload
	Time time.Duration // 0 to [simulate.MaxStep], unless Auto
}

// Set takes "auto" or a time.
func (f *Step) Set(s string) error {
	if f.Auto = s == "auto"; f.Auto {
		return nil
	}
	d, err := workload.ParseDuration(s)
	if err != nil || d < 0 || time.Duration(d) > simulate.MaxStep {
		return fmt.Errorf("must be auto, or a time from 0 to %v, such as 100ms", simulate.MaxStep)
	}
	f.Time = time.Duration(d)
	return nil
}

// String returns the step as Set takes it.
func (f *Step) String() string {
	if f.Auto {
		return "auto"
	}
	return f.Time.String()
}

// Type returns what help calls the value.
func (f *Step) Type() string { return "TIME" }
