package shardlog_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/shardlog"
)

// restore makes a log of what was saved of one.
func restore(o shardlog.Options, s shardlog.State, skip uint64, blocks []shardlog.SavedBlock) (*shardlog.Log, error) {
	l := new(shardlog.Log)
	r, err := shardlog.Restore(l, o, s, skip)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if err := r.Block(b.BlockHead, slices.Concat(b.Data, b.Headers)); err != nil {
			return nil, err
		}
	}
	return l, r.Done()
}

// again restores a log from itself.
func again(t *testing.T, l *shardlog.Log, skip uint64) *shardlog.Log {
	restored, err := restore(shardlog.Options{}, l.State(1000), skip, l.Blocks())
	require.NoError(t, err)
	require.NoError(t, restored.Check())
	return restored
}

const far = uint64(1) << 40

func TestLog_betweenAndArrivalBefore(t *testing.T) {
	l := again(t, tens(3, 2000), far)
	for range 2 {
		l.Append("k", nil, 1000)
	}
	l.Publish()
	all := indexes(l)
	between := func(i, j uint64) (n int64) {
		for _, at := range all {
			if i <= at && at < j {
				n++
			}
		}
		return n
	}
	ends := []uint64{1, 2, 3, 4, 5, far, 3 + far, 4 + far, 5 + far, 6 + far}
	for trimmed := range 2 {
		for _, i := range ends {
			for _, j := range ends {
				assert.Equal(t, between(i, j), l.Between(i, j), "%d to %d", i, j)
			}
		}
		for _, i := range ends {
			c := shardlog.Cursor{Next: i}
			l.Take(&c, 1, math.MaxInt, true) // it remembers the block
			c.Next = i
			before, ms, ok := l.ArrivalBefore(c)
			want, known := l.ArrivalOf(l.Previous(i))
			assert.Equal(t, l.Previous(i), before)
			assert.Equal(t, want, ms, "before %d", i)
			assert.Equal(t, known, ok, "before %d", i)
		}
		if trimmed == 0 {
			l.TrimTo(4 + far)
		}
	}
}

// A log is restored again and again, now and then before anything was appended.
func TestRestore_leavesGaps(t *testing.T) {
	l := tens(3, 2000)
	old := shardlog.Cursor{Next: 4} // the end of the first run
	l = again(t, l, far)
	n, _ := l.Take(&old, 10, math.MaxInt, true)
	assert.Zero(t, n)
	assert.EqualValues(t, 4, l.End(), "the gap ends nowhere yet")
	assert.EqualValues(t, 4+far, l.Append("k", nil, 1000))
	l.Publish()
	assert.EqualValues(t, 5+far, l.End())
	l = again(t, l, 0)
	l = again(t, l, far)
	l = again(t, l, far)
	assert.EqualValues(t, 5+3*far, l.AppendCopies("k", make([]byte, 3000), 1000, 3))
	l.Publish()
	require.NoError(t, l.Check())
	assert.Equal(t, []uint64{1, 2, 3, 4 + far, 5 + 3*far, 6 + 3*far, 7 + 3*far}, indexes(l))
	assert.Equal(t, []shardlog.Gap{{From: 4, To: 4 + far}, {From: 5 + far, To: 5 + 3*far}}, l.Gaps())
	assert.EqualValues(t, 7, l.Published().Records, "gaps hold none")
	assert.Equal(t, l.Published(), l.Held())
	old.Forget()
	n, _ = l.Take(&old, 1, math.MaxInt, true)
	assert.Equal(t, 1, n)
	assert.EqualValues(t, 4+far, old.Next, "it moves over the gap")
	assert.EqualValues(t, 3, l.Before(old).Records)

	gone := l.TrimTo(100) // in the first gap
	assert.EqualValues(t, 3, gone.Records)
	require.NoError(t, l.Check())
	l = again(t, l, 0)
	assert.EqualValues(t, 100, l.First())
	assert.EqualValues(t, 4, l.Held().Records)
	l.TrimExpired(2000)
	require.NoError(t, l.Check())
	assert.Zero(t, l.MemoryBytes())
	l = again(t, l, 5)
	assert.Zero(t, l.Held())
	assert.EqualValues(t, 13+3*far, l.Append("k", nil, 1000))
	assert.EqualValues(t, 8+3*far, l.First())
	l.Publish()
	require.NoError(t, l.Check())
	l = again(t, l, 0)
	assert.Equal(t, []uint64{13 + 3*far}, indexes(l))
	assert.EqualValues(t, 8, l.Published().Records)
}

