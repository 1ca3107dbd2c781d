package keyspace_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/weirstream/weir/internal/keyspace"
)

func key(n uint64) Key { return Key{Lo: n} }

func TestRange_canBeSplitIfEachPartHasTwoKeys(t *testing.T) {
	for _, c := range []struct {
		r    Range
		at   Key
		want bool
	}{
		{Range{key(10), key(13)}, key(11), false},
		{Range{key(10), key(13)}, key(12), true},
		{Range{key(10), key(13)}, key(13), false},
		{Range{key(10), key(13)}, key(9), false},
		{Range{key(10), key(12)}, key(12), false},
		{Range{Last().Sub(1), Last()}, key(1), false},
		{Range{Last(), Last()}, key(1), false},
		{Range{key(0), Last()}, key(2), true},
		{Range{key(0), Last()}, Last().Sub(1), true},
		{Range{key(0), Last()}, Last(), false},
	} {
		assert.Equal(t, c.want, c.r.CanSplitAt(c.at), "%v at %v", c.r, c.at)
	}
}

func TestRange_middle(t *testing.T) {
	for _, c := range []struct {
		r    Range
		want Key
	}{
		{Range{key(0), Last()}, Key{Hi: 1 << 63}},
		{Range{key(10), key(13)}, key(12)},
		{Range{key(10), key(12)}, key(12)},
		{Range{key(10), key(10)}, key(11)},
		{Range{key(math.MaxUint64), Key{1, 2}}, Key{1, 1}},
	} {
		assert.Equal(t, c.want, c.r.Middle(), "%v", c.r)
	}
}

func TestRange_adjoins(t *testing.T) {
	assert.True(t, Range{key(0), key(4)}.Adjoins(Range{key(5), key(5)}))
	assert.True(t, Range{key(0), key(math.MaxUint64)}.Adjoins(Range{Key{1, 0}, Key{1, 0}}))
	assert.False(t, Range{key(0), key(4)}.Adjoins(Range{key(6), key(7)}), "a gap")
	assert.False(t, Range{key(0), key(4)}.Adjoins(Range{key(4), key(7)}), "an overlap")
	assert.False(t, Range{key(5), Last()}.Adjoins(Range{key(0), key(4)}), "around the end")
}

func TestEven_coversAllKeysOnce(t *testing.T) {
	assert.Nil(t, Even(0))
	for _, n := range []int{1, 2, 3, 7, 1000, 10_001} {
		ranges := Even(n)
		require.Len(t, ranges, n)
		assert.Zero(t, ranges[0].Start)
		assert.Equal(t, Last(), ranges[n-1].End)
		for i := range n - 1 {
			require.True(t, ranges[i].Adjoins(ranges[i+1]))
			require.InEpsilon(t, 1/float64(n), ranges[i].Share(), 1e-12)
		}
	}
}

// Big integers are the naive twin of this package.
func TestKey_agreesWithBigIntegers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	number := func(k Key) *big.Int {
		hi := new(big.Int).SetUint64(k.Hi)
		return hi.Lsh(hi, 64).Add(hi, new(big.Int).SetUint64(k.Lo))
	}
	wrapped := func(n *big.Int) *big.Int { return n.Mod(n, all) }
	edge := func() uint64 {
		return [...]uint64{0, 1, math.MaxUint64, random.Uint64()}[random.IntN(4)]
	}
	for range 10_000 {
		a, b := Key{edge(), edge()}, Key{edge(), edge()}
		require.Equal(t, wrapped(new(big.Int).Add(number(a), number(b))).String(), number(a.Plus(b)).String())
		require.Equal(t, wrapped(new(big.Int).Sub(number(a), number(b))).String(), number(a.Minus(b)).String())
		require.Equal(t, number(a).Cmp(number(b)), a.Compare(b))
	}
}
