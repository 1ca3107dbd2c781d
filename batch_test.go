package weir_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// A pair is two streams of the same configuration and clock. One is given
// copies, the other the same records one by one; all they ever answer must be
// the same.
type pair struct {
	t              *testing.T
	random         *rand.Rand
	clock          *manualClock
	copies, singly *weir.Stream
	largest        int
	retry          time.Duration // of the latest refusal
}

func newPair(t *testing.T, random *rand.Rand) *pair {
	p := &pair{t: t, random: random, clock: newClock(), largest: 1 << (1 + random.IntN(13))}
	c := weir.Config{
		Shards: 1 + random.IntN(4), Settings: weir.Settings{Retention: time.Minute}, Now: p.clock.Now, Hollow: random.IntN(2) == 0,
		Limits: weir.Limits{MinRetention: -1, WriteBytesPerSecond: -1, WriteRecordsPerSecond: -1},
	}
	p.pickRates(&c.Limits)
	if random.IntN(3) == 0 { // records above a MiB draw on the burst
		c.Hollow, p.largest = true, weir.MaxRecordBytes
		c.Limits.WriteBytesPerSecond = rate.Limit(random.IntN(8<<20) + 1)
		c.Limits.RecordBytes = weir.MaxRecordBytes
	}
	if random.IntN(3) == 0 {
		c.MaxBytes, c.WhenFull = int64(1+random.IntN(40*p.largest)), weir.FullPolicy(random.IntN(2))
	}
	if random.IntN(3) == 0 {
		c.Mode = weir.OnDemand
		c.Distribution = weir.Distribution(random.IntN(2))
	}
	p.copies, p.singly = newStream(t, c), newStream(t, c)
	return p
}

// pickRates picks rates of any size, whole and broken ones.
func (p *pair) pickRates(l *weir.Limits) {
	if p.random.IntN(3) > 0 {
		l.WriteBytesPerSecond = rate.Limit(p.random.ExpFloat64() * 20 * float64(p.largest))
	}
	if p.random.IntN(3) > 0 {
		l.WriteRecordsPerSecond = rate.Limit(p.random.ExpFloat64() * 100)
	}
	if p.random.IntN(2) == 0 {
		l.WriteBytesPerSecond = rate.Limit(math.Round(float64(l.WriteBytesPerSecond)))
		l.WriteRecordsPerSecond = rate.Limit(math.Round(float64(l.WriteRecordsPerSecond)))
	}
}

// put puts up to a hundred copies of a record to both.
func (p *pair) put() {
	key := fmt.Sprint("key-", p.random.IntN(5))
	size := len(key) + p.random.IntN(p.largest)
	if p.random.IntN(4) == 0 {
		size = len(key) + p.random.IntN(min(p.largest, 40))
	}
	if size > p.copies.Settings().RecordBytes {
		size = p.copies.Settings().RecordBytes
	}
	e := weir.Entry{PartitionKey: key, Data: zeros[:size-len(key)]}
	if p.random.IntN(4) == 0 {
		e.ExplicitHashKey = &weir.HashKey{Hi: p.random.Uint64()}
	}
	n := 1 + p.random.IntN(1+p.random.IntN(100))
	stored, err := p.copies.PutCopies(p.t.Context(), e, n)
	want, first := putSingly(p.t, p.singly, e, n)
	require.Equal(p.t, want, stored)
	require.Equal(p.t, first, err)
	if over, ok := err.(*weir.LimitError); ok {
		p.retry = over.RetryAfter
	}
}

// putSingly puts n copies one by one, and returns how many were stored and why
// the first was refused that was.
func putSingly(t testing.TB, s *weir.Stream, e weir.Entry, n int) (stored int, first error) {
	t.Helper()
	for range n {
		if _, err := s.Put(t.Context(), e); err == nil {
			stored++
		} else if first == nil {
			first = err
		}
	}
	return stored, first
}

// advance moves the clock, now and then to when a refusal ends or just before.
func (p *pair) advance() {
	d := time.Duration(p.random.ExpFloat64() * float64(300*time.Millisecond))
	switch p.random.IntN(8) {
	case 0, 1:
		d = min(p.retry, time.Hour)
	case 2:
		d = max(0, min(p.retry, time.Hour)-1)
	case 3:
		d = -d
	case 4:
		d = time.Duration(p.random.Int64N(int64(2 * time.Minute)))
	}
	p.clock.Advance(d)
}

