package workload

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A Lot is records that arrive in the same step and fall into the same hash key
// range.
type Lot struct {
	Range   int   // which one
	Records int64 // how many
	Bytes   int64 // of data and keys, together
}

// errMaxLots is why there are no lots of a rate without bound.
var errMaxLots = errors.New("traffic[0].rate.max: only a load generator can put as fast as it goes")

// NextLots appends to dst all that arrives before until and has not been given yet,
// a lot for each of the hash key ranges in which there is something, and reports
// whether there may be more later. It is for runs that are too large for [Generator.Next],
// with which it is not mixed: a step costs the same at any rate.
//
// The records of a rate are as many as Next would give, or with random arrivals a
// draw from the same distribution. They are dealt to the ranges by a draw of which
// each has its keys' chances, and take as many bytes as is to be expected of so many
// records. Those of a trace are counted one by one. A change of ranges costs time in
// proportion to the number of keys. Ranges do not overlap; keys in none are left out.
func (g *Generator) NextLots(dst []Lot, until time.Duration, ranges []weir.HashKeyRange) ([]Lot, bool) {
	d := &g.dealer
	d.use(g.sources, ranges)
	more := false
	for i, s := range g.sources {
		if s.isMax() {
			g.err = errMaxLots
			return dst, false
		}
		if s.trace != nil {
			g.left -= d.dealTrace(s, until, g.left)
			if s.trace.err != nil && s.over {
				g.err, g.left = s.trace.err, 0
			}
		} else {
			d.hands[i].records = s.count(until)
		}
		more = more || !s.over
	}
	g.dealRates()
	if g.left <= 0 || !more {
		g.Close()
	}
	return d.collect(dst), g.left > 0
}

// dealRates deals the records of all rates, or what is left of them before the end,
// each giving up its part.
func (g *Generator) dealRates() {
	var total int64
	for i := range g.dealer.hands {
		total += g.dealer.hands[i].records
	}
	left := g.left
	for i := range g.dealer.hands {
		h := &g.dealer.hands[i]
		n := h.records
		if total > left {
			n = int64(float64(left) * (float64(n) / float64(total)))
			n = min(n, left, h.records)
		}
		total -= h.records
		left -= n
		h.records = 0
		h.deal(n, g.dealer.lots)
	}
	g.left = left
}

// isMax reports whether the records of s all come at once.
func (s *source) isMax() bool {
	_, is := s.curve.(atOnce)
	return is
}

// count returns how many records of a rate come before until that have not been
// counted yet.
func (s *source) count(until time.Duration) int64 {
	if s.over {
		return 0
	}
	s.over = until >= s.end
	t := min(until, s.end) - s.from
	if t <= 0 {
		return 0
	}
	before := s.curve.before(t)
	if s.gaps != nil {
		n := poisson(s.gaps, before-s.position)
		s.position = max(s.position, before)
		return n
	}
	n := max(0, min(wholeRecords(before), s.total)-s.given)
	s.given += n
	s.over = s.over || s.given >= s.total
	return n
}

// dealer deals records to hash key ranges.
type dealer struct {
	ranges []weir.HashKeyRange
	order  []int // numbers of the ranges, by where they start
	hands  []hand
	lots   []Lot // of the present step, one for each range
}

// hand is the part of one traffic.
type hand struct {
	shares   []float64 // of each range
	tails    []float64 // of each range and those after it, and of what is in none
	bytes    []float64 // to be expected of a record, data and key, by range
	alias    aliasTable
	random   *rand.Rand
	fraction float64 // of a byte, kept for the next lot
	records  int64   // of the present step
}

// use makes d deal to ranges.
func (d *dealer) use(sources []*source, ranges []weir.HashKeyRange) {
	if slices.Equal(d.ranges, ranges) && d.hands != nil {
		return
	}
	d.ranges = slices.Clone(ranges)
	d.lots = make([]Lot, len(ranges))
	d.order = make([]int, len(ranges))
	for i := range d.order {
		d.order[i], d.lots[i].Range = i, i
	}
	slices.SortFunc(d.order, func(a, b int) int { return ranges[a].Start.Compare(ranges[b].Start) })
	if d.hands == nil {
		d.hands = make([]hand, len(sources))
	}
	for i, s := range sources {
		if s.trace == nil {
			d.hands[i].prepare(d, s)
		}
	}
}

// find returns the range that holds a hash key, or -1.
func (d *dealer) find(k weir.HashKey) int {
	i, found := slices.BinarySearchFunc(d.order, k, func(r int, k weir.HashKey) int {
		return d.ranges[r].Start.Compare(k)
	})
	if !found {
		i--
	}
	if i < 0 || !d.ranges[d.order[i]].Contains(k) {
		return -1
	}
	return d.order[i]
}

// prepare computes what part of a source each range gets.
func (h *hand) prepare(d *dealer, s *source) {
	n := len(d.ranges)
	h.shares, h.tails, h.bytes = make([]float64, n+1), make([]float64, n+1), make([]float64, n)
	if h.random == nil {
		h.random = rand.New(s.forLots)
	}
	unique := s.keys.eachShare(func(k *Key, share float64) {
		if i := d.find(k.Hash); i >= 0 {
			h.shares[i] += share
			h.bytes[i] += share * float64(len(k.Text))
		}
	})
	size, rest := s.sizes.mean(), 1.0
	for i, r := range d.ranges {
		part := unique * r.Share()
		h.shares[i] += part
		h.bytes[i] += part * uniqueKeyBytes
		if h.shares[i] > 0 {
			h.bytes[i] = size + h.bytes[i]/h.shares[i]
		}
		rest -= h.shares[i]
	}
	if rest > rounding {
		h.shares[n] = rest
	}
	h.alias = newAliasTable(h.shares)
	var tail float64
	for i := n; i >= 0; i-- {
		tail += h.shares[i]
		h.tails[i] = tail
	}
}

// deal adds n records to the lots. Few are dealt one by one; many range by range,
// each taking a binomial draw of what those before it have left.
func (h *hand) deal(n int64, lots []Lot) {
	if few := 2 * int64(len(lots)); n <= few {
		for range n {
			if i := h.alias.draw(h.random.Uint64()); i < len(lots) {
				h.add(&lots[i], 1)
			}
		}
		return
	}
	for i := range lots {
		if n == 0 {
			break
		}
		if h.shares[i] > 0 {
			k := binomial(h.random, n, h.shares[i]/h.tails[i])
			h.add(&lots[i], k)
			n -= k
		}
	}
}

// add adds n records to a lot. What is lost of their bytes by rounding is added to
// the next one.
func (h *hand) add(lot *Lot, n int64) {
	bytes := float64(n)*h.bytes[lot.Range] + h.fraction
	whole := int64(bytes)
	h.fraction = bytes - float64(whole)
	lot.Records += n
	lot.Bytes += whole
}

// dealTrace adds the records of a trace that come before until, at most so many, and
// returns how many they were.
func (d *dealer) dealTrace(s *source, until time.Duration, most int64) (n int64) {
	s.begin()
	for ; !s.over && s.at < until && n < most; n++ {
		if i := d.find(s.record.key.Hash); i >= 0 {
			d.lots[i].Records++
			d.lots[i].Bytes += int64(len(s.record.key.Text) + s.record.bytes)
		}
		s.advance()
	}
	return n
}

// collect appends the lots that are not empty, and empties them.
func (d *dealer) collect(dst []Lot) []Lot {
	for i := range d.lots {
		if d.lots[i].Records > 0 {
			dst = append(dst, d.lots[i])
			d.lots[i] = Lot{Range: i}
		}
	}
	return dst
}
