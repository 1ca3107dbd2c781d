package weir

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A Mode says who chooses how many shards a stream has.
//
// A [Provisioned] stream has those that its caller gave it. An [OnDemand] stream
// splits and merges its own shards. Every shard has the same limits in either
// mode, so one hot key stays bound to one shard's, and what a stream takes in and
// gives out follows from the number of its shards.
//
// How the service decides is not public. This stream keeps the promises that are,
// by rules that are exact to the second of its clock:
//
//   - Throughput is what was put into a shard during one minute of the clock,
//     divided by 60; refused records do not count, and a shard counts for its
//     limit at most. Bytes and records are treated alike.
//   - A shard that was above its share, half of its limit, for a minute is split in
//     the middle of its range [OnDemandReaction] after the end of that minute. So
//     twice the traffic always finds room once a peak has lasted, and traffic that
//     more than doubles is throttled for 10 to 12 minutes.
//   - A shard is also split if it covers so much of the key space that even traffic
//     would overrun it at double the stream's peak of the last 30 days, at the
//     warm throughput, or at the 4 shards that a stream begins with. That takes
//     effect likewise, in as many halvings as it needs.
//   - At the end of each hour of the clock neighbours are merged, each shard once,
//     that stayed at or below a quarter of one shard's limit together for all of
//     the hour, unless one of the rules above would split them again.
//   - A peak is forgotten 30 days after the end of its hour. A stream that was
//     switched from provisioned mode, or was given [Config.Shards], keeps that many
//     shards for as long.
//   - A split is in vain if at the child's next peak the other child has no tenth of
//     the load of both, as with a single hot key. After three such splits in a row
//     the shard is left as it is, until it was below its share for an hour.
//   - There are never more shards than [Limits.OnDemandWriteBytesPerSecond] is
//     worth, unless the stream came with more; the busiest are split first.
//
// Nothing runs in the background: puts, [Stream.ListShards], [Stream.Snapshot] and
// the methods that change capacity first carry out what has fallen due, at the time
// it was due and in order, however long the stream has rested. While the clock is
// behind an earlier reading nothing falls due.
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

var (
	// ErrOnDemand says that an operation is for provisioned streams.
	ErrOnDemand = errors.New("not possible in on-demand mode")
	// ErrProvisioned says that an operation is for on-demand streams.
	ErrProvisioned = errors.New("not possible in provisioned mode")
	// ErrTooManyModeSwitches says that [Limits.ModeSwitchesPerDay] refused a
	// switch. The error is a [*ModeSwitchError].
	ErrTooManyModeSwitches = errors.New("too many mode switches")
)

// A ModeSwitchError says when the mode may be switched again. It matches
// [ErrTooManyModeSwitches].
type ModeSwitchError struct {
	Stream     string
	Limit      int           // switches in any 24 hours
	RetryAfter time.Duration // until one more is allowed
}

func (e *ModeSwitchError) Error() string {
	return fmt.Sprintf("stream %s: %d mode switches in 24 hours are the most; retry after %v", e.Stream, e.Limit, e.RetryAfter)
}

// Is reports whether target is [ErrTooManyModeSwitches].
func (e *ModeSwitchError) Is(target error) bool { return target == ErrTooManyModeSwitches }

// Mode returns who chooses the number of shards now.
func (s *Stream) Mode() Mode { return Mode(s.scaling.mode.Load()) }

// SetMode changes who chooses the number of shards. The shards stay as they are:
// to provisioned mode they come as the caller's, to on-demand mode as the capacity
// to begin with. [Limits.ModeSwitchesPerDay] bounds how often; the mode that the
// stream has already is no switch. Provisioned mode drops the warm throughput, and
// is refused with [ErrProvisioned] while the stream distributes records itself.
func (s *Stream) SetMode(m Mode) error {
	if !m.valid() {
		return invalidf("mode", "%v is unknown", m)
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	s.catchUpLocked(now)
	if m == s.Mode() {
		return nil
	}
	if m == Provisioned && s.Distribution() == DistributeAuto {
		return fmt.Errorf("automatic distribution of stream %s: %w", s.name, ErrProvisioned)
	}
	if err := s.checkSwitchLocked(now); err != nil {
		return err
	}
	s.scaling.switches = append(s.scaling.switches, now)
	if m == OnDemand {
		s.beginScalingLocked(now, len(s.routes.Load().open))
	} else {
		s.endScalingLocked()
	}
	return nil
}

// checkSwitchLocked checks how many mode switches there were in 24 hours.
func (s *Stream) checkSwitchLocked(now instant) error {
	const day = instant(24 * time.Hour)
	c, most := &s.scaling, s.limits.ModeSwitchesPerDay
	c.switches = slices.DeleteFunc(c.switches, func(at instant) bool { return now-at >= day })
	if len(c.switches) < most {
		return nil
	}
	return &ModeSwitchError{s.name, most, time.Duration(c.switches[len(c.switches)-most] + day - now)}
}

// beginMode puts a new stream into the mode it is configured for.
func (s *Stream) beginMode(c Config) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if c.Mode == Provisioned {
		s.endScalingLocked()
		return
	}
	s.scaling.warm.Store(int64(c.WarmThroughput))
	s.scaling.distribution.Store(int32(c.Distribution))
	s.beginScalingLocked(s.created, c.Shards)
}

