package weir_test

import (
	"errors"
	"fmt"
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
	t    testing.TB
	src  *source
	got  *weir.Stream
	want *model.Stream
	now  int64 // Unix nanoseconds; whole microseconds, see package model
	op   string

	config    model.Config
	batches   bool // PutRecords may be called
	sizes     []int
	iterators []heldIterator
	numbers   []string // that puts returned, and some of other streams
	retry     time.Duration
	puts      int
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

// runTwins does what the bytes say on a stream and its model, and fails the test
// at the first different answer.
func runTwins(t testing.TB, ops []byte) {
	w := newTwins(t, &source{ops})
	for len(w.src.bytes) > 0 {
		w.step()
		require.NoError(t, weir.CheckInvariants(w.got), w.op)
	}
	w.compareShards()
	w.readAll()
	w.compareMetrics()
}

// newTwins makes both with a configuration out of the first bytes.
func newTwins(t testing.TB, src *source) *twins {
	w := &twins{t: t, src: src, now: epoch.UnixNano(), batches: true}
	w.config = model.Config{
		Shards: 1 + src.below(5), Retention: pick(src, 24*time.Hour, time.Second, time.Minute, 3*time.Millisecond),
		RecordBytes: weir.DefaultRecordBytes, BatchRecords: 500, BatchBytes: 40_000,
		PageRecords: 10000, PageBytes: pick(src, 20_000, 10<<20, 1), IteratorLifetime: 300 * time.Second,
		MinRetention: 1, MaxRetention: 8760 * time.Hour,
	}
	w.sizes = []int{0, 1, 10, 100, 500, 1200, 3000, 4100}
	c := &w.config
	switch src.below(6) {
	case 0: // tight limits
		c.WriteBytes, c.WriteRecords, c.ReadBytes, c.ReadCalls = 4000, 10, 8000, 5
		c.RecordBytes = pick(src, 4000, weir.DefaultRecordBytes, weir.MaxRecordBytes)
	case 1: // the service's
		c.WriteBytes, c.WriteRecords, c.ReadBytes, c.ReadCalls = 1<<20, 1000, 2<<20, 5
		c.BatchBytes, c.PageBytes, c.MinRetention, c.Retention = 10<<20, 10<<20, 24*time.Hour, 24*time.Hour
		w.sizes = append(w.sizes, 60_000, 250_000, 1<<20)
	case 2:
		c.MaxBytes = 20_000
	case 3:
		c.MaxBytes, c.DropOldest = 20_000, true
	case 4: // refused by either; see PutRecords for why one by one
		c.MaxBytes, c.WriteRecords, c.WriteBytes, c.DropOldest = 10_000, 10, 40_000, src.oneIn(2)
		w.batches = c.DropOldest
	default: // no limits
		c.PageRecords, c.BatchRecords = math.MaxInt, math.MaxInt
	}
	w.want = model.New(w.config, w.now)
	w.got = newStream(t, w.engineConfig())
	return w
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
	policy := weir.Refuse
	if c.DropOldest {
		policy = weir.DropOldest
	}
	return weir.Config{
		Shards: c.Shards, Retention: c.Retention, Limits: limits,
		MaxBytes: c.MaxBytes, WhenFull: policy, MetricsWindow: 24 * time.Hour, Now: w.clock,
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
	}
	if err == nil {
		return model.OK
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
		if over.Limit == limit.Name && (over.RetryAfter-limit.Wait).Abs() <= 1 {
			return false
		}
	}
	w.t.Fatalf("%s at %v: the model is refused by %v, the engine by %s for %v", w.op, w.clock().UTC(), limits, over.Limit, over.RetryAfter)
	return false
}

// sameRecords fails the test unless records are the model's.
func (w *twins) sameRecords(want []model.Record, got []weir.Record) {
	w.t.Helper()
	list := []model.Record{}
	for _, r := range got {
		list = append(list, model.Record{
			Number: r.SequenceNumber.String(), Key: r.PartitionKey, Data: string(r.Data), Arrival: r.ArrivalTime.UnixMilli(),
		})
	}
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if len(want) != len(list) {
		w.t.Fatalf("%s at %v: the model has %d records, the engine %d", w.op, w.clock().UTC(), len(want), len(list))
	}
	for i := range want {
		if want[i] != list[i] {
			w.t.Fatalf("%s at %v: record %d is %s in the model, %s in the engine", w.op, w.clock().UTC(), i, brief(want[i]), brief(list[i]))
		}
	}
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
