package shardlog_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/shardlog"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; zero takes one from the clock")

func seed(t testing.TB) uint64 {
	s := *seedFlag
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", s)
	return s
}

func TestLog_doesWhatItsTwinDoes(t *testing.T) {
	base := seed(t)
	for _, hollow := range []bool{false, true} {
		t.Run(fmt.Sprint("hollow=", hollow), func(t *testing.T) {
			for run := range uint64(12) {
				random := rand.New(rand.NewPCG(base, run))
				s := make(script, 2000)
				for i := range s {
					s[i] = byte(random.Uint32())
				}
				for w := newTwin(t, hollow); len(s) > 0; {
					w.step(&s)
				}
			}
		})
	}
}

func FuzzLog(f *testing.F) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 8 {
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, hollow bool) {
		s := script(b[:min(len(b), 1000)])
		for w := newTwin(t, hollow); len(s) > 0; {
			w.step(&s)
		}
	})
}

// arenas makes all blocks of a log of n bytes.
func arenas(n int) shardlog.Options {
	return shardlog.Options{NewArena: func(int) []byte { return make([]byte, n) }}
}

// What is not published can be read by nobody, whatever lies in between: a
// block that has a successor, or the successor itself.
func TestLog_publishesBehindWhatIsAppended(t *testing.T) {
	var l shardlog.Log
	l.Init(shardlog.Options{})
	for range 10 {
		l.Append("k", make([]byte, 2000), 1000)
	}
	require.Equal(t, 10, int(l.Appended().Records))
	require.Greater(t, l.BlockCount(), 2)
	assert.Zero(t, l.Published())
	for end := uint64(1); end <= 11; end++ {
		l.PublishTo(end)
		l.PublishTo(end / 2) // shows nothing more, and hides nothing
		assert.Equal(t, int64(end-1), l.Published().Records)
		assert.EqualValues(t, end-1, len(indexes(&l)))
	}
	require.NoError(t, l.Check())
}

// indexes returns those of the records that can be read.
func indexes(l *shardlog.Log) (list []uint64) {
	var c shardlog.Cursor
	for {
		l.SkipTo(&c, math.MinInt64)
		n, _ := l.Take(&c, math.MaxInt, math.MaxInt, true)
		if n == 0 {
			return list
		}
		for range n {
			list = append(list, c.Next)
			c.Next++
		}
	}
}

// TrimBlocks leaves a block whose records are not all published, however old.
func TestLog_trimBlocksWaitsForThePublisher(t *testing.T) {
	var l shardlog.Log
	l.Init(arenas(6000))
	for range 3 {
		l.Append("k", make([]byte, 5000), 1000) // a block each
	}
	require.Equal(t, 3, l.BlockCount())
	for published := range 4 {
		l.PublishTo(uint64(published) + 1)
		gone := l.TrimBlocks(2000)
		assert.EqualValues(t, min(published, 2), l.First()-1)
		assert.Equal(t, 3-min(published, 2), l.BlockCount())
		assert.Equal(t, min(1, published) == 1 && published < 3, gone.Records == 1)
		require.NoError(t, l.Check())
	}
}

// A cursor, or views, may stand in a block while it is released.
func TestLog_cursorInReleasedBlock(t *testing.T) {
	var l shardlog.Log
	l.Init(arenas(6000))
	for i := range byte(6) {
		l.Append("k", bytes.Repeat([]byte{i}, 5000), int64(i))
	}
	l.Publish()
	c := shardlog.Cursor{Next: 2}
	n, _ := l.Take(&c, 10, math.MaxInt, false)
	require.Equal(t, 1, n)
	b, i := c.Block()
	view := b.Data(b.Start(i)+1, b.Header(i).End())
	l.TrimTo(5)
	assert.Equal(t, bytes.Repeat([]byte{1}, 5000), view, "what was found stays")
	n, _ = l.Take(&c, 10, math.MaxInt, false)
	assert.Equal(t, 1, n)
	assert.EqualValues(t, 5, c.Next)
	l.TrimTo(7)
	assert.Zero(t, l.MemoryBytes())
	n, _ = l.Take(&c, 10, math.MaxInt, false)
	assert.Zero(t, n)
	assert.EqualValues(t, 7, c.Next)
	l.Append("k", nil, 7)
	l.Publish()
	n, _ = l.Take(&c, 10, math.MaxInt, false)
	assert.Equal(t, 1, n)
	assert.EqualValues(t, 7, c.Next)
	require.NoError(t, l.Check())
}

// dataAt returns the data of the record with this index in the tests of readers
// beside a writer, and arrivalAt its arrival.
func dataAt(i uint64) []byte {
	return many[i%251 : i%251+i*i%97*30]
}

func arrivalAt(i uint64) int64 { return int64(i / 7) }