// firstShards returns what Shards means when it is zero. Limits are resolved.
func (c Config) firstShards() int {
	if c.Mode != OnDemand {
		return 1
	}
	warm := math.Ceil(float64(c.WarmThroughput) * mib / float64(c.Limits.WriteBytesPerSecond))
	return min(max(DefaultOnDemandShards, int(math.Min(warm, maxShards))), c.Limits.onDemandShards())
}

// checkMode checks the fields of a resolved Config that belong to its mode.
func (c Config) checkMode() error {
	switch {
	case !c.Mode.valid():
		return invalidf("Config.Mode", "%v is unknown", c.Mode)
	case !c.Distribution.valid():
		return invalidf("Config.Distribution", "%v is unknown", c.Distribution)
	case c.Mode == Provisioned && c.Distribution != ByPartitionKey:
		return invalidf("Config.Distribution", "%v is for on-demand streams", c.Distribution)
	case c.Mode == Provisioned && c.WarmThroughput != 0:
		return invalidf("Config.WarmThroughput", "%d is for on-demand streams", c.WarmThroughput)
	default:
		return c.Limits.checkWarm("Config.WarmThroughput", c.WarmThroughput)
	}
}

// provisionedLocked refuses what only a provisioned stream does. The caller holds
// reshard.
func (s *Stream) provisionedLocked() error {
	if s.Mode() == OnDemand {
		return fmt.Errorf("shards of stream %s: %w", s.name, ErrOnDemand)
	}
	return nil
}

// WarmThroughput returns how many MiB/s an on-demand stream holds ready whatever
// its traffic was; zero if none were asked for.
func (s *Stream) WarmThroughput() int { return int(s.scaling.warm.Load()) }

// SetWarmThroughput asks an on-demand stream to hold capacity for mibPerSecond
// ready in advance, at most [Limits.OnDemandWriteBytesPerSecond]; a provisioned
// one gives [ErrProvisioned]. More than before is there 10 to 11 minutes later. The
// same or less releases capacity, after as long: the stream forgets its peaks but
// the last hour's and merges shards until it has what it was asked for here, or
// double that peak if that is more.
func (s *Stream) SetWarmThroughput(mibPerSecond int) error {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if s.Mode() != OnDemand {
		return fmt.Errorf("warm throughput of stream %s: %w", s.name, ErrProvisioned)
	}
	if err := s.limits.checkWarm("warm throughput", mibPerSecond); err != nil {
		return err
	}
	s.catchUpLocked(s.now())
	if int64(mibPerSecond) <= s.scaling.warm.Load() {
		s.scaling.releaseLocked()
	}
	s.scaling.warm.Store(int64(mibPerSecond))
	return nil
}

// checkWarm checks a warm throughput against resolved limits.
func (l Limits) checkWarm(field string, mibPerSecond int) error {
	if most := float64(l.OnDemandWriteBytesPerSecond) / mib; mibPerSecond < 0 || float64(mibPerSecond) > most {
		return invalidf(field, "%d MiB/s is outside 0 to %v", mibPerSecond, most)
	}
	return nil
}

// Capacity is what a stream takes in and what that follows from. What it gives out
// to shared readers is [Limits.ReadBytesPerSecond] for each open shard.
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
	// PeakBytesPerSecond and PeakRecordsPerSecond are the greatest averages of any
	// finished minute of the last 30 days in on-demand mode; else zero.
	PeakBytesPerSecond   int64 `json:"peak_bytes_per_second"`
	PeakRecordsPerSecond int64 `json:"peak_records_per_second"`
}

// Capacity returns what the stream can take in now.
func (s *Stream) Capacity() Capacity {
	s.catchUp(s.now())
	return s.capacity()
}

func (s *Stream) capacity() Capacity {
	open, c := len(s.routes.Load().open), &s.scaling
	return Capacity{
		Mode: s.Mode(), Distribution: s.Distribution(), OpenShards: open,
		WriteBytesPerSecond:   times(open, float64(s.limits.WriteBytesPerSecond)),
		WriteRecordsPerSecond: times(open, float64(s.limits.WriteRecordsPerSecond)),
		WarmThroughput:        s.WarmThroughput(),
		PeakBytesPerSecond:    c.peakBytes.Load() / minuteSeconds,
		PeakRecordsPerSecond:  c.peakRecords.Load() / minuteSeconds,
	}
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
