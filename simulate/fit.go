package simulate

import (
	"context"
	"fmt"
	"math"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A Fit is the answer of [FindShards].
type Fit struct {
	// Shards is the smallest number that is enough, zero if none is or the context
	// ended before it was found.
	Shards int `json:"shards"`
	// MaxThrottled is what was asked for: a part of the offered records.
	MaxThrottled float64 `json:"max_throttled"`
	// Impossible says that no number is enough, and Why says why, in words.
	Impossible bool   `json:"impossible"`
	Why        string `json:"why,omitempty"`
	// HottestKey sets the floor: it was counted with a shard of its own.
	HottestKey HotKey `json:"hottest_key"`
	// Result is that of the run with Shards, and Fewer that of the run with one
	// shard less, which throttled too much; nil where there was none. Fewer ends at
	// the first throttled record, and is Interrupted, if none was to be throttled.
	Result *Result `json:"result,omitempty"`
	Fewer  *Result `json:"fewer,omitempty"`
	Placement
	// Tried is every number that was simulated, in that order.
	Tried []Try `json:"tried"`
	// Interrupted says that the context ended before the answer was found, or, where
	// Shards is known, before what the names of the keys have to do with it was.
	Interrupted bool `json:"interrupted"`
}

// A Try is one number of shards that [FindShards] simulated.
type Try struct {
	Shards           int     `json:"shards"`
	ThrottledRecords int64   `json:"throttled_records"`
	ThrottledShare   float64 `json:"throttled_share"`
	Enough           bool    `json:"enough"`
}

// FindShards looks for the smallest number of shards of a provisioned stream with
// which at most maxThrottled of the offered records are throttled, 0 meaning none.
// Only producers are simulated: consumers throttle no puts, and the reshards of the
// workload would change the number.
//
// First the hottest key is given a shard of its own: if that throttles too much, no
// number of shards is enough. Then numbers are tried, from the average load up or
// down by doubling or halving and then in halves. More shards may be worse: keys fall
// together with n shards that are apart with fewer. So smaller numbers are tried too,
// wherever the keys' hashes leave a chance. The answer n was simulated, and so was n-1,
// which is not enough; [Fit.Tried] may have greater ones that are not.
//
// Whether n is enough depends on the names of the keys. [Placement] says how much one
// shard takes, whatever its keys are called, and how many shards are enough for most
// names. That takes about as long again as the search: ten runs or so.
func FindShards(ctx context.Context, c Config, maxThrottled float64) (Fit, error) {
	f, err := newFitter(ctx, c, maxThrottled)
	if err != nil {
		return Fit{}, err
	}
	if err := f.floor(); err != nil || f.fit.Impossible || f.fit.Interrupted {
		return f.fit, err
	}
	err = f.search()
	return f.fit, err
}

// mostShards returns the largest number that is tried.
func mostShards() int { return weir.ServiceLimits().MaxShards }

// A fitter looks for a number of shards.
type fitter struct {
	ctx     context.Context
	config  Config
	hot     hotKey
	guess   int // from the average load
	offered int64
	fit     Fit
	results map[int]*Result
}

func newFitter(ctx context.Context, c Config, maxThrottled float64) (*fitter, error) {
	if !(maxThrottled >= 0 && maxThrottled < 1) {
		return nil, fmt.Errorf("throttled share: %v is outside 0 to 1, 1 excluded", maxThrottled)
	}
	if c.Workload.Stream.Mode == workload.OnDemandMode {
		return nil, fmt.Errorf("stream.mode: a stream of mode %q chooses its number of shards itself", workload.OnDemandMode)
	}
	c.Workload.Consumers, c.Workload.Queues, c.Workload.Reshards = nil, nil, nil
	c.Each, c.Progress = nil, nil
	return &fitter{
		ctx: ctx, config: c, fit: Fit{MaxThrottled: maxThrottled, Tried: []Try{}}, results: make(map[int]*Result),
	}, nil
}

// floor puts the hottest key to one shard.
func (f *fitter) floor() error {
	s, err := newSimulation(f.ctx, f.config.WithShards(1))
	if err != nil {
		return err
	}
	s.only = true
	r, err := s.run()
	if err != nil {
		return err
	}
	f.hot = s.hot
	if s.meter.measured == 0 && !r.Interrupted {
		return fmt.Errorf("warm_up: %v is not over when the workload ends, after %v", f.config.Workload.WarmUp, r.Duration)
	}
	offered := r.OfferedRecords + s.producer.skipped
	f.fit.HottestKey, f.fit.Interrupted = r.HottestKey, r.Interrupted
	f.fit.HottestKey.Share = float64(r.OfferedRecords) / float64(max(1, offered))
	f.guess, f.offered = guess(s, offered), offered
	if !f.enough(r.ThrottledRecords, offered) {
		f.fit.Impossible = true
		f.fit.Why = fmt.Sprintf("the busiest key alone, %q, needs %.1f shards and would be throttled with one of its own: no number of shards is enough",
			r.HottestKey.Key, max(r.HottestKey.Shards, 1))
	}
	return nil
}

// guess returns how many shards the records would need if they came evenly.
func guess(s *simulation, offered int64) int {
	records := float64(offered) / float64(max(1, s.meter.measured))
	n := math.Ceil(part(records, s.limits.WriteRecordsPerSecond))
	return int(min(max(1, n), float64(mostShards())))
}

// enough reports whether so few records were throttled.
func (f *fitter) enough(throttled, offered int64) bool {
	return float64(throttled) <= f.fit.MaxThrottled*float64(offered)
}

// search finds the number between one that is enough and one that is not.
func (f *fitter) search() error {
	low, high, err := f.bracket()
	if err != nil || f.fit.Interrupted {
		return err
	}
	if high > mostShards() {
		f.fit.Impossible = true
		f.fit.Why = fmt.Sprintf("%d shards, the most that a stream may have, throttle %d records still",
			mostShards(), f.results[low].ThrottledRecords)
		return nil
	}
	if high, err = f.bisect(low, high, f.try); err != nil || f.fit.Interrupted {
		return err
	}
	return f.smaller(high)
}

// bisect halves what lies between a number that is not enough and one that is until
// they are neighbours, and returns the latter.
func (f *fitter) bisect(low, high int, enough func(int) (bool, error)) (int, error) {
	for high-low > 1 {
		middle := low + (high-low)/2
		ok, err := enough(middle)
		switch {
		case err != nil || f.fit.Interrupted:
			return 0, err
		case ok:
			high = middle
		default:
			low = middle
		}
	}
	return high, nil
}

// bracket returns a number of shards that is not enough and a greater one that is:
// 0 and more than mostShards stand for those that are not tried.
func (f *fitter) bracket() (low, high int, err error) {
	n := f.guess
	ok, err := f.try(n)
	if err != nil || f.fit.Interrupted {
		return 0, 0, err
	}
	if ok {
		for high = n; ok && n > 1; {
			high, n = n, n/2
			if ok, err = f.try(n); err != nil || f.fit.Interrupted {
				return 0, 0, err
			}
		}
		if ok {
			return 0, n, nil
		}
		return n, high, nil
	}
	for !ok {
		if n == mostShards() {
			return n, n + 1, nil
		}
		low, n = n, min(2*n, mostShards())
		if ok, err = f.try(n); err != nil || f.fit.Interrupted {
			return 0, 0, err
		}
	}
	return low, n, nil
}

// try simulates a number of shards and reports whether it is enough.
func (f *fitter) try(n int) (bool, error) {
	s, err := newSimulation(f.ctx, f.config.WithShards(n))
	if err != nil {
		return false, err
	}
	s.hot = f.hot.fresh()
	r, ok, err := f.run(s)
	switch {
	case err != nil:
		return false, fmt.Errorf("with %d shards: %w", n, err)
	case f.fit.Interrupted:
		return false, nil
	}
	f.results[n] = r
	if !f.tried(n) {
		f.fit.Tried = append(f.fit.Tried, Try{n, r.ThrottledRecords, r.ThrottledShare(), ok})
	}
	f.keep()
	return ok, nil
}

// run simulates, as far as it takes to tell whether it throttles no more than it may.
// If the context ends before that, the fit is interrupted.
func (f *fitter) run(s *simulation) (r *Result, ok bool, err error) {
	if f.fit.MaxThrottled == 0 {
		s.enough = func(r *Result) bool { return r.ThrottledRecords > 0 }
	}
	if r, err = s.run(); err != nil {
		return nil, false, err
	}
	ok = f.enough(r.ThrottledRecords, r.OfferedRecords)
	if r.Interrupted && f.ctx.Err() != nil && (ok || f.fit.MaxThrottled > 0) {
		f.fit.Interrupted = true
		return nil, false, nil
	}
	return r, ok, nil
}

// keep drops results that cannot be asked for any more: only the smallest number that
// is enough and the greatest below it that is not are.
func (f *fitter) keep() {
	low, high := 0, math.MaxInt
	for _, t := range f.fit.Tried {
		if t.Enough {
			high = min(high, t.Shards)
		}
	}
	for _, t := range f.fit.Tried {
		if t.Shards < high {
			low = max(low, t.Shards)
		}
	}
	for n := range f.results {
		if n != low && n != high {
			delete(f.results, n)
		}
	}
}
