// Package model is a naive twin of the engine, for tests: slices, linear
// searches, big integers, no locks. It keeps every record for good and works
// out at each call which of them can be seen. It is written from the
// documentation and from the reference of the service, with types of its own,
// so that it does not share the engine's mistakes; where the two give different
// answers one of them is wrong. Only when an on-demand stream splits and merges
// it does not work out again: it asks a machine of internal/scale, as the
// engine does.
//
// Time is an argument of each call, in Unix nanoseconds. Buckets are whole
// numbers, so quotas are exact; the rates of a [Config] are whole numbers too.
// The engine lets pass what a bucket lacks less than a nanosecond of refill
// for, and so does the model. The engine's own buckets are floating point, so
// the two agree for clocks of whole microseconds, not of nanoseconds.
package model

import (
	"crypto/md5"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/internal/scale"
)

// A Config says how a stream behaves. All of it must be filled in; only the
// rates may be zero, which lifts them.
type Config struct {
	Shards    int
	Retention time.Duration

	WriteBytes, WriteRecords int64 // per second and shard; zero is unlimited
	ReadBytes, ReadCalls     int64 // likewise

	RecordBytes, BatchRecords, BatchBytes int
	PageRecords, PageBytes                int // of one GetRecords
	IteratorLifetime                      time.Duration
	MinRetention, MaxRetention            time.Duration

	MaxBytes   int64 // zero is unbounded
	DropOldest bool
	Hollow     bool // records are given out as so many zero bytes

	ResizeFactor, MaxShards, ResizesPerDay int

	OnDemand           bool  // the mode to begin with
	OnDemandBytes      int64 // per second, up to which an on-demand stream grows
	ModeSwitchesPerDay int

	Consumers                               int
	SubscriptionLifetime, SubscribeTakeover time.Duration
	IdleEventInterval                       time.Duration
	EventRecords, EventBytes                int
}

// Numbers of the service and of the engine's documentation.
const (
	maxKeyCharacters = 256
	largeRecord      = 1 << 20  // records above it draw on the burst bucket
	burstBytes       = 10 << 20 // what that bucket holds
	recordOverhead   = 8        // what a record takes of MaxBytes beyond its size
	defaultPage      = 10000
)

// A Fault is the kind of an error; the empty one is success.
type Fault string

const (
	OK                Fault = ""
	BadArgument       Fault = "invalid argument"
	Throttled         Fault = "throughput exceeded"
	MemoryFull        Fault = "memory full"
	ShardNotFound     Fault = "shard not found"
	ShardClosed       Fault = "shard closed"
	IteratorExpired   Fault = "iterator expired"
	BadSequenceNumber Fault = "invalid sequence number"
	ResizeRefused     Fault = "resize refused"
	WrongMode         Fault = "not possible in this capacity mode"
	TooManySwitches   Fault = "too many mode switches"
	ConsumerExists    Fault = "consumer exists"
	ConsumerNotFound  Fault = "consumer not found"
	TooManyConsumers  Fault = "too many consumers"
	Active            Fault = "subscription active"
	TakenOver         Fault = "subscription taken over"
	SubscriptionEnded Fault = "subscription ended" // the end that is due
	SubscriptionShut  Fault = "subscription closed"
)

// A Limit is one that refuses a call, and for how long it does.
type Limit struct {
	Name string
	Wait time.Duration
}

// A Record is what a put stored.
type Record struct {
	Number  string // the sequence number in decimal
	Key     string
	Data    string
	Arrival int64 // Unix milliseconds
}

func (r Record) size() int { return len(r.Key) + len(r.Data) }

// A Shard is every record that it ever took.
type Shard struct {
	ID         int
	Start, End *big.Int // both inclusive
	Parents    []int
	Children   []int
	Created    int64 // seconds, as in its sequence numbers
	Opened     int64 // milliseconds
	Closed     bool
	ClosedAt   int64 // milliseconds
	EndSecond  int64 // of its ending number

	records []Record
	origins []origin // of records
	trimmed int      // how many records of the beginning are gone for good
	gaps    []int    // how many records there were at each load
	gone    bool     // vanished for good
	newest  int64    // arrival of the newest record; the next one's is not earlier

	writeRecords, writeBytes, burst bucket
	writeClock                      clock
	readCalls, readBytes            bucket
	readClock                       clock
	blocked                         int64 // until then a large read is being paid for

	taken scale.Load // in the minute that on-demand mode observes
}

