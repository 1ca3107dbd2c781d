package weir

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/scale"
)

// A Mode says who chooses how many shards a stream has.
//
// A [Provisioned] stream has those that its caller gave it. An [OnDemand]
// stream splits and merges its own shards. Every shard has the same limits in
// either mode, so one hot key stays bound to one shard's, and what a stream
// takes in and gives out follows from the number of its shards.
//
// How the service decides is not public. This stream keeps the promises that
// are, by rules that are exact to the second of its clock:
//
//   - Throughput is what was put into a shard during one minute of the clock,
//     divided by 60; refused records do not count, and a shard counts for its
//     limit at most. Bytes and records are treated alike.
//   - A shard that was above its share, half of its limit, for a minute is
//     split in the middle of its range 10 minutes after the end of that minute.
//     So twice the traffic always finds room once a peak has lasted, and
//     traffic that more than doubles is throttled for 10 to 12 minutes.
//   - A shard is also split if it covers so much of the key space that even
//     traffic would overrun it at double the stream's peak of the last 30 days,
//     at the warm throughput, or at the 4 shards that a stream begins with.
//     That takes effect likewise, in as many halvings as it needs.
//   - At the end of each hour of the clock neighbours are merged, each shard
//     once, that stayed at or below a quarter of one shard's limit together for
//     all of the hour, unless one of the rules above would split them again.
//   - A peak is forgotten 30 days after the end of its hour. A stream that was
//     switched from provisioned mode, or was given [Config.Shards], keeps that
//     many shards for as long.
//   - A split is in vain if at the child's next peak the other child has no
//     tenth of the load of both, as with a single hot key. After three such
//     splits in a row the shard is left as it is, until it was below its share
//     for an hour.
//   - There are never more shards than [Limits.OnDemandWriteBytesPerSecond] is
//     worth, unless the stream came with more; the busiest are split first.
//
// Nothing runs in the background: puts, [Stream.ListShards], [Stream.Snapshot]
// and the methods that change capacity first carry out what has fallen due, at
// the time it was due and in order, however long the stream has rested. While
// the clock is behind an earlier reading nothing falls due.
//
// A put carries out at most 1,024 splits and merges, so that it takes
// milliseconds however far a stream grows; the rest is for the puts that
// follow, the other methods carry out all. Until then records go to the shards
// there are, under their limits, and what comes in counts for the minute of the
// first of these puts.
type Mode int32

const (
	// Provisioned leaves the shards to the caller: [Stream.SplitShard],
	// [Stream.MergeShards] and [Stream.Resize].
	Provisioned Mode = iota
	// OnDemand lets the stream choose.
	OnDemand
)

// String returns "provisioned" or "on-demand".
func (m Mode) String() string {
	switch m {
	case Provisioned:
		return "provisioned"
	case OnDemand:
		return "on-demand"
	default:
		return fmt.Sprintf("Mode(%d)", int32(m))
	}
}

// MarshalText returns what [Mode.String] does.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what [Mode.String] returns for the modes there are.
func (m *Mode) UnmarshalText(text []byte) error {
	for _, known := range []Mode{Provisioned, OnDemand} {
		if string(text) == known.String() {
			*m = known
			return nil
		}
	}
	return invalidf("mode", "%q is neither %q nor %q", text, Provisioned, OnDemand)
}

func (m Mode) valid() bool { return m == Provisioned || m == OnDemand }

// mode returns who chooses the number of shards now.
func (s *Stream) mode() Mode {
	if s.scaling.Load() == nil {
		return Provisioned
	}
	return OnDemand
}

// switchLocked changes the mode. A stream that becomes on-demand has neither
// warm throughput nor a dealer yet.
func (s *Stream) switchLocked(m Mode, now clock.Instant) {
	if m == OnDemand {
		s.beginScalingLocked(now, len(s.routes.Load().open), 0, ByPartitionKey)
	} else {
		s.scaling.Store(nil)
	}
}

