package simulate

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A Placement is what the answer of [FindShards] owes to the names of the keys. It is
// zero where there is a trace: its records are what they are.
type Placement struct {
	// MostShare is the greatest part of all records that one shard takes without
	// throttling more than [Fit.MaxThrottled] of them, exact to 1 %. It was simulated,
	// and does not depend on names. Zero means that it is not known.
	MostShare float64 `json:"most_share,omitempty"`
	// BusiestShare is the part of the records, or of the bytes if that is more, that
	// the busiest of [Fit.Shards] has.
	BusiestShare float64 `json:"busiest_share,omitempty"`
	// Worse are, where nothing may be throttled, greater numbers with which, by the keys' hashes, a shard has more than
	// MostShare: keys fall together that are apart with fewer. It was looked for up to
	// ShardsForMost, or twice Shards if that is more, at most 64 numbers.
	Worse []int `json:"worse,omitempty"`
	// Namings is how many other names of the keys were looked at: those that the seeds
	// after the workload's give. Zero means that the workload names all its keys.
	Namings int `json:"namings,omitempty"`
	// ShardsForMost is the smallest number with which for at least 95 % of them no
	// shard has more than MostShare: more than need be where some records may be
	// throttled, for a shard may have more of them if others have less. That is reckoned from hashes, not simulated. Zero
	// means none up to the most that a stream may have.
	ShardsForMost int `json:"shards_for_most,omitempty"`
}

const (
	// mostNamings are looked at unless there are many keys, which makes each costly
	// and all of them alike.
	mostNamings  = 100
	fewNamings   = 20
	manyKeys     = 100_000
	forMost      = 0.95 // of the namings
	shareExact   = 1.01 // ratio of a share that is too much to one that is not
	leastShare   = 1. / (1 << 14)
	mostUnproved = 16 // numbers that are tried where hashes say nothing
)

// smaller looks for numbers below one that is enough that are enough as well, and
// for what names have to do with it.
func (f *fitter) smaller(enough int) error {
	if err := f.measureShare(); err != nil || f.fit.Interrupted {
		return err
	}
	best := enough
	for n := f.least(enough); n < best; n++ {
		likely, err := f.likely(n)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if !likely || f.tried(n) {
			continue
		}
		ok, err := f.try(n)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if ok {
			best = n
		}
	}
	// The run with one less may not have been made yet, or its result been dropped.
	for best > 1 && f.results[best-1] == nil {
		ok, err := f.try(best - 1)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if ok {
			best--
		}
	}
	f.fit.Shards, f.fit.Result, f.fit.Fewer = best, f.results[best], f.results[best-1]
	return f.namings()
}

func (f *fitter) tried(n int) bool {
	return slices.ContainsFunc(f.fit.Tried, func(t Try) bool { return t.Shards == n })
}

// byHashes reports whether hashes tell of a number that it is not enough. Where some
// records may be throttled one shard may have too much, if the others have less.
func (f *fitter) byHashes() bool { return f.fit.MostShare > 0 && f.fit.MaxThrottled == 0 }

// least returns the smallest number that may be enough.
func (f *fitter) least(enough int) int {
	if !f.byHashes() {
		return max(1, f.guess, enough-mostUnproved)
	}
	return max(1, int(math.Floor(1/(f.fit.MostShare*f.slack()))))
}

// slack returns how many times [Placement.MostShare] a share has to be to be too much
// for certain: both were found with records dealt by chance.
func (f *fitter) slack() float64 {
	const deviations = 4
	p := f.fit.MostShare
	return shareExact + deviations*math.Sqrt(2*(1-p)/(p*float64(max(1, f.offered))))
}

// likely reports whether by their hashes no shard of n has too much.
func (f *fitter) likely(n int) (bool, error) {
	if !f.byHashes() {
		return true, nil
	}
	share, err := f.busiest(f.config.Workload.Seed, n)
	return share <= f.fit.MostShare*f.slack(), err
}

