package queue

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/sparse"
	"github.com/weirstream/weir/internal/systime"
	"github.com/weirstream/weir/internal/wait"
)

// A Config says how a queue behaves. The zero Config delivers all that the
// stream holds, and each record up to six times for 30 seconds. It is never
// changed after [New].
type Config struct {
	// Name tells queues of one stream apart, in errors and on disk: 1 to 128 of
	// the characters a-z A-Z 0-9 . _ and -. Empty means "queue".
	Name string
	// From is where a new queue begins: the trim horizon, [weir.Latest] or
	// [weir.AtTime], of the whole stream. The zero value is the trim horizon. A
	// time in the future is allowed: what arrives before is not delivered. It
	// means nothing to a queue that is on disk already, or is loaded.
	From weir.Position
	// Settings are what can be changed while the queue is in use: here they say
	// how a new one begins.
	Settings
	// MaxInFlight is how many records may be in flight, dead letters included.
	// Zero means 120,000, as on the service; at most [MaxInFlight].
	MaxInFlight int
	// InOrder delivers a record only when the one before of the same partition key
	// is acknowledged, has become a dead letter or has expired. Others wait behind
	// it in the order in which they were put. At most [MaxReadAhead] records are
	// read while the first of their keys are in flight.
	InOrder bool
	// Delay is how long after its arrival a record is delivered at the earliest.
	// Zero means at once; at most [MaxVisibility].
	Delay time.Duration
	// Priority says how urgent a record is, from 0 to 9, what is more or less
	// being taken for the nearer: of the records at hand the most urgent is
	// delivered first. At hand are the first [MaxReadAhead] that were not
	// delivered. Nil means that all are alike. It is called with the queue's lock
	// held, once for each record, so it must be quick and must not call the queue.
	// Where it panics nothing more can be done with the queue but to close it.
	Priority func(weir.Record) int
	// Duplicate says by what text a record is known: one that arrives less than
	// DuplicateWindow after another with the same text is not delivered. An empty
	// text is like no other. Nil means that no record is like another. It is
	// called as Priority is, and again for what lies in the window when a queue is
	// opened.
	Duplicate func(weir.Record) string
	// DuplicateWindow is that of Duplicate. Zero means five minutes; at most 24
	// hours. A text takes some 40 bytes of memory while it is in the window.
	DuplicateWindow time.Duration
	// Logger is told of dead letters and of trouble with the disk, the same
	// message once a second at most; nil means nobody is.
	Logger *slog.Logger
	// Now tells the time. Nil means the stream's Config.Now. It is called once at
	// the beginning of each call.
	Now func() time.Time
}

// Settings are what can be changed while a queue is in use, with [Queue.Set].
type Settings struct {
	// Visibility is how long a record is in flight: so long after its delivery it
	// comes back unless it was acknowledged. Zero means 30 seconds, a negative one
	// no time at all; at most [MaxVisibility].
	Visibility time.Duration
	// MaxReceives is how often a record is delivered before it is a dead letter.
	// Zero means 6; at most [MaxReceives]. A negative one means that there are no
	// dead letters.
	MaxReceives int
}

const (
	// MaxVisibility is how long a delivery lasts at most, without being extended.
	MaxVisibility = 12 * time.Hour
	// MaxReceives bounds Settings.MaxReceives.
	MaxReceives = 1000
	// MaxInFlight bounds Config.MaxInFlight.
	MaxInFlight = 1 << 28
	// MaxReadAhead is how many records are held at most that are read and not
	// delivered, because they are delayed, wait for others of their key, or for
	// more urgent ones.
	MaxReadAhead = 20_000

	defaultVisibility = 30 * time.Second
	defaultReceives   = 6
	defaultInFlight   = 120_000
	defaultName       = "queue"
	defaultWindow     = 5 * time.Minute
	maxWindow         = 24 * time.Hour
)

// withDefaults fills in what zero means.
func (s Settings) withDefaults() Settings {
	if s.Visibility == 0 {
		s.Visibility = defaultVisibility
	}
	if s.MaxReceives == 0 {
		s.MaxReceives = defaultReceives
	}
	s.Visibility, s.MaxReceives = max(s.Visibility, -1), max(s.MaxReceives, -1)
	return s
}

func (s Settings) check(field string) error {
	switch {
	case s.Visibility > MaxVisibility:
		return invalidf(field+"Visibility", "%v is more than %v", s.Visibility, MaxVisibility)
	case s.MaxReceives > MaxReceives:
		return invalidf(field+"MaxReceives", "%d is more than %d", s.MaxReceives, MaxReceives)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = defaultInFlight
	}
	if c.DuplicateWindow == 0 {
		c.DuplicateWindow = defaultWindow
	}
	c.Settings = c.Settings.withDefaults()
	return c
}

