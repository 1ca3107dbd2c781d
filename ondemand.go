package weir

import (
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// The numbers of on-demand mode. Those of the service are the 4 shards, the 30
// days, the half and the maxima; the rest is ours.
const (
	DefaultOnDemandShards              = 4           // of a new on-demand stream
	DefaultOnDemandWriteBytesPerSecond = 200 * mib   // per stream
	MaxOnDemandWriteBytesPerSecond     = 10240 * mib // per stream
	DefaultModeSwitchesPerDay          = 2           // in any 24 hours

	// OnDemandReaction is how long after a decision a shard is split. A decision is
	// made at the end of a minute; the service promises 15 minutes for all.
	OnDemandReaction = 10 * time.Minute

	minuteSeconds   = 60
	reactionMinutes = int64(OnDemandReaction / time.Minute)
	peakHours       = 30 * 24 // for which a peak is remembered

	headroom      = 2    // times the peak that is to find room
	shardShare    = 0.5  // of its limit, above which a shard is split
	restShare     = 0.25 // of one shard's limit, up to which neighbours are merged
	lopsidedShare = 0.1  // of both children's load, up to which a split was in vain
	lopsidedMost  = 3    // splits in vain in a row
)

// scaling is what a stream knows of its capacity mode and of its load. Minutes
// and hours are those of the clock, counted from 1970.
type scaling struct {
	mode, distribution     atomic.Int32 // written under Stream.reshard, as all here but turn
	warm                   atomic.Int64 // MiB/s
	peakBytes, peakRecords atomic.Int64 // of the busiest minute remembered
	due                    atomic.Int64 // when minute ends; never while provisioned

	// The rest is guarded by Stream.reshard.
	switches []instant // of the mode, in the last 24 hours
	minute   int64     // the one being observed: no earlier one has load to be counted
	hours    peakRing  // the stream's busiest minute of each hour
	minutes  peakRing  // the stream's last 60 minutes
	growths  []growth  // planned, in order
	release  int64     // the minute for which a release is planned; zero if none
	busy     int64     // the last minute for which anything is planned
	kept     int       // shards that the stream came with
	keptTill int64     // the minute until which they are kept

	_    [64]byte
	turn atomic.Uint64 // records distributed so far; written by every put then
}

// A growth is planned: at minute at no shard shall cover more than the wanted-th
// part of the key space.
type growth struct {
	at     int64
	wanted float64
}

// A shardLoad is what scaling knows of an open shard. It is guarded by
// Stream.reshard.
type shardLoad struct {
	before         intake // what the shard had taken in when the minute began
	minute         load   // of the minute observed last
	hour, lastHour load   // the busiest minutes of this hour and of the one before
	splitAt        int64  // the minute for which a split is planned; zero if none
	// twin is the other child of the split that opened the shard, until the two
	// are compared or one of them is closed.
	twin     *shardLoad
	lopsided int // splits in vain that led here
}

// A load is what came in during one minute.
type load struct{ bytes, records int64 }

func (l load) plus(o load) load { return load{l.bytes + o.bytes, l.records + o.records} }
func (l load) max(o load) load  { return load{max(l.bytes, o.bytes), max(l.records, o.records)} }

// A peakRing remembers the greatest load of each of the last periods.
type peakRing []struct {
	period int64
	load   load
}

func (r peakRing) offer(period int64, l load) {
	place := &r[period%int64(len(r))]
	if place.period != period {
		place.period, place.load = period, load{}
	}
	place.load = place.load.max(l)
}

// max returns the greatest load since a period.
func (r peakRing) max(since int64) (l load) {
	for i := range r {
		if r[i].period >= since {
			l = l.max(r[i].load)
		}
	}
	return l
}

// catchUp carries out what has fallen due.
func (s *Stream) catchUp(now instant) {
	if int64(now) >= s.attend.Load() {
		s.attendTo(now)
	}
}

// attendTo carries out what has fallen due and reports whether the stream
// distributes records itself.
func (s *Stream) attendTo(now instant) (auto bool) {
	if int64(now) >= s.scaling.due.Load() {
		s.reshard.Lock()
		s.catchUpLocked(now)
		s.reshard.Unlock()
	}
	return s.Distribution() == DistributeAuto
}

// attendLocked says from when on puts call attendTo.
func (s *Stream) attendLocked() {
	at := s.scaling.due.Load()
	if s.Distribution() == DistributeAuto {
		at = 0
	}
	s.attend.Store(at)
}

// beginScalingLocked makes the stream an on-demand one that keeps so many shards.
func (s *Stream) beginScalingLocked(now instant, kept int) {
	c := &s.scaling
	c.mode.Store(int32(OnDemand))
	c.hours, c.minutes = make(peakRing, peakHours+1), make(peakRing, 60)
	c.kept, c.keptTill = kept, now.minute()+peakHours*60
	for _, sh := range s.routes.Load().open {
		sh.load = &shardLoad{before: sh.takenIn()}
	}
	s.observeFromLocked(now)
}

// endScalingLocked makes the stream a provisioned one.
func (s *Stream) endScalingLocked() {
	c := &s.scaling
	c.mode.Store(int32(Provisioned))
	c.hours, c.minutes, c.growths, c.release, c.busy = nil, nil, nil, 0, 0
	for _, a := range []*atomic.Int64{&c.warm, &c.peakBytes, &c.peakRecords} {
		a.Store(0)
	}
	for _, sh := range s.routes.Load().open {
		sh.load = nil
	}
	c.due.Store(int64(never))
	s.attendLocked()
}

// observeFromLocked makes the minute of now the one that is observed.
func (s *Stream) observeFromLocked(now instant) {
	s.scaling.minute = now.minute()
	s.scaling.due.Store(int64(minuteStart(now.minute() + 1)))
	s.attendLocked()
}

// catchUpLocked counts the load of the minute that was observed if it is over, and
// carries out what has fallen due since, in order. Only minutes for which
// something is planned or that follow a change, and the ends of hours matter; once
// all peaks are forgotten and a few hours more went by, not even these.
func (s *Stream) catchUpLocked(now instant) {
	c := &s.scaling
	if s.Mode() != OnDemand || int64(now) < c.due.Load() {
		return
	}
	const forgotten = (peakHours + 72) * 60
	s.observeLocked()
	for at := c.minute + 1; at <= now.minute() && at <= c.minute+forgotten; {
		before := s.routes.Load()
		s.planSplitsLocked(at)
		s.carryOutLocked(at)
		s.restLocked()
		if s.routes.Load() != before {
			c.busy = max(c.busy, at+1) // merged shards make room for others to be split
		}
		if at++; at > c.busy {
			at = (at + 59) / 60 * 60
		}
	}
	s.observeFromLocked(now)
	c.publishPeakLocked()
}

// restLocked says that nothing came in after the minute that was observed.
func (s *Stream) restLocked() {
	for _, sh := range s.routes.Load().open {
		sh.load.minute = load{}
	}
}

// publishPeakLocked makes the peak that is remembered visible to [Stream.Capacity].
func (c *scaling) publishPeakLocked() {
	peak := c.hours.max(c.minute/60 - peakHours)
	c.peakBytes.Store(peak.bytes)
	c.peakRecords.Store(peak.records)
}

// releaseLocked forgets all peaks but the last hour's and plans a release.
func (c *scaling) releaseLocked() {
	clear(c.hours)
	for _, m := range c.minutes {
		if m.period >= c.minute-60 {
			c.hours.offer(m.period/60, m.load)
		}
	}
	c.publishPeakLocked()
	c.keptTill = 0
	c.release = c.minute + 1 + reactionMinutes
	c.busy = max(c.busy, c.release)
}

// observeLocked counts the load of the minute that was observed.
func (s *Stream) observeLocked() {
	c := &s.scaling
	var sum load
	for _, sh := range s.routes.Load().open {
		in, l := sh.takenIn(), sh.load
		l.minute = load{
			bytes:   minuteOf(in.bytes-l.before.bytes, float64(s.limits.WriteBytesPerSecond)),
			records: minuteOf(in.records-l.before.records, float64(s.limits.WriteRecordsPerSecond)),
		}
		l.before, l.hour = in, l.hour.max(l.minute)
		sum = sum.plus(l.minute)
	}
	c.hours.offer(c.minute/60, sum)
	c.minutes.offer(c.minute, sum)
}

// minuteOf returns n, or what a limit a second lets pass in a minute if that is
// less: a bucket that was full lets more pass, but not again in the next minute.
func minuteOf(n int64, limit float64) int64 {
	return int64(math.Min(float64(n), minuteSeconds*limit))
}

// shardsFor returns how many shards' limits a load amounts to.
func (l Limits) shardsFor(m load) float64 {
	bytes := float64(m.bytes) / float64(l.WriteBytesPerSecond)
	return math.Max(bytes, float64(m.records)/float64(l.WriteRecordsPerSecond)) / minuteSeconds
}

// onDemandShards returns the most shards that scaling opens.
func (l Limits) onDemandShards() int {
	perShard := l.WriteBytesPerSecond
	if perShard >= rate.Inf {
		perShard = DefaultWriteBytesPerSecond
	}
	return int(max(1, min(l.OnDemandWriteBytesPerSecond/perShard, maxShards)))
}

// fewestLocked returns how many shards there shall be at least.
func (s *Stream) fewestLocked(at int64) int {
	n := min(DefaultOnDemandShards, s.limits.onDemandShards())
	if at < s.scaling.keptTill {
		n = max(n, s.scaling.kept)
	}
	return n
}

// wantedLocked returns how many shards' limits the stream shall have room for.
func (s *Stream) wantedLocked(at int64) float64 {
	c := &s.scaling
	peak := headroom * s.limits.shardsFor(c.hours.max(at/60-peakHours))
	warm := float64(c.warm.Load()) * mib / float64(s.limits.WriteBytesPerSecond)
	wanted := math.Max(DefaultOnDemandShards, math.Max(peak, warm))
	return math.Min(wanted, float64(s.limits.onDemandShards()))
}

// tooWide reports whether a range covers more than the wanted-th part of the key
// space, rounding aside.
func tooWide(r HashKeyRange, wanted float64) bool { return r.Share()*wanted > 1+1e-9 }
