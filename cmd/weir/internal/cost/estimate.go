package cost

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A Config says what is to be priced.
type Config struct {
	Workload workload.Workload
	Open     workload.Open // for traces
	Prices   Prices
	// Progress, if not nil, is told what is being done, and how much of it is,
	// 0 to 1, or something else if that is not known.
	Progress func(what string, done float64)
}

// An Estimate is what a month of a workload costs.
type Estimate struct {
	Workload string `json:"workload"`
	Prices   Prices `json:"prices"`
	// Measured is the workload's own time, and Month a month in which it goes
	// on like that.
	Measured Usage `json:"measured"`
	Month    Usage `json:"month"`
	// ShardsGiven says that the workload gave the number of shards, and its
	// reshards changed it; otherwise it is the smallest that throttles nothing,
	// as a simulation found, or what readers need, if that is more.
	ShardsGiven bool `json:"shards_given"`
	// BusiestUse is what was offered to the busiest shard in its busiest
	// second, as a part of its limits. Limits hold a second's worth in reserve,
	// so that more than 1 need not throttle.
	BusiestUse float64 `json:"busiest_use"`
	// ReadNeed is how many shards' read limits all readers take on average that
	// share them.
	ReadNeed   float64 `json:"read_need"`
	forReaders bool    // Month.Shards is what they need, and more than puts do
	// HotKey says, if not empty, why no number of shards is enough. Unless the
	// number is given, provisioned is then priced with as many as the traffic
	// would need without that key's limit; so is the break-even.
	HotKey    string    `json:"hot_key,omitempty"`
	Bills     []Bill    `json:"bills"`
	Cheapest  Plan      `json:"cheapest,omitempty"`
	BreakEven BreakEven `json:"break_even"`
	// Queues is how many queues the workload has, which are not priced: what they
	// cost on the service is not known.
	Queues int `json:"queues,omitempty"`
	// Interrupted says that there was no time to find out how many shards are
	// needed.
	Interrupted bool `json:"interrupted"`
	// Rejections says which lines of a trace could not be read; who opened it
	// knows.
	Rejections string `json:"rejections,omitempty"`
}

// Run prices a month of a workload. How many shards a provisioned stream needs
// is found by simulating the workload. If ctx ends before that is known, the
// estimate has the bills of the other plans only, and says that it was
// interrupted; where only the simulation tells how long the workload lasts the
// error is ctx's.
func Run(ctx context.Context, c Config) (*Estimate, error) {
	e := &Estimate{Workload: cmp.Or(c.Workload.Name, "workload"), Prices: c.Prices}
	e.ShardsGiven = c.Workload.Stream.Shards > 0 && c.Workload.Stream.Mode != workload.OnDemandMode
	volume, err := c.Workload.Volume(c.Open)
	if err != nil {
		return nil, err
	}
	if volume.Records == 0 {
		return nil, fmt.Errorf("%s puts no records", e.Workload)
	}
	w := c.Workload.WithDefaults()
	e.Queues = len(w.Queues)
	e.Measured = UsageOf(w, volume)
	err = e.measure(ctx, c)
	e.Interrupted = ctx.Err() != nil && e.Measured.Need == 0
	if err != nil && !(e.Interrupted && e.Measured.Period > 0 && w.Records == 0) {
		return nil, err
	}
	e.price(w)
	return e, nil
}

// price makes the bills of what was measured.
func (e *Estimate) price(w workload.Workload) {
	e.Measured.OldBytes = e.Measured.oldBytes(w.Consumers)
	e.Month = e.Measured.Month(e.Prices)
	e.Bills = e.Prices.Bills(e.Month)
	if e.Interrupted {
		e.Bills = slices.DeleteFunc(e.Bills, func(b Bill) bool { return b.Plan == Provisioned })
		return
	}
	e.Cheapest = cheapest(e.Bills)
	e.BreakEven = e.Prices.Compare(e.Month)
}

// UsageOf returns what is known of a workload's use without a simulation: all
// but its shards. w has its defaults, and v is its volume.
func UsageOf(w workload.Workload, v workload.Volume) Usage {
	u := Usage{
		Period: time.Duration(w.Duration), Records: v.Records, Bytes: v.Bytes,
		PutUnits: v.PutUnits, RoundedBytes: v.KiBRoundedBytes, Retention: time.Duration(w.Stream.Retention),
	}
	u.Readers, u.FanOutReaders = Readers(w.Consumers)
	return u
}