// A log whose records all are trimmed, before or after it was restored with a
// gap.
func TestRestore_everythingTrimmed(t *testing.T) {
	for _, skip := range []uint64{0, 1, far} {
		for _, after := range []bool{false, true} {
			l := tens(3, 2000)
			if !after {
				l.TrimTo(4)
			}
			l = again(t, l, skip)
			l.TrimTo(4)
			require.NoError(t, l.Check())
			assert.Zero(t, l.Held())
			assert.Equal(t, l.State(0).Bytes, l.Published().Bytes)
			c := shardlog.Cursor{Next: 4}
			l.SkipTo(&c, 5000)
			assert.LessOrEqual(t, c.Next, 4+skip)
			l.Append("k", nil, 1000)
			require.NoError(t, l.Check())
			_, ok := l.ArrivalAt(c)
			assert.False(t, ok)
			l.Publish()
			require.NoError(t, l.Check())
			assert.Equal(t, []uint64{4 + skip}, indexes(l))
			assert.Equal(t, shardlog.Extent{Records: 1, Bytes: 1}, l.TrimBytes(1, 0, 0))
			require.NoError(t, l.Check())
		}
	}
}

// The first block holds trimmed records that are published, and others that are
// not: nothing of it is saved.
func TestRestore_publishedRecordsOfABlockTrimmed(t *testing.T) {
	l := tens(3, 100)
	l.Append("k", nil, 40)
	l.TrimTo(4)
	assert.Empty(t, l.Blocks())
	l = again(t, l, 0)
	assert.Zero(t, l.Held())
	assert.EqualValues(t, 4, l.Append("k", nil, 1000))
}

// Where nothing is published behind a gap, trimming does not go beyond it.
func TestRestore_trimsUpToAGap(t *testing.T) {
	for name, trim := range map[string]func(l *shardlog.Log){
		"TrimTo":      func(l *shardlog.Log) { l.TrimTo(math.MaxUint64) },
		"TrimExpired": func(l *shardlog.Log) { l.TrimExpired(math.MaxInt64) },
		"TrimBytes":   func(l *shardlog.Log) { l.TrimBytes(math.MaxInt64, 0, math.MaxInt64) },
	} {
		for _, late := range []bool{false, true} {
			l := again(t, tens(3, 2000), far)
			if late {
				l.Append("k", nil, 1000)
			}
			for range 2 {
				trim(l)
				require.NoError(t, l.Check(), name)
				assert.EqualValues(t, 4, l.First(), name)
			}
		}
	}
}

func TestLost_boundaries(t *testing.T) {
	l := again(t, tens(9, 10), 90)
	gap := shardlog.Gap{From: 10, To: 100}
	check := func() {
		for i, want := range map[uint64]bool{0: false, 9: false, 10: true, 11: true, 97: true, 98: true, 99: true, 100: false, 101: false} {
			g, lost := l.Lost(i)
			assert.Equal(t, want, lost, "index %d", i)
			assert.Equal(t, want, g == gap, "index %d", i)
		}
	}
	check()
	l.Append("k", nil, 1000)
	l.Publish()
	check()
	l = again(t, l, 1)
	for i := range uint64(5) {
		_, lost := l.Lost(100 + i)
		assert.Equal(t, i == 1, lost, "a gap of one index, after the record with index 100")
	}
	for i, want := range map[uint64]uint64{1: 0, 9: 8, 10: 9, 11: 9, 50: 9, 100: 9, 101: 100, 102: 100, 103: 102} {
		assert.Equal(t, want, l.Previous(i), "before index %d", i)
	}
	for i, want := range map[uint64]uint64{1: 1, 9: 9, 10: 100, 50: 100, 99: 100, 100: 100, 101: 102, 102: 102} {
		assert.Equal(t, want, l.BehindGap(i), "index %d", i)
	}
}

