// Package scale is on-demand mode: when the shards of a stream are split and
// merged, given what came in. It has no stream, no clock and no lock. A
// [Machine] is told the load of each shard at the end of a minute, and returns
// what is to be done.
//
// The promises that it keeps are in the documentation of weir.Mode.
package scale

import (
	"math"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
)

const (
	// Reaction is how many minutes after a decision a shard is split.
	Reaction = 10
	// BaseShards is how many shards a stream has that nothing comes into.
	BaseShards = 4

	peakHours  = 30 * 24               // for which a peak is remembered
	restsAfter = (peakHours + 72) * 60 // minutes without load after which no rule wants anything

	headroom    = 2    // times the peak that is to find room
	splitAbove  = 0.5  // of a shard's limit: its share
	mergeUpTo   = 0.25 // of one shard's limit, by two neighbours together
	vainUpTo    = 0.1  // of both children's load, up to which a split was in vain
	vainInARow  = 3    // splits in vain after which a shard is left as it is
	roundingOff = 1e-9 // by which ranges may be wider than an even part
)

// Limits are what a machine decides by.
type Limits struct {
	// BytesPerSecond and RecordsPerSecond are what a shard takes in at most;
	// infinite if that is not limited.
	BytesPerSecond, RecordsPerSecond float64
	// MostShards is how many shards are not exceeded by splitting; 1 at least.
	MostShards int
}

// A Load is what came in during one minute.
type Load struct{ Bytes, Records int64 }

func (l Load) plus(o Load) Load { return Load{l.Bytes + o.Bytes, l.Records + o.Records} }
func (l Load) max(o Load) Load  { return Load{max(l.Bytes, o.Bytes), max(l.Records, o.Records)} }

// capped returns l, or what the limits let pass in a minute if that is less: a
// bucket that was full lets more pass, but not again in the next minute.
func (l Limits) capped(m Load) Load {
	within := func(n int64, perSecond float64) int64 { return int64(math.Min(float64(n), 60*perSecond)) }
	return Load{within(m.Bytes, l.BytesPerSecond), within(m.Records, l.RecordsPerSecond)}
}

// shards returns how many shards' limits a load amounts to.
func (l Limits) shards(m Load) float64 {
	return math.Max(float64(m.Bytes)/l.BytesPerSecond, float64(m.Records)/l.RecordsPerSecond) / 60
}

// A Machine decides for one stream. Minutes and hours are those of the clock,
// counted from 1970. A minute is also its beginning: what is decided at the end
// of minute 7 is decided at minute 8.
type Machine struct {
	limits Limits
	warm   float64 // bytes per second that are to find room whatever the load was
	open   []*shard
	count  int   // of open shards; len(open) but while open is being replaced
	next   int64 // id of the next shard to be opened

	observed  int64 // the minute being observed: no earlier one has load to be told
	at, until int64 // minutes to be gone through: none if at > until
	hours     peaks // the stream's busiest minute of each hour
	minutes   peaks // the stream's last 60 minutes

	due       []int64 // minutes for which anything is planned, rising
	roomFor   []room  // planned, in order
	release   int64   // the minute for which a release is planned; zero if none
	cameWith  int     // shards that the stream had to begin with,
	keepsTill int64   // and the minute until which it keeps so many
	calm      calm

	todo Todo // decided, but not returned yet
}

// A room is a plan to have room for a load: at a minute shards are split until
// none is so wide that even traffic would overrun it.
type room struct {
	at     int64
	shards float64 // the load, in shards' limits
}

// A shard is one that is open.
type shard struct {
	plan.Shard
	minute         Load  // of the minute observed last
	hour, lastHour Load  // the busiest minutes of this hour and of the one before
	splitAt        int64 // the minute for which a split is planned; zero if none
	// sibling is the other child of the split that opened the shard, until the
	// loads of the two are compared or one of them is closed.
	sibling *shard
	vain    int // splits in vain that led here
	// closed says that the shard was just closed for children, one or two. Of
	// two shards that are merged the lower one has the child.
	closed   bool
	children [2]*shard
}

// A calm is the end of an hour at which nothing was left to be done and nothing
// had come in for two hours. Until what it depends on changes, all later ones
// are alike.
type calm struct {
	is     bool
	wanted float64
	fewest int
}

// A Todo is what is to be done at one moment, in order.
type Todo struct {
	Minute int64 // at whose beginning
	Steps  []plan.Step
}

// New returns a machine for the open shards of a stream, by hash key, of which
// it keeps so many for 30 days. Shards that it opens are numbered from next on.
// warm is the bytes per second to hold ready. The minute is the first one to be
// observed.
func New(l Limits, open []plan.Shard, next int64, keep int, warm float64, minute int64) *Machine {
	m := &Machine{
		limits: l, warm: warm, count: len(open), next: next, observed: minute, at: minute + 1, until: minute,
		hours: make(peaks, peakHours+1), minutes: make(peaks, 60),
		cameWith: keep, keepsTill: minute + peakHours*60,
	}
	for _, sh := range open {
		m.open = append(m.open, &shard{Shard: sh})
	}
	return m
}

