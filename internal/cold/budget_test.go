package cold_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/shardlog"
)

// A counted is memory that streams share whose records can leave it.
type counted struct {
	most   int64
	held   atomic.Int64
	budget *cold.Budget
}

func newCounted(most int64) *counted {
	m := &counted{most: most}
	m.budget = cold.NewBudget(most, m.held.Load, m.Count)
	return m
}

func (m *counted) Budget() *cold.Budget { return m.budget }
func (m *counted) Full() bool           { return m.held.Load() >= m.most }
func (m *counted) Count(n int64)        { m.held.Add(n) }

func (m *counted) Take(n int64) bool {
	if m.held.Load()+n > m.most {
		return false
	}
	m.held.Add(n)
	return true
}

// A tenant is a stream that has a share, and gives up a block at a time.
type tenant struct {
	*cold.Share
	blocks shardlog.Memory
	held   int64
	stays  int64 // what cannot leave memory
	asked  int
}

const blockOfTenant = 4 << 10

func (m *counted) enter(stays int64) *tenant {
	in := cold.Enter(m)
	e := &tenant{Share: cold.ShareOf(in), blocks: cold.BlocksOf(in), stays: stays}
	e.SetLogs(1)
	e.Join(e.spill)
	return e
}

func (e *tenant) grow(bytes int64) {
	e.blocks.Count(bytes)
	e.held += bytes
}

func (e *tenant) spill(enough func() bool) bool {
	e.asked++
	for !enough() {
		if e.held-blockOfTenant < e.stays {
			return false
		}
		e.blocks.Count(-blockOfTenant)
		e.held -= blockOfTenant
	}
	return true
}

func TestBudget_levelOfThoseWhoHoldMost(t *testing.T) {
	for _, c := range []struct {
		need int64
		held []int64
		want int64
	}{
		{10, nil, 0},
		{10, []int64{100}, 90},
		{100, []int64{100}, 0},
		{10, []int64{100, 95, 5}, 92},
		{190, []int64{100, 95, 5}, 3},
		{1000, []int64{100, 95, 5}, 0},
		{30, []int64{50, 50, 50}, 40},
	} {
		assert.Equal(t, c.want, cold.LevelOf(c.need, c.held...), "%d of %v", c.need, c.held)
	}
}

func TestBudget_whoHoldsMostGivesWay(t *testing.T) {
	const most = 64 << 20
	m := newCounted(most)
	large, middle, small := m.enter(0), m.enter(0), m.enter(0)
	kept := m.held.Load()
	assert.Equal(t, cold.KeptBytes(most), kept, "what may be kept of files is counted")
	small.grow(1 << 20)
	middle.grow(20 << 20)
	large.grow(most - kept - 21<<20 - 1)
	assert.False(t, small.Full())
	assert.Zero(t, large.asked)
	large.grow(1)
	assert.False(t, small.Full(), "it is not, any more")
	assert.LessOrEqual(t, m.held.Load(), int64(most-most/16))
	assert.Greater(t, m.held.Load(), int64(most-most/16-2*blockOfTenant), "no more leaves than has to")
	assert.EqualValues(t, 20<<20, middle.held)

	// What stays in the largest leaves the others.
	large.stays = large.held
	middle.grow(m.most - m.held.Load())
	assert.False(t, small.Full())
	assert.Less(t, middle.held, int64(21<<20))
	for _, e := range []*tenant{large, middle, small} {
		e.Leave()
		e.Leave()
		e.blocks.Count(-e.held)
	}
	assert.Zero(t, m.held.Load())
}

// As long as nothing can leave memory, not every put looks again.
func TestBudget_futileLooks(t *testing.T) {
	m := newCounted(64 << 20)
	e := m.enter(1 << 40)
	e.grow(64 << 20)
	for range 1700 {
		require.True(t, e.Full())
	}
	assert.LessOrEqual(t, e.asked, 200)
	assert.GreaterOrEqual(t, e.asked, 100)
	e.stays = 0
	looks := 0
	for ; e.Full(); looks++ {
		require.Less(t, looks, 20)
	}
}

// The blocks that are being filled cannot leave memory: however many logs there
// are they are a small part of it together.
func TestBudget_blocksAreSmallWhereThereAreManyLogs(t *testing.T) {
	const most = 64 << 20
	m := newCounted(most)
	assert.EqualValues(t, 256<<10, m.budget.BlockBytesNow())
	e := m.enter(0)
	for logs, want := range map[int]int64{1: 256 << 10, 8: 256 << 10, 16: 128 << 10, 512: 4 << 10, 100_000: 4 << 10} {
		e.SetLogs(logs)
		assert.Equal(t, want, m.budget.BlockBytesNow(), "%d logs", logs)
		assert.True(t, e.blocks.Take(want))
		assert.False(t, e.blocks.Take(2*want+4<<10))
		assert.False(t, cold.Replayed(e.Share).Take(2*want+4<<10))
		e.blocks.Count(-want)
	}
	e.Leave()
	assert.EqualValues(t, 256<<10, m.budget.BlockBytesNow())
}

// Those who read the files take so much memory for it together, one after the
// other; one may read in any case.
func TestBudget_readersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newCounted(64 << 20) // 4 MiB of it are for reading
		first, second := m.budget.Reading(3<<20), m.budget.Reading(1<<20)
		order := make(chan string, 2)
		go func() {
			done := m.budget.Reading(80 << 20)
			order <- "large"
			done()
		}()
		synctest.Wait()
		go func() {
			done := m.budget.Reading(1)
			order <- "small"
			done()
		}()
		first()
		synctest.Wait()
		assert.Empty(t, order, "there is room for the small one, but it came later")
		second()
		assert.Equal(t, "large", <-order)
		assert.Equal(t, "small", <-order)
	})
}

// Streams share what is kept of their files, and what one had goes with it.
func TestBudget_keepsForAll(t *testing.T) {
	m := newCounted(32 << 20) // 4 MiB of it are kept
	var rigs []*rig
	var shares []*cold.Share
	for range 3 {
		r := newRig(t, 1, 1, 0)
		share := cold.ShareOf(cold.Enter(m))
		r.attic = share.Attic(r.dir, 0)
		r.rooms[0].Shelf = r.attic.NewShelf(0)
		r.put(2500, 1000)
		r.evictAll()
		rigs, shares = append(rigs, r), append(shares, share)
	}
	for _, r := range rigs {
		for i, data := range r.all(0) {
			require.Equal(t, numbered(0, i, 1000), data)
		}
		assert.LessOrEqual(t, r.attic.Bytes(), int64(4<<20))
	}
	reads := rigs[2].attic.Reads()
	assert.NotZero(t, reads)
	last := rigs[0].attic.Bytes()
	for i, share := range shares {
		share.Leave()
		assert.LessOrEqual(t, rigs[0].attic.Bytes(), last)
		last = rigs[0].attic.Bytes()
		rigs[i].all(0)
	}
	assert.Zero(t, last)
	assert.Zero(t, m.held.Load())
}