// check says which field of a resolved Config is out of bounds.
func (c Config) check() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	switch {
	case c.MaxInFlight < 1 || c.MaxInFlight > MaxInFlight:
		return invalidf("Config.MaxInFlight", "%d is outside 1 to %d", c.MaxInFlight, MaxInFlight)
	case c.Delay < 0 || c.Delay > MaxVisibility:
		return invalidf("Config.Delay", "%v is outside 0 to %v", c.Delay, MaxVisibility)
	case c.DuplicateWindow < 0 || c.DuplicateWindow > maxWindow:
		return invalidf("Config.DuplicateWindow", "%v is outside 0 to %v", c.DuplicateWindow, maxWindow)
	}
	switch c.From.Kind() {
	case weir.TrimHorizon().Kind(), weir.Latest().Kind(), weir.AtTime(time.Time{}).Kind():
	default:
		return invalidf("Config.From", "%v is none of the trim horizon, latest and a time", c.From)
	}
	if c.From != weir.TrimHorizon() && c.From != weir.Latest() && c.From != weir.AtTime(c.From.Time()) {
		return invalidf("Config.From", "%v is more than a place in the whole stream", c.From)
	}
	return c.Settings.check("Config.")
}

const maxNameLength = 128

func checkName(name string) error {
	if len(name) > maxNameLength {
		return invalidf("Config.Name", "has %d characters; 1 to %d are allowed", len(name), maxNameLength)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-':
		default:
			return invalidf("Config.Name", "%q has characters other than a-z, A-Z, 0-9, '.', '_' and '-'", name)
		}
	}
	return nil
}

// A Queue hands out the records of a stream one by one: see the package's
// documentation. All methods may be called by any number of goroutines at a
// time. It is made by [New] or [Load]; the methods of the zero Queue, and of
// nil, return errors that match [weir.ErrInvalidArgument].
type Queue struct {
	stream *weir.Stream // immutable
	name   string       // immutable
	config Config       // immutable; resolved
	id     uint64       // immutable
	secret [16]byte     // immutable; what receipts are signed with
	now    func() time.Time
	log    *slog.Logger // immutable
	reader *weir.Reader // immutable
	disk   *disk        // immutable; nil in memory

	line    [2]wait.Queue // those who wait, by path
	changed wait.List     // those who wait for what a call changes

	empty atomic.Int64 // receives that returned nothing, beside those counted

	fetching sync.Mutex // held while the disk is read; taken before mu

	mu        sync.Mutex // guards what follows
	m         *machine
	buffer    []weir.Record // read from the stream; a view of the reader's
	at        int           // the next of the buffer
	shard     weir.ShardID  // of the buffer
	index     uint64        // of the record that was looked at last
	ended     bool          // the stream has no more records to come
	lost      int64         // records that expired before they were read, before reader
	retention time.Duration // of the stream, at the last call
	futureMs  int64         // what arrived before is not delivered
	told      Totals        // of what is in the log
	refuse    error         // why nothing can be done any more
	broken    error         // the same, until it is closed
	one       []weir.Record
	absent    []recordAt                // records on disk that are to be delivered again
	unread    bool                      // what is to be read next is on disk
	present   map[recordAt]*weir.Record // what was fetched of absent ones; nil for what is lost
	seen      sightings
	made      map[weir.ShardID]int64 // when shards were created, while a queue is loaded
	unlisted  int                    // entries that are in no list yet, likewise
}

// New returns a queue over a stream. Queues on one stream know nothing of each
// other, and readers, consumers and producers nothing of them: a queue changes
// nothing of the stream and is not part of its metrics.
//
// Over a stream on disk, which [weir.Open] opened, the queue is on disk too, in
// a directory of its name in that of the stream: New opens the one that is
// there, or makes one. What a call has returned for is on disk then, and there
// again after a crash, as the stream's Config.Sync says: deliveries and their
// counts, acknowledgements, dead letters and settings. One that is there keeps
// its settings, whatever c says of them.
//
// The error matches [weir.ErrInvalidArgument] when the configuration is out of
// bounds, and says which field; [weir.ErrInUse] when the queue is open already;
// [ErrDamaged] when what is there is not what was written.
func New(s *weir.Stream, c Config) (*Queue, error) {
	q, err := prepare(s, c)
	if err != nil {
		return nil, err
	}
	if dir := directory(s, q.name); dir != "" {
		err = q.open(journal.Dir(dir), fileBytes)
	} else {
		err = q.begin()
	}
	if err != nil {
		return nil, err
	}
	q.told = q.m.counted
	return q, nil
}

