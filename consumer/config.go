package consumer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
)

// A Handler processes the records of one shard, one batch at a time; batches of
// different shards come at the same time, from different goroutines.
//
// When it returns nil, the batch is processed. When it returns an error, or
// panics, nothing of it is but what [Batch.Ack] said, and [Config.OnError] says
// what follows. ctx ends before another worker may begin with the shard: what
// is done after that may be done twice. A handler that ends its goroutine, as
// [runtime.Goexit] and a test's FailNow do, ends Run with a [*HandlerError].
type Handler func(ctx context.Context, b *Batch) error

// A Config says what a group reads and how. Name, Streams, Store and, for
// [Group.Run], Handler must be set. All workers of a group should agree in
// Failover and Patience.
type Config struct {
	// Name is the group's, 1 to 128 bytes. It is for logs and metrics: which
	// workers belong together is a matter of the Store, which must be of this
	// group if it says of which it is, as a [lease.Dir] does.
	Name string
	// Streams are read. One or several, of different names.
	Streams []client.Stream
	// Store holds the leases of the group, and of no other.
	Store lease.Store
	// Handler gets the records.
	Handler Handler
	// Begin, if it is not nil, is called when the worker begins with a shard,
	// before the first batch of it. Then the return of the handler says only that
	// it has the records, and the [Progress] says when they are processed, in
	// their order: for handlers that work on several batches at a time, or by the
	// clock. How much they hold is for them to bound, by not returning. The
	// handler is called for the end of each shard then, and [Batch.Ack],
	// [Batch.Hold] and [Batch.SetState] mean nothing. ctx is that of the shard's
	// handlers.
	Begin func(ctx context.Context, p *Progress)
	// Worker names this worker, differently from all others of the group: up to
	// 256 bytes. Empty means a name made from the host's, the process's number
	// and a random one.
	Worker string

	// From is where shards are begun that the group knows nothing of:
	// [weir.TrimHorizon], which is the zero value, [weir.Latest] or
	// [weir.AtTime]. Children of a shard that was read are read from their
	// beginning in any case.
	From weir.Position
	// Expired says what becomes of a position whose records have gone before
	// they were read. The zero value is [FailExpired].
	Expired ExpiredPolicy
	// Reading says how shards are read; the zero value is the best way that the
	// stream has.
	Reading client.Reading
	// MaxRecords is how many records a batch has at most: 1 to 10,000. Zero
	// means as many as the stream gives at once. It is not how many are read at
	// once, of which Reading has the bound: the service lets a shard be polled
	// five times a second, however few records are asked for.
	MaxRecords int
	// Expand turns records of a shard, whose range is within, into those that
	// are in them, and says of each its index in the record that it came from;
	// nil for subs means that each is whole. Both slices are the caller's until
	// the next call for the shard. The shard waits for what it fails or panics
	// at, whatever OnError says, and it is called again. It is called by several
	// goroutines at a time.
	//
	// Nil means that aggregates of the Kinesis Producer Library are taken apart
	// as its client library does; what that discards is counted in
	// [Metrics.Discarded]. [Raw] leaves records as they are.
	Expand func(within weir.HashKeyRange, records []weir.Record) (expanded []weir.Record, subs []uint64, err error)

	// OnError says what becomes of a batch that the handler cannot process. The
	// zero value is [Retry].
	OnError ErrorPolicy
	// Attempts is how often the handler is called with a batch before OnError
	// takes effect, at least 1. Zero means once, and for [Retry], which allows
	// no other, without end.
	Attempts int
	// Bisect halves a batch that failed until the records that fail stand alone,
	// and only those are tried Attempts times.
	Bisect bool
	// DeadLetter takes what the policy of that name hands over. Its error is
	// one of the handler: the shard waits, and it is called again.
	DeadLetter func(ctx context.Context, b *Batch, cause error) error
	// Backoff is how long the first retry waits; each further one waits twice
	// as long, up to MaxBackoff, and a random quarter less. Zero means 100 ms
	// and 30 s.
	Backoff, MaxBackoff time.Duration

	// Failover is how long a worker must have been silent before another takes
	// its leases: 100 ms to one hour. Zero means 10 s. A call of the store that
	// takes a quarter of it is given up and made again.
	Failover time.Duration
	// Margin is how much earlier than that the handler's context ends, of a
	// worker that cannot write; at most half of Failover. Zero means a tenth.
	Margin time.Duration
	// Patience is how long an owner that is asked for a lease may take to finish
	// its batch: Failover to one day. Then the lease is taken. Zero means 30 s,
	// or Failover if that is more. Run gives handlers as long to finish.
	Patience time.Duration
	// MaxLeases is how many shards the worker reads at most. Zero means no bound.
	MaxLeases int
	// Weighted balances what shards come to, in bytes of data and keys over
	// about a minute, in place of their number.
	Weighted bool
	// CheckpointEvery is how long what was processed may be unwritten, which is
	// what is processed again after a crash: up to an hour. Zero means a second;
	// negative, that each batch is written before the next one is read. What
	// ends well is written in any case: shards, hand-overs and Run.
	CheckpointEvery time.Duration
	// SyncEvery is how often the streams are asked for shards that no worker
	// knows of, and leases that nobody needs are deleted: a second to a day.
	// Zero means a minute. Reshards are followed without it.
	SyncEvery time.Duration
	// StartWithin is how long Run tries to reach store and streams at its
	// beginning. Zero means 30 s.
	StartWithin time.Duration
	// SlowAfter is how long a handler may work on a batch before a log line says
	// so. Zero means a minute.
	SlowAfter time.Duration

	// Logger is told what happens, of each shard the same message once a second at
	// most; nil means nobody is.
	Logger *slog.Logger
	// Random decides what need not be decided: which of several leases is taken,
	// and jitter. It is called by one goroutine at a time. Nil means a random
	// source of its own.
	Random mathrand.Source
}

