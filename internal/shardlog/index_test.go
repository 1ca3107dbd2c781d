package shardlog

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIndex_findsByNumberAndByArrival(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	x := newIndex()
	var blocks []*Block
	base, ms := uint64(100), int64(1000)
	for range 300 {
		b := &Block{base: base, baseMs: ms}
		blocks = append(blocks, b)
		x.ReplaceOrInsert(entryOf(b))
		base += 1 + random.Uint64N(3)
		ms += random.Int64N(3) // often the same
	}
	for i := uint64(98); i < base+2; i++ {
		want := blocks[0]
		for _, b := range blocks {
			if b.base <= i {
				want = b
			}
		}
		require.Same(t, want, byNumber(x, i), "index %d", i)
	}
	for at := int64(998); at < ms+2; at++ {
		want := blocks[0]
		for _, b := range blocks {
			if b.baseMs <= at {
				want = b
			}
		}
		require.Same(t, want, byArrival(x, at), "arrival %d", at)
	}
	assert.Same(t, blocks[299], byNumber(x, math.MaxUint64-1))
	assert.Same(t, blocks[0], byArrival(x, math.MinInt64))
}

func TestIndex_mayBeEmpty(t *testing.T) {
	for _, x := range []*index{nil, newIndex()} {
		assert.Nil(t, byNumber(x, 1))
		assert.Nil(t, byArrival(x, 1))
	}
}

func TestRing_isAQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	var r ring
	var want []*Block
	for range 2000 {
		if random.IntN(20) < 9 && len(want) > 0 {
			require.Same(t, want[0], r.pop())
			want = want[1:]
		} else {
			b := new(Block)
			r.push(b)
			want = append(want, b)
		}
		require.Equal(t, len(want), r.n)
		for i, b := range want {
			require.Same(t, b, r.at(i))
		}
	}
}