// measureShare finds out how much of the traffic one shard takes.
func (f *fitter) measureShare() error {
	if slices.ContainsFunc(f.config.Workload.Traffic, func(t workload.Traffic) bool { return t.Trace != nil }) {
		return nil
	}
	low, high := 1/float64(f.guess), 1.0
	for {
		ok, err := f.tryShare(low)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if ok {
			break
		}
		if high, low = low, low/2; low < leastShare {
			return nil
		}
	}
	for high > low*shareExact {
		middle := math.Sqrt(low * high)
		if high/low > 4 {
			middle = 2 * low // a share that is far too much ends soon, but not all are
		}
		ok, err := f.tryShare(middle)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	f.fit.MostShare = low
	return nil
}

// tryShare simulates one shard that has a part of the traffic, which is that of one
// key, and reports whether it throttles no more than it may.
func (f *fitter) tryShare(share float64) (bool, error) {
	// It is as long as a key of the workload, for its bytes count.
	text := strings.Repeat("s", max(1, len(f.hot.key.Text)))
	c := f.config.WithShards(1)
	c.Workload.Traffic = slices.Clone(c.Workload.Traffic)
	for i := range c.Workload.Traffic {
		c.Workload.Traffic[i].Keys = workload.Keys{Count: 1, Hot: []workload.HotKey{{Key: text, Share: share}}}
	}
	s, err := newSimulation(f.ctx, c)
	if err != nil {
		return false, err
	}
	s.only, s.hot = true, hotKey{key: workload.Key{Text: text, Hash: weir.HashPartitionKey(text)}, known: true}
	_, ok, err := f.run(s)
	return ok, err
}

// busiest returns which part of all records, or of all bytes if that is more, the
// busiest of n shards has if the keys are named by a seed. If the context has ended the
// fit is interrupted.
func (f *fitter) busiest(seed int64, n int) (float64, error) {
	if f.ctx.Err() != nil {
		f.fit.Interrupted = true
		return 0, nil
	}
	w := f.config.Workload
	w.Seed = seed
	g, err := workload.NewGenerator(w, f.config.Open)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	end := time.Duration(w.Duration)
	if end == 0 {
		end = workload.MaxDuration
	}
	lots, _ := g.NextLots(nil, end, weir.EvenRanges(n))
	var most, all tally
	for _, l := range lots {
		this := tally{float64(l.Records), float64(l.Bytes)}
		most, all = most.max(this), all.plus(this)
	}
	return max(most.records/max(1, all.records), most.bytes/max(1, all.bytes)), g.Err()
}

// namings finds out how many shards are enough for most names of the keys.
func (f *fitter) namings() (err error) {
	p := &f.fit.Placement
	if p.MostShare == 0 {
		return nil
	}
	if p.BusiestShare, err = f.busiest(f.config.Workload.Seed, f.fit.Shards); err != nil || f.fit.Interrupted {
		return err
	}
	keys, named := 0, true
	for _, t := range f.config.Workload.WithDefaults().Traffic {
		keys += t.Keys.Count
		named = named && !t.Keys.Unique && t.Keys.Count == 0
	}
	if named {
		return nil
	}
	if p.Namings = mostNamings; keys > manyKeys {
		p.Namings = fewNamings
	}
	low, high := 0, max(1, int(1/p.MostShare))
	for {
		ok, err := f.enoughForMost(high)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if ok {
			break
		}
		if high == mostShards() {
			return nil
		}
		low, high = high, min(high+max(1, high/2), mostShards())
	}
	if high, err = f.bisect(low, high, f.enoughForMost); err != nil || f.fit.Interrupted {
		return err
	}
	p.ShardsForMost = high
	return f.worse()
}

// worse looks for greater numbers that are not enough.
func (f *fitter) worse() error {
	const most = 64
	best := f.fit.Shards
	if !f.byHashes() {
		return nil
	}
	for n := best + 1; n <= min(max(f.fit.ShardsForMost, 2*best), best+most, mostShards()); n++ {
		share, err := f.busiest(f.config.Workload.Seed, n)
		if err != nil || f.fit.Interrupted {
			return err
		}
		if share > f.fit.MostShare*f.slack() {
			f.fit.Worse = append(f.fit.Worse, n)
		}
	}
	return nil
}

// enoughForMost reports whether with n shards no shard has too much, for most
// namings. Of one naming a number may be worse than a smaller one; of many that is so
// by less than can be told.
func (f *fitter) enoughForMost(n int) (bool, error) {
	allowed := int((1 - forMost) * float64(f.fit.Namings) * (1 + 1e-9))
	for i := range f.fit.Namings {
		share, err := f.busiest(f.config.Workload.Seed+1+int64(i), n)
		if err != nil || f.fit.Interrupted {
			return false, err
		}
		if share > f.fit.MostShare {
			if allowed--; allowed < 0 {
				return false, nil
			}
		}
	}
	return true, nil
}
