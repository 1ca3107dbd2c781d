package cost

import "math"

// A Point is what each plan costs a month at one rate.
type Point struct {
	RecordsPerSecond float64          `json:"records_per_second"`
	Shards           float64          `json:"shards"` // of a provisioned stream
	Cost             map[Plan]float64 `json:"cost"`
}

// A Reach is a range of rates in which one plan is the cheapest.
type Reach struct {
	Plan Plan `json:"plan"`
	// From and To are mean records a second. The first From is 0; To of the last is
	// 0, which is to say that there is no end in sight.
	From float64 `json:"from_records_per_second"`
	To   float64 `json:"to_records_per_second,omitempty"`
}

// A BreakEven is how the plans compare when only the rate changes: sizes, consumers,
// retention and the shape of the day stay.
type BreakEven struct {
	Points  []Point `json:"points"`  // evenly spaced by the logarithm of the rate
	Reaches []Reach `json:"reaches"` // as far as Points go
}

// The rates that are looked at: from a hundredth of a record a second to ten million.
const (
	lowestRate  = 0.01
	highestRate = 1e7
	// curvePoints are shown, and between two of them so many rates are looked at
	// for a change of the cheapest plan.
	curvePoints   = 181
	between       = 16
	bisectionEnds = 40 // halvings
)

// Compare prices a month at all rates.
func (p Prices) Compare(month Usage) BreakEven {
	if month.Records == 0 {
		return BreakEven{}
	}
	var e BreakEven
	for i := range curvePoints {
		e.Points = append(e.Points, p.at(month, rateAt(float64(i)/(curvePoints-1))))
	}
	e.Reaches = p.reaches(month)
	return e
}

// rateAt returns the rate at a share of the way from the lowest to the highest.
func rateAt(share float64) float64 {
	return lowestRate * math.Pow(highestRate/lowestRate, share)
}

// at prices a month at a rate.
func (p Prices) at(month Usage, rate float64) Point {
	u := month.AtRate(rate / month.RecordsPerSecond())
	point := Point{RecordsPerSecond: rate, Shards: u.Shards, Cost: make(map[Plan]float64)}
	for _, plan := range Plans() {
		point.Cost[plan] = p.Bill(plan, u).Total
	}
	return point
}

// cheapest returns the plan that costs least, the first shown of those alike.
func (pt Point) cheapest() Plan {
	best := Plans()[0]
	for _, plan := range Plans() {
		if pt.Cost[plan] < pt.Cost[best] {
			best = plan
		}
	}
	return best
}

// reaches returns where each plan is the cheapest. A provisioned stream grows by
// whole shards, so near a break-even the plans may take turns.
func (p Prices) reaches(month Usage) []Reach {
	const steps = (curvePoints - 1) * between
	before := p.at(month, lowestRate)
	list := []Reach{{Plan: before.cheapest()}}
	for i := 1; i <= steps; i++ {
		next := p.at(month, rateAt(float64(i)/steps))
		if plan := next.cheapest(); plan != list[len(list)-1].Plan {
			rate := p.change(month, before, next)
			list[len(list)-1].To = rate
			list = append(list, Reach{Plan: plan, From: rate})
		}
		before = next
	}
	return list
}

// change returns the rate between two at which the cheapest plan becomes that of
// the second.
func (p Prices) change(month Usage, lo, hi Point) float64 {
	from, to, plan := lo.RecordsPerSecond, hi.RecordsPerSecond, hi.cheapest()
	for range bisectionEnds {
		middle := math.Sqrt(from * to)
		if p.at(month, middle).cheapest() == plan {
			to = middle
		} else {
			from = middle
		}
	}
	return to
}
