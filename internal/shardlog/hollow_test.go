package shardlog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Keys and data that are not there end below 2^25, as a header says it.
func TestHollow_blockEndsWhereAHeaderDoes(t *testing.T) {
	const left = maxBlockBytes - 1 - 3*MaxRecordBytes
	for size, blocks := range map[int]int{left - 1: 1, left: 1, left + 1: 2} {
		for _, copies := range []bool{false, true} {
			var l Log
			l.Init(Options{Hollow: true})
			data := make([]byte, MaxRecordBytes)
			l.Append("", nil, 0) // small, so that there are headers enough
			l.AppendCopies("", data, 0, 3)
			if copies {
				l.AppendCopies("", data[:size], 0, 1)
			} else {
				l.Append("", data[:size], 0)
			}
			l.Publish()
			assert.Equal(t, blocks, l.BlockCount(), "%d bytes", size)
			assert.Equal(t, Extent{5, int64(3*MaxRecordBytes + size)}, l.Published())
			require.NoError(t, l.Check())
		}
	}
}

// Copies are the records that one gets by appending as often.
func TestHollow_copiesAreRecords(t *testing.T) {
	for _, size := range []int{0, 1, 100, 1 << 20, MaxRecordBytes - 2} {
		var one, all Log
		one.Init(Options{Hollow: true})
		all.Init(Options{Hollow: true})
		one.Append("k", nil, 7)
		all.Append("k", nil, 7)
		const n = 2000
		data := make([]byte, size)
		for range n {
			one.Append("é", data, 8)
		}
		assert.EqualValues(t, 2, all.AppendCopies("é", data, 8, n))
		one.Publish()
		all.Publish()
		require.NoError(t, one.Check())
		require.NoError(t, all.Check())
		assert.Equal(t, one.Blocks(), all.Blocks())
	}
}

// An arena is no larger than records can fill, and has room for one at least.
func TestHollow_arenaBytes(t *testing.T) {
	for _, row := range []struct{ filled, records, bytes, want int }{
		{0, 1, 0, 4 << 10}, {1 << 20, 100, 0, 1 << 20}, {1 << 20, 100, 100 << 10, 8 * (1<<15 + 1)},
		{0, 1, MaxRecordBytes, 8 * 4}, {32, 3, 3 * MaxRecordBytes, 8 * 4},
	} {
		assert.Equal(t, row.want, hollowArenaBytes(row.filled, row.records, row.bytes), "%+v", row)
	}
}