// One writer appends, publishes late, trims and now and then trims all there
// is; readers see each record right, in order, and pass over nothing but what
// was trimmed.
func TestLog_readersBesideAWriter(t *testing.T) {
	base := seed(t)
	const last = 12_000
	var (
		l       shardlog.Log
		allowed atomic.Uint64 // nothing from here on may be seen yet
		workers sync.WaitGroup
	)
	l.Init(arenas(4096))
	allowed.Store(1)
	workers.Go(func() {
		random := rand.New(rand.NewPCG(base, 0))
		for i := uint64(1); i < last; {
			for range 1 + random.IntN(12) {
				l.Append("k", dataAt(i), arrivalAt(i))
				i++
			}
			lag := min(uint64(random.IntN(20)), i-l.End())
			allowed.Store(i - lag)
			l.PublishTo(i - lag)
			switch random.IntN(8) {
			case 0:
				l.TrimTo(l.First() + uint64(random.IntN(60)))
			case 1, 2:
				l.TrimBlocks(arrivalAt(i) - int64(random.IntN(30)))
			case 3:
				l.TrimExpired(arrivalAt(i) - int64(random.IntN(30)))
			case 4:
				allowed.Store(i)
				l.Publish()
				l.TrimTo(i)
			case 5:
				i -= uint64(l.Retract().Records)
			}
			if i%64 == 0 && !assert.NoError(t, l.Check()) {
				break
			}
		}
		allowed.Store(math.MaxUint64)
		l.Publish()
	})
	for reader := range uint64(3) {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(base, 1+reader))
			r := raceReader{l: &l, allowed: &allowed, c: shardlog.Cursor{Next: 1}}
			for !t.Failed() {
				if err := r.step(random); !assert.NoError(t, err) {
					return
				}
				if allowed.Load() == math.MaxUint64 && r.c.Next >= l.End() {
					return
				}
			}
		})
	}
	workers.Wait()
}

type raceReader struct {
	l       *shardlog.Log
	allowed *atomic.Uint64
	c       shardlog.Cursor
}

// step reads a little, and returns an error if it should not have seen that.
func (r *raceReader) step(random *rand.Rand) error {
	was := r.c.Next
	horizon := int64(math.MinInt64)
	switch random.IntN(6) {
	case 0:
		horizon = arrivalAt(was + uint64(random.IntN(20)))
		r.l.SkipTo(&r.c, horizon)
	case 1:
		r.c.Forget()
	case 2:
		// These may come too late for any answer but must stand it.
		r.l.ArrivalAt(r.c)
		r.l.Before(r.c)
		r.l.Published()
		r.l.MemoryBytes()
		if ms, ok := r.l.ArrivalOf(was); ok && ms != arrivalAt(was) {
			return fmt.Errorf("record %d arrived at %d", was, ms)
		}
	}
	n, _ := r.l.Take(&r.c, 1+random.IntN(40), random.IntN(20000), true)
	if r.c.Next < was {
		return fmt.Errorf("moved back from %d to %d", was, r.c.Next)
	}
	if first := r.l.First(); r.c.Next > was && first < r.c.Next && arrivalAt(r.c.Next-1) > horizon {
		return fmt.Errorf("moved from %d to %d, where %d is the first and %d the horizon", was, r.c.Next, first, horizon)
	}
	if r.c.Next+uint64(n) > max(r.c.Next, r.allowed.Load()) {
		return fmt.Errorf("saw %d records from %d on, allowed to %d", n, r.c.Next, r.allowed.Load())
	}
	b, at := r.c.Block()
	for i := at; i < at+n; i++ {
		h, start := b.Header(i), b.Start(i)
		if h.KeyLen() != 1 || b.Key(start, start+1) != "k" || !bytes.Equal(b.Data(start+1, h.End()), dataAt(r.c.Next)) ||
			b.BaseMs()+h.Delta() != arrivalAt(r.c.Next) {
			return fmt.Errorf("record %d is another", r.c.Next)
		}
		r.c.Next++
	}
	return nil
}

// A log that always holds a record says so at any moment, also to a reader
// whose block is released while it looks.
func TestLog_neverLooksEmptyBesideAWriter(t *testing.T) {
	var (
		l       shardlog.Log
		stop    atomic.Bool
		workers sync.WaitGroup
	)
	l.Init(arenas(64)) // a block each
	l.Append("k", nil, 0)
	l.Publish()
	for range 2 {
		workers.Go(func() {
			for !stop.Load() && !t.Failed() {
				_, ok := l.Oldest()
				assert.True(t, ok, "the oldest record was not found")
				var c shardlog.Cursor
				n, _ := l.Take(&c, 1, 0, true)
				assert.Equal(t, 1, n)
			}
		})
	}
	for i := range 20_000 {
		l.Append("k", many[:40], int64(i))
		l.Publish()
		l.TrimTo(l.End() - 1)
	}
	stop.Store(true)
	workers.Wait()
}

// A reader that finds the log empty does not pass over the first of two blocks
// that follow.
func TestLog_noBlockIsMissedAfterARest(t *testing.T) {
	var (
		l       shardlog.Log
		stop    atomic.Bool
		workers sync.WaitGroup
	)
	l.Init(arenas(64)) // a block each
	for range 2 {
		workers.Go(func() {
			for !stop.Load() && !t.Failed() {
				end := l.End()
				c := shardlog.Cursor{Next: end}
				l.Take(&c, 1, 0, true)
				first := l.First()
				assert.True(t, c.Next <= max(end, first), "moved from %d to %d, but %d is there", end, c.Next, first)
				c = shardlog.Cursor{Next: end - 1}
				l.SkipTo(&c, int64(end)-1) // the arrival of the last record
				first = l.First()
				assert.True(t, c.Next <= max(end, first), "skipped from %d to %d, but %d is there", end, c.Next, first)
			}
		})
	}
	for i := uint64(1); i < 30_000; i += 2 {
		l.Append("k", many[:40], int64(i))
		l.Append("k", many[:40], int64(i+1))
		l.Publish()
		l.TrimTo(i + 2)
	}
	stop.Store(true)
	workers.Wait()
}
