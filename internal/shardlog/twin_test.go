package shardlog_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/shardlog"
)

// A record is what the twin knows of one.
type record struct {
	index uint64
	key   string
	data  []byte
	ms    int64
}

func (r record) size() int64 { return int64(len(r.key) + len(r.data)) }

// A twin is a log beside another log, without blocks, in a slice.
type twin struct {
	t       testing.TB
	log     *shardlog.Log
	options shardlog.Options

	records          []record // all ever
	first, end, next uint64
	gaps             []shardlog.Gap
	ms               int64
	cursors          [4]shardlog.Cursor
}

func newTwin(t testing.TB, hollow bool) *twin {
	w := &twin{t: t, log: new(shardlog.Log), options: shardlog.Options{Hollow: hollow}, first: 1, end: 1, next: 1}
	w.log.Init(w.options)
	return w
}

// extent returns the records from index i on, before j.
func (w *twin) extent(i, j uint64) (e shardlog.Extent) {
	for _, r := range w.between(i, j) {
		e.Records++
		e.Bytes += r.size()
	}
	return e
}

// between returns the records from index i on, before j.
func (w *twin) between(i, j uint64) []record {
	place := func(i uint64) int {
		n, _ := slices.BinarySearchFunc(w.records, i, func(r record, i uint64) int {
			switch {
			case r.index < i:
				return -1
			case r.index > i:
				return 1
			}
			return 0
		})
		return n
	}
	return w.records[place(i):max(place(i), place(j))]
}

// readable returns the published records from index i on that are not trimmed.
func (w *twin) readable(i uint64) []record { return w.between(max(i, w.first), w.end) }

func (w *twin) append(key string, data []byte, n int) {
	for range n {
		w.records = append(w.records, record{w.next, key, data, w.ms})
		w.next++
	}
}

// trimmed checks that a call trimmed the records before index i and no others.
func (w *twin) trimmed(gone shardlog.Extent, i uint64) {
	i = max(w.first, min(i, w.end))
	require.Equal(w.t, w.extent(w.first, i), gone)
	got := w.log.First()
	require.GreaterOrEqual(w.t, got, w.first)
	require.LessOrEqual(w.t, got, w.end)
	require.Zero(w.t, w.extent(min(i, got), max(i, got)), "trimmed to %d instead of %d", got, i)
	w.first = got
}

// afterMs returns the index of the first readable record that arrived after ms.
func (w *twin) afterMs(ms int64) uint64 {
	for _, r := range w.readable(0) {
		if r.ms > ms {
			return r.index
		}
	}
	return w.end
}

// A script is bytes that decode to choices. When they are used up every choice
// is the first.
type script []byte

// below returns a number below n, which is at most 1<<16.
func (s *script) below(n int) int {
	v := 0
	for span := 1; span < n && len(*s) > 0; span <<= 8 {
		v = v<<8 | int((*s)[0])
		*s = (*s)[1:]
	}
	return v % n
}

// index returns one near what the twin holds.
func (w *twin) index(s *script) uint64 {
	switch s.below(4) {
	case 0:
		return w.first + uint64(s.below(3)) - 1
	case 1:
		return w.end + uint64(s.below(4)) - 2
	case 2:
		if len(w.gaps) > 0 {
			g := w.gaps[s.below(len(w.gaps))]
			return []uint64{g.From - 1, g.From, (g.From + g.To) / 2, g.To - 1, g.To}[s.below(5)]
		}
	}
	if len(w.records) == 0 {
		return 0
	}
	return w.records[s.below(min(len(w.records), 1<<16))].index
}

// arrival returns a time near those of the records.
func (w *twin) arrival(s *script) int64 {
	if held := w.readable(0); len(held) > 0 && s.below(4) > 0 {
		return held[s.below(min(len(held), 1<<16))].ms + int64(s.below(3)) - 1
	}
	return w.ms + int64(s.below(3)) - 1
}

const threeDaysMs = 3 * 24 * 3600 * 1000

// many is what data is cut from.
var many = func() []byte {
	b := make([]byte, shardlog.MaxRecordBytes+256)
	for i := range b {
		b[i] = byte(i * 131 >> 3)
	}
	return b
}()

// content returns a key and data, no large ones if the log takes much memory.
func (w *twin) content(s *script) (key string, data []byte) {
	key = strings.Repeat([]string{"k", "é", "€", "𝄞"}[s.below(4)], s.below(5))
	if s.below(64) == 0 {
		key = strings.Repeat("𝄞", 256)
	}
	n := 0
	switch k := s.below(256); {
	case k > 245 && w.log.MemoryBytes() > 1<<25:
	case k == 255:
		n = shardlog.MaxRecordBytes - len(key)
	case k > 245:
		n = s.below(1<<16) * 20
	case k > 200:
		n = s.below(5000)
	case k > 50:
		n = s.below(100)
	}
	at := s.below(256)
	return key, many[at : at+n]
}