// A saved log: two blocks, a gap, a block.
func saved(t testing.TB, hollow bool) (shardlog.Options, shardlog.State, []shardlog.SavedBlock) {
	o := shardlog.Options{Hollow: hollow}
	l := new(shardlog.Log)
	l.Init(o)
	l.Append("kä", []byte("data"), 10)
	l.Append("é", nil, 20)
	l.AppendCopies("k", make([]byte, 9), 20+threeDaysMs+1<<26, 3)
	l.Publish()
	l.TrimTo(2)
	l, err := restore(o, l.State(20+threeDaysMs+1<<26), 100, l.Blocks())
	require.NoError(t, err)
	l.AppendCopies("𝄞", []byte("x"), 30+threeDaysMs+1<<26, 3)
	l.Publish()
	require.Equal(t, 3, l.BlockCount())
	return o, l.State(30 + threeDaysMs + 1<<26), l.Blocks()
}

// sound checks that a log that was restored can be used.
func sound(t testing.TB, l *shardlog.Log, lastMs int64) {
	require.NoError(t, l.Check())
	held := l.Held()
	require.EqualValues(t, held.Records, len(indexes(l)))
	l.Append("k", nil, lastMs)
	l.Publish()
	require.NoError(t, l.Check())
	l.TrimBlocks(math.MaxInt64)
	require.NoError(t, l.Check())
	l.TrimTo(math.MaxUint64)
	require.NoError(t, l.Check())
	require.Zero(t, l.Held())
}