// An origin says where a record came from: records of a hash keep the order in
// which they were put.
type origin struct {
	hash string // in decimal; empty where it did not decide the shard
	put  int    // counted over the stream
}

// Counts are the totals since the stream was made.
type Counts struct {
	Records, Bytes                  int64 // put
	Throttled, Refused              int64 // records
	Dropped, DroppedBytes           int64
	Reads, ReadThrottled            int64 // calls of GetRecords
	ReadRecords, ReadBytes          int64
	BatchCalls, BatchOK, BatchTotal int64
}

// A Stream is the model of a stream.
type Stream struct {
	config  Config
	created int64    // milliseconds
	shards  []*Shard // all there ever were, by id
	Counts  Counts
	puts    int     // records stored
	resizes []int64 // when there were some
	lastPut int64   // the latest second in which something was stored

	opensAfter int64 // shards opened from now on count as created in a later second

	scaling   scaling
	consumers []*Consumer
}

// New returns an empty stream that is made at now.
func New(c Config, now int64) *Stream {
	s := &Stream{config: c, created: now / 1e6}
	starts := evenStarts(c.Shards)
	for i, start := range starts {
		end := space()
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		s.open(start, plus(end, -1), nil, now/1e9, now/1e6)
	}
	if c.OnDemand {
		s.beginScaling(now)
	}
	return s
}

// space returns how many hash keys there are.
func space() *big.Int { return new(big.Int).Lsh(big.NewInt(1), 128) }

// evenStarts returns where n even ranges begin.
func evenStarts(n int) (starts []*big.Int) {
	step := new(big.Int).Div(space(), big.NewInt(int64(n)))
	for i := range n {
		starts = append(starts, new(big.Int).Mul(step, big.NewInt(int64(i))))
	}
	return starts
}

func (s *Stream) open(start, end *big.Int, parents []int, created, openedMs int64) *Shard {
	c := s.config
	sh := &Shard{
		ID: len(s.shards), Start: start, End: end, Parents: parents,
		Created: created, Opened: openedMs, newest: openedMs,
	}
	sh.fillBuckets(c)
	s.shards = append(s.shards, sh)
	return sh
}

// fillBuckets gives the shard all that its limits allow.
func (sh *Shard) fillBuckets(c Config) {
	sh.writeRecords, sh.writeBytes = newBucket(c.WriteRecords, c.WriteRecords), newBucket(c.WriteBytes, c.WriteBytes)
	sh.readCalls, sh.readBytes = newBucket(c.ReadCalls, c.ReadCalls), newBucket(c.ReadBytes, c.ReadBytes)
	sh.burst, sh.blocked = bucket{}, 0
	sh.writeClock, sh.readClock = clock{}, clock{}
	if c.RecordBytes > largeRecord {
		sh.admitLarge(c.WriteBytes)
	}
}

func (sh *Shard) admitLarge(rate int64) {
	if sh.burst.rate == 0 {
		sh.burst = newBucket(rate, max(burstBytes, rate))
	}
}

// SetRecordBytes changes how large a record may be: 1 to 10 MiB.
func (s *Stream) SetRecordBytes(n int, now int64) Fault {
	s.CatchUp(now)
	if n == s.config.RecordBytes {
		return OK
	}
	if n < largeRecord || n > burstBytes {
		return BadArgument
	}
	s.config.RecordBytes = n
	for _, sh := range s.shards {
		if !sh.Closed && n > largeRecord {
			sh.admitLarge(s.config.WriteBytes)
		}
	}
	return OK
}

// An Entry is a record to be put.
type Entry struct {
	Key, Data string
	Hash      *big.Int // explicit hash key, or nil
}

func (e Entry) size() int { return len(e.Key) + len(e.Data) }

