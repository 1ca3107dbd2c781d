package weir

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/seconds"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/store"
	"github.com/weirstream/weir/internal/systime"
	"github.com/weirstream/weir/internal/wait"
)

// A Config says how a stream behaves. The zero Config is the service's
// provisioned stream with one shard. A Config is never changed after
// [NewStream].
type Config struct {
	// Shards is how many open shards to begin with, their hash key ranges even.
	// Zero means 1 or, in on-demand mode, 4 or what WarmThroughput needs.
	Shards int
	// Settings are what can be changed while the stream is in use: here they say
	// how it begins.
	Settings
	// Limits are the quotas. The zero value means the service's; [Unlimited]
	// lifts them all.
	Limits Limits
	// MaxBytes bounds the memory of the records held, counting data, partition
	// key and [RecordOverheadBytes] for each. Zero means no bound. Blocks that
	// are not full come on top: at most 2 MiB a shard.
	MaxBytes int64
	// WhenFull says what happens to a put that does not fit into MaxBytes. The
	// zero value is [Refuse].
	WhenFull FullPolicy
	// Memory is a bound that the stream shares with others; nil is none. The stream
	// tells it what it takes and gives up: each block of records, itself, its
	// shards, its consumers, and the seconds that metrics keep. It is asked by many
	// goroutines at a time.
	//
	// Full is asked by each put before it does anything, with no lock held; where
	// it is true the put is refused with [ErrMemoryFull], whatever WhenFull says,
	// unless that is [Spill] and enough leaves memory. Take counts so many bytes
	// unless they are too many: NewStream is refused with [ErrMemoryFull] then, and
	// a block is made as small as it can be. Count counts bytes that are taken in
	// any case, by a split or by loading, or, when negative, given back. Take and
	// Count are called with locks held, so they must not call the stream. One that
	// nobody uses any more gives nothing back.
	Memory interface {
		Full() bool
		Take(bytes int64) bool
		Count(bytes int64)
	}
	// Hollow makes the stream keep of each record its size, its place and its
	// arrival, but neither key nor data: reads return as many zero bytes, for the
	// partition key too. A record of up to 64 KiB then takes eight bytes of memory,
	// one of 10 MiB sixty. It is for simulations and load tests of what stands
	// around a stream. All else is as usual, MaxBytes included, which counts
	// records as if they were whole; a key still decides the shard, and a stream
	// that is saved stays hollow.
	Hollow bool
	// MetricsWindow is how far back metrics keep single seconds. Zero means five
	// minutes; at most 24 hours. Totals and peaks are kept for good. A second takes
	// some 150 bytes of each shard that is written and read in it.
	MetricsWindow time.Duration
	// GetRecordsDelay and FanOutDelay are how long after its arrival a record stays
	// invisible to [Stream.GetRecords] and to subscriptions of registered
	// consumers, to the millisecond. Zero means not at all: delivery takes
	// microseconds. The service's typical ones, for tests that should meet them,
	// are 200 ms with one reader that polls, and 70 ms. A [Reader] knows no delay.
	GetRecordsDelay, FanOutDelay time.Duration
	// After is a number of an earlier stream of the same name: the first shards
	// count as created in a later second than the shard of that number, so that
	// no number of the one stream is one of the other, even if both are created
	// within a second. The one to give is the greatest StartingSequenceNumber
	// of the earlier stream's shards. Zero means that there is none. It means
	// nothing to [LoadStream].
	After SequenceNumber
	// Sync says when what is put into a stream that [Open] opened is on disk. Zero
	// means before the put returns, and before any reader sees it: a write and a
	// sync, which puts that come at the same time share. A time means that puts
	// return, and readers see them, at once; they are written and synced so much
	// later at most, and a crash of the process or the machine takes back what was
	// not. [SyncNever] means that a put returns when the system has it: a crash of
	// the process takes nothing back, one of the machine does.
	Sync time.Duration
	// Name is what Open calls a new stream, empty as its directory. One that is
	// there under another name is refused. NewStream heeds neither Name nor Sync.
	Name string
	// Now tells the time. Nil means the system's, as [time.Now] tells it; that it
	// was set is noticed within a millisecond. Now is called once at the beginning
	// of each operation, by many goroutines at a time.
	Now func() time.Time
}