func TestRestore_refusesDamage(t *testing.T) {
	for _, hollow := range []bool{false, true} {
		o, state, blocks := saved(t, hollow)
		l, err := restore(o, state, 0, blocks)
		require.NoError(t, err)
		sound(t, l, state.LastMs)
		damages := map[string]func(s *shardlog.State, b []shardlog.SavedBlock){
			"first is zero":         func(s *shardlog.State, b []shardlog.SavedBlock) { s.First = 0 },
			"first in block 2":      func(s *shardlog.State, b []shardlog.SavedBlock) { s.First = 3 },
			"first behind a gap":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.First = 50 },
			"first is the end":      func(s *shardlog.State, b []shardlog.SavedBlock) { s.First = s.End },
			"first beyond the end":  func(s *shardlog.State, b []shardlog.SavedBlock) { s.First = s.End + 1 },
			"end too small":         func(s *shardlog.State, b []shardlog.SavedBlock) { s.End-- },
			"end too large":         func(s *shardlog.State, b []shardlog.SavedBlock) { s.End++ },
			"end in the gap":        func(s *shardlog.State, b []shardlog.SavedBlock) { s.End = 50 },
			"end behind all":        func(s *shardlog.State, b []shardlog.SavedBlock) { s.End = 1<<62 + 1 },
			"end is the largest":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.End = math.MaxUint64 },
			"bytes too few":         func(s *shardlog.State, b []shardlog.SavedBlock) { s.Bytes-- },
			"bytes too many":        func(s *shardlog.State, b []shardlog.SavedBlock) { s.Bytes++ },
			"bytes negative":        func(s *shardlog.State, b []shardlog.SavedBlock) { s.Bytes = -1 },
			"last arrival early":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.LastMs-- },
			"last arrival negative": func(s *shardlog.State, b []shardlog.SavedBlock) { s.LastMs = -1 },
			"opened too late":       func(s *shardlog.State, b []shardlog.SavedBlock) { s.OpenedMs = b[0].BaseMs + 1 },
			"opened at the last":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.OpenedMs = s.LastMs + 1 },
			"opened before 1970":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.OpenedMs = -1 },
			"no gap":                func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps = nil },
			"gap begins early":      func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].From-- },
			"gap begins late":       func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].From++ },
			"gap begins at zero":    func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].From = 0 },
			"gap ends early":        func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].To-- },
			"gap ends late":         func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].To++ },
			"gap ends at the end":   func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].To = s.End },
			"gap ends before":       func(s *shardlog.State, b []shardlog.SavedBlock) { s.Gaps[0].To = 1 },
			"gap in a block": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = append([]shardlog.Gap{{From: 4, To: 5}}, s.Gaps...)
			},
			"gap in the last block": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = append(s.Gaps, shardlog.Gap{From: 107, To: 108})
			},
			"gap after gap": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = []shardlog.Gap{{From: 6, To: 50}, {From: 50, To: 106}}
			},
			"gap across the end": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = append(s.Gaps, shardlog.Gap{From: s.End - 1, To: s.End + 5})
			},
			"gap behind the end": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = append(s.Gaps, shardlog.Gap{From: s.End + 1, To: s.End + 5})
			},
			"gap without end": func(s *shardlog.State, b []shardlog.SavedBlock) {
				s.Gaps = append(s.Gaps, shardlog.Gap{From: s.End, To: math.MaxUint64})
			},
			"no first block":     func(s *shardlog.State, b []shardlog.SavedBlock) { b[0] = b[1] },
			"blocks swapped":     func(s *shardlog.State, b []shardlog.SavedBlock) { b[0], b[1] = b[1], b[0] },
			"arena too long":     func(s *shardlog.State, b []shardlog.SavedBlock) { b[0].Headers = append(b[0].Headers, 0) },
			"arena too short":    func(s *shardlog.State, b []shardlog.SavedBlock) { b[0].Headers = b[0].Headers[1:] },
			"data between":       func(s *shardlog.State, b []shardlog.SavedBlock) { b[0].Used++; b[0].Data = append(b[0].Data, 0) },
			"block of no record": func(s *shardlog.State, b []shardlog.SavedBlock) { b[0] = shardlog.SavedBlock{} },
		}
		for i := range blocks {
			for name, damage := range map[string]func(h *shardlog.BlockHead){
				"base zero":         func(h *shardlog.BlockHead) { h.Base = 0 },
				"base too small":    func(h *shardlog.BlockHead) { h.Base-- },
				"base too large":    func(h *shardlog.BlockHead) { h.Base++ },
				"base largest":      func(h *shardlog.BlockHead) { h.Base = math.MaxUint64 },
				"arrival late":      func(h *shardlog.BlockHead) { h.BaseMs = math.MaxInt64 },
				"arrival too early": func(h *shardlog.BlockHead) { h.BaseMs = -1 },
				"bytes too few":     func(h *shardlog.BlockHead) { h.Bytes-- },
				"bytes too many":    func(h *shardlog.BlockHead) { h.Bytes++ },
				"bytes most":        func(h *shardlog.BlockHead) { h.Bytes = math.MaxInt64 },
				"count zero":        func(h *shardlog.BlockHead) { h.Count = 0 },
				"count too small":   func(h *shardlog.BlockHead) { h.Count-- },
				"count too large":   func(h *shardlog.BlockHead) { h.Count++ },
				"count largest":     func(h *shardlog.BlockHead) { h.Count = math.MaxUint32 },
				"used too small":    func(h *shardlog.BlockHead) { h.Used-- },
				"used too large":    func(h *shardlog.BlockHead) { h.Used++ },
				"used largest":      func(h *shardlog.BlockHead) { h.Used = math.MaxUint32 },
			} {
				damages[string(rune('0'+i))+": "+name] = func(s *shardlog.State, b []shardlog.SavedBlock) { damage(&b[i].BlockHead) }
			}
		}
		// Times fall by one from the last of a block to the first of the next.
		damages["arrivals fall"] = func(s *shardlog.State, b []shardlog.SavedBlock) { b[1].BaseMs = 19 }
		for name, damage := range damages {
			s, b := cloned(state, blocks)
			damage(&s, b)
			_, err := restore(o, s, 0, b)
			assert.Error(t, err, "hollow=%v: %s", hollow, name)
		}
	}
}