// An Outcome is what became of one record.
type Outcome struct {
	Shard  int // also of a record that is throttled
	Number string
	Fault  Fault
	Limits []Limit // all that refused it
}

// Put puts one record.
func (s *Stream) Put(e Entry, now int64) Outcome {
	if !s.valid(e) {
		return Outcome{Fault: BadArgument}
	}
	s.CatchUp(now)
	o := s.put(e, now)
	s.dropExcess(now)
	return o
}

// PutCopies puts a record n times, and returns how many of them were stored and
// what became of the first that was not.
func (s *Stream) PutCopies(e Entry, n int, now int64) (stored int, refused Outcome) {
	if n < 1 {
		return 0, Outcome{Fault: BadArgument}
	}
	for range n {
		if o := s.Put(e, now); o.Fault == OK {
			stored++
		} else if refused.Fault == OK {
			refused = o
		}
	}
	return stored, refused
}

// PutBatch puts several. When the call as a whole is refused there are no
// outcomes.
func (s *Stream) PutBatch(entries []Entry, now int64) ([]Outcome, Fault) {
	total := 0
	for _, e := range entries {
		if !s.valid(e) {
			return nil, BadArgument
		}
		total += e.size()
	}
	if len(entries) == 0 || len(entries) > s.config.BatchRecords || total > s.config.BatchBytes {
		return nil, BadArgument
	}
	s.CatchUp(now)
	var outcomes []Outcome
	stored := int64(0)
	for _, e := range entries {
		o := s.put(e, now)
		if o.Fault == OK {
			stored = 1
		}
		outcomes = append(outcomes, o)
	}
	s.Counts.BatchCalls++
	s.Counts.BatchOK += stored
	s.Counts.BatchTotal += int64(len(entries))
	s.dropExcess(now)
	return outcomes, OK
}

func (s *Stream) valid(e Entry) bool {
	characters := utf8.RuneCountInString(e.Key)
	return utf8.ValidString(e.Key) && (characters >= 1 || s.Auto()) && characters <= maxKeyCharacters &&
		e.size() <= s.config.RecordBytes
}

func (s *Stream) put(e Entry, now int64) Outcome {
	hash := hashOf(e)
	from := origin{hash.String(), s.puts}
	if s.Auto() {
		hash, from.hash = s.nextTurn(), ""
	}
	sh := s.openShardOf(hash)
	if !s.hasRoom(e.size(), now) {
		s.Counts.Refused++
		return Outcome{Fault: MemoryFull}
	}
	if limits := sh.takeWrite(e.size(), now); limits != nil {
		s.Counts.Throttled++
		return Outcome{Shard: sh.ID, Fault: Throttled, Limits: limits}
	}
	sh.newest = max(sh.newest, now/1e6)
	index := sh.index(len(sh.records))
	number := Number(sh.Created, sh.ID, index, sh.newest/1000)
	sh.records = append(sh.records, s.kept(Record{number, e.Key, e.Data, sh.newest}))
	sh.origins = append(sh.origins, from)
	sh.taken.Bytes += int64(e.size())
	sh.taken.Records++
	s.puts++
	s.lastPut = max(s.lastPut, sh.newest/1000)
	s.Counts.Records++
	s.Counts.Bytes += int64(e.size())
	return Outcome{Shard: sh.ID, Number: number}
}

// kept returns what is given out of a record.
func (s *Stream) kept(r Record) Record {
	if s.config.Hollow {
		r.Key, r.Data = strings.Repeat("\x00", len(r.Key)), strings.Repeat("\x00", len(r.Data))
	}
	return r
}

func hashOf(e Entry) *big.Int {
	if e.Hash != nil {
		return e.Hash
	}
	sum := md5.Sum([]byte(e.Key))
	return new(big.Int).SetBytes(sum[:])
}

// openShardOf returns the open shard whose range holds a hash.
func (s *Stream) openShardOf(hash *big.Int) *Shard {
	for _, sh := range s.shards {
		if !sh.Closed && sh.Start.Cmp(hash) <= 0 && hash.Cmp(sh.End) <= 0 {
			return sh
		}
	}
	panic("model: the open shards do not cover " + hash.String())
}