// step does one thing to both.
func (w *twin) step(s *script) {
	l := w.log
	switch op := s.below(20); op {
	case 0, 1, 2, 3:
		w.pass(s)
		key, data := w.content(s)
		require.Equal(w.t, w.next, l.Append(key, data, w.ms))
		w.append(key, data, 1)
	case 4:
		w.pass(s)
		key, data := w.content(s)
		n := s.below(200)
		if len(data) > 1<<18 {
			n = min(n, 4)
		}
		require.Equal(w.t, w.next, l.AppendCopies(key, data, w.ms, n))
		w.append(key, data, n)
	case 5, 6:
		l.Publish()
		if n := len(w.records); n > 0 {
			w.end = max(w.end, w.records[n-1].index+1)
		}
	case 7, 8, 9:
		i := w.end
		if late := w.between(w.end, math.MaxUint64); len(late) > 0 {
			i = late[s.below(min(len(late), 1<<16))].index + uint64(s.below(2))
			if len(w.between(i-1, i)) == 0 {
				i++
			}
		}
		l.PublishTo(i)
		w.end = max(w.end, i)
	case 10:
		i := w.index(s)
		w.trimmed(l.TrimTo(i), i)
	case 11:
		ms := w.arrival(s)
		w.trimmed(l.TrimExpired(ms), w.afterMs(ms))
	case 12:
		w.trimBlocks(w.arrival(s))
	case 13:
		w.trimBytes(int64(s.below(1<<16)), int64(s.below(100)), w.arrival(s))
	case 14:
		if s.below(2) == 0 {
			w.retract()
			break
		}
		w.restart([]uint64{0, 0, 1, 2, 1000, 1 << 40}[s.below(6)])
	default:
		w.read(s, &w.cursors[s.below(len(w.cursors))], op)
	}
	w.compare(s)
}

// pass lets time pass.
func (w *twin) pass(s *script) {
	switch s.below(16) {
	case 0:
		w.ms += threeDaysMs + 1<<25 // more than a block spans
	case 1, 2, 3:
		w.ms++
	}
}

// retract takes back what is not published.
func (w *twin) retract() {
	late := len(w.between(w.end, math.MaxUint64))
	require.Equal(w.t, w.extent(w.end, math.MaxUint64), w.log.Retract())
	if late > 0 {
		w.next = w.records[len(w.records)-late].index
		w.records = w.records[:len(w.records)-late]
	}
	require.Equal(w.t, w.next, w.log.Next())
}

// trimBlocks trims by blocks, whose extents the twin does not know: it believes
// that the log trimmed what it says.
func (w *twin) trimBlocks(ms int64) {
	blocks, most := w.log.BlockCount(), max(w.first, w.afterMs(ms))
	gone := w.log.TrimBlocks(ms)
	w.trimmed(gone, w.log.First())
	require.LessOrEqual(w.t, w.first, most)
	require.Equal(w.t, gone.Records > 0, w.log.BlockCount() < blocks)
	if w.log.BlockCount() == 0 {
		require.Zero(w.t, blocks, "the newest block stays")
	}
}

func (w *twin) trimBytes(need, overhead, ms int64) {
	to := w.first
	var counted int64
	for n, r := range w.readable(0) {
		if n > 0 && (counted >= need || r.ms > ms) {
			break
		}
		counted += r.size() + overhead
		to = r.index + 1
	}
	w.trimmed(w.log.TrimBytes(need, overhead, ms), to)
}

// restart replaces the log by what is saved of it. What was not published is
// lost.
func (w *twin) restart(skip uint64) {
	state, blocks := w.log.State(w.ms), w.log.Blocks()
	require.Equal(w.t, w.first, state.First)
	require.Equal(w.t, w.end, state.End)
	log, err := restore(w.options, state, skip, blocks)
	require.NoError(w.t, err)
	w.log = log
	w.records = w.between(0, w.end)
	pending := len(w.gaps) > 0 && w.gaps[len(w.gaps)-1].From == w.end
	switch {
	case pending:
		w.gaps = slices.Clone(w.gaps)
		w.gaps[len(w.gaps)-1].To += skip
	case skip > 0:
		w.gaps = append(slices.Clone(w.gaps), shardlog.Gap{From: w.end, To: w.end + skip})
	}
	w.next = w.end
	if n := len(w.gaps); n > 0 && w.gaps[n-1].From == w.end {
		w.next = w.gaps[n-1].To
	}
	for i := range w.cursors {
		w.cursors[i].Forget()
	}
}

// read does something to a cursor.
func (w *twin) read(s *script, c *shardlog.Cursor, op int) {
	was := c.Next
	switch op {
	case 15:
		c.Next = w.index(s)
		if s.below(2) == 0 {
			c.Forget()
		}
	case 16:
		w.skipTo(c, w.arrival(s))
	default:
		w.take(c, s.below(300), []int{0, 1, 100, 10000, 1 << 30}[s.below(5)], s.below(2) == 0)
		require.GreaterOrEqual(w.t, c.Next, was)
	}
}

