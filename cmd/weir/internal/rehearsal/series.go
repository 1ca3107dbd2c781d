// Package rehearsal is what weir simulate does and shows: it runs package
// simulate, keeps the course of the run in bounded memory, asks what planners
// ask, and prints tables, a page with charts, and rows for a spreadsheet.
package rehearsal

import (
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/cmd/weir/internal/course"
	"github.com/weirstream/weir/simulate"
)

// A Series is the course of a run: a point for each second at first, then, so
// that a run of a year takes no more memory than one of an hour, for every two,
// four and so on.
type Series struct {
	// Width is how much time a point stands for.
	Width  time.Duration `json:"width_ns"`
	Points []Point       `json:"points"`
	// ShardsOmitted is how many shards have no course of their own, because
	// there were more than [maxShards]. Points have them together.
	ShardsOmitted int `json:"shards_omitted,omitempty"`

	course *course.Course[Point]
	places map[weir.ShardID]int // of all shards seen; noPlace of those without a course
	order  []weir.ShardID       // those that have a course
}

const (
	// maxPoints is what a chart shows at most; there are at least half as many.
	maxPoints = 1800
	// maxShards have a course of their own: the first ones seen, and others
	// from when they first throttle something.
	maxShards   = 64
	firstShards = 48
	noPlace     = -1
)

// A Point is what happened in a time of [Series.Width]. Rates are averages of
// it, and what is said to be the most is that of its worst second.
type Point struct {
	At      time.Duration `json:"at_ns"`
	Seconds int           `json:"seconds"`

	Offered        float64 `json:"offered_records_per_second"`
	Accepted       float64 `json:"accepted_records_per_second"`
	Throttled      float64 `json:"throttled_records_per_second"`
	MostThrottled  float64 `json:"most_throttled_records_per_second"`
	OfferedBytes   float64 `json:"offered_bytes_per_second"`
	AcceptedBytes  float64 `json:"accepted_bytes_per_second"`
	MostOffered    float64 `json:"most_offered_records_per_second"`
	OpenShards     float64 `json:"open_shards"` // the fewest
	CapacityRecord float64 `json:"capacity_records_per_second"`
	CapacityBytes  float64 `json:"capacity_bytes_per_second"`
	// MostUsed is the greatest part of a shard's write limits that a second of
	// any shard was offered, 1 being all; likewise the parts of the read
	// limits.
	MostUsed      float64 `json:"most_used"`
	ReadCallsUsed float64 `json:"most_read_calls_used"`
	ReadBytesUsed float64 `json:"most_read_bytes_used"`
	HeldRecords   float64 `json:"held_records"`
	HeldBytes     float64 `json:"held_bytes"`

	Shards []ShardPoint `json:"shards"` // in the order in which they were seen
	// OtherAccepted and OtherThrottled are those of all shards without a
	// course.
	OtherAccepted  float64         `json:"other_accepted_records_per_second,omitempty"`
	OtherThrottled float64         `json:"other_throttled_records_per_second,omitempty"`
	OtherUse       Use             `json:"other_use,omitzero"` // of one of them on average
	Consumers      []ConsumerPoint `json:"consumers,omitempty"`
}

// A ShardPoint is one shard's part of a point. A shard that had no part in it
// has zeros.
type ShardPoint struct {
	Shard     weir.ShardID `json:"shard"`
	Accepted  float64      `json:"accepted_records_per_second"`
	Throttled float64      `json:"throttled_records_per_second"`
	Use       Use          `json:"use"`
}

// A Use is what was asked of a shard on average, as parts of its limits, 1 being
// all.
type Use struct {
	Writes    float64 `json:"writes"` // of records or bytes, whichever is more
	ReadCalls float64 `json:"read_calls"`
	ReadBytes float64 `json:"read_bytes"`
}

// join makes the average of two times of so many seconds.
func (u *Use) join(v Use, mean func(a *float64, b float64)) {
	mean(&u.Writes, v.Writes)
	mean(&u.ReadCalls, v.ReadCalls)
	mean(&u.ReadBytes, v.ReadBytes)
}