// Behind reports whether Next has something left.
func (m *Machine) Behind() bool { return len(m.todo.Steps) > 0 || m.at <= m.until }

// Due returns the minute at whose beginning the machine wants to be told the
// load of the one before. It holds unless the machine is behind.
func (m *Machine) Due() int64 { return m.observed + 1 }

// Peak returns the stream's busiest minute of those remembered.
func (m *Machine) Peak() Load { return m.hours.max(m.observed/60 - peakHours) }

// SetWarm changes how many bytes per second are to find room whatever the load
// was. Where that is no more than before, the machine also forgets all peaks
// but the last hour's and merges what is not needed then. The machine must not
// be behind.
func (m *Machine) SetWarm(bytesPerSecond float64) {
	if bytesPerSecond <= m.warm {
		m.planRelease()
	}
	m.warm = bytesPerSecond
	m.calm = calm{}
}

func (m *Machine) planRelease() {
	clear(m.hours)
	for _, p := range m.minutes {
		if p.period >= m.observed-60 {
			m.hours.offer(p.period/60, p.load)
		}
	}
	m.keepsTill = 0
	m.release = m.observed + 1 + Reaction
	m.planFor(m.release)
}

// Tell ends the minute that was observed: loads are what came into each open
// shard in it, by hash key. The minute that now follows is the clock's. In
// those between nothing came in. The machine must not be behind, and the minute
// be due.
func (m *Machine) Tell(minute int64, loads []Load) {
	var sum Load
	for i, sh := range m.open {
		sh.minute = m.limits.capped(loads[i])
		sh.hour = sh.hour.max(sh.minute)
		sum = sum.plus(sh.minute)
	}
	m.hours.offer(m.observed/60, sum)
	m.minutes.offer(m.observed, sum)
	m.calm = calm{}
	m.at, m.until = m.observed+1, min(minute, m.observed+restsAfter)
	m.observed = minute
}

// Next returns what is to be done next, at most so many steps and all of one
// minute. There are no steps when all is done that was due by the minute told
// last.
func (m *Machine) Next(most int) Todo {
	for len(m.todo.Steps) == 0 && m.at <= m.until {
		m.todo.Minute = m.at
		m.beginMinute(m.at)
	}
	n := min(most, len(m.todo.Steps))
	next := Todo{m.todo.Minute, m.todo.Steps[:n:n]}
	if m.todo.Steps = m.todo.Steps[n:]; len(m.todo.Steps) == 0 {
		m.todo.Steps = nil
	}
	return next
}

// beginMinute decides and plans at the end of the minute before, does what is
// due at the beginning of this one, and goes on to the next that matters.
func (m *Machine) beginMinute(at int64) {
	m.plan(at)
	isDue := len(m.due) > 0 && m.due[0] <= at
	if isDue {
		m.due = m.due[1:]
		m.carryOut(at)
	}
	if at%60 == 0 {
		m.endHour(at)
	}
	for _, sh := range m.open {
		sh.minute = Load{} // nothing came in after the minute observed
	}
	m.at++
	if isDue || len(m.todo.Steps) > 0 {
		m.calm = calm{}
		return // what was merged makes room for others to be split
	}
	hour := (m.at + 59) / 60 * 60
	for m.calm.is && hour < m.until && m.wanted(hour) == m.calm.wanted && m.fewest(hour) == m.calm.fewest {
		hour += 60
	}
	if m.at = hour; len(m.due) > 0 {
		m.at = min(hour, m.due[0])
	}
}

// planFor notes that something is planned for a minute, not before any other.
func (m *Machine) planFor(minute int64) {
	if n := len(m.due); n == 0 || m.due[n-1] != minute {
		m.due = append(m.due, minute)
	}
}

// fewest returns how many shards there are to be at least.
func (m *Machine) fewest(at int64) int {
	n := min(BaseShards, m.limits.MostShards)
	if at < m.keepsTill {
		n = max(n, m.cameWith)
	}
	return n
}

// wanted returns for how many shards' limits there is to be room.
func (m *Machine) wanted(at int64) float64 {
	peak := headroom * m.limits.shards(m.hours.max(at/60-peakHours))
	wanted := max(BaseShards, peak, m.warm/m.limits.BytesPerSecond)
	return math.Min(wanted, float64(m.limits.MostShards))
}

// tooWide reports whether even traffic of so many shards' limits would overrun
// a range.
func tooWide(r keyspace.Range, shards float64) bool { return r.Share()*shards > 1+roundingOff }

// A peaks remembers the greatest load of each of the last periods.
type peaks []struct {
	period int64
	load   Load
}

func (p peaks) offer(period int64, l Load) {
	place := &p[period%int64(len(p))]
	if place.period != period {
		place.period, place.load = period, Load{}
	}
	place.load = place.load.max(l)
}

// max returns the greatest load since a period.
func (p peaks) max(since int64) (l Load) {
	for i := range p {
		if p[i].period >= since {
			l = l.max(p[i].load)
		}
	}
	return l
}
