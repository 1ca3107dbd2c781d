// Package twins does the same operations on a stream and on its model, side by
// side, and fails a test at the first different answer. It needs a stream's
// public methods, and a check of its invariants that the caller hands in.
package twins

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// twins are a stream and its model, on which the same operations are done.
type twins struct {
	t     testing.TB
	check func(*weir.Stream) error
	src   *source
	disk  Disk
	got   *weir.Stream
	want  *model.Stream
	now   int64 // Unix nanoseconds; whole microseconds, see package model
	op    string
	back  bool // the clock was set back

	config    model.Config
	batches   bool // PutRecords may be called
	hot       bool // most records have the same key, and time goes by in minutes
	sizes     []int
	iterators []heldIterator
	numbers   []string // that puts returned, and some of other streams
	retry     time.Duration
	puts      int

	plans   []heldPlan
	readers []heldReader
	places  []heldPlace
	subs    []heldSubscription
}

// A heldIterator is the same iterator of both.
type heldIterator struct {
	got  weir.Iterator
	want model.Iterator
}

// A source decodes bytes into choices.
type source struct{ bytes []byte }

func (s *source) byte() int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b)
}

// below returns a number below n, which must be at most 256.
func (s *source) below(n int) int { return s.byte() % n }

// oneIn is true once in n times.
func (s *source) oneIn(n int) bool { return s.below(n) == n-1 }

func pick[T any](s *source, from ...T) T { return from[s.below(len(from))] }

// Run does what the bytes say on a stream and its model, and fails the test at
// the first different answer, or when check finds the stream's invariants
// broken. Any bytes will do.
func Run(t testing.TB, hollow bool, ops []byte, check func(*weir.Stream) error) {
	run(newTwins(t, hollow, Disk{}, &source{ops}, check))
}

// A Disk is where a stream is kept.
type Disk struct {
	// Open opens the stream that the disk has, or makes one.
	Open func(weir.Config) (*weir.Stream, error)
	// Leave closes a stream, or lets the process crash that has it open.
	Leave func(s *weir.Stream, closed bool)
}

// RunOnDisk is Run for a stream on disk, which is opened again now and then.
func RunOnDisk(t testing.TB, d Disk, ops []byte, check func(*weir.Stream) error) {
	run(newTwins(t, false, d, &source{ops}, check))
}

func run(w *twins) {
	t, check := w.t, w.check
	for len(w.src.bytes) > 0 {
		w.step()
		require.NoError(t, check(w.got), w.op)
	}
	w.compareShards()
	w.readAll()
	w.finishReaders()
	w.compareMetrics()
}

// newTwins makes both with a configuration out of the first bytes.
func newTwins(t testing.TB, hollow bool, d Disk, src *source, check func(*weir.Stream) error) *twins {
	w := &twins{t: t, check: check, disk: d, src: src, now: epoch.UnixNano(), batches: true}
	w.config = model.Config{
		Shards: 1 + src.below(5), Retention: pick(src, 24*time.Hour, time.Second, time.Minute, 3*time.Millisecond),
		RecordBytes: weir.ServiceLimits().RecordBytes, BatchRecords: 500, BatchBytes: 40_000,
		PageRecords: 10000, PageBytes: pick(src, 20_000, 10<<20, 1), IteratorLifetime: 300 * time.Second,
		MinRetention: 1, MaxRetention: 8760 * time.Hour, Hollow: hollow,
	}
	w.sizes = []int{0, 1, 10, 100, 500, 1200, 3000, 4100}
	w.pickFanOut()
	w.pickLimits()
	w.pickShardLimits()
	w.want = model.New(w.config, w.now)
	var err error
	if d.Open != nil {
		w.got, err = d.Open(w.engineConfig())
	} else {
		w.got, err = weir.NewStream("test", w.engineConfig())
	}
	require.NoError(t, err)
	w.checkAtEnd(w.got)
	return w
}

// checkAtEnd checks a stream's invariants once more when the test ends, also if
// it has been saved and left by then.
func (w *twins) checkAtEnd(s *weir.Stream) {
	w.t.Cleanup(func() { require.NoError(w.t, w.check(s)) })
}