// plus adds a part of v.
func (u Use) plus(v Use, part float64) Use {
	return Use{u.Writes + part*v.Writes, u.ReadCalls + part*v.ReadCalls, u.ReadBytes + part*v.ReadBytes}
}

// A ConsumerPoint is one consumer's part of a point.
type ConsumerPoint struct {
	Name string        `json:"name"`
	Age  time.Duration `json:"most_age_ns"`
	Lag  float64       `json:"most_lag_records"`
	Read float64       `json:"read_records_per_second"`
	Lost float64       `json:"lost_records_per_second"`
}

// NewSeries returns a course without points.
func NewSeries() *Series {
	return &Series{
		Width: time.Second, course: course.New(time.Second, maxPoints, Point.join), places: make(map[weir.ShardID]int),
	}
}

// Add takes a second down. They come in order.
func (s *Series) Add(sec *simulate.Second) {
	s.course.Add(sec.At, s.pointOf(sec))
	s.Width, s.Points = s.course.Width(), s.course.Points()
}

// pointOf returns a second as a point.
func (s *Series) pointOf(sec *simulate.Second) Point {
	p := Point{
		At: sec.At, Seconds: 1,
		Offered: float64(sec.OfferedRecords), Accepted: float64(sec.AcceptedRecords),
		Throttled: float64(sec.ThrottledRecords), MostThrottled: float64(sec.ThrottledRecords),
		OfferedBytes: float64(sec.OfferedBytes), AcceptedBytes: float64(sec.AcceptedBytes),
		MostOffered: float64(sec.OfferedRecords), OpenShards: float64(sec.OpenShards),
		CapacityRecord: float64(sec.CapacityRecords), CapacityBytes: float64(sec.CapacityBytes),
		HeldRecords: float64(sec.HeldRecords), HeldBytes: float64(sec.HeldBytes),
	}
	_, p.MostUsed = cost.Use(sec)
	s.addShards(&p, sec)
	for _, c := range sec.Consumers {
		p.Consumers = append(p.Consumers, ConsumerPoint{
			Name: c.Name, Age: c.Age, Lag: float64(c.LagRecords), Read: float64(c.ReadRecords), Lost: float64(c.LostRecords),
		})
	}
	return p
}

// addShards fills in the shards, each at its place.
func (s *Series) addShards(p *Point, sec *simulate.Second) {
	others := 0
	for i := range sec.Shards {
		sh := &sec.Shards[i]
		use := Use{Writes: cost.ShardUse(sec, sh), ReadCalls: sh.CallQuotaUse, ReadBytes: sh.ByteQuotaUse}
		p.ReadCallsUsed = max(p.ReadCallsUsed, sh.CallQuotaUse)
		p.ReadBytesUsed = max(p.ReadBytesUsed, sh.ByteQuotaUse)
		place, ok := s.place(sh.Shard, sh.ThrottledRecords > 0)
		if !ok {
			p.OtherAccepted += float64(sh.AcceptedRecords)
			p.OtherThrottled += float64(sh.ThrottledRecords)
			others++
			p.OtherUse = p.OtherUse.plus(use, 1)
			continue
		}
		for len(p.Shards) <= place {
			p.Shards = append(p.Shards, ShardPoint{Shard: s.order[len(p.Shards)]})
		}
		p.Shards[place].Accepted, p.Shards[place].Throttled = float64(sh.AcceptedRecords), float64(sh.ThrottledRecords)
		p.Shards[place].Use = use
	}
	p.OtherUse = Use{}.plus(p.OtherUse, 1/float64(max(1, others)))
}

