// Package keyspace is arithmetic on hash keys, which are 128 bits wide, and on
// ranges of them.
package keyspace

import "math/bits"

// A Key is an unsigned 128-bit integer.
type Key struct{ Hi, Lo uint64 }

// Last is 2^128 - 1.
func Last() Key { return Key{^uint64(0), ^uint64(0)} }

// Less reports whether k is less than o.
func (k Key) Less(o Key) bool { return k.Hi < o.Hi || k.Hi == o.Hi && k.Lo < o.Lo }

// Compare returns -1, 0 or +1 as k is less than, equal to or greater than o.
func (k Key) Compare(o Key) int {
	switch {
	case k.Less(o):
		return -1
	case k == o:
		return 0
	default:
		return 1
	}
}

// Plus returns k + o, wrapping at 2^128.
func (k Key) Plus(o Key) Key {
	lo, carry := bits.Add64(k.Lo, o.Lo, 0)
	return Key{k.Hi + o.Hi + carry, lo}
}

// Minus returns k - o, wrapping below zero.
func (k Key) Minus(o Key) Key {
	lo, borrow := bits.Sub64(k.Lo, o.Lo, 0)
	return Key{k.Hi - o.Hi - borrow, lo}
}

// Add returns k + n, wrapping at 2^128.
func (k Key) Add(n uint64) Key { return k.Plus(Key{Lo: n}) }

// Sub returns k - n, wrapping below zero.
func (k Key) Sub(n uint64) Key { return k.Minus(Key{Lo: n}) }

// A Range is the keys from Start to End, both inclusive.
type Range struct{ Start, End Key }

// Middle returns where the upper half of r begins; of an odd number of keys the
// lower half has one more.
func (r Range) Middle() Key {
	width := r.End.Minus(r.Start)
	half := Key{width.Hi >> 1, width.Lo>>1 | width.Hi<<63}
	return r.Start.Plus(half).Add(1)
}

// CanSplitAt reports whether r may be split so that the upper part begins at
// at. As on the service that is from its start + 2 to its end - 1: both parts
// have two keys at least.
func (r Range) CanSplitAt(at Key) bool {
	return r.Start.Less(at) && r.Start.Add(1).Less(at) && at.Less(r.End)
}

// SplitAt returns the parts of r, the upper of which begins at at.
func (r Range) SplitAt(at Key) (lower, upper Range) {
	return Range{r.Start, at.Sub(1)}, Range{at, r.End}
}

// Adjoins reports whether upper follows r without a gap. Nothing follows the
// last key.
func (r Range) Adjoins(upper Range) bool {
	return r.End != Last() && r.End.Add(1) == upper.Start
}

// Union returns r and the range that follows it as one.
func (r Range) Union(upper Range) Range { return Range{r.Start, upper.End} }

// Share returns the part of all keys that r covers, 0 to 1.
func (r Range) Share() float64 {
	const span = 1 << 64
	width := r.End.Minus(r.Start) // exact: ranges that differ by rounding have the same share
	return (float64(width.Hi) + (float64(width.Lo)+1)/span) / span
}

// Even divides all keys into n ranges as the service does: each has
// floor(2^128/n) keys, and the last one what is left too. It returns nil if n
// is not positive.
func Even(n int) []Range {
	if n < 1 {
		return nil
	}
	step := evenStep(uint64(n))
	ranges := make([]Range, n)
	start := Key{}
	for i := range ranges {
		next := start.Plus(step)
		ranges[i] = Range{start, next.Sub(1)}
		start = next
	}
	ranges[n-1].End = Last()
	return ranges
}

// evenStep returns floor(2^128/n), except that it returns 0, which is the same
// modulo 2^128, for n = 1.
func evenStep(n uint64) Key {
	if n == 1 {
		return Key{}
	}
	hi, rem := 1/n, 1%n
	mid, rem := bits.Div64(rem, hi, n)
	lo, _ := bits.Div64(rem, 0, n)
	return Key{mid, lo}
}
