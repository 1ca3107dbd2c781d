package simulate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// CatchUp says how long the consumer of that name needs to catch up after an outage
// of a given length. The consumer's own outages are left out; this one is put where
// it hurts most: over the stretch of the first half of the run in which most records
// arrive, after the consumer's first minute. The run ends when it has caught up; if it
// does not before the workload ends, CaughtUp is false. Where there are several of
// the consumer, the slowest is told.
//
// The error says that there is no such consumer or that the outage does not fit into
// the first half, and is the context's if that ended first.
func CatchUp(ctx context.Context, c Config, consumer string, outage time.Duration) (Outage, error) {
	c.Workload = c.Workload.WithDefaults()
	i := slices.IndexFunc(c.Workload.Consumers, func(w workload.Consumer) bool { return w.Name == consumer })
	if i < 0 {
		return Outage{}, fmt.Errorf("consumer: the workload has none of the name %q", consumer)
	}
	at, err := hardest(ctx, c, time.Duration(c.Workload.Consumers[i].Start)+time.Minute, outage)
	if err != nil {
		return Outage{}, err
	}
	c.Workload.Consumers = slices.Clone(c.Workload.Consumers)
	c.Workload.Consumers[i].Outages = []workload.Outage{{At: workload.Duration(at), For: workload.Duration(outage)}}
	s, err := newSimulation(ctx, c)
	if err != nil {
		return Outage{}, err
	}
	s.enough = func(*Result) bool { return s.slowest(consumer).CaughtUp }
	if _, err := s.run(); err != nil {
		return Outage{}, err
	}
	o := s.slowest(consumer)
	if !o.CaughtUp && ctx.Err() != nil {
		return Outage{}, ctx.Err()
	}
	return o, nil
}

// slowest returns the outage of the consumer of a name, of several the one that it
// takes longest to make good.
func (s *simulation) slowest(name string) (o Outage) {
	o.CaughtUp = true
	for _, c := range s.consumers {
		if c.spec.Name != name {
			continue
		}
		c.report.settle(c)
		if len(c.report.sums.Outages) == 0 {
			return Outage{}
		}
		if its := c.report.sums.Outages[0]; !its.CaughtUp || o.CaughtUp && its.CatchUp >= o.CatchUp {
			o = its
		}
	}
	return o
}

// hardest returns the beginning of the stretch of so long a time, from a time on and
// within the first half of the run, in which most records arrive.
func hardest(ctx context.Context, c Config, from, lasts time.Duration) (time.Duration, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	if lasts <= 0 {
		return 0, fmt.Errorf("outage: %v is not positive", lasts)
	}
	period := max(time.Second, wholeSeconds(max(lasts/outageParts, time.Duration(c.Workload.Duration)/mostPeriods)))
	counts, period, err := arrivals(ctx, c, period)
	if err != nil {
		return 0, err
	}
	half := time.Duration(len(counts)) * period / 2
	first, last := int((from+period-1)/period), int((half-lasts)/period)
	if half < lasts || last < first {
		return 0, fmt.Errorf("outage: %v does not fit into the first half of the workload, %v, from %v on", lasts, half, from)
	}
	n := int((lasts + period - 1) / period)
	best, most := first, int64(math.MinInt64)
	for at := first; at <= last; at++ {
		var sum int64
		for _, count := range counts[at : at+n] {
			sum += count
		}
		if sum > most {
			best, most = at, sum
		}
	}
	return time.Duration(best) * period, nil
}

// outageParts is how many parts an outage is divided into to find its place, and
// mostPeriods about how many a run is at most.
const (
	outageParts = 60
	mostPeriods = 1_000_000
)

// arrivals returns how many records arrive in each period of a run. Where a trace lasts
// so long that there would be very many periods they become longer.
func arrivals(ctx context.Context, c Config, period time.Duration) ([]int64, time.Duration, error) {
	g, err := workload.NewGenerator(c.Workload, c.Open)
	if err != nil {
		return nil, 0, err
	}
	defer g.Close()
	var counts []int64
	var lots []workload.Lot
	end := time.Duration(c.Workload.Duration)
	for more := true; more || time.Duration(len(counts))*period < end; {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		if len(counts) == 2*mostPeriods {
			counts, period = inPairs(counts), 2*period
		}
		var n int64
		if more {
			lots, more = g.NextLots(lots[:0], time.Duration(len(counts)+1)*period, weir.EvenRanges(1))
			for _, lot := range lots {
				n += lot.Records
			}
		}
		counts = append(counts, n)
	}
	return counts, period, g.Err()
}

// inPairs adds up each two of an even number of counts.
func inPairs(counts []int64) []int64 {
	for i := range len(counts) / 2 {
		counts[i] = counts[2*i] + counts[2*i+1]
	}
	return counts[:len(counts)/2]
}