// epoch is where the twins' clock begins.
var epoch = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// pickLimits picks the limits of puts and shared reads, and the memory.
func (w *twins) pickLimits() {
	c := &w.config
	switch w.src.below(10) {
	case 0: // tight limits
		c.WriteBytes, c.WriteRecords, c.ReadBytes, c.ReadCalls = 4000, 10, 8000, 5
		c.RecordBytes = pick(w.src, 4000, weir.ServiceLimits().RecordBytes, weir.MaxRecordBytes)
	case 1: // the service's
		c.WriteBytes, c.WriteRecords, c.ReadBytes, c.ReadCalls = 1<<20, 1000, 2<<20, 5
		c.BatchBytes, c.PageBytes, c.MinRetention, c.Retention = 10<<20, 10<<20, 24*time.Hour, 24*time.Hour
		w.sizes = append(w.sizes, 60_000, 250_000, 1<<20)
	case 2:
		c.MaxBytes = 20_000
	case 3:
		c.MaxBytes, c.DropOldest = 20_000, true
	case 4: // refused by either; see PutRecords for why one by one
		c.MaxBytes, c.WriteRecords, c.WriteBytes, c.DropOldest = 10_000, 10, 40_000, w.src.oneIn(2)
		w.batches = c.DropOldest
	case 5, 6: // a few puts a minute make a stream grow
		c.WriteBytes, c.OnDemand = 50, true
		c.Shards = pick(w.src, 4, 4, 1, 3, 7)
		if w.hot = w.src.oneIn(2); w.hot {
			w.sizes = []int{4100, 4100, 100}
		}
	case 7: // warm throughput does
		c.WriteBytes, c.OnDemand, c.OnDemandBytes = 256<<10, true, 2<<20
		c.Shards = pick(w.src, 4, 4, 1, 3, 7)
	default: // no limits
		c.PageRecords, c.BatchRecords = math.MaxInt, math.MaxInt
	}
}

// pickShardLimits picks how shards may be changed.
func (w *twins) pickShardLimits() {
	c := &w.config
	c.ModeSwitchesPerDay = pick(w.src, 2, 1, 1<<30)
	c.MaxShards, c.ResizeFactor, c.ResizesPerDay = pick(w.src, 12, 4), pick(w.src, 2, 3, 1<<30), pick(w.src, 10, 1<<30, 2)
	if c.OnDemandBytes == 0 {
		c.OnDemandBytes = int64(pick(w.src, 8, 4, 11, 2)) * max(c.WriteBytes, 1)
	}
	if c.WriteBytes == 0 {
		c.OnDemandBytes <<= 20
	}
}

// pickFanOut picks the limits of registered consumers.
func (w *twins) pickFanOut() {
	c := &w.config
	c.Consumers, c.SubscriptionLifetime = 2, 300*time.Second
	c.SubscribeTakeover, c.IdleEventInterval = 5*time.Second, 5*time.Second
	c.EventRecords, c.EventBytes = pick(w.src, 10000, 1, 3), pick(w.src, 1<<20, 5000, 1)
}

func (w *twins) clock() time.Time { return time.Unix(0, w.now) }

// engineConfig returns the model's configuration as the engine takes it.
func (w *twins) engineConfig() weir.Config {
	c := w.config
	limits := weir.Unlimited()
	rates := []int64{c.WriteBytes, c.WriteRecords, c.ReadBytes, c.ReadCalls}
	for i, field := range []*rate.Limit{
		&limits.WriteBytesPerSecond, &limits.WriteRecordsPerSecond, &limits.ReadBytesPerSecond, &limits.ReadCallsPerSecond,
	} {
		if rates[i] > 0 {
			*field = rate.Limit(rates[i])
		}
	}
	limits.RecordBytes, limits.BatchRecords, limits.BatchBytes = c.RecordBytes, c.BatchRecords, c.BatchBytes
	limits.ReadRecords, limits.ReadBytes = c.PageRecords, c.PageBytes
	limits.IteratorLifetime = c.IteratorLifetime
	limits.MinRetention, limits.MaxRetention = c.MinRetention, c.MaxRetention
	limits.MaxShards, limits.ResizeFactor, limits.ResizesPerDay = c.MaxShards, c.ResizeFactor, c.ResizesPerDay
	limits.ModeSwitchesPerDay, limits.OnDemandWriteBytesPerSecond = c.ModeSwitchesPerDay, rate.Limit(c.OnDemandBytes)
	limits.Consumers, limits.SubscriptionLifetime = c.Consumers, c.SubscriptionLifetime
	limits.SubscribeTakeover, limits.IdleEventInterval = c.SubscribeTakeover, c.IdleEventInterval
	limits.EventRecords, limits.EventBytes = c.EventRecords, c.EventBytes
	policy := weir.Refuse
	if c.DropOldest {
		policy = weir.DropOldest
	}
	mode := weir.Provisioned
	if c.OnDemand {
		mode = weir.OnDemand
	}
	return weir.Config{
		Settings: weir.Settings{Mode: mode, Retention: c.Retention}, Shards: c.Shards, Limits: limits,
		MaxBytes: c.MaxBytes, WhenFull: policy, Hollow: c.Hollow, MetricsWindow: 24 * time.Hour, Now: w.clock,
	}
}