func (w *twin) skipTo(c *shardlog.Cursor, ms int64) {
	was := c.Next
	w.log.SkipTo(c, ms)
	require.GreaterOrEqual(w.t, c.Next, max(was, w.first))
	for _, r := range w.between(max(was, w.first), min(c.Next, w.end)) {
		require.LessOrEqual(w.t, r.ms, ms, "record %d was passed over", r.index)
	}
	if left := w.readable(c.Next); len(left) > 0 {
		require.Greater(w.t, left[0].ms, ms, "record %d was not passed over", left[0].index)
	} else {
		require.LessOrEqual(w.t, c.Next, max(was, w.end, w.next))
	}
}

// take takes a run of records and checks that it is the right one.
func (w *twin) take(c *shardlog.Cursor, most, budget int, alone bool) {
	was := c.Next
	n, size := w.log.Take(c, most, budget, alone)
	if n == 0 {
		require.Zero(w.t, size)
		if left := w.between(c.Next, w.end); len(left) > 0 && most > 0 {
			require.False(w.t, alone)
			require.Greater(w.t, left[0].size(), int64(budget))
		}
		return
	}
	require.LessOrEqual(w.t, n, most)
	passed := w.between(max(was, w.first), c.Next)
	require.Empty(w.t, passed, "records were passed over")
	run := w.between(c.Next, c.Next+uint64(n))
	require.Len(w.t, run, n)
	require.LessOrEqual(w.t, c.Next+uint64(n), w.end)
	b, at := c.Block()
	for i, r := range run {
		w.same(r, b, at+i)
	}
	require.Equal(w.t, w.extent(c.Next, c.Next+uint64(n)).Bytes, int64(size))
	require.True(w.t, size <= budget || n == 1 && alone, "%d records of %d bytes for %d", n, size, budget)
	c.Next += uint64(n)
	after := *c
	if left := w.between(c.Next, w.end); n < most && len(left) > 0 && int64(size)+left[0].size() <= int64(budget) {
		more, _ := w.log.Take(&after, 1, 0, true)
		require.Equal(w.t, 1, more)
		next, _ := after.Block()
		require.NotSame(w.t, b, next, "there was room for more of the block")
	}
}

// same checks that record i of b is r.
func (w *twin) same(r record, b *shardlog.Block, i int) {
	h, start := b.Header(i), b.Start(i)
	require.Equal(w.t, len(r.key), h.KeyLen())
	require.Equal(w.t, int(r.size()), h.End()-start)
	require.Equal(w.t, r.ms, b.BaseMs()+h.Delta())
	require.Equal(w.t, r.index, b.Base()+uint64(i))
	require.Equal(w.t, w.options.Hollow, b.IsHollow())
	if b.IsHollow() {
		return
	}
	require.Equal(w.t, r.key, b.Key(start, start+h.KeyLen()))
	data := b.Data(start+h.KeyLen(), h.End())
	require.True(w.t, bytes.Equal(r.data, data), "record %d", r.index)
	require.Equal(w.t, len(data), cap(data))
}

// compare checks that both hold the same.
func (w *twin) compare(s *script) {
	l := w.log
	require.NoError(w.t, l.Check())
	require.Equal(w.t, w.first, l.First())
	require.Equal(w.t, w.end, l.End())
	require.Equal(w.t, w.gaps, l.Gaps())
	require.Equal(w.t, w.extent(0, math.MaxUint64), l.Appended())
	require.Equal(w.t, w.extent(0, w.end), l.Published())
	held := w.extent(w.first, math.MaxUint64)
	require.Equal(w.t, held, l.Held())
	require.Equal(w.t, l.BlockCount() == 0, l.MemoryBytes() == 0)
	need := held.Records * shardlog.HeaderBytes
	if !w.options.Hollow {
		need += held.Bytes
	}
	require.GreaterOrEqual(w.t, l.MemoryBytes(), need)
	ms, ok := l.Oldest()
	w.arrived(w.readable(0), ms, ok)
	c := w.cursors[s.below(len(w.cursors))]
	ms, ok = l.ArrivalAt(c)
	w.arrived(w.readable(c.Next), ms, ok)
	require.Equal(w.t, w.extent(0, min(max(c.Next, w.first), w.end)), l.Before(c))
	i := w.index(s)
	ms, ok = l.ArrivalOf(i)
	if known := w.between(i, i+1); len(known) == 0 || i >= w.end {
		require.False(w.t, ok)
	} else if ok || i >= w.first { // the twin does not know which blocks are released
		w.arrived(known, ms, ok)
	}
}

// arrived checks the arrival of the first of the records.
func (w *twin) arrived(records []record, ms int64, ok bool) {
	require.Equal(w.t, len(records) > 0, ok)
	if ok {
		require.Equal(w.t, records[0].ms, ms)
	}
}