// countSwitchLocked counts a mode switch, or refuses it because there were too
// many in 24 hours.
func (s *Stream) countSwitchLocked(now clock.Instant) error {
	most := s.limits.ModeSwitchesPerDay
	s.switches = ofTheDay(s.switches, now)
	if n := len(s.switches); n >= most {
		return &LimitError{
			Quota: QuotaModeSwitches, Stream: s.name, Most: most,
			RetryAfter: time.Duration(s.switches[n-most] + clock.Instant(day) - now),
		}
	}
	s.switches = append(s.switches, now)
	return nil
}

// ofTheDay returns, in order, which of some readings of the clock are of the
// last 24 hours. One that lies more than that ahead was taken by a clock that
// has been set back since: it would count for as long as the clock needs to get
// there.
func ofTheDay(readings []clock.Instant, now clock.Instant) []clock.Instant {
	readings = slices.DeleteFunc(readings, func(at clock.Instant) bool {
		return now-at >= clock.Instant(day) || at-now > clock.Instant(day)
	})
	slices.Sort(readings)
	return readings
}

// beginMode puts a new stream into the mode it is configured for.
func (s *Stream) beginMode(c Config) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if c.Mode == OnDemand {
		s.beginScalingLocked(s.created, c.Shards, c.WarmThroughput, c.Distribution)
	}
}

// scaling is what an on-demand stream has beside its shards. A provisioned one
// has none.
type scaling struct {
	warm    atomic.Int64 // MiB/s; written under Stream.reshard, as what follows
	due     atomic.Int64 // the reading of the clock from which on the machine is to be asked
	dealer  atomic.Pointer[dealer]
	peak    atomic.Pointer[scale.Load] // the machine's
	left    scale.Todo                 // what the machine said and could not be done; guarded by Stream.reshard
	machine *scale.Machine             // guarded by Stream.reshard
}

// stepsPerPut bounds the splits and merges that one put carries out: with more,
// it would take longer the more shards there are to be.
const stepsPerPut = 1024

// scaled carries out what has fallen due, as far as a put does, and returns who
// deals records to shards in turn; nil if keys decide. Every put calls it once.
// On a provisioned stream it costs one atomic load.
func (s *Stream) scaled(now clock.Instant) *dealer {
	if s.scaling.Load() != nil {
		return s.scaledOnDemand(now)
	}
	return nil
}

// scaledOnDemand is apart, so that scaled is small enough to be inlined.
func (s *Stream) scaledOnDemand(now clock.Instant) *dealer {
	c := s.scaling.Load()
	if c == nil { // just switched to provisioned mode
		return nil
	}
	if int64(now) >= c.due.Load() {
		s.reshard.Lock()
		s.scaleLocked(now, stepsPerPut)
		s.reshard.Unlock()
	}
	return c.dealer.Load()
}

// catchUp carries out all that has fallen due.
func (s *Stream) catchUp(now clock.Instant) {
	if c := s.scaling.Load(); c != nil && int64(now) >= c.due.Load() {
		s.reshard.Lock()
		s.catchUpLocked(now)
		s.reshard.Unlock()
	}
}

// catchUpLocked is catchUp for who holds reshard.
func (s *Stream) catchUpLocked(now clock.Instant) { s.scaleLocked(now, math.MaxInt) }

// scaleLocked asks the machine what has fallen due and carries it out, at most
// so many splits and merges, each at the time it was due. What is left is for
// the next call, before the machine is told anything else.
func (s *Stream) scaleLocked(now clock.Instant, most int) {
	c := s.scaling.Load()
	if c == nil || s.ended() {
		return
	}
	if !c.behind() {
		if int64(now) < c.due.Load() {
			return
		}
		c.machine.Tell(now.Minute(), s.loadsLocked())
	}
	for most > 0 && c.behind() {
		todo := c.left
		if c.left = (scale.Todo{}); len(todo.Steps) == 0 {
			todo = c.machine.Next(most)
		}
		most -= len(todo.Steps)
		if s.reshardLocked(todo.Steps, clock.MinuteStart(todo.Minute), s.resizes) != nil {
			c.left = todo // the disk is full, say; until then the shards stay
			break
		}
	}
	c.publishLocked()
	if s.disk != nil {
		s.disk.scaled()
	}
}