// change changes the shards of both.
func (p *pair) change() {
	open := openShards(p.t, p.copies)
	sh := open[p.random.IntN(len(open))]
	at := weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2}
	_, err := p.copies.SplitShard(context.Background(), sh.ID, at)
	_, same := p.singly.SplitShard(context.Background(), sh.ID, at)
	require.Equal(p.t, same, err)
}

func (p *pair) compare() {
	require.Equal(p.t, p.singly.Snapshot(), p.copies.Snapshot())
	require.Equal(p.t, secondsOf(p.t, p.singly), secondsOf(p.t, p.copies))
}

func TestStream_copiesAreSinglePuts(t *testing.T) {
	base := seed(t)
	for i := range *historiesFlag {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			p := newPair(t, rand.New(rand.NewPCG(base, uint64(i))))
			for range 60 {
				p.put()
				if p.random.IntN(2) == 0 {
					p.advance()
				}
				if p.random.IntN(20) == 0 {
					p.change()
				}
			}
			p.compare()
			records := allRecords(t, p.singly)
			require.Len(t, allRecords(t, p.copies), len(records))
			for i, r := range allRecords(t, p.copies) {
				require.Equal(t, records[i].SequenceNumber, r.SequenceNumber)
				require.Equal(t, records[i].Size(), r.Size())
				require.Equal(t, records[i].ArrivalTime, r.ArrivalTime)
			}
		})
	}
}

func TestStream_putCopies(t *testing.T) {
	const perSecond = "write records per second"
	for _, c := range []struct {
		name    string
		config  weir.Config
		size, n int
		stored  int
		refused string // the limit, or empty
	}{
		{"one", weir.Config{}, 100, 1, 1, ""},
		{"as many as the limit of records", weir.Config{}, 1, 1000, 1000, ""},
		{"one more", weir.Config{}, 1, 1001, 1000, perSecond},
		{"as many as the limit of bytes", weir.Config{}, 128 << 10, 8, 8, ""},
		{"one more", weir.Config{}, 128 << 10, 9, 8, "write bytes per second"},
		{"a mebibyte and a byte each", weir.Config{Limits: weir.Limits{RecordBytes: 10 << 20}},
			1<<20 + 1, 20, 9, "write bytes per second"},
		{"ten mebibytes each", weir.Config{Limits: weir.Limits{RecordBytes: 10 << 20}},
			10 << 20, 2, 1, "write bytes per second"},
		{"larger than the bucket", weir.Config{Limits: weir.Limits{WriteBytesPerSecond: 50}},
			100, 3, 1, "write bytes per second"},
		{"without limits", weir.Config{Limits: weir.Unlimited()}, 10, 100_000, 100_000, ""},
		{"in turn to four shards", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}}, 1, 4001, 4000, perSecond},
	} {
		for _, hollow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %d of %d, hollow=%v", c.name, c.n, c.size, hollow), func(t *testing.T) {
				c.config.Hollow = hollow
				s, _ := clocked(t, c.config)
				stored, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: zeros[:c.size-1]}, c.n)
				assert.Equal(t, c.stored, stored)
				if c.refused == "" {
					assert.NoError(t, err)
				} else {
					requireLimit(t, err, c.refused)
				}
				snap := s.Snapshot()
				assert.EqualValues(t, c.stored, snap.Total.PutRecordRecords)
				assert.EqualValues(t, c.stored*c.size, snap.BytesHeld)
				assert.EqualValues(t, c.n-c.stored, snap.Total.WriteThrottled)
			})
		}
	}
}

func TestStream_putCopiesRefusals(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 5 * (10 + overhead)})
	e := weir.Entry{PartitionKey: "k", Data: []byte("nine byte")}
	for _, n := range []int{0, -1, math.MinInt} {
		_, err := s.PutCopies(t.Context(), e, n)
		assert.EqualError(t, err, fmt.Sprintf("copies: %d is less than 1", n))
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	_, err := s.PutCopies(t.Context(), weir.Entry{}, 1)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	future, err := weir.ParseSequenceNumber("49668462440323373902484263141124684096996614643352862722")
	require.NoError(t, err)
	_, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", SequenceNumberForOrdering: future}, 1)
	assert.NoError(t, err, "a number of the past")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.PutCopies(ended, e, 1)
	assert.ErrorIs(t, err, context.Canceled)

	stored, err := s.PutCopies(t.Context(), e, math.MaxInt)
	assert.Equal(t, 4, stored)
	assert.ErrorIs(t, err, weir.ErrMemoryFull)
	assert.EqualValues(t, math.MaxInt-4, s.Snapshot().Total.RefusedRecords)
}

