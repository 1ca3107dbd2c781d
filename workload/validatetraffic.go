package workload

import (
	"fmt"

	"github.com/weirstream/weir"
)

func (c *checker) checkAllTraffic(w Workload) {
	c.require(len(w.Traffic) > 0, "traffic", "is missing: a workload needs at least one")
	c.count("traffic", len(w.Traffic), MaxTraffic)
	keys := 0
	for i, t := range w.Traffic {
		at := fmt.Sprintf("traffic[%d].", i)
		c.checkTraffic(at, w, t)
		if c.err != nil {
			return
		}
		keys += t.numberOfKeys()
	}
	c.require(keys <= MaxKeys, "traffic", "all keys together are %d; at most %d are allowed", keys, MaxKeys)
}

// numberOfKeys returns how many a generator holds.
func (t Traffic) numberOfKeys() int {
	if t.Trace != nil {
		return 0
	}
	return t.Keys.withDefaults().Count + len(t.Keys.Weighted) + len(t.Keys.Hot)
}

func (c *checker) checkTraffic(at string, w Workload, t Traffic) {
	c.text(at+"name", t.Name)
	c.time(at+"from", t.From)
	c.time(at+"for", t.For)
	c.require(w.Duration == 0 || t.From < w.Duration, at+"from", "%v is not before the end, duration %v", t.From, w.Duration)
	if t.Trace != nil {
		c.checkTrace(at, t)
		return
	}
	shapes := t.Rate.shapes()
	c.require(shapes > 0, at+"rate", "is missing: a traffic needs a rate above 0 or a trace")
	c.require(shapes == 1, at+"rate", "has %d shapes; one of constant, ramp, wave, burst, steps and max is allowed", shapes)
	c.require(w.Duration > 0 || w.Records > 0, "duration", "is missing: only traces end by themselves")
	c.checkRate(at+"rate.", t.Rate)
	c.require(t.Rate.Ramp == nil || w.Duration > 0 || t.For > 0, at+"for", "is missing: a ramp needs its end, or a duration of the workload")
	c.require(!t.Rate.Max || len(w.Traffic) == 1, at+"rate.max", "leaves no room for other traffic")
	c.oneOf(at+"arrivals", string(t.Arrivals), string(Even), string(Poisson))
	c.checkKeys(at+"keys", t.Keys)
	c.checkSizes(at+"sizes", t.Sizes)
}

func (c *checker) checkTrace(at string, t Traffic) {
	c.require(t.Trace.File != "", at+"trace.file", "is missing")
	c.text(at+"trace.file", t.Trace.File)
	within(c, at+"trace.speed", t.Trace.Speed, 0, maxSpeed)
	for _, other := range []struct {
		field string
		given bool
	}{
		{"rate", t.Rate.shapes() > 0}, {"arrivals", t.Arrivals != ""},
		{"keys", !t.Keys.isZero()}, {"sizes", !t.Sizes.isZero()},
	} {
		c.require(!other.given, at+other.field, "cannot be given together with a trace, which has its own")
	}
}

// shapes returns how many shapes are given.
func (r Rate) shapes() int {
	return given(map[string]bool{
		"constant": r.Constant != 0, "ramp": r.Ramp != nil, "wave": r.Wave != nil,
		"burst": r.Burst != nil, "steps": len(r.Steps) > 0, "max": r.Max,
	})
}

func (c *checker) checkRate(at string, r Rate) {
	if r.Constant != 0 {
		within(c, at+"constant", r.Constant, minPerSecond, MaxPerSecond)
	}
	if r.Ramp != nil {
		within(c, at+"ramp.from", r.Ramp.From, 0, MaxPerSecond)
		within(c, at+"ramp.to", r.Ramp.To, 0, MaxPerSecond)
	}
	if r.Wave != nil {
		c.checkWave(at+"wave.", *r.Wave)
	}
	if r.Burst != nil {
		c.checkBurst(at+"burst.", *r.Burst)
	}
	c.count(at+"steps", len(r.Steps), MaxSteps)
	last := Duration(-1)
	for i, s := range r.Steps {
		at := fmt.Sprintf("%ssteps[%d].", at, i)
		c.time(at+"at", s.At)
		c.require(s.At > last, at+"at", "%v is not after the step before it, %v", s.At, last)
		last = s.At
		within(c, at+"rate", s.Rate, 0, MaxPerSecond)
	}
}

func (c *checker) checkWave(at string, w Wave) {
	within(c, at+"low", w.Low, 0, MaxPerSecond)
	within(c, at+"high", w.High, 0, MaxPerSecond)
	within(c, at+"mean", w.Mean, 0, MaxPerSecond)
	within(c, at+"peak", w.Peak, 0, MaxPerSecond)
	if w.Mean != 0 || w.Peak != 0 {
		c.require(w.Low == 0 && w.High == 0, at[:len(at)-1], "is given by low and high or by mean and peak, not by both")
		c.require(w.Mean > 0, at+"mean", "is missing: peak needs it")
		c.require(w.Peak > 0, at+"peak", "is missing: mean needs it")
		c.require(w.Peak >= w.Mean, at+"peak", "%v is below mean, %v", w.Peak, w.Mean)
		c.require(w.Peak <= 2*w.Mean, at+"peak",
			"%v is more than twice mean, %v: a wave is as far below its mean as above; a sharper peak is made of steps, or of a second traffic", w.Peak, w.Mean)
	} else {
		c.require(w.High > 0, at+"high", "%v must be above 0", w.High)
	}
	c.require(w.Low <= w.High, at+"low", "%v is above high, %v", w.Low, w.High)
	c.time(at+"period", w.Period)
	c.require(w.Period == 0 || w.Period >= minPeriod, at+"period", "%v is shorter than %v", w.Period, minPeriod)
	c.time(at+"peak_at", w.PeakAt)
}

