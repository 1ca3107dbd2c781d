package simulate

import (
	"math"
	"math/bits"
	"time"

	"github.com/weirstream/weir/workload"
)

// A consumerReport gathers how a consumer fares.
type consumerReport struct {
	sums      ConsumerResult
	ages      ages
	available time.Duration // that its workers had in this second
	had       time.Duration // that they had in all
	lost      int64         // so far; never falls
	lostAt    int64         // before the last outage
}

// endSecond adds a second, in which the consumer's counts are already those of its
// end.
func (p *consumerReport) endSecond(c *consumer, now time.Duration, measured bool) {
	sec, r := &c.second, &p.sums
	if lost := max(p.lost, c.lostSeen+c.expired); lost > p.lost {
		sec.LostRecords = lost - p.lost
		p.lost = lost
	}
	r.LagRecords = sec.LagRecords
	available := p.available
	p.available = 0
	if !measured {
		return
	}
	p.had += available
	r.ReadRecords += sec.ReadRecords
	r.ReadBytes += sec.ReadBytes
	r.ProcessedRecords += sec.ProcessedRecords
	r.Throttled += sec.Throttled
	r.Busy += sec.Busy
	r.MaxBehindLatest = max(r.MaxBehindLatest, sec.BehindLatest)
	if r.LostRecords == 0 && sec.LostRecords > 0 {
		r.FirstLost = now - time.Second
	}
	r.LostRecords += sec.LostRecords
	if c.started {
		p.ages.add(sec.Age)
		if sec.Age > r.MaxAge {
			r.MaxAge, r.MaxAgeAt = sec.Age, now
		}
	}
}

// outageBegins notes that an outage begins.
func (p *consumerReport) outageBegins(c *consumer, o workload.Outage) {
	p.settle(c)
	p.lostAt = c.lostSeen + c.expired
	p.sums.Outages = append(p.sums.Outages,
		Outage{From: time.Duration(o.At), To: time.Duration(o.At + o.For)})
}

// outageOver notes what waits at the end of an outage.
func (p *consumerReport) outageOver(c *consumer) {
	if !c.started { // it was not there to miss anything
		p.caughtUp(c.sim.now)
		return
	}
	last := &p.sums.Outages[len(p.sums.Outages)-1]
	last.Backlog = c.lag()
}

// caughtUp notes when the last outage was made good.
func (p *consumerReport) caughtUp(now time.Duration) {
	last := &p.sums.Outages[len(p.sums.Outages)-1]
	last.CaughtUp, last.CatchUp = true, now-last.To
}

// settle counts what was lost since the last outage began.
func (p *consumerReport) settle(c *consumer) {
	if n := len(p.sums.Outages); n > 0 {
		p.sums.Outages[n-1].LostRecords = max(0, max(p.lost, c.lostSeen+c.expired)-p.lostAt)
	}
}

func (p *consumerReport) result(c *consumer) ConsumerResult {
	p.settle(c)
	r := p.sums
	r.Name, r.FanOut = c.name, c.spec.FanOut
	r.Outages = append([]Outage(nil), r.Outages...)
	r.MeanAge, r.P99Age = p.ages.figures(r.MaxAge)
	r.Utilisation = utilisation(r.Busy, p.had)
	return r
}

// utilisation is what part of the time that workers had they were busy.
func utilisation(busy, had time.Duration) float64 {
	if had <= 0 {
		return 0
	}
	return float64(busy) / float64(had)
}

// ages is a histogram of ages in milliseconds, exact to one part in 64.
type ages struct {
	n     int64
	total float64 // milliseconds
	count []int64
}

const ageBits = 6 // of each age that are told apart

func (a *ages) add(age time.Duration) {
	ms := max(0, age.Milliseconds())
	place := agePlace(uint64(ms))
	for len(a.count) <= place {
		a.count = append(a.count, 0)
	}
	a.count[place]++
	a.n++
	a.total += float64(ms)
}

// agePlace returns the place of a number: itself if it is small, else its first
// bits behind those of the numbers with fewer digits.
func agePlace(v uint64) int {
	if v < 1<<ageBits {
		return int(v)
	}
	shift := bits.Len64(v) - ageBits - 1
	return (shift+1)<<ageBits + int(v>>shift) - 1<<ageBits
}

// ageTop returns the greatest number of a place.
func ageTop(place int) uint64 {
	if place < 1<<ageBits {
		return uint64(place)
	}
	shift := place>>ageBits - 1
	return (uint64(place&(1<<ageBits-1))+1<<ageBits+1)<<shift - 1
}

// figures returns the mean and the 99th percentile of ages of which the greatest
// is known.
func (a *ages) figures(most time.Duration) (mean, p99 time.Duration) {
	return a.mean(), min(a.percentile(0.99), most)
}

func (a *ages) mean() time.Duration {
	if a.n == 0 {
		return 0
	}
	return time.Duration(a.total / float64(a.n) * float64(time.Millisecond))
}

// percentile returns the age that a part of all ages does not exceed.
func (a *ages) percentile(part float64) time.Duration {
	left := int64(math.Ceil(part * float64(a.n)))
	for place, n := range a.count {
		if left -= n; left <= 0 && a.n > 0 {
			return time.Duration(ageTop(place)) * time.Millisecond
		}
	}
	return 0
}