// Settings are what can be changed while a stream is in use, with [Stream.Set].
type Settings struct {
	// Mode says who chooses the number of shards. The zero value is [Provisioned].
	Mode Mode
	// Distribution says what decides a record's shard. The zero value is
	// [ByPartitionKey]; [DistributeAuto] is for on-demand mode.
	Distribution Distribution
	// WarmThroughput is how many MiB/s an on-demand stream holds ready in advance,
	// whatever its traffic was, at most [Limits.OnDemandWriteBytesPerSecond]. Zero
	// means none. More than before is there 10 to 11 minutes later; less releases
	// capacity, as [Stream.SetWarmThroughput] says.
	WarmThroughput int
	// Retention is how long records stay readable. Zero means 24 hours. It must lie
	// within [Limits.MinRetention] and [Limits.MaxRetention].
	Retention time.Duration
	// RecordBytes is how large a record may be, data and partition key together.
	// Zero means [Limits.RecordBytes]; it can be changed to 1 MiB to 10 MiB, as on
	// the service.
	RecordBytes int
}

const (
	defaultMetricsWindow = 5 * time.Minute
	maxMetricsWindow     = 24 * time.Hour
)

// withDefaults fills in what zero means.
func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.Shards == 0 {
		c.Shards = c.firstShards()
	}
	if c.Retention == 0 {
		c.Retention = day
	}
	if c.RecordBytes == 0 {
		c.RecordBytes = c.Limits.RecordBytes
	}
	if c.MetricsWindow == 0 {
		c.MetricsWindow = defaultMetricsWindow
	}
	if c.Now == nil {
		c.Now = systime.New()
	}
	return c
}

// check says which field of a resolved Config is out of bounds.
func (c Config) check() error {
	if err := c.Limits.check(); err != nil { // Shards may follow from them
		return err
	}
	if c.Shards < 1 {
		return invalidf("Config.Shards", "%d is less than 1", c.Shards)
	}
	if c.Shards > maxShards {
		return &LimitError{Quota: QuotaShards, Most: maxShards}
	}
	if c.MaxBytes < 0 {
		return invalidf("Config.MaxBytes", "%d is negative", c.MaxBytes)
	}
	if c.WhenFull < Refuse || c.WhenFull > Spill {
		return invalidf("Config.WhenFull", "%d is none of Refuse, DropOldest, Wait and Spill", c.WhenFull)
	}
	if c.MetricsWindow < time.Second || c.MetricsWindow > maxMetricsWindow {
		return invalidf("Config.MetricsWindow", "%v is outside 1s to %v", c.MetricsWindow, maxMetricsWindow)
	}
	if c.GetRecordsDelay < 0 {
		return invalidf("Config.GetRecordsDelay", "%v is negative", c.GetRecordsDelay)
	}
	if p, ok := c.After.decode(); !c.After.IsZero() && (!ok || p.version != sequenceVersion || p.created > uint64(clock.MaxSecond)) {
		return invalidf("Config.After", "%v is not the number of a stream", c.After)
	}
	if c.FanOutDelay < 0 {
		return invalidf("Config.FanOutDelay", "%v is negative", c.FanOutDelay)
	}
	return c.Settings.check("Config.", c.Limits)
}

// Resolved returns what [NewStream] makes of c: zeros replaced by what they
// mean. The error says which field is out of bounds, and matches
// [ErrInvalidArgument].
func (c Config) Resolved() (Config, error) {
	c = c.withDefaults()
	return c, c.check()
}

// check says which of resolved settings is out of bounds. field comes before
// its name.
func (t Settings) check(field string, l Limits) error {
	switch most := float64(l.OnDemandWriteBytesPerSecond) / mib; {
	case !t.Mode.valid():
		return invalidf(field+"Mode", "%v is unknown", t.Mode)
	case !t.Distribution.valid():
		return invalidf(field+"Distribution", "%v is unknown", t.Distribution)
	case t.Mode == Provisioned && t.Distribution != ByPartitionKey:
		return invalidf(field+"Distribution", "%v is for on-demand streams", t.Distribution)
	case t.Mode == Provisioned && t.WarmThroughput != 0:
		return invalidf(field+"WarmThroughput", "%d is for on-demand streams", t.WarmThroughput)
	case t.WarmThroughput < 0 || float64(t.WarmThroughput) > most:
		return invalidf(field+"WarmThroughput", "%d MiB/s is outside 0 to %v", t.WarmThroughput, most)
	case t.Retention < l.MinRetention || t.Retention > l.MaxRetention:
		return invalidf(field+"Retention", "%v is outside %v to %v", t.Retention, l.MinRetention, l.MaxRetention)
	case t.RecordBytes < 1 || t.RecordBytes > MaxRecordBytes:
		return invalidf(field+"RecordBytes", "%d is outside 1 to %d", t.RecordBytes, MaxRecordBytes)
	default:
		return nil
	}
}