// minPeriod is the shortest period of a wave.
const minPeriod = Duration(1e6)

func (c *checker) checkBurst(at string, b Burst) {
	within(c, at+"records", b.Records, 1, MaxRecords)
	c.time(at+"every", b.Every)
	c.require(b.Every == 0 || float64(b.Records)/b.Every.seconds() <= MaxPerSecond, at+"every",
		"%d records every %v are more than %v", b.Records, b.Every, PerSecond(MaxPerSecond))
	c.time(at+"within", b.Within)
	c.require(b.Every == 0 || b.Within <= b.Every, at+"within", "%v is longer than every, %v", b.Within, b.Every)
}

func (k Keys) isZero() bool {
	return k.Count == 0 && k.Zipf == 0 && len(k.Hot) == 0 && !k.Unique && k.File == "" && len(k.Weighted) == 0
}

func (c *checker) checkKeys(field string, k Keys) {
	at := field + "."
	n := given(map[string]bool{
		"count": k.Count != 0 || k.Zipf != 0, "unique": k.Unique, "file": k.File != "", "weighted": len(k.Weighted) > 0,
	})
	c.require(n <= 1, field, "has %d kinds of keys; one of count with zipf, unique, file and weighted is allowed", n)
	within(c, at+"count", k.Count, 0, MaxKeys)
	within(c, at+"zipf", k.Zipf, 0, maxZipf)
	c.text(at+"file", k.File)
	c.count(at+"hot", len(k.Hot), MaxKeys)
	c.count(at+"weighted", len(k.Weighted), MaxKeys)
	var shares float64
	for i, hot := range k.Hot {
		if c.err != nil {
			return
		}
		c.key(fmt.Sprintf("%shot[%d].key", at, i), hot.Key)
		above(c, fmt.Sprintf("%shot[%d].share", at, i), hot.Share, 0, 1)
		shares += hot.Share
	}
	c.require(shares <= 1+rounding, at+"hot", "shares add up to %v, which is above 1", shares)
	c.checkWeightedKeys(at+"weighted", k.Weighted)
}

func (c *checker) checkWeightedKeys(field string, keys []WeightedKey) {
	for i, w := range keys {
		if c.err != nil {
			return
		}
		if isWeight(w.Weight) && checkKey(w.Key) == nil {
			continue // spares millions the making of their paths
		}
		c.key(fmt.Sprintf("%s[%d].key", field, i), w.Key)
		c.weight(fmt.Sprintf("%s[%d].weight", field, i), w.Weight)
	}
}

// isWeight reports whether a weight is usable; zero means 1.
func isWeight(w float64) bool { return w == 0 || w >= minWeight && w <= maxWeight }

func (c *checker) weight(field string, w float64) {
	c.require(isWeight(w), field, "%v is outside %v to %v", w, minWeight, maxWeight)
}

func (z Sizes) isZero() bool {
	return z.Fixed == 0 && z.Min == 0 && z.Max == 0 && z.Median == 0 && z.Mean == 0 && z.Spread == 0 && len(z.Weighted) == 0
}

func (c *checker) checkSizes(field string, z Sizes) {
	at := field + "."
	ranged := z.Min != 0 || z.Max != 0 || z.Median != 0 || z.Mean != 0 || z.Spread != 0
	n := given(map[string]bool{"fixed": z.Fixed != 0, "range": ranged, "weighted": len(z.Weighted) > 0})
	c.require(n <= 1, field, "has %d kinds of sizes; one of fixed, min with max, median or mean with spread, and weighted is allowed", n)
	for _, s := range []struct {
		field string
		size  Size
	}{{"fixed", z.Fixed}, {"min", z.Min}, {"max", z.Max}, {"median", z.Median}, {"mean", z.Mean}} {
		within(c, at+s.field, s.size, 0, weir.MaxRecordBytes)
	}
	if z.Spread != 0 {
		within(c, at+"spread", z.Spread, 1, maxSpread)
		c.require(z.lognormal(), at+"median", "is missing: spread needs it, or a mean")
	}
	c.require(z.Median == 0 || z.Mean == 0, at+"mean", "cannot be given together with median")
	c.require(z.Min == 0 || z.Max > 0 || z.lognormal(), at+"max", "is missing: min needs it, a median or a mean")
	c.require(z.Max == 0 || z.Min <= z.Max, at+"min", "%v is above max, %v", z.Min, z.Max)
	if z.Mean > 0 {
		within(c, at+"mean", z.Mean, z.Min, or(z.Max, weir.MaxRecordBytes))
	}
	c.checkWeightedSizes(at+"weighted", z.Weighted)
}

func (c *checker) checkWeightedSizes(field string, sizes []WeightedSize) {
	c.count(field, len(sizes), MaxSteps)
	for i, w := range sizes {
		within(c, fmt.Sprintf("%s[%d].bytes", field, i), w.Bytes, 0, weir.MaxRecordBytes)
		c.weight(fmt.Sprintf("%s[%d].weight", field, i), w.Weight)
	}
}
