// Package u192 is the integer behind hash keys (128 bits) and sequence numbers
// (186 bits). It exists because math/big allocates and takes twice as long to
// print.
package u192

import (
	"math/bits"
	"strconv"
)

// An Int is an unsigned 192-bit integer: Hi*2^128 + Mid*2^64 + Lo.
type Int struct {
	Hi, Mid, Lo uint64
}

const (
	// Digits is how many decimal digits 2^192 - 1 has.
	Digits = 58

	chunkDigits = 19 // decimal digits that fit into a uint64
	chunk       = 1e19
)

// Append appends w in decimal without leading zeros.
func (w Int) Append(dst []byte) []byte {
	var chunks [4]uint64
	n := 0
	for w != (Int{}) {
		w, chunks[n] = w.divChunk()
		n++
	}
	if n == 0 {
		return append(dst, '0')
	}
	dst = strconv.AppendUint(dst, chunks[n-1], 10)
	for i := n - 2; i >= 0; i-- {
		dst = appendPadded(dst, chunks[i])
	}
	return dst
}

// divChunk returns w / 10^19 and the remainder.
func (w Int) divChunk() (Int, uint64) {
	var rem uint64
	w.Hi, rem = w.Hi/chunk, w.Hi%chunk
	w.Mid, rem = bits.Div64(rem, w.Mid, chunk)
	w.Lo, rem = bits.Div64(rem, w.Lo, chunk)
	return w, rem
}

// appendPadded appends v as exactly 19 digits, two at a time.
func appendPadded(dst []byte, v uint64) []byte {
	const pairs = "00010203040506070809101112131415161718192021222324" +
		"25262728293031323334353637383940414243444546474849" +
		"50515253545556575859606162636465666768697071727374" +
		"75767778798081828384858687888990919293949596979899"
	var buf [chunkDigits]byte
	for i := chunkDigits - 2; i > 0; i -= 2 {
		pair := v % 100 * 2
		v /= 100
		buf[i], buf[i+1] = pairs[pair], pairs[pair+1]
	}
	buf[0] = byte('0' + v)
	return append(dst, buf[:]...)
}

// Parse sets w to the decimal number s, and reports whether s is one: digits
// only, no leading zero unless it is "0", below 2^192.
func (w *Int) Parse(s string) bool {
	*w = Int{}
	if s == "" || s[0] == '0' && len(s) > 1 || len(s) > Digits {
		return false
	}
	// The first chunk has what is left over, so that all others are full.
	n := (len(s)-1)%chunkDigits + 1
	for scale := uint64(1); s != ""; scale, n = chunk, chunkDigits {
		v, ok := digits(s[:n])
		if !ok || !w.mulAdd(scale, v) {
			return false
		}
		s = s[n:]
	}
	return true
}

// digits returns what up to 19 digits say, and whether they are digits.
func digits(s string) (v uint64, ok bool) {
	const eight = 8
	for len(s) >= eight {
		eightOf, ok := eightDigits(s[:eight])
		if !ok {
			return 0, false
		}
		v = v*1e8 + eightOf
		s = s[eight:]
	}
	for i := range len(s) {
		digit := uint64(s[i] - '0')
		if digit > 9 {
			return 0, false
		}
		v = v*10 + digit
	}
	return v, true
}

// eightDigits is digits for eight of them at once: each is a byte of a word, of
// which pairs are added up, then pairs of these, and then both halves.
func eightDigits(s string) (v uint64, ok bool) {
	const zeros = 0x3030303030303030 // the digit 0, eight times
	v = uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const high, six = 0xf0f0f0f0f0f0f0f0, 0x0606060606060606
	// Six more takes what is past 9 out of 0x30 to 0x3f.
	if v&high != zeros || (v+six)&high != zeros {
		return 0, false
	}
	v -= zeros
	v = v*10 + v>>8
	v = ((v&0x000000ff000000ff)*(100+1000000<<32) + (v>>16&0x000000ff000000ff)*(1+10000<<32)) >> 32
	return v, true
}

// mulAdd sets w to w*m + a and reports whether that fits.
func (w *Int) mulAdd(m, a uint64) bool {
	carry1, lo := bits.Mul64(w.Lo, m)
	lo, c := bits.Add64(lo, a, 0)
	carry1 += c
	carry2, mid := bits.Mul64(w.Mid, m)
	mid, c = bits.Add64(mid, carry1, 0)
	carry2 += c
	over, hi := bits.Mul64(w.Hi, m)
	hi, c = bits.Add64(hi, carry2, 0)
	w.Hi, w.Mid, w.Lo = hi, mid, lo
	return over+c == 0
}