// prepare returns a queue that is to be begun, or gone on with.
func prepare(s *weir.Stream, c Config) (*Queue, error) {
	if s == nil {
		return nil, invalidf("stream", "is nil")
	}
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	q := &Queue{stream: s, name: c.Name, config: c, now: c.Now, m: newMachine(c.Settings, c.MaxInFlight)}
	q.log = newLog(&c, s.Name())
	if q.now == nil {
		q.now = s.Config().Now
	}
	if q.now == nil {
		q.now = systime.New()
	}
	return q, nil
}

// begin begins where the configuration says.
func (q *Queue) begin() (err error) {
	var id [8]byte
	rand.Read(id[:])
	rand.Read(q.secret[:])
	q.id = binary.LittleEndian.Uint64(id[:])
	from, now := q.config.From, clock.Of(q.now())
	if from.Kind() == weir.AtTime(time.Time{}).Kind() && clock.Of(from.Time()) > now {
		from, q.futureMs = weir.Latest(), clock.Of(from.Time()).Ms()
	}
	if q.reader, err = q.stream.NewReader(q.name, from.Unseen()); err != nil {
		return err
	}
	for _, n := range q.reader.Positions() {
		if q.hasBegun(n) {
			q.m.track(n.Shard()).next = n.Index() + 1
		}
	}
	return nil
}

// hasBegun reports whether a number of some positions is of a shard that is
// being read, and not of one that was closed before.
func (q *Queue) hasBegun(n weir.SequenceNumber) bool { return n.Index() < 1<<62 }

// Name returns the queue's name.
func (q *Queue) Name() string {
	if q.isNone() {
		return ""
	}
	return q.name
}

// Stream returns the stream that the queue is over.
func (q *Queue) Stream() *weir.Stream {
	if q.isNone() {
		return nil
	}
	return q.stream
}