// A Stream is a named set of shards in this process. All methods may be called
// by any number of goroutines at a time. It is made by [NewStream] or
// [LoadStream]; the zero value is no stream, and its methods may panic.
type Stream struct {
	name    string           // immutable
	created clock.Instant    // immutable
	clock   func() time.Time // immutable
	limits  Limits           // immutable; resolved
	config  Config           // immutable; resolved
	full    memoryBound
	disk    keeper // immutable; nil for a stream in memory

	retains     atomic.Int64 // a time.Duration; changed under reshard
	recordBytes atomic.Int64 // largest record; changed under reshard

	routes atomic.Pointer[routing]
	// scaling is nil in provisioned mode; changed under reshard.
	scaling atomic.Pointer[scaling]
	// reshard serialises what changes the set of shards or a setting of all of
	// them. Taken before a shard's mutex.
	reshard sync.Mutex
	// What follows is guarded by reshard.
	resizes  []clock.Instant // of the last 24 hours
	switches []clock.Instant // of the mode, of the last 24 hours
	tidied   int             // shards that tidy has looked after
	// opensAfter is a second that shards count as created later than, so that
	// their numbers are none that an earlier stream or a lost run gave out.
	opensAfter uint64

	waiting    wait.List // readers of several shards
	resharded  wait.List // woken when shards were closed: a wait for quota moves on
	history    seconds.History
	marking    sync.Mutex // guards writes to marks; taken after a shard's mutex
	marks      seconds.Marks
	batches    sync.Pool // *batch
	readers    readerSet
	fanOut     fanOut
	aggregated *atomic.Bool // an aggregate may have been put; immutable pointer
}

// A keeper keeps on disk what a stream is told, before it shows. Records are
// noted by way of shard.stored. What returns an error has not happened, and is
// not to.
type keeper interface {
	// refusal makes an error of a note one of this package.
	refusal(error) error
	// isDeferred reports whether notes are written later: then who makes them
	// shows them.
	isDeferred() bool
	// commit waits until a group is on disk and shown, unless that is deferred.
	// The caller holds no shard's mutex.
	commit(*store.Group[*shard]) error
	// set notes settings. The caller holds reshard, as for what follows.
	set(was, to Settings, switches []clock.Instant) error
	// reshard notes that shards are closed and opened.
	reshard(c *shardChange, resizes []clock.Instant) error
	// scaled notes later what on-demand mode knows.
	scaled()
	// trimmed notes how far the shards are trimmed.
	trimmed() error
	// trim notes that shards are about to be trimmed up to and including an index.
	trim(upTo map[*shard]uint64) error
	// forget is told of a shard that has vanished, sweep that something was
	// trimmed.
	forget(*shard)
	sweep()
	// register and deregister note that there is a consumer or none. The caller
	// holds fanOut.mu.
	register(name string, at clock.Instant) error
	deregister(name string) error
	figures() *Storage
	// evict lets the oldest records leave memory until enough, told what, says so.
	evict(enough func(gone shardlog.Extent) bool) bool
	pin() (undo func()) // keeps what is on disk, whatever is trimmed
	close() error
}