// behind reports whether anything is to be done that was due before.
func (c *scaling) behind() bool { return len(c.left.Steps) > 0 || c.machine.Behind() }

// publishLocked says what follows from the machine's state, for those who do
// not hold reshard: when it is to be asked again, at once if it is behind, and
// the peak.
func (c *scaling) publishLocked() {
	if !c.behind() {
		c.due.Store(int64(clock.MinuteStart(c.machine.Due())))
	}
	peak := c.machine.Peak()
	c.peak.Store(&peak)
}

// loadsLocked returns what came into each open shard since it was called last.
func (s *Stream) loadsLocked() []scale.Load {
	open := s.routes.Load().open
	loads := make([]scale.Load, len(open))
	for i, sh := range open {
		loads[i] = sh.countLoad()
	}
	return loads
}

// countLoad returns what came into the shard since it was called last. The
// caller holds Stream.reshard.
func (sh *shard) countLoad() scale.Load {
	in, before := sh.takenIn(), sh.counted
	sh.counted = scale.Load{Bytes: in.Bytes, Records: in.Records}
	return scale.Load{Bytes: in.Bytes - before.Bytes, Records: in.Records - before.Records}
}

// inheritLoad makes what came into parents, and no minute counts yet, count for
// their children in equal parts.
func inheritLoad(parents, children []*shard) {
	for _, parent := range parents {
		left := parent.countLoad()
		for i, child := range children {
			n := int64(len(children) - i)
			child.counted.Bytes -= left.Bytes / n
			child.counted.Records -= left.Records / n
			left.Bytes -= left.Bytes / n
			left.Records -= left.Records / n
		}
	}
}

// beginScalingLocked makes the stream an on-demand one that keeps so many
// shards.
func (s *Stream) beginScalingLocked(now clock.Instant, kept, warm int, d Distribution) {
	routes, l := s.routes.Load(), s.limits
	c := &scaling{machine: scale.New(l.scaling(), routes.planned(), int64(routes.next), kept, float64(warm)*mib, now.Minute())}
	for _, sh := range routes.open {
		sh.countLoad() // what came in before does not count
	}
	s.scaleWithLocked(c, warm, d)
}

// resumeScalingLocked makes the stream an on-demand one that goes on with what
// a machine was saved as.
func (s *Stream) resumeScalingLocked(saved scale.Saved, warm int, d Distribution) error {
	machine, err := scale.Restore(s.limits.scaling(), saved)
	if err != nil {
		return err
	}
	s.scaleWithLocked(&scaling{machine: machine}, warm, d)
	return nil
}

// scaling returns what a machine decides by.
func (l Limits) scaling() scale.Limits {
	return scale.Limits{
		BytesPerSecond: float64(l.WriteBytesPerSecond), RecordsPerSecond: float64(l.WriteRecordsPerSecond),
		MostShards: l.onDemandShards(),
	}
}

// scaleWithLocked lets a machine decide from now on.
func (s *Stream) scaleWithLocked(c *scaling, warm int, d Distribution) {
	c.warm.Store(int64(warm))
	if d == DistributeAuto {
		c.dealer.Store(new(dealer))
	}
	c.publishLocked()
	s.scaling.Store(c)
}

// firstShards returns what Shards means when it is zero. Limits are resolved.
func (c Config) firstShards() int {
	if c.Mode != OnDemand {
		return 1
	}
	warm := math.Ceil(float64(c.WarmThroughput) * mib / float64(c.Limits.WriteBytesPerSecond))
	return min(max(scale.BaseShards, int(math.Min(warm, maxShards))), c.Limits.onDemandShards())
}