// What a reader sees while copies are put is a whole number of records, in
// order.
func TestStream_copiesArePublishedInOrder(t *testing.T) {
	const n, calls = 5000, 20
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	done := make(chan error, 1)
	go func() {
		var err error
		for range calls {
			_, e := s.PutCopies(context.Background(), weir.Entry{PartitionKey: "k", Data: []byte("abc")}, n)
			err = errors.Join(err, e)
		}
		done <- err
	}()
	next := uint64(1)
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(shard0)) {
		require.NoError(t, err)
		require.Equal(t, next, r.SequenceNumber.Index())
		require.Equal(t, "kabc", r.PartitionKey+string(r.Data))
		if next++; next > n*calls {
			break
		}
	}
	require.NoError(t, <-done)
}

// An endingContext ends when it has been asked a number of times.
type endingContext struct {
	context.Context
	asks int
}

func (c *endingContext) Err() error {
	if c.asks--; c.asks < 0 {
		return context.Canceled
	}
	return nil
}

// PutCopies looks at its context whichever way the copies go, and returns what
// was stored before it ended.
func TestStream_putCopiesWhoseContextEnds(t *testing.T) {
	const much = 1 << 20 // copies are put to one shard together
	for _, c := range []struct {
		name   string
		config weir.Config
		asks   int // 1 for the beginning of the call
		n      int
		stored int
	}{
		{"to one shard, at once", weir.Config{}, 1, 5 * much, 0},
		{"to one shard", weir.Config{}, 3, 5 * much, 2 * much},
		{"to one shard, at the end", weir.Config{}, 2, much, much},
		{"in turn, at once", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}}, 1, 10, 0},
		{"in turn to four shards", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}}, 3, 10, 3 + 3},
		{"one by one", weir.Config{MaxBytes: 1000 * (1 + overhead), WhenFull: weir.DropOldest}, 3, 2000, 2 * 256},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Limits, c.config.Hollow = weir.Unlimited(), true
			s, _ := clocked(t, c.config)
			stored, err := s.PutCopies(&endingContext{t.Context(), c.asks}, weir.Entry{PartitionKey: "k"}, c.n)
			assert.Equal(t, c.stored, stored)
			assert.EqualValues(t, c.stored, s.Snapshot().Total.IncomingRecords)
			if c.stored == c.n {
				assert.NoError(t, err)
			} else {
				assert.Equal(t, context.Canceled, err)
			}
		})
	}
}

func TestStream_putCopiesThatTheClockEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := newStream(t, weir.Config{Now: func() time.Time { cancel(); return epoch }})
	stored, err := ended.PutCopies(ctx, weir.Entry{PartitionKey: "k"}, 10)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, stored)
}

// Copies that wait for memory are put at the time at which there is room: the
// quota took the time of the call for a clock that was set back, and filled
// anew.
func TestStream_putCopiesThatWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{MaxBytes: 10 * (1 + overhead), WhenFull: weir.Wait, Settings: weir.Settings{Retention: 10 * time.Second},
			Limits: weir.Limits{MinRetention: -1, WriteRecordsPerSecond: 10}})
		began := time.Now()
		stored, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k"}, 20)
		require.NoError(t, err)
		assert.Equal(t, 20, stored)
		assert.Equal(t, 10*time.Second, time.Since(began), "until the first ten have expired")
		s.Trim()
		for _, r := range allRecords(t, s) {
			require.NoError(t, s.TrimTo(r.SequenceNumber))
		}
		_, err = s.PutRecord(t.Context(), "k", nil)
		assert.Equal(t, 100*time.Millisecond, requireLimit(t, err, "write records per second"))

		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stored, err = s.PutCopies(ctx, weir.Entry{PartitionKey: "k"}, 20)
		assert.Equal(t, 10, stored)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, weir.ErrMemoryFull)
	})
}
