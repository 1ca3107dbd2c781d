package rehearsal

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/simulate"
)

// A Config is a run and the questions that are asked of it.
type Config struct {
	Simulation simulate.Config
	// Shards are numbers of shards to try beside the workload's own.
	Shards []int
	// Fit asks for the smallest number of shards with no more than this part of
	// the records throttled, 0 to 1. Nil asks for nothing.
	Fit *float64
	// CatchUp asks how long each consumer needs after an outage of this length.
	// Zero asks for nothing.
	CatchUp time.Duration
	// Rows, if not nil, is given each second of the run itself.
	Rows *Rows
	// Workers is how many simulations run at a time: those of Shards. Zero
	// means 1.
	Workers int
	// Progress, if not nil, is called by one goroutine at a time with what is
	// being done, and how much of it is, 0 to 1, or less than 0 if that is not
	// known.
	Progress func(what string, done float64)
}

// An Outcome is a run and the answers.
type Outcome struct {
	Result   *simulate.Result `json:"result"`
	Series   *Series          `json:"series"`
	Fit      *simulate.Fit    `json:"fit,omitempty"`
	CatchUps []CatchUp        `json:"catch_ups,omitempty"`
	Sweep    []Try            `json:"sweep,omitempty"`
	// Rejections says which lines of a trace could not be read; who opened it
	// knows.
	Rejections string `json:"rejections,omitempty"`
	// Interrupted says that something that was asked for is missing or not
	// complete.
	Interrupted bool `json:"interrupted"`

	asked int // numbers of shards to try
}

// A CatchUp is how a consumer comes back from an outage that is made up. Of a
// consumer that there are several of it is the slowest.
type CatchUp struct {
	Consumer string          `json:"consumer"`
	Outage   simulate.Outage `json:"outage"`
	// Why says, if not empty, why that could not be found out.
	Why string `json:"why,omitempty"`
}

// A Try is what came of one number of shards.
type Try struct {
	Shards  int   `json:"shards"` // at first
	Offered int64 `json:"offered_records"`
	// Throttled is how often a record was refused, and Share that for each
	// record offered: above 1 where they are tried again. GivenUp were refused
	// for good.
	Throttled int64   `json:"throttled_records"`
	Share     float64 `json:"throttled_share"`
	GivenUp   int64   `json:"given_up_records"`
	// MostUsed is the greatest part of a shard's write limits that any second
	// of any shard was offered.
	MostUsed   float64       `json:"most_used"`
	MeanShards float64       `json:"mean_shards"` // open ones, by time
	MaxAge     time.Duration `json:"max_age_ns"`  // of any consumer
	// Expired is records that were not read before their retention was over.
	Expired int64 `json:"expired_records"`
	// ReadThrottled is the calls of GetRecords that were refused.
	ReadThrottled int64 `json:"read_throttled"`
}

// Run runs the workload, then what the questions need. When ctx ends it returns
// what there is so far; the outcome says that it was interrupted.
func Run(ctx context.Context, c Config) (*Outcome, error) {
	o := &Outcome{Series: NewSeries(), asked: len(c.Shards)}
	sim := c.Simulation
	sim.Each = func(s *simulate.Second) {
		o.Series.Add(s)
		c.Rows.add(s)
	}
	sim.Progress = c.progress("simulating")
	var err error
	if o.Result, err = simulate.Run(ctx, sim); err != nil {
		return o, err
	}
	// An interrupt between two questions leaves the answers to the first ones.
	for _, question := range []func(context.Context, *Outcome) error{c.sweep, c.fit, c.catchUps} {
		if o.Interrupted = ctx.Err() != nil; o.Interrupted {
			break
		}
		if err := question(ctx, o); err != nil {
			return o, err
		}
	}
	o.Interrupted = o.Result.Interrupted || o.Fit != nil && o.Fit.Interrupted || c.misses(o)
	return o, nil
}

// misses reports whether an answer is missing.
func (c Config) misses(o *Outcome) bool {
	return len(o.Sweep) < len(c.Shards) || c.Fit != nil && o.Fit == nil ||
		c.CatchUp > 0 && len(o.CatchUps) < len(c.Simulation.Workload.Consumers)
}

// progress returns a function that tells how far a simulation is.
func (c Config) progress(what string) func(at time.Duration) {
	all := time.Duration(c.Simulation.Workload.Duration)
	return func(at time.Duration) {
		done := -1.0
		if all > 0 {
			done = at.Seconds() / all.Seconds()
		}
		c.tell(what, done)
	}
}

func (c Config) tell(what string, done float64) {
	if c.Progress != nil {
		c.Progress(what, done)
	}
}

// sweep tries the numbers of shards, several at a time. When ctx ends those
// that are done stay.
func (c Config) sweep(ctx context.Context, o *Outcome) error {
	tries := make([]*Try, len(c.Shards))
	var group errgroup.Group
	group.SetLimit(max(1, c.Workers))
	var mu sync.Mutex // guards ended
	var ended int
	for i, n := range c.Shards {
		group.Go(func() (err error) {
			tries[i], err = c.try(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			ended++
			c.tell("trying numbers of shards", float64(ended)/float64(len(c.Shards)))
			return err
		})
	}
	err := group.Wait()
	for _, try := range tries {
		if try != nil {
			o.Sweep = append(o.Sweep, *try)
		}
	}
	return err
}

// try simulates with n shards. It returns nil if ctx ends before that is done.
func (c Config) try(ctx context.Context, n int) (*Try, error) {
	sim := c.Simulation
	sim.Workload.Stream.Shards = n
	t := &Try{Shards: n}
	sim.Each = func(s *simulate.Second) {
		_, busiest := cost.Use(s)
		t.MostUsed = max(t.MostUsed, busiest)
	}
	r, err := simulate.Run(ctx, sim)
	if err != nil || r.Interrupted {
		return nil, err
	}
	t.Offered, t.Throttled, t.Share = r.OfferedRecords, r.ThrottledRecords, r.ThrottledShare()
	t.GivenUp, t.ReadThrottled = r.LostRecords, r.ReadThrottled
	t.MeanShards = math.Round(3600*r.ShardHours) / (r.Duration - r.WarmUp).Seconds() // whole shard-seconds
	for _, consumer := range r.Consumers {
		t.MaxAge = max(t.MaxAge, consumer.MaxAge)
		t.Expired += consumer.LostRecords
	}
	return t, nil
}

func (c Config) fit(ctx context.Context, o *Outcome) error {
	if c.Fit == nil {
		return nil
	}
	c.tell("looking for the number of shards", 0)
	fit, err := simulate.FindShards(ctx, c.Simulation, *c.Fit)
	o.Fit = &fit
	return err
}

// catchUps asks for each consumer of the workload. That one's outage finds no
// place, as of one that begins late, is no reason to keep what the others say.
func (c Config) catchUps(ctx context.Context, o *Outcome) error {
	if c.CatchUp == 0 {
		return nil
	}
	sim := c.Simulation
	sim.Progress = c.progress("simulating outages")
	for _, consumer := range sim.Workload.WithDefaults().Consumers {
		outage, err := simulate.CatchUp(ctx, sim, consumer.Name, c.CatchUp)
		if ctx.Err() != nil {
			return nil
		}
		answer := CatchUp{Consumer: consumer.Name, Outage: outage}
		if err != nil {
			answer.Why = err.Error()
		}
		o.CatchUps = append(o.CatchUps, answer)
	}
	return nil
}