// provisionedLocked refuses what only a provisioned stream does. The caller
// holds reshard.
func (s *Stream) provisionedLocked() error {
	if s.mode() == OnDemand {
		return fmt.Errorf("shards of stream %s: %w", s.name, ErrWrongMode)
	}
	return nil
}

// SetWarmThroughput asks an on-demand stream to hold capacity for mibPerSecond
// ready in advance, at most [Limits.OnDemandWriteBytesPerSecond]; a provisioned
// one gives [ErrWrongMode]. More than before is there 10 to 11 minutes later.
// The same or less releases capacity, after as long: the stream forgets its
// peaks but the last hour's and merges shards until it has what it was asked
// for here, or double that peak if that is more. [Stream.Set] does this for
// another value than before.
func (s *Stream) SetWarmThroughput(ctx context.Context, mibPerSecond int) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	c := s.scaling.Load()
	if c == nil {
		return fmt.Errorf("warm throughput of stream %s: %w", s.name, ErrWrongMode)
	}
	to := s.Settings()
	to.WarmThroughput = mibPerSecond
	if err := to.check("", s.limits); err != nil {
		return err
	}
	s.catchUpLocked(now)
	if s.disk != nil {
		if err := s.disk.set(s.Settings(), to, s.switches); err != nil {
			return err
		}
		defer s.disk.scaled()
	}
	c.warmLocked(mibPerSecond)
	return nil
}

// warmLocked tells the machine of a warm throughput.
func (c *scaling) warmLocked(mibPerSecond int) {
	c.machine.SetWarm(float64(mibPerSecond) * mib)
	c.publishLocked()
	c.warm.Store(int64(mibPerSecond))
}

// onDemandShards returns the most shards that scaling opens.
func (l Limits) onDemandShards() int {
	perShard := l.WriteBytesPerSecond
	if perShard >= rate.Inf {
		perShard = ServiceLimits().WriteBytesPerSecond
	}
	return int(max(1, min(l.OnDemandWriteBytesPerSecond/perShard, maxShards)))
}

// A Distribution says what decides a record's shard.
type Distribution int32

const (
	// ByPartitionKey is the hash key range that holds the partition key's MD5,
	// or the explicit hash key.
	ByPartitionKey Distribution = iota
	// DistributeAuto is the stream's own turn: one record to each open shard
	// after the other, so that shards differ by one record at most since the
	// last reshard or change of distribution. It is for on-demand streams. The
	// partition key may be empty; if given it is stored, but decides nothing,
	// and the records of a key have no order. An explicit hash key is ignored,
	// a sequence number for ordering refused. Each shard has its limits as
	// ever.
	DistributeAuto
)

// String returns "by partition key" or "automatic".
func (d Distribution) String() string {
	switch d {
	case ByPartitionKey:
		return "by partition key"
	case DistributeAuto:
		return "automatic"
	default:
		return fmt.Sprintf("Distribution(%d)", int32(d))
	}
}

// MarshalText returns what [Distribution.String] does.
func (d Distribution) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [Distribution.String] returns for those there are.
func (d *Distribution) UnmarshalText(text []byte) error {
	for _, known := range []Distribution{ByPartitionKey, DistributeAuto} {
		if string(text) == known.String() {
			*d = known
			return nil
		}
	}
	return invalidf("distribution", "%q is neither %q nor %q", text, ByPartitionKey, DistributeAuto)
}

func (d Distribution) valid() bool { return d == ByPartitionKey || d == DistributeAuto }

// dealer returns who deals records to shards in turn; nil if keys decide.
func (s *Stream) dealer() *dealer {
	if c := s.scaling.Load(); c != nil {
		return c.dealer.Load()
	}
	return nil
}