// equal fails the test unless both gave the same answer.
func (w *twins) equal(want, got any) {
	w.t.Helper()
	require.Equal(w.t, want, got, "%s at %v", w.op, w.clock().UTC())
}

// faultOf returns an error in the model's words.
func faultOf(err error) model.Fault {
	kinds := map[error]model.Fault{
		weir.ErrInvalidArgument: model.BadArgument, weir.ErrThroughputExceeded: model.Throttled,
		weir.ErrMemoryFull: model.MemoryFull, weir.ErrShardNotFound: model.ShardNotFound,
		weir.ErrShardClosed: model.ShardClosed, weir.ErrIteratorExpired: model.IteratorExpired,
		weir.ErrInvalidSequenceNumber: model.BadSequenceNumber,
		weir.ErrWrongMode:             model.WrongMode,
		weir.ErrConsumerExists:        model.ConsumerExists, weir.ErrConsumerNotFound: model.ConsumerNotFound,
		weir.ErrSubscriptionActive:    model.Active,
		weir.ErrSubscriptionTakenOver: model.TakenOver, weir.ErrClosed: model.SubscriptionShut,
		io.EOF: model.SubscriptionEnded,
	}
	if err == nil {
		return model.OK
	}
	if over := (*weir.LimitError)(nil); errors.Is(err, weir.ErrLimitExceeded) && errors.As(err, &over) {
		switch over.Quota {
		case weir.QuotaConsumers:
			return model.TooManyConsumers
		case weir.QuotaModeSwitches:
			return model.TooManySwitches
		default:
			return model.ResizeRefused
		}
	}
	for sentinel, fault := range kinds {
		if errors.Is(err, sentinel) {
			return fault
		}
	}
	return model.Fault("none of the documented errors: " + err.Error())
}

// sameFault fails the test unless an error is what the model says. Where limits
// refused, it must name one of them and how long it refuses, give or take a
// nanosecond.
func (w *twins) sameFault(fault model.Fault, limits []model.Limit, shard weir.ShardID, err error) bool {
	w.t.Helper()
	if fault != faultOf(err) {
		w.t.Fatalf("%s at %v: the model says %q %v, the engine %v", w.op, w.clock().UTC(), fault, limits, err)
	}
	if fault != model.Throttled {
		return fault == model.OK
	}
	var over *weir.LimitError
	require.ErrorAs(w.t, err, &over)
	w.equal("test", over.Stream)
	w.equal(shard, over.Shard)
	w.retry = over.RetryAfter
	for _, limit := range limits {
		if string(over.Quota) == limit.Name && (over.RetryAfter-limit.Wait).Abs() <= 1 {
			return false
		}
	}
	w.t.Fatalf("%s at %v: the model is refused by %v, the engine by %s for %v", w.op, w.clock().UTC(), limits, over.Quota, over.RetryAfter)
	return false
}

// sameRecords fails the test unless records are the model's.
func (w *twins) sameRecords(want []model.Record, got []weir.Record) {
	w.t.Helper()
	list := recordsOf(got)
	if len(want) != len(list) {
		w.t.Fatalf("%s at %v: the model has %d records, the engine %d", w.op, w.clock().UTC(), len(want), len(list))
	}
	for i := range want {
		if want[i] != list[i] {
			w.t.Fatalf("%s at %v: record %d is %s in the model, %s in the engine", w.op, w.clock().UTC(), i, brief(want[i]), brief(list[i]))
		}
	}
}

// recordsOf returns records as the model has them.
func recordsOf(records []weir.Record) (list []model.Record) {
	for _, r := range records {
		list = append(list, model.Record{
			Number: r.SequenceNumber.String(), Key: r.PartitionKey, Data: string(r.Data), Arrival: r.ArrivalTime.UnixMilli(),
		})
	}
	return list
}

func brief(r model.Record) string {
	return fmt.Sprintf("%s (key %.20q, %d bytes %.20q, arrived %d)", r.Number, r.Key, len(r.Data), r.Data, r.Arrival)
}

func ids(list []int) []weir.ShardID {
	var shards []weir.ShardID
	for _, id := range list {
		shards = append(shards, weir.ShardID(id))
	}
	return shards
}

func bigKey(k weir.HashKey) *big.Int {
	n := new(big.Int).SetUint64(k.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(k.Lo))
}

func keyOfBig(n *big.Int) weir.HashKey {
	lo := new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0)))
	return weir.HashKey{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: lo.Uint64()}
}