// Raw is the [Config.Expand] that leaves records as they are, aggregates too.
func Raw(_ weir.HashKeyRange, records []weir.Record) ([]weir.Record, []uint64, error) {
	return records, nil, nil
}

// An ErrorPolicy says what becomes of a batch that the handler has failed to
// process [Config.Attempts] times.
type ErrorPolicy int

const (
	// Retry calls the handler again until it succeeds. The shard waits meanwhile,
	// others go on.
	Retry ErrorPolicy = iota
	// Stop ends Run, which returns a [*HandlerError].
	Stop
	// Skip leaves the batch out, and says so in log and metrics.
	Skip
	// DeadLetter hands the batch to [Config.DeadLetter].
	DeadLetter
)

// An ExpiredPolicy says what becomes of a position whose records have gone
// before they were read.
type ExpiredPolicy int

const (
	// FailExpired ends Run, which returns an [*ExpiredError].
	FailExpired ExpiredPolicy = iota
	// ContinueExpired goes on with the oldest record that there is, and says so
	// in log and metrics.
	ContinueExpired
)

const (
	maxNameBytes   = 128
	maxWorkerBytes = 256
	maxRecords     = 10_000

	minFailover, maxFailover = 100 * time.Millisecond, time.Hour
	maxPatience              = 24 * time.Hour
	maxCheckpointEvery       = time.Hour
	minSync, maxSync         = time.Second, 24 * time.Hour
)

// withDefaults returns c with a meaning for each zero.
func (c Config) withDefaults() Config {
	c.Failover = cmp.Or(c.Failover, 10*time.Second)
	c.Margin = cmp.Or(c.Margin, c.Failover/10)
	c.Patience = cmp.Or(c.Patience, max(30*time.Second, c.Failover))
	c.Backoff = cmp.Or(c.Backoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, max(30*time.Second, c.Backoff))
	c.CheckpointEvery = cmp.Or(c.CheckpointEvery, time.Second)
	c.SyncEvery = cmp.Or(c.SyncEvery, time.Minute)
	c.StartWithin = cmp.Or(c.StartWithin, 30*time.Second)
	c.SlowAfter = cmp.Or(c.SlowAfter, time.Minute)
	if c.Attempts == 0 && c.OnError != Retry {
		c.Attempts = 1
	}
	c.Worker = cmp.Or(c.Worker, workerName())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Random == nil {
		var seed [32]byte
		rand.Read(seed[:]) // never fails
		c.Random = mathrand.NewChaCha8(seed)
	}
	return c
}