// cloned returns copies to damage.
func cloned(s shardlog.State, blocks []shardlog.SavedBlock) (shardlog.State, []shardlog.SavedBlock) {
	s.Gaps = slices.Clone(s.Gaps)
	blocks = slices.Clone(blocks)
	for i := range blocks {
		blocks[i].Data, blocks[i].Headers = slices.Clone(blocks[i].Data), slices.Clone(blocks[i].Headers)
	}
	return s, blocks
}

func TestRestore_boundsIndexes(t *testing.T) {
	const most = 1 << 62
	for _, row := range []struct {
		end, skip uint64
		gaps      []shardlog.Gap
		ok        bool
	}{
		{most, 0, nil, true},
		{most + 1, 0, nil, false},
		{most - 5, 5, nil, true},
		{most - 5, 6, nil, false},
		{1, math.MaxUint64, nil, false},
		{5, most, nil, false},
		{5, 1, []shardlog.Gap{{From: 5, To: most - 1}}, true},
		{5, 2, []shardlog.Gap{{From: 5, To: most - 1}}, false},
		{5, 0, []shardlog.Gap{{From: 5, To: most + 1}}, false},
	} {
		l, err := restore(shardlog.Options{}, shardlog.State{First: row.end, End: row.end, Gaps: row.gaps}, row.skip, nil)
		assert.Equal(t, row.ok, err == nil, "%+v: %v", row, err)
		if row.ok {
			require.NoError(t, l.Check())
		}
	}
}

// The gaps of what was saved are not written to.
func TestRestore_leavesTheStateAlone(t *testing.T) {
	gaps := append(make([]shardlog.Gap, 0, 5), shardlog.Gap{From: 5, To: 9})
	s := shardlog.State{First: 5, End: 5, Gaps: gaps}
	_, err := restore(shardlog.Options{}, s, 7, nil)
	require.NoError(t, err)
	assert.Equal(t, []shardlog.Gap{{From: 5, To: 9}, {}}, gaps[:2])
}

// Whatever is changed, what is accepted can be used.
func FuzzRestore(f *testing.F) {
	for field := range byte(40) {
		f.Add([]byte{field, 1, 0, 0, 0, 0, 0, 0, 0}, uint64(0), field%2 == 0)
		f.Add([]byte{field, 255, 255, 255, 255, 255, 255, 255, 255}, uint64(1<<40), field%2 == 0)
	}
	f.Fuzz(func(t *testing.T, damage []byte, skip uint64, hollow bool) {
		o, s, b := saved(t, hollow)
		s, b = cloned(s, b)
		for ; len(damage) >= 9; damage = damage[9:] {
			hurt(&s, b, damage[0], binary.LittleEndian.Uint64(damage[1:]))
		}
		l, err := restore(o, s, skip, b)
		if err == nil {
			sound(t, l, s.LastMs)
		}
	})
}

// hurt adds v to a field.
func hurt(s *shardlog.State, blocks []shardlog.SavedBlock, field byte, v uint64) {
	b := &blocks[int(field/16)%len(blocks)]
	switch field % 16 {
	case 0:
		s.First += v
	case 1:
		s.End += v
	case 2:
		s.Bytes += int64(v)
	case 3:
		s.LastMs += int64(v)
	case 4:
		s.Gaps[0].From += v
	case 5:
		s.Gaps[0].To += v
	case 6:
		s.Gaps = append(s.Gaps, shardlog.Gap{From: s.End, To: s.End + v})
	case 7:
		b.Base += v
	case 8:
		b.BaseMs += int64(v)
	case 9:
		b.Bytes += int64(v)
	case 10:
		b.Count += uint32(v)
	case 11:
		b.Used += uint32(v)
	case 12:
		b.Data = append(b.Data, make([]byte, v%64)...)
	case 13:
		b.Headers = append(b.Headers, make([]byte, v%64)...)
	case 14:
		if n := len(b.Data); n > 0 {
			b.Data[int(v%uint64(n))] ^= byte(v >> 8)
		}
	case 15:
		if n := len(b.Headers); n > 0 {
			b.Headers[int(v%uint64(n))] ^= byte(v >> 8)
		}
	}
}
