package weir_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir"
)

// keys is the range from one low key to another.
func keys(start, end uint64) weir.HashKeyRange {
	return weir.HashKeyRange{Start: weir.HashKey{Lo: start}, End: weir.HashKey{Lo: end}}
}

// lastKeys is the range of the n greatest hash keys.
func lastKeys(n uint64) weir.HashKeyRange {
	return weir.HashKeyRange{Start: maxHashKey.Sub(n - 1), End: maxHashKey}
}

func allKeys() weir.HashKeyRange { return weir.HashKeyRange{End: maxHashKey} }

func TestHashKeyRange_middleIsWhereTheUpperHalfBegins(t *testing.T) {
	const top = 1 << 63
	for _, c := range []struct {
		keys weir.HashKeyRange
		want weir.HashKey
	}{
		{keys(0, 1), weir.HashKey{Lo: 1}},
		{keys(0, 2), weir.HashKey{Lo: 2}}, // the lower half is the larger one
		{keys(0, 3), weir.HashKey{Lo: 2}},
		{keys(7, 9), weir.HashKey{Lo: 9}}, // both ends odd
		{keys(7, 10), weir.HashKey{Lo: 9}},
		{keys(5, 5), weir.HashKey{Lo: 6}}, // one key: the one behind it
		{lastKeys(1), weir.HashKey{}},
		{lastKeys(2), maxHashKey},
		{allKeys(), weir.HashKey{Hi: top}},
		{weir.HashKeyRange{Start: weir.HashKey{Hi: top}, End: maxHashKey}, weir.HashKey{Hi: top | top>>1}},
		{ // the lower words borrow, and carry
			weir.HashKeyRange{Start: weir.HashKey{Hi: 1, Lo: ^uint64(0)}, End: weir.HashKey{Hi: 4, Lo: 0}},
			weir.HashKey{Hi: 3, Lo: 0},
		},
	} {
		assert.Equal(t, c.want, c.keys.Middle(), c.keys)
	}
}

func TestHashKeyRange_middleOfEvenRangesIsTheNextBoundary(t *testing.T) {
	for n := 1; n <= 64; n *= 2 {
		halves := weir.EvenRanges(2 * n)
		for i, r := range weir.EvenRanges(n) {
			assert.Equal(t, halves[2*i+1].Start, r.Middle(), "range %d of %d", i, n)
		}
	}
}

func TestHashKeyRange_canSplitAtWhereBothPartsHaveTwoKeys(t *testing.T) {
	last := maxHashKey
	for _, c := range []struct {
		keys weir.HashKeyRange
		at   weir.HashKey
		want bool
	}{
		{keys(10, 20), weir.HashKey{Lo: 9}, false},
		{keys(10, 20), weir.HashKey{Lo: 10}, false},
		{keys(10, 20), weir.HashKey{Lo: 11}, false},
		{keys(10, 20), weir.HashKey{Lo: 12}, true},
		{keys(10, 20), weir.HashKey{Lo: 19}, true},
		{keys(10, 20), weir.HashKey{Lo: 20}, false},
		{keys(10, 20), weir.HashKey{Lo: 21}, false},
		{keys(10, 20), weir.HashKey{Hi: 1, Lo: 15}, false},
		{allKeys(), weir.HashKey{}, false},
		{allKeys(), weir.HashKey{Lo: 1}, false},
		{allKeys(), weir.HashKey{Lo: 2}, true},
		{allKeys(), weir.HashKey{Hi: 1 << 63}, true},
		{allKeys(), last.Sub(1), true},
		{allKeys(), last, false},
		{lastKeys(4), last.Sub(1), true},
		{lastKeys(3), last.Sub(1), false},
		{lastKeys(3), last, false},
		{lastKeys(1), last, false},
		{lastKeys(1), weir.HashKey{}, false}, // not around the end
		{lastKeys(1), weir.HashKey{Lo: 5}, false},
		{keys(0, 0), weir.HashKey{}, false},
		{keys(0, 0), weir.HashKey{Lo: 1}, false},
	} {
		assert.Equal(t, c.want, c.keys.CanSplitAt(c.at), fmt.Sprintf("%s at %s", c.keys, c.at))
	}
}

func TestHashKeyRange_canSplitAtItsMiddleFromFourKeysOn(t *testing.T) {
	for n := uint64(1); n <= 8; n++ {
		for _, r := range []weir.HashKeyRange{keys(0, n-1), keys(7, 6+n), lastKeys(n)} {
			assert.Equal(t, n >= 4, r.CanSplitAt(r.Middle()), r)
		}
	}
}

func TestHashKeyRange_adjoinsTheOneRightBehindIt(t *testing.T) {
	for _, c := range []struct {
		lower, upper weir.HashKeyRange
		want         bool
	}{
		{keys(0, 9), keys(10, 19), true},
		{keys(0, 9), keys(11, 19), false}, // a gap
		{keys(0, 9), keys(9, 19), false},  // an overlap
		{keys(10, 19), keys(0, 9), false}, // the upper one first
		{keys(5, 5), keys(6, 6), true},
		{keys(5, 5), keys(5, 5), false},
		{keys(0, ^uint64(0)), weir.HashKeyRange{Start: weir.HashKey{Hi: 1}, End: maxHashKey}, true},
		{keys(0, 9), weir.HashKeyRange{Start: weir.HashKey{Hi: 1, Lo: 10}, End: maxHashKey}, false},
		{lastKeys(1), keys(0, 9), false}, // no neighbours around the end
		{allKeys(), allKeys(), false},
	} {
		assert.Equal(t, c.want, c.lower.Adjoins(c.upper), fmt.Sprintf("%s, %s", c.lower, c.upper))
	}
}
