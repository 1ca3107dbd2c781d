package consumer

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weirstream/weir/lease"
)

// A machine decides which leases a worker takes and asks for. It is told what
// the store says and what time it is, on the worker's own clock that only goes
// forward, and does nothing itself. It is for one goroutine at a time.
//
//  1. A lease is taken that nobody owns, or whose counter has not been seen to
//     move for longer than the failover time. It was renewed when it was first
//     seen, if it has an owner. No two clocks are compared.
//  2. Nothing is taken above this worker's share, which is the number of leases
//     by the number of workers, rounded up, or above its bound.
//  3. A worker asks for a lease only if its owner then still has as many as it
//     has itself: an even spread moves nothing. It asks for one at a time.
//  4. What was asked for is taken by force after the patience, and not before.
//  5. A lease at its shard's end is nobody's.
type machine struct {
	worker             string
	failover, patience time.Duration
	most               int // leases that the worker may have; 0 is no bound
	weighted           bool
	random             *rand.Rand

	seen  map[string]*sighting
	asked string        // what the worker has asked for, "" if nothing
	since time.Duration // when
}

// A sighting is a lease as it was last seen, and when it was first seen so.
type sighting struct {
	lease.Lease
	moved time.Duration
}

// A decision is what a worker is to do.
type decision struct {
	take []lease.Lease // to be owned by it, and read
	ask  *lease.Lease  // to be wanted by it
	// next is when the machine is to be asked again, if it hears nothing before
	// that: the longest time there is if nothing can change by time alone.
	next time.Duration
}

func newMachine(c Config, random *rand.Rand) *machine {
	return &machine{
		worker: c.Worker, failover: c.Failover, patience: c.Patience, most: c.MaxLeases, weighted: c.Weighted,
		random: random, seen: make(map[string]*sighting),
	}
}

// list tells of all leases there are.
func (m *machine) list(leases []lease.Lease, now time.Duration) {
	present := make(map[string]bool, len(leases))
	for _, l := range leases {
		present[l.Key] = true
		m.see(l, now)
	}
	for key := range m.seen {
		if !present[key] {
			delete(m.seen, key)
		}
	}
}

// see tells of one lease.
func (m *machine) see(l lease.Lease, now time.Duration) {
	s := m.seen[l.Key]
	switch {
	case s == nil:
		m.seen[l.Key] = &sighting{Lease: l, moved: now}
	case s.Counter != l.Counter:
		s.Lease, s.moved = l, now
	default:
		s.Lease = l
	}
}

// free reports whether anybody may take a lease.
func (m *machine) free(s *sighting, now time.Duration) bool {
	return !s.Checkpoint.IsEnded() && (s.Owner == "" || now-s.moved > m.failover)
}

// decide returns what to do. held says which leases the worker has.
func (m *machine) decide(held func(key string) bool, now time.Duration) decision {
	d := decision{next: math.MaxInt64}
	loads := map[string]*load{m.worker: {}}
	var free, claim []*sighting
	total := 0
	for _, s := range m.sightings() {
		if s.Checkpoint.IsEnded() {
			continue
		}
		total++
		switch {
		case held(s.Key):
			loads[m.worker].add(s)
		case s.Owner == m.worker:
			// Handed over, or taken by a write whose answer was lost.
			loads[m.worker].add(s)
			claim = append(claim, s)
		case m.free(s, now):
			free = append(free, s)
		default:
			if loads[s.Owner] == nil {
				loads[s.Owner] = &load{}
			}
			loads[s.Owner].add(s)
			d.next = min(d.next, s.moved+m.failover+1)
		}
	}
	mine := loads[m.worker]
	share := (total + len(loads) - 1) / len(loads)
	if m.most > 0 {
		share = min(share, m.most)
	}
	for _, s := range claim {
		d.take = append(d.take, s.Lease)
	}
	if room := share - mine.count(); room > 0 {
		m.random.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		for _, s := range free[:min(room, len(free))] {
			d.take = append(d.take, s.Lease)
			mine.add(s)
		}
	}
	if len(free) == 0 {
		m.balance(&d, loads, now)
	}
	return d
}

