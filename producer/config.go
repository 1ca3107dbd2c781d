package producer

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/internal/sparse"
)

// A Config says where records go and how. Stream must be set.
type Config struct {
	// Stream is put to.
	Stream client.Stream

	// Aggregate packs records of the same shard into one, in the format of the
	// Kinesis Producer Library: what reads the stream must take them apart. While
	// it is not known which shards there are, records go as they are. A stream
	// that distributes records itself ([weir.DistributeAuto]) has no use for it:
	// its aggregates land anywhere, and expire.
	Aggregate bool
	// AggregateBytes is how large an aggregate gets, 64 bytes to 1 MiB. Zero means
	// 51,200. Records that are larger go as they are, and so does what is an
	// aggregate already.
	AggregateBytes int
	// Ordered keeps the records of each partition key in order through any
	// failure: what was told to be delivered is read in the order of the puts,
	// though maybe twice. A call then has one record at most of each key, or one
	// aggregate of each shard, and a shard in which something failed waits for its
	// back-off. Without it order is kept until something is put again.
	Ordered bool

	// Linger is how long a record may wait for others to be put with, up to an
	// hour. What is enough for a call does not wait. Zero means none for the
	// engine in this process, where what comes during a call is put by the next
	// one, and 50 ms for other streams; negative means none.
	Linger time.Duration
	// BatchRecords and BatchBytes are how much a call puts at most. Zero means 500
	// and 10 MiB, or what a [Limited] stream allows if that is less. A call that has
	// 768 KiB of aggregates takes no more. ShardBytes is how much for one shard does
	// not linger; zero means 256 KiB.
	BatchRecords, BatchBytes, ShardBytes int
	// RecordBytes is how large a record may be, data and partition key together:
	// up to 10 MiB. Zero means what a [Limited] stream allows, or 1 MiB.
	RecordBytes int

	// MaxBytes bounds the memory that records take from the put until their outcome
	// was told: their data and keys, twice if they are aggregated, and 768 bytes
	// for each. Zero means 32 MiB. A put beyond it waits, first come, first served;
	// with RefuseFull it gives [ErrFull] instead. So does one to a shard that has
	// more waiting than there is room left: what one shard cannot take leaves a
	// half to the others.
	MaxBytes   int64
	RefuseFull bool

	// TTL is how long a record is tried to be delivered: 100 ms to a day. Zero
	// means 30 s. Then its outcome matches [ErrExpired].
	TTL time.Duration
	// Backoff is how long a record waits that was throttled, up to a half of it
	// less by chance; half as long after other failures. Each further time is
	// twice as long, up to MaxBackoff. Zero means 100 ms and 5 s.
	Backoff, MaxBackoff time.Duration
	// FailThrottled makes the first throttle of a record its outcome.
	FailThrottled bool

	// Rate is which share of the write limits of each shard is used: 1.5, as the
	// Kinesis Producer Library has it, leaves more of what several producers are
	// throttled for to the service. Zero means 1, negative no limit, at most 100.
	// A throttle halves it for its shard, and it comes back by a twentieth a
	// second. The limits are those of a [Limited] stream, else the service's.
	Rate float64
	// Calls is how many calls are made at a time, 1 to 256; at most one of them has
	// records of a shard. Zero means 1 for the engine in this process, else 8.
	Calls int
	// Timeout is after how long a call is given up, and what it had put again: up
	// to an hour. Zero means none for the engine in this process, else 6 s;
	// negative means none.
	Timeout time.Duration

	// Logger is told what goes wrong beside single records, the same message once
	// a second at most; nil means nobody is.
	Logger *slog.Logger
	// Random decides the jitter. It is called by one goroutine at a time. Nil
	// means a random source of its own.
	Random mathrand.Source
}

// A Limited is a stream that knows its limits, such as [client.Embedded] makes.
type Limited interface{ Limits() weir.Limits }