// Settings returns the settings as they are now: what was zero is filled in,
// and -1 stands for no visibility and for no dead letters.
func (q *Queue) Settings() Settings {
	if q.isNone() {
		return Settings{}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.m.settings
}

// Set changes settings at once: change is given those of the moment, and makes
// of them what they shall be. It must not call the queue. What is in flight
// keeps its time; a record that was delivered more often than it may be now is
// a dead letter when it comes back, and dead letters stay what they are. The
// error says what is out of bounds.
func (q *Queue) Set(ctx context.Context, change func(*Settings)) error {
	if err := q.checkCall(ctx); err != nil {
		return err
	}
	if change == nil {
		return invalidf("change", "is nil")
	}
	return q.do(func(clock.Instant) error {
		to := q.m.settings
		change(&to)
		to = to.withDefaults()
		if err := to.check(""); err != nil {
			return err
		}
		q.m.set(to)
		return nil
	})
}

// Close ends the queue: who waits for a record, and whoever calls it later,
// gets an error that matches [weir.ErrClosed]. What is in flight stays so for
// whoever opens a queue on disk again. Close a queue before its stream.
func (q *Queue) Close() error {
	if q.isNone() {
		return nil
	}
	return q.end(errClosed(q.name))
}

// Delete ends the queue for good, and removes what is on disk of it. Receipts
// are worth nothing after that. Who waits, and whoever calls it later, gets an
// error that matches [ErrDeleted]. The stream and its records stay as they are.
// Of a queue that was closed before and is open again, nothing is removed: the
// error matches [weir.ErrInUse].
func (q *Queue) Delete(ctx context.Context) error {
	if err := q.checkContext(ctx); err != nil {
		return err
	}
	return q.end(ErrDeleted)
}

func (q *Queue) end(why error) error {
	q.mu.Lock()
	was := q.refuse
	if was == nil || !errors.Is(was, ErrDeleted) {
		q.refuse = why
	}
	q.buffer, q.at = nil, 0
	q.mu.Unlock()
	var err error
	if q.disk != nil && was == nil {
		err = q.disk.close()
	}
	if q.disk != nil && errors.Is(why, ErrDeleted) && !errors.Is(was, ErrDeleted) {
		err = q.disk.remove(was == nil)
	}
	q.reader.Close()
	q.changed.Wake()
	sparse.Flush(q.log)
	return err
}

// Wake lets those who wait for a record look again. It is for who gives the
// queue a clock of their own: when it was set forward, what has become visible
// is delivered at the next call, or by Wake.
func (q *Queue) Wake() {
	if !q.isNone() {
		q.changed.Wake()
	}
}

func errNone() error { return invalidf("queue", "is none; New makes one") }

func (q *Queue) isNone() bool { return q == nil || q.stream == nil }

func (q *Queue) checkContext(ctx context.Context) error {
	if q.isNone() {
		return errNone()
	}
	if ctx == nil {
		return invalidf("context", "is nil")
	}
	return ctx.Err()
}

// checkCall checks what every call begins with.
func (q *Queue) checkCall(ctx context.Context) error { return q.checkContext(ctx) }

// do lets f change the queue at a reading of its clock, and waits until what
// was changed is where it is to be.
func (q *Queue) do(f func(now clock.Instant) error) error {
	q.mu.Lock()
	if refuse := q.refusalLocked(); refuse != nil {
		q.mu.Unlock()
		return refuse
	}
	if q.disk != nil {
		if err := q.disk.begin(); err != nil {
			q.mu.Unlock()
			q.tellFailed()
			return err
		}
	}
	whole := false
	defer func() {
		if !whole {
			q.abandonLocked()
		}
	}()
	now := clock.Of(q.now())
	before := q.look()
	q.refreshLocked(now)
	err := f(now)
	wake := q.look().isMoreThan(before)
	var g *journal.Group[struct{}]
	if q.disk != nil {
		g = q.disk.end()
	}
	tale := q.taleLocked()
	whole = true
	q.mu.Unlock()
	if wake {
		q.changed.Wake()
	}
	if g != nil {
		if failed := q.disk.commit(g); failed != nil {
			q.tellFailed()
			return failed
		}
	}
	if tale != nil {
		tale()
	}
	return err
}

// refusalLocked returns why nothing can be done, nil if it can.
func (q *Queue) refusalLocked() error {
	if q.refuse != nil {
		return q.refuse
	}
	return q.broken
}

// abandonLocked lets go of the queue when a function of its configuration has
// panicked: nobody waits for ever, but how far the call had come is not known,
// so nothing more is done. What is on disk is from before the call.
func (q *Queue) abandonLocked() {
	q.broken = fmt.Errorf("queue %s: a function that it was given panicked: %w", q.name, weir.ErrClosed)
	if q.disk != nil {
		q.m.log.reset()
		q.disk.end()
	}
	q.mu.Unlock()
	q.log.Error("a function that the queue was given panicked, and it does no more")
	q.changed.Wake()
}

// refreshLocked does what time has brought, and a change of the retention: what
// had expired before it stays so, whatever the retention is now. A record that
// is trimmed otherwise is missed when it is to be read again.
func (q *Queue) refreshLocked(now clock.Instant) {
	q.m.due(now)
	retention := q.stream.Settings().Retention
	horizonMs := clock.HorizonMs(now, retention)
	first := uint64(0)
	if retention == q.retention {
		q.m.sweep(horizonMs, q, now)
	} else {
		q.retention = retention
		q.m.sweepAll(q, now)
		if q.at < len(q.buffer) {
			var there bool
			if first, there = q.reader.Oldest(q.shard); !there {
				first = math.MaxUint64
			}
		}
	}
	for q.at < len(q.buffer) {
		rec := &q.buffer[q.at]
		i := rec.SequenceNumber.Index()
		if rec.ArrivalTime.UnixMilli() > horizonMs && i >= first {
			break
		}
		if !q.m.has(q.shard, i) {
			q.m.skip(q.shard, i, expired)
		}
		q.at++
	}
}

// A sight is what those who wait look at.
type sight struct {
	visible, dead, room int
	wake                clock.Instant
	over                bool
}

func (q *Queue) look() sight {
	return sight{
		visible: q.m.number[visible], dead: q.m.number[dead], room: q.m.room(), wake: q.m.wake(),
		over: q.ended && q.m.isIdle(),
	}
}

// isMoreThan reports whether who has seen o is to look again.
func (s sight) isMoreThan(o sight) bool {
	return s.visible > o.visible || s.dead > o.dead || o.room == 0 && s.room > 0 || s.wake < o.wake || s.over && !o.over
}

// oldest implements horizon.
func (q *Queue) oldest(id weir.ShardID) (uint64, bool) { return q.reader.Oldest(id) }

// arrival implements horizon.
func (q *Queue) arrival(id weir.ShardID, index uint64) int64 {
	one, err := q.reader.AppendRecord(q.one[:0], id, index)
	if err != nil {
		return 0 // look again at the next call
	}
	ms := one[0].ArrivalTime.UnixMilli()
	clear(one)
	return ms
}

func errClosed(name string) error { return &closedError{name} }

type closedError struct{ name string }

func (e *closedError) Error() string { return "queue " + e.name + ": " + weir.ErrClosed.Error() }
func (e *closedError) Unwrap() error { return weir.ErrClosed }