// minuteUse returns for each point, in percent, what of takes from the use of
// the shard for which that is the most, on average of the minute that ends with
// the point, or of the point if that is longer.
func (s *Series) minuteUse(of func(Use) float64) []float64 {
	most := make([]float64, len(s.Points))
	points := int(max(1, time.Minute/s.Width))
	for place := noPlace; place < len(s.order); place++ {
		useAt := func(i int) float64 {
			switch p := s.Points[i]; {
			case place == noPlace:
				return of(p.OtherUse)
			case place < len(p.Shards):
				return of(p.Shards[place].Use)
			default:
				return 0
			}
		}
		// The sum is made anew rather than carried along, or it would collect
		// rounding errors.
		for i := range most {
			first, sum := max(0, i+1-points), 0.0
			for j := first; j <= i; j++ {
				sum += useAt(j)
			}
			most[i] = max(most[i], 100*sum/float64(i+1-first))
		}
	}
	return most
}

// place returns a shard's place among those that have a course, and whether it
// has one.
func (s *Series) place(id weir.ShardID, throttled bool) (int, bool) {
	place, seen := s.places[id]
	if seen && place != noPlace {
		return place, true
	}
	// The last places wait for shards that throttle: a stream of many shards
	// is looked at for the hot ones, which may come late.
	place = noPlace
	if n := len(s.order); n < firstShards || throttled && n < maxShards {
		place, s.order = n, append(s.order, id)
	}
	s.places[id] = place
	s.ShardsOmitted = len(s.places) - len(s.order)
	return place, place != noPlace
}

// join makes one point of two.
func (p Point) join(q Point) Point {
	mean := func(a *float64, b float64) {
		*a = (*a*float64(p.Seconds) + b*float64(q.Seconds)) / float64(p.Seconds+q.Seconds)
	}
	mean(&p.Offered, q.Offered)
	mean(&p.Accepted, q.Accepted)
	mean(&p.Throttled, q.Throttled)
	mean(&p.OfferedBytes, q.OfferedBytes)
	mean(&p.AcceptedBytes, q.AcceptedBytes)
	p.MostThrottled = max(p.MostThrottled, q.MostThrottled)
	p.MostOffered = max(p.MostOffered, q.MostOffered)
	p.MostUsed = max(p.MostUsed, q.MostUsed)
	p.ReadCallsUsed, p.ReadBytesUsed = max(p.ReadCallsUsed, q.ReadCallsUsed), max(p.ReadBytesUsed, q.ReadBytesUsed)
	p.OpenShards = min(p.OpenShards, q.OpenShards)
	p.CapacityRecord, p.CapacityBytes = min(p.CapacityRecord, q.CapacityRecord), min(p.CapacityBytes, q.CapacityBytes)
	p.HeldRecords, p.HeldBytes = max(p.HeldRecords, q.HeldRecords), max(p.HeldBytes, q.HeldBytes)
	p.joinShards(q, mean)
	p.joinConsumers(q, mean)
	p.Seconds += q.Seconds
	return p
}

func (p *Point) joinShards(q Point, mean func(a *float64, b float64)) {
	mean(&p.OtherAccepted, q.OtherAccepted)
	mean(&p.OtherThrottled, q.OtherThrottled)
	p.OtherUse.join(q.OtherUse, mean)
	for len(p.Shards) < len(q.Shards) {
		p.Shards = append(p.Shards, ShardPoint{Shard: q.Shards[len(p.Shards)].Shard})
	}
	for i := range p.Shards {
		var other ShardPoint
		if i < len(q.Shards) {
			other = q.Shards[i]
		}
		mean(&p.Shards[i].Accepted, other.Accepted)
		mean(&p.Shards[i].Throttled, other.Throttled)
		p.Shards[i].Use.join(other.Use, mean)
	}
}

func (p *Point) joinConsumers(q Point, mean func(a *float64, b float64)) {
	for i := range p.Consumers {
		c := &p.Consumers[i]
		at := slices.IndexFunc(q.Consumers, func(o ConsumerPoint) bool { return o.Name == c.Name })
		if at < 0 {
			continue
		}
		o := q.Consumers[at]
		c.Age, c.Lag = max(c.Age, o.Age), math.Max(c.Lag, o.Lag)
		mean(&c.Read, o.Read)
		mean(&c.Lost, o.Lost)
	}
}