const (
	minAggregateBytes, maxAggregateBytes = 64, 1 << 20

	maxLinger      = time.Hour
	minTTL, maxTTL = 100 * time.Millisecond, 24 * time.Hour
	maxRate        = 100
	maxCalls       = 256
	maxTimeout     = time.Hour
)

// limits returns those of the stream, or the service's.
func (c Config) limits() weir.Limits {
	if l, ok := c.Stream.(Limited); ok {
		return l.Limits()
	}
	return weir.ServiceLimits()
}

// withDefaults returns c with a meaning for each zero.
func (c Config) withDefaults() Config {
	limits := c.limits()
	c.AggregateBytes = cmp.Or(c.AggregateBytes, 51_200)
	c.BatchRecords = cmp.Or(c.BatchRecords, min(500, limits.BatchRecords))
	c.BatchBytes = cmp.Or(c.BatchBytes, min(10<<20, limits.BatchBytes))
	c.ShardBytes = cmp.Or(c.ShardBytes, 256<<10)
	c.RecordBytes = cmp.Or(c.RecordBytes, limits.RecordBytes)
	c.MaxBytes = cmp.Or(c.MaxBytes, 32<<20)
	c.TTL = cmp.Or(c.TTL, 30*time.Second)
	c.Backoff = cmp.Or(c.Backoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, max(5*time.Second, c.Backoff))
	c.Rate = cmp.Or(c.Rate, 1)
	if _, embedded := c.Stream.(client.Engine); embedded {
		c.Calls = cmp.Or(c.Calls, 1)
	} else {
		c.Linger = cmp.Or(c.Linger, 50*time.Millisecond)
		c.Calls = cmp.Or(c.Calls, 8)
		c.Timeout = cmp.Or(c.Timeout, 6*time.Second)
	}
	c.Linger, c.Timeout = max(0, c.Linger), max(0, c.Timeout)
	c.Logger = sparse.Logger(c.Logger)
	if c.Random == nil {
		var seed [32]byte
		rand.Read(seed[:]) // never fails
		c.Random = mathrand.NewChaCha8(seed)
	}
	return c
}

// Validate returns an error that names all fields that are out of bounds. It
// matches [weir.ErrInvalidArgument].
func (c Config) Validate() error {
	var errs problems
	if c.Stream == nil {
		errs.add("Stream", "is nil; client.Embedded makes one of the engine's")
	} else if c.Stream.Name() == "" {
		errs.add("Stream", "has no name")
	}
	limits, d := c.limits(), c.withDefaults()
	within(&errs, "AggregateBytes", d.AggregateBytes, minAggregateBytes, maxAggregateBytes)
	within(&errs, "RecordBytes", d.RecordBytes, 1, weir.MaxRecordBytes)
	within(&errs, "BatchRecords", d.BatchRecords, 1, limits.BatchRecords)
	within(&errs, "BatchBytes", d.BatchBytes, max(d.RecordBytes, d.AggregateBytes), limits.BatchBytes)
	within(&errs, "ShardBytes", d.ShardBytes, 1, d.BatchBytes)
	if least := int64(2*d.RecordBytes + recordBytes); d.MaxBytes < least {
		errs.add("MaxBytes", "%d is less than the %d that one record may take", d.MaxBytes, least)
	}
	within(&errs, "Linger", d.Linger, 0, maxLinger)
	within(&errs, "TTL", d.TTL, minTTL, maxTTL)
	within(&errs, "Backoff", d.Backoff, 1, maxTTL)
	within(&errs, "MaxBackoff", d.MaxBackoff, d.Backoff, maxTTL)
	within(&errs, "Calls", d.Calls, 1, maxCalls)
	within(&errs, "Timeout", d.Timeout, 0, maxTimeout)
	if d.Rate > maxRate || d.Rate != d.Rate {
		errs.add("Rate", "%v is not up to %d", d.Rate, maxRate)
	}
	return errors.Join(errs...)
}

// problems are what is wrong with a Config.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func within[T int | time.Duration](p *problems, field string, n, least, most T) {
	if n < least || n > most {
		p.add(field, "%v is not %v to %v", n, least, most)
	}
}