// dealLocked changes what decides a record's shard, unless it is that already.
func (c *scaling) dealLocked(d Distribution) {
	switch there := c.dealer.Load(); {
	case d == DistributeAuto && there == nil:
		c.dealer.Store(new(dealer))
	case d == ByPartitionKey && there != nil:
		c.dealer.Store(nil)
	}
}

// A dealer deals records to the open shards in turn.
type dealer struct {
	dealt atomic.Uint64 // records so far; written by every put
	_     [56]byte      // so keep it off others' cache lines
}

// next returns a hash key of the shard that takes the next record.
func (d *dealer) next(routes *routing) *HashKey { return routes.dealt(d.take(1)) }

// take takes the turns of n records, and returns the first.
func (d *dealer) take(n int) (first uint64) { return d.dealt.Add(uint64(n)) - uint64(n) }

// dealt returns a hash key of the shard whose turn it is, or nil if none is
// open.
func (r *routing) dealt(turn uint64) *HashKey {
	if len(r.starts) == 0 {
		return nil
	}
	return &r.starts[turn%uint64(len(r.starts))]
}

// mayLackKey reports whether records need no partition key.
func (s *Stream) mayLackKey() bool { return s.dealer() != nil }

// Capacity is what a stream takes in and what that follows from. What it gives
// out to shared readers is [Limits.ReadBytesPerSecond] for each open shard.
type Capacity struct {
	Mode         Mode         `json:"mode"`
	Distribution Distribution `json:"distribution"`
	OpenShards   int          `json:"open_shards"`
	// WriteBytesPerSecond and WriteRecordsPerSecond are the limits of all open
	// shards together; -1 when there is no limit.
	WriteBytesPerSecond   int64 `json:"write_bytes_per_second"`
	WriteRecordsPerSecond int64 `json:"write_records_per_second"`
	// WarmThroughput is what was asked for, in MiB/s.
	WarmThroughput int `json:"warm_throughput_mib_per_second"`
	// PeakBytesPerSecond and PeakRecordsPerSecond are the greatest averages of
	// any finished minute of the last 30 days in on-demand mode; else zero.
	PeakBytesPerSecond   int64 `json:"peak_bytes_per_second"`
	PeakRecordsPerSecond int64 `json:"peak_records_per_second"`
}

// Capacity returns what the stream can take in now.
func (s *Stream) Capacity() Capacity {
	s.catchUp(s.now())
	return s.capacity()
}

func (s *Stream) capacity() Capacity {
	open, t := len(s.routes.Load().open), s.Settings()
	c := Capacity{
		Mode: t.Mode, Distribution: t.Distribution, OpenShards: open,
		WriteBytesPerSecond:   times(open, float64(s.limits.WriteBytesPerSecond)),
		WriteRecordsPerSecond: times(open, float64(s.limits.WriteRecordsPerSecond)),
		WarmThroughput:        t.WarmThroughput,
	}
	if on := s.scaling.Load(); on != nil {
		peak := on.peak.Load()
		c.PeakBytesPerSecond, c.PeakRecordsPerSecond = peak.Bytes/60, peak.Records/60
	}
	return c
}

// times returns n times a rate, or -1 if the rate has no limit.
func times(n int, rate float64) int64 {
	if sum := float64(n) * rate; sum < math.MaxInt64 {
		return int64(sum)
	}
	return -1
}

// String returns the capacity in words.
func (c Capacity) String() string {
	text := fmt.Sprintf("%v, %v, %d open shards for %s bytes/s and %s records/s", c.Mode, c.Distribution, c.OpenShards,
		limitText(c.WriteBytesPerSecond), limitText(c.WriteRecordsPerSecond))
	if c.Mode == OnDemand {
		text += fmt.Sprintf(", warm %d MiB/s, peak %d bytes/s and %d records/s",
			c.WarmThroughput, c.PeakBytesPerSecond, c.PeakRecordsPerSecond)
	}
	return text
}

func limitText(n int64) string {
	if n < 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}