// Close writes what is not on disk yet, and gives the directory of a stream
// that [Open] opened free for others. What is put or changed after that is
// refused with an error that matches [ErrClosed]; what is in memory can be read
// on. The error says what could not be written. A stream in memory needs no
// Close: nothing happens.
func (s *Stream) Close() error {
	if s.disk == nil {
		return nil
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	return s.disk.close()
}

// SyncNever is a [Config.Sync] that leaves it to the operating system when what
// was put reaches the disk.
const SyncNever = time.Duration(-1)

// NewStream returns an empty stream. name has 1 to 128 of the characters
// a-z A-Z 0-9 . _ and -, as on the service.
func NewStream(name string, c Config) (*Stream, error) {
	return makeStream(name, c, false)
}

func makeStream(name string, c Config, onDisk bool) (*Stream, error) {
	c, err := resolved(name, c, onDisk)
	if err != nil {
		return nil, err
	}
	if c.Memory != nil && !c.Memory.Take(streamBytes+int64(c.Shards)*shardBytes) {
		return nil, fmt.Errorf("stream %s with %d shards: %w", name, c.Shards, ErrMemoryFull)
	}
	return newStream(name, c), nil
}

// What a stream and each of its shards and consumers count for in
// [Config.Memory], blocks and the seconds of metrics aside: what they take, and
// something more for the lists that they are in.
const (
	streamBytes   = 4 << 10
	shardBytes    = 2 << 10
	consumerBytes = 1 << 10
)

// newStream returns a stream of a configuration that was checked, whose memory
// is counted.
func newStream(name string, c Config) *Stream {
	s := &Stream{name: name, clock: c.Now, limits: c.Limits, config: c, aggregated: new(atomic.Bool)}
	s.created = s.now()
	s.full = memoryBound{max: c.MaxBytes, policy: c.WhenFull}
	s.retains.Store(int64(c.Retention))
	s.recordBytes.Store(int64(c.RecordBytes))
	window := int64(c.MetricsWindow / time.Second)
	if c.Memory != nil {
		s.history.Grown, s.marks.Grown = c.Memory.Count, c.Memory.Count
	}
	s.history.Init(window, streamSums, 0)
	s.marks.Init(window)
	s.opensAfter = createdAfter(c.After)
	s.openFirstShards(c.Shards)
	s.beginMode(c)
	return s
}

// countMemory counts memory in the bound that the stream shares with others.
func (s *Stream) countMemory(bytes int64) {
	if s.config.Memory != nil {
		s.config.Memory.Count(bytes)
	}
}

// resolved returns the configuration of a stream with its defaults filled in.
func resolved(name string, c Config, onDisk bool) (Config, error) {
	if err := checkStreamName(name); err != nil {
		return c, err
	}
	c, err := c.Resolved()
	if err == nil && c.WhenFull == Spill && !onDisk {
		err = invalidf("Config.WhenFull", "Spill is for streams on disk, which Open opens")
	}
	if err != nil {
		return c, fmt.Errorf("stream %s: %w", name, err)
	}
	return c, nil
}

// shardKind returns what a shard that is opened now has in common with the
// others.
func (s *Stream) shardKind() shardKind {
	c, n := &s.config, s.config.Shards
	if routes := s.routes.Load(); routes != nil {
		n = len(routes.open)
	}
	cold.ShareOf(c.Memory).SetLogs(n)
	return shardKind{
		limits: s.limits, large: s.recordBytes.Load() > mib, window: s.history.Window(),
		grown: s.history.Grown, log: shardlog.Options{Hollow: c.Hollow, Memory: cold.BlocksOf(c.Memory), BlockBytes: c.blockBytes(n), Aggregated: s.aggregated},
	}
}

// blockBytes returns how large the blocks of so many shards are to be.
func (c *Config) blockBytes(shards int) int {
	if c.WhenFull != Spill {
		return 0 // as the log has them
	}
	return cold.ShareOf(c.Memory).BlockBytes(c.MaxBytes, shards)
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.name }

// CreatedAt returns when the stream was created, in UTC.
func (s *Stream) CreatedAt() time.Time { return s.created.Time() }

// Config returns the configuration with its defaults filled in and the settings
// as they are now.
func (s *Stream) Config() Config {
	c := s.config
	c.Settings, c.Memory = s.Settings(), cold.Given(c.Memory)
	return c
}

// Settings returns the settings as they are now.
func (s *Stream) Settings() Settings {
	t := Settings{Retention: s.retention(), RecordBytes: int(s.recordBytes.Load())}
	if c := s.scaling.Load(); c != nil {
		t.Mode, t.WarmThroughput = OnDemand, int(c.warm.Load())
		if c.dealer.Load() != nil {
			t.Distribution = DistributeAuto
		}
	}
	return t
}

// Set changes settings, at once, and all of them or none: change is given those
// of the moment, and makes of them what they shall be. If somebody else changes
// some at the same time, it is called again with theirs. The error is an
// [*ArgumentError] for what is out of bounds.
//
// Mode: the shards stay as they are; to provisioned mode they come as the
// caller's, to on-demand mode as the capacity to begin with.
// [Limits.ModeSwitchesPerDay] bounds how often it is switched, with a
// [*LimitError]. Provisioned mode drops the warm throughput, and what is for
// on-demand streams gives [ErrWrongMode].
//
// Distribution: records already stored stay where they are; producers without a
// partition key fail as soon as it is [ByPartitionKey] again.
//
// Retention: what had expired before stays unreadable when it grows; what is
// older becomes unreadable when it shrinks.
func (s *Stream) Set(ctx context.Context, change func(*Settings)) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if change == nil {
		return invalidf("change", "is nil")
	}
	for {
		was := s.Settings()
		to := was
		change(&to)
		if done, err := s.set(was, to, now); done {
			return err
		}
	}
}