// sightings returns what is seen by key, so that a random source that is seeded
// decides the same again.
func (m *machine) sightings() []*sighting {
	list := make([]*sighting, 0, len(m.seen))
	for _, s := range m.seen {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *sighting) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// balance asks for a lease, or takes one that was asked for long ago.
func (m *machine) balance(d *decision, loads map[string]*load, now time.Duration) {
	if m.awaits(d, now) {
		return
	}
	mine := loads[m.worker]
	if m.most > 0 && mine.count() >= m.most {
		return
	}
	owner := m.busiestOther(loads)
	from := loads[owner]
	if from == nil || !mine.lacks(from, m.weighted) {
		return
	}
	var choice []*sighting
	for _, s := range from.leases {
		if s.Owner == owner && s.Wanted == "" && m.fits(s, mine, from) {
			choice = append(choice, s)
		}
	}
	if len(choice) == 0 {
		return
	}
	s := m.choose(choice, mine, from)
	d.ask = &s.Lease
	d.next = min(d.next, now+m.patience+1)
}

// awaits reports whether the worker has asked for a lease that is not its own
// yet, for it asks for one at a time. What it has waited for long enough it takes.
func (m *machine) awaits(d *decision, now time.Duration) bool {
	if m.seen[m.asked] == nil { // maybe by a write whose answer was lost
		for _, s := range m.sightings() {
			if m.wants(s) {
				m.ask(s.Key, now)
			}
		}
	}
	s := m.seen[m.asked]
	if s == nil || !m.wants(s) || s.Checkpoint.IsEnded() {
		m.asked = ""
		return false
	}
	if due := m.since + m.patience; now <= due {
		d.next = min(d.next, due+1)
		return true
	}
	d.take = append(d.take, s.Lease)
	m.asked = ""
	return true
}

// wants reports whether the worker has asked for a lease that it has not got.
func (m *machine) wants(s *sighting) bool { return s.Wanted == m.worker && s.Owner != m.worker }

// busiestOther returns the worker that has most, but for this one; "" if there is
// no other.
func (m *machine) busiestOther(loads map[string]*load) (owner string) {
	for _, name := range sortedKeys(loads) {
		if name == m.worker {
			continue
		}
		if owner == "" || loads[name].weight(m.weighted) > loads[owner].weight(m.weighted) {
			owner = name
		}
	}
	return owner
}

// ask notes that a lease was asked for.
func (m *machine) ask(key string, now time.Duration) { m.asked, m.since = key, now }

// fits reports whether a lease is one that should move from one to the other.
func (m *machine) fits(s *sighting, to, from *load) bool {
	return !m.weighted || to.weight(true)+weight(s) < from.weight(true)
}

// choose returns the lease to ask for: any, or where throughput counts the one
// that makes the two most alike, so that few have to move.
func (m *machine) choose(list []*sighting, to, from *load) *sighting {
	m.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if !m.weighted {
		return list[0]
	}
	ideal := (from.weight(true) - to.weight(true)) / 2
	return slices.MinFunc(list, func(a, b *sighting) int {
		return cmp.Compare(math.Abs(weight(a)-ideal), math.Abs(weight(b)-ideal))
	})
}

// A load is the leases of a worker.
type load struct {
	leases  []*sighting
	wanted  int // of them, those that another worker has asked for
	summed  float64
	leaving float64
}

// leastWeight is what a lease weighs at least, in KiB a second: idle shards are
// spread, too.
const leastWeight = 1

func weight(s *sighting) float64 { return max(s.Throughput, leastWeight) }

func (l *load) add(s *sighting) {
	l.leases = append(l.leases, s)
	l.summed += weight(s)
	if s.Wanted != "" && s.Wanted != s.Owner {
		l.wanted++
		l.leaving += weight(s)
	}
}

func (l *load) count() int { return len(l.leases) }

// weight is what is left when those that are asked for have gone.
func (l *load) weight(weighted bool) float64 {
	if weighted {
		return l.summed - l.leaving
	}
	return float64(len(l.leases) - l.wanted)
}

// imbalance is how much more than another one a worker must have for a lease to
// move, where throughput counts: it changes all the time.
const imbalance = 1.1

// lacks reports whether from has so much more than to that a lease should move:
// by count, two more, so that what moves makes it no worse off than the other.
func (l *load) lacks(from *load, weighted bool) bool {
	if weighted {
		return from.count() > 1 && from.weight(true) > imbalance*l.weight(true)+leastWeight
	}
	return from.weight(false) >= l.weight(false)+2
}

// blocked reports whether a shard has to wait for a parent. A parent without a
// lease blocks nobody.
func (m *machine) blocked(l lease.Lease) bool {
	return slices.ContainsFunc(l.Parents, func(key string) bool {
		s := m.seen[key]
		return s != nil && !s.Checkpoint.IsEnded()
	})
}

// disposable returns the leases that have ended and that nobody needs: their
// children have been begun, and their parents' leases are gone, or go before
// them.
func (m *machine) disposable() (list []lease.Lease) {
	gone := make(map[string]bool)
	stays := func(key string) bool { return m.seen[key] != nil && !gone[key] }
	for _, s := range m.sightings() { // a parent's key is less than its children's
		if s.Checkpoint.IsEnded() && !slices.ContainsFunc(s.Parents, stays) && m.begun(s.Children) {
			gone[s.Key] = true
			list = append(list, s.Lease)
		}
	}
	return list
}

// begun reports whether all of some shards have leases and have been begun.
func (m *machine) begun(keys []string) bool {
	for _, key := range keys {
		s := m.seen[key]
		if s == nil || s.Checkpoint.Sequence == lease.TrimHorizon || s.Checkpoint.Sequence == lease.AtTimestamp {
			return false
		}
	}
	return len(keys) > 0
}
