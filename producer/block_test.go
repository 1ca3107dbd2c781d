package producer

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// putSome puts records of one key into a machine, and returns them.
func putSome(m *machine, key string, n int) (list []*record) {
	l := m.laneOf(weir.HashPartitionKey(key))
	for range n {
		before := l.fresh.n
		put(m, key, 1, m.now)
		m.place()
		list = append(list, l.fresh.at(before).r)
	}
	return list
}

// sizes returns how many records the blocks of records have.
func sizes(list []*record) (n []int) {
	var last *block
	for _, r := range list {
		if r.home != last {
			last = r.home
			n = append(n, len(last.records))
		}
	}
	return n
}

// tellAll tells what there is to be told.
func tellAll(m *machine) {
	o := m.takeOut(outbox{})
	o.tell()
	m.told(&o)
}

func blockMachine(c settings) *machine {
	c.batchRecords, c.batchBytes, c.shardBytes = 500, 10<<20, 256<<10
	c.ttl, c.calls, c.maxBytes = time.Minute, 8, 64<<20
	c.backoff, c.maxBackoff = time.Second, time.Second
	c.shardRecordsRate, c.shardBytesRate = math.Inf(1), math.Inf(1)
	return testMachine(c)
}

// Records that come one after the other lie side by side, the more the more of
// them wait; a lane that is at rest begins with one again. What was used is used
// again.
func TestBlock_growsWithItsLane(t *testing.T) {
	m := blockMachine(settings{})
	for range 3 {
		list := putSome(m, "a", 100)
		assert.Equal(t, []int{1, 2, 4, 8, 16, 32, 32, 32}, sizes(list))
		for i := range list[1:] {
			if list[i].home == list[i+1].home {
				assert.Equal(t, unsafe.Sizeof(record{}), uintptr(unsafe.Pointer(list[i+1]))-uintptr(unsafe.Pointer(list[i])), "%d", i)
			}
		}
		b, _ := m.next(m.now)
		require.Equal(t, 100, b.len())
		m.settle(b, ok(b, 0), nil, m.now)
		assert.Same(t, list[99].home, m.lanes[0].block)
		tellAll(m)
		assert.Nil(t, m.lanes[0].block)
		free := 0
		for _, blocks := range m.free {
			for _, b := range blocks {
				assert.Zero(t, b.live)
				free += len(b.records)
			}
		}
		assert.Equal(t, 1+2+4+8+16+32+32+32, free)
	}
}

// One that is put again keeps nobody's memory but its own.
func TestBlock_isLeftByWhatComesBack(t *testing.T) {
	m := blockMachine(settings{})
	list := putSome(m, "a", 63)
	b, _ := m.next(m.now)
	results := ok(b, 0)
	results[40].Err = errors.New("a connection broke")
	m.settle(b, results, nil, m.now)
	tellAll(m)
	assert.Len(t, m.free[blockSizes-1], 1, "the one of the last 32")
	require.Len(t, m.lanes[0].later, 1)
	back := m.lanes[0].later[0]
	assert.Nil(t, back.home)
	assert.Equal(t, uint64(41), back.n)
	assert.NotSame(t, list[40], back)
	b, _ = m.next(m.now + time.Second)
	require.Equal(t, 1, b.len())
	m.settle(b, ok(b, 0), nil, m.now)
	tellAll(m)
	assert.Zero(t, m.held)
	assert.Zero(t, m.bytes)
}

// Where records of one key may stay behind, each has memory of its own.
func TestBlock_isOfOneIfOthersOvertake(t *testing.T) {
	assert.Equal(t, []int{1, 1, 1, 1, 1}, sizes(putSome(blockMachine(settings{ordered: true}), "a", 5)))
	assert.Equal(t, []int{1, 2, 4}, sizes(putSome(blockMachine(settings{ordered: true, aggregate: true, aggregateBytes: 1 << 10}), "a", 5)))
}

// A hash key of a record's own is its own also when it has moved.
func TestBlock_hashKeyMovesToo(t *testing.T) {
	m := blockMachine(settings{})
	e := weir.Entry{PartitionKey: "a", ExplicitHashKey: &weir.HashKey{Lo: 7}}
	size := m.sizeOf(&e)
	m.reserve(size)
	m.add(&e, *e.ExplicitHashKey, size, nil, 0)
	b, _ := m.next(0)
	results := ok(b, 0)
	results[0].Err = fmt.Errorf("again: %w", errors.New("a connection broke"))
	m.settle(b, results, nil, 0)
	putSome(m, "b", 1) // has the memory that is free
	back := m.lanes[0].later[0]
	assert.Same(t, &back.hash, back.explicit)
	assert.Equal(t, weir.HashKey{Lo: 7}, *back.entry().ExplicitHashKey)
}