// Readers returns how many consumers poll, and how many have fan-out.
func Readers(consumers []workload.Consumer) (polling, fanOut int) {
	for _, c := range consumers {
		if c.FanOut {
			fanOut += c.Count
		} else {
			polling += c.Count
		}
	}
	return polling, fanOut
}

// oldBytes returns what consumers that begin later read of records that are
// older than seven days then.
func (u Usage) oldBytes(consumers []workload.Consumer) (bytes float64) {
	for _, c := range consumers {
		bytes += float64(c.Count) * u.stored(extendedRetention, readFrom(c))
	}
	return bytes
}

// readFrom returns how far back a consumer begins to read.
func readFrom(c workload.Consumer) time.Duration {
	if c.From == "latest" {
		return 0
	}
	return time.Duration(c.Start)
}

func cheapest(bills []Bill) Plan {
	best := bills[0]
	for _, b := range bills {
		if b.Total < best.Total {
			best = b
		}
	}
	return best.Plan
}

// measure finds out by simulating how many shards are needed, and how long the
// workload lasts if only its traces or its number of records know.
func (e *Estimate) measure(ctx context.Context, c Config) error {
	sim := simulate.Config{Workload: onlyPuts(c.Workload), Open: c.Open, Step: simulate.AutoStep(e.Measured.Records)}
	if e.ShardsGiven {
		return e.measureNeed(ctx, c, sim)
	}
	sim.Workload.Stream.Shards, sim.Workload.Reshards = 0, nil
	c.tell("looking for the number of shards", -1)
	search := sim
	search.Workload.WarmUp = c.Workload.WarmUp // as weir simulate --fit leaves it out
	fit, err := simulate.FindShards(ctx, search, 0)
	if err != nil || fit.Interrupted {
		return cmp.Or(err, ctx.Err())
	}
	e.HotKey, sim.Workload.Stream.Shards = fit.Why, fit.Shards
	return e.measureNeed(ctx, c, sim)
}

// onlyPuts returns the workload on a provisioned stream with the service's
// limits that nobody reads: what decides how many shards are needed.
func onlyPuts(w workload.Workload) workload.Workload {
	w.Consumers, w.Queues, w.Producers.Retries, w.WarmUp = nil, nil, 0, 0
	w.Stream = workload.Stream{Shards: w.Stream.Shards, RecordBytes: w.Stream.RecordBytes}
	return w
}

// measureNeed simulates with the shards that there are to be, and takes down
// how much of them is used.
func (e *Estimate) measureNeed(ctx context.Context, c Config, sim simulate.Config) error {
	var most load
	sim.Each = most.add
	sim.Progress = func(at time.Duration) {
		c.tell("simulating", at.Seconds()/time.Duration(c.Workload.Duration).Seconds())
	}
	r, err := simulate.Run(ctx, sim)
	if err != nil || r.Interrupted {
		return cmp.Or(err, ctx.Err())
	}
	u := &e.Measured
	if u.Period == 0 || c.Workload.Records > 0 {
		u.Period = r.Duration
	}
	// Shards are counted by the second, so that there are whole shard-seconds.
	u.Shards, e.BusiestUse = math.Round(3600*r.ShardHours)/r.Duration.Seconds(), most.busiest
	if k := r.HottestKey; e.HotKey == "" && k.Shards > 1 {
		e.HotKey = fmt.Sprintf("the busiest key alone, %q, asks for %.1f shards in its busiest minute: no number of shards is enough", k.Key, k.Shards)
	}
	u.Need = e.needToPut(most)
	if e.HotKey != "" && !e.ShardsGiven {
		u.Shards = max(1, math.Ceil(u.Need))
	}
	e.ReadNeed = u.Bytes * float64(u.Readers) / u.Period.Seconds() / float64(weir.ServiceLimits().ReadBytesPerSecond)
	u.Need = max(u.Need, e.ReadNeed)
	if !e.ShardsGiven && e.ReadNeed > u.Shards {
		u.Shards, e.forReaders = math.Ceil(e.ReadNeed), true
	}
	return nil
}

// needToPut returns how many shards the puts need, not rounded up. Of a number
// that was found it is known that one less is not enough.
func (e *Estimate) needToPut(most load) float64 {
	switch n := e.Measured.Shards; {
	case e.HotKey != "": // more shards do not help the busiest
		return most.all
	case e.ShardsGiven:
		return most.need
	case most.need > n-1:
		return min(most.need, n) // more fit into a second than limits say, once
	default:
		return n - 0.5
	}
}

// tell tells how far the estimate is, if somebody wants to know.
func (c Config) tell(what string, done float64) {
	if c.Progress != nil {
		c.Progress(what, done)
	}
}