// workerName returns a name that no other worker has.
func workerName() string {
	host, err := os.Hostname()
	if err != nil || len(host) > maxWorkerBytes/2 {
		host = "worker"
	}
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8])
}

// check returns an error with all that is wrong.
func (c Config) check() error {
	var errs problems
	errs.within("Name", len(c.Name), 1, maxNameBytes, "bytes")
	errs.within("Worker", len(c.Worker), 0, maxWorkerBytes, "bytes")
	c.checkStreams(&errs)
	if c.Store == nil {
		errs.add("Store", "is nil; a *lease.Memory keeps leases in the process")
	} else if s, ok := c.Store.(grouped); ok && s.Group() != c.Name {
		errs.add("Store", "holds the leases of the group %q, and not of %q", s.Group(), c.Name)
	}
	c.checkReading(&errs)
	c.checkErrors(&errs)
	errs.during("Failover", c.Failover, minFailover, maxFailover)
	d := c.withDefaults()
	errs.during("Margin", c.Margin, 1, d.Failover/2)
	errs.during("Patience", c.Patience, d.Failover, maxPatience)
	errs.during("SyncEvery", c.SyncEvery, minSync, maxSync)
	if c.CheckpointEvery > 0 {
		errs.during("CheckpointEvery", c.CheckpointEvery, 1, maxCheckpointEvery)
	}
	errs.during("StartWithin", c.StartWithin, 1, maxPatience)
	errs.during("SlowAfter", c.SlowAfter, 1, maxPatience)
	if c.MaxLeases < 0 {
		errs.add("MaxLeases", "%d is negative; zero means no bound", c.MaxLeases)
	}
	return errors.Join(errs...)
}

// A grouped is a store that knows whose leases it holds.
type grouped interface{ Group() string }

func (c Config) checkStreams(errs *problems) {
	if len(c.Streams) == 0 {
		errs.add("Streams", "there are none; at least 1 is needed")
	}
	names := make(map[string]bool)
	for i, s := range c.Streams {
		switch {
		case s == nil:
			errs.add(fmt.Sprintf("Streams[%d]", i), "is nil")
		case s.Name() == "":
			errs.add(fmt.Sprintf("Streams[%d]", i), "has no name")
		case names[s.Name()]:
			errs.add(fmt.Sprintf("Streams[%d]", i), "is named %q as another one is", s.Name())
		default:
			names[s.Name()] = true
		}
	}
}

func (c Config) checkReading(errs *problems) {
	switch {
	case c.From != client.Place(c.From) || !c.From.Number().IsZero():
		errs.add("From", "%v is not the trim horizon, the tip or a time", c.From)
	case c.From.Time().After(time.Now()):
		errs.add("From", "%v is in the future", c.From)
	}
	if c.Expired < FailExpired || c.Expired > ContinueExpired {
		errs.add("Expired", "%d is no policy", c.Expired)
	}
	if c.MaxRecords != 0 {
		errs.within("MaxRecords", c.MaxRecords, 1, maxRecords, "records")
	}
	if err := c.Reading.Check(); err != nil {
		errs.add("Reading", "%v", err)
	}
}

func (c Config) checkErrors(errs *problems) {
	switch {
	case c.OnError < Retry || c.OnError > DeadLetter:
		errs.add("OnError", "%d is no policy", c.OnError)
	case c.OnError == Retry && c.Attempts != 0:
		errs.add("Attempts", "%d, but the policy Retry tries without end", c.Attempts)
	case c.Attempts < 0:
		errs.add("Attempts", "%d is negative", c.Attempts)
	}
	if (c.OnError == DeadLetter) != (c.DeadLetter != nil) {
		errs.add("DeadLetter", "is to be set for the policy DeadLetter, and for no other")
	}
	errs.during("Backoff", c.Backoff, 1, maxPatience)
	errs.during("MaxBackoff", c.MaxBackoff, c.withDefaults().Backoff, maxPatience)
}

// problems are what is wrong with a Config.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (p *problems) within(field string, n, least, most int, unit string) {
	if n < least || n > most {
		p.add(field, "%d %s are not %d to %d", n, unit, least, most)
	}
}

// during checks a time that is not left to its default.
func (p *problems) during(field string, d, least, most time.Duration) {
	if d != 0 && (d < least || d > most) {
		p.add(field, "%v is not %v to %v", d, least, most)
	}
}