// set changes settings unless they are not what they were.
func (s *Stream) set(was, to Settings, now clock.Instant) (done bool, err error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	s.catchUpLocked(now)
	if s.Settings() != was {
		return false, nil
	}
	if to.Mode == Provisioned && was.Mode == OnDemand && to.WarmThroughput == was.WarmThroughput {
		to.WarmThroughput = 0
	}
	if err := s.checkChangeLocked(was, to, now); err != nil {
		return true, err
	}
	if s.disk != nil {
		if err := s.noteSettingsLocked(was, to, now); err != nil {
			return true, err
		}
		defer s.disk.scaled()
	}
	if to.Retention != was.Retention {
		s.retainLocked(to.Retention, now)
	}
	if to.RecordBytes != was.RecordBytes {
		s.admitLocked(to.RecordBytes)
	}
	if to.Mode != was.Mode {
		s.switchLocked(to.Mode, now)
	}
	if c := s.scaling.Load(); c != nil {
		c.dealLocked(to.Distribution)
		if warm := c.warm.Load(); int64(to.WarmThroughput) != warm {
			c.warmLocked(to.WarmThroughput)
		}
	}
	return true, nil
}

// noteSettingsLocked notes a change of settings before it is made.
func (s *Stream) noteSettingsLocked(was, to Settings, now clock.Instant) error {
	if to.Retention > was.Retention {
		// What expired before stays unreadable.
		if err := cmp.Or(s.trimLocked(now), s.disk.trimmed()); err != nil {
			return err
		}
	}
	err := s.disk.set(was, to, s.switches)
	if err != nil && to.Mode != was.Mode {
		s.switches = s.switches[:len(s.switches)-1]
	}
	return err
}

// checkChangeLocked says what is wrong with a change of settings.
func (s *Stream) checkChangeLocked(was, to Settings, now clock.Instant) error {
	if to.Mode == Provisioned && (to.Distribution == DistributeAuto || to.WarmThroughput != 0) {
		return fmt.Errorf("%v distribution and %d MiB/s of warm throughput of stream %s: %w",
			to.Distribution, to.WarmThroughput, s.name, ErrWrongMode)
	}
	if err := to.check("", s.limits); err != nil {
		return err
	}
	if n := to.RecordBytes; n != was.RecordBytes && (n < mib || n > MaxRecordBytes) {
		return invalidf("RecordBytes", "%d is outside %d to %d", n, mib, MaxRecordBytes)
	}
	if to.Mode != was.Mode && s.ended() {
		return s.errEnded()
	}
	if to.Mode != was.Mode {
		return s.countSwitchLocked(now)
	}
	return nil
}

// admitLocked changes how large a record may be.
func (s *Stream) admitLocked(recordBytes int) {
	s.recordBytes.Store(int64(recordBytes))
	if recordBytes <= mib {
		return
	}
	for _, sh := range s.routes.Load().open {
		sh.mu.Lock()
		sh.quota.AdmitLarge()
		sh.mu.Unlock()
	}
}

func (s *Stream) now() clock.Instant { return clock.Of(s.clock()) }

// horizonMs returns the arrival, in Unix milliseconds, at or before which
// records have expired at now.
func (s *Stream) horizonMs(now clock.Instant) int64 { return clock.HorizonMs(now, s.retention()) }

// ended reports whether the stream takes no more records.
func (s *Stream) ended() bool { return len(s.routes.Load().open) == 0 }

func (s *Stream) errEnded() error {
	return fmt.Errorf("writes of stream %s have ended: %w", s.name, ErrClosed)
}

// begin reads the clock for an operation, unless its context has ended.
func (s *Stream) begin(ctx context.Context) (clock.Instant, error) {
	if err := checkContext(ctx); err != nil {
		return 0, err
	}
	return s.now(), nil
}

// checkContext says that a context has ended, or is nil.
func checkContext(ctx context.Context) error {
	if ctx == nil {
		return invalidf("context", "is nil")
	}
	return ctx.Err()
}

// What a stream's history counts, beside those of its shards.
const (
	kindRefusedRecords = iota // records refused for MaxBytes
	kindPutCalls              // PutRecords calls
	kindPutCallRecords        // records in them
	kindPutCallsStored        // those calls that stored a record
	streamSums
)

// mark marks the beginning of a second in which something is put, and reports
// whether that was not done yet.
func (s *Stream) mark(second int64) bool {
	if second <= s.marks.Last() {
		return false
	}
	s.marking.Lock()
	defer s.marking.Unlock()
	routes := s.routes.Load()
	before := routes.retired.taken
	for _, sh := range routes.all {
		before = before.Plus(sh.takenIn())
	}
	return s.marks.Mark(second, before)
}

// limitError makes an error of what a shard refused.
func (s *Stream) limitError(id ShardID, r quota.Refusal) *LimitError {
	return &LimitError{Quota: quotaOf[r.Kind], Stream: s.name, Shard: id, RetryAfter: r.Wait}
}
