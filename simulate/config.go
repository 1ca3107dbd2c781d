package simulate

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/workload"
)

// A Config is a workload and how to simulate it. Only Workload is needed.
type Config struct {
	// Workload is what happens. Its key files must have been read; see
	// [workload.Workload.ReadKeys].
	Workload workload.Workload
	// Open opens the traces of the workload. Nil is for one that has none. A trace is
	// opened more than once: a sample of it is read before the run.
	Open workload.Open
	// Step is how records are put together. Zero means not at all: each record is
	// put by itself, at its own time. Otherwise the records that arrive within a
	// step for the same shard are put at once, at the end of the step, all of the
	// same size: much faster, and about the same; the package's documentation says
	// where it differs. At most [MaxStep].
	Step time.Duration
	// Start is when virtual time begins, to the second, from 1970 to 2250. Zero means
	// [Epoch]. On-demand capacity follows the minutes and hours of this clock.
	Start time.Time
	// Each is called at the end of each second of virtual time, if it is not nil.
	// The Second and its slices are overwritten by the next one; Clone keeps one.
	Each func(*Second)
	// Progress, if not nil, is called with the virtual time that has passed, at
	// the end of each minute of it and when the run is over.
	Progress func(at time.Duration)
}

const (
	// MaxStep is the longest step: beyond a second the buckets of the limits would
	// overflow between two steps.
	MaxStep = time.Second

	// MostSingle is how many records [AutoStep] has put each by itself: some ten
	// seconds' work.
	MostSingle = 20_000_000

	// FanOutDelay is how long after its arrival a record is given to a consumer with
	// enhanced fan-out that waits for it. It is the service's typical one.
	FanOutDelay = 70 * time.Millisecond
)

// AutoStep returns the [Config.Step] for a workload of about so many records: zero up
// to [MostSingle], and 100 ms above.
func AutoStep(records float64) time.Duration {
	if records <= MostSingle {
		return 0
	}
	return 100 * time.Millisecond
}

// lastYear is the last one to begin in: the stream's clock ends in 2262.
const lastYear = 2250

// Epoch is when virtual time begins unless [Config.Start] says otherwise: the
// beginning of 2026, in UTC.
func Epoch() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// check says which field is out of bounds.
func (c Config) check() error {
	if c.Step < 0 || c.Step > MaxStep {
		return fmt.Errorf("step: %v is outside 0 to %v", c.Step, MaxStep)
	}
	if year := c.Start.UTC().Year(); !c.Start.IsZero() && (year < 1970 || year > lastYear) {
		return fmt.Errorf("start: %v is not in the years 1970 to %d", c.Start, lastYear)
	}
	for i, t := range c.Workload.Traffic {
		if t.Rate.Max {
			return fmt.Errorf("traffic[%d].rate.max: only a load generator can put as fast as it goes; a simulation needs a number", i)
		}
	}
	if err := c.Workload.Validate(); err != nil {
		return err
	}
	w := c.Workload
	if lasts, warm := time.Duration(w.Duration), time.Duration(w.WarmUp); lasts > 0 && wholeSeconds(warm) >= wholeSeconds(lasts) {
		return fmt.Errorf("warm_up: %v in whole seconds leaves nothing of duration, %v", w.WarmUp, w.Duration)
	}
	return nil
}

// start returns when virtual time begins.
func (c Config) start() time.Time {
	if c.Start.IsZero() {
		return Epoch()
	}
	return c.Start.Truncate(time.Second).UTC()
}
