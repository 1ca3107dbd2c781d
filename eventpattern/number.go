package eventpattern

import (
	"bytes"
	"strconv"
)

// comparable returns the number that b writes, and whether it can be compared:
// whether the shortest text of the nearest double says the same number.
func comparable(b []byte) (float64, bool) {
	if f, ok := smallDecimal(b); ok {
		return f, true
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, false
	}
	if f == 0 {
		// Zero has one sign here, and what only rounds to zero is not zero.
		return 0, len(bytes.Trim(mantissa(b), "-0.")) == 0
	}
	var buf [32]byte
	digits, exponent := normal(b)
	short, shortExponent := normal(strconv.AppendFloat(buf[:0], f, 'e', -1, 64))
	return f, exponent == shortExponent && bytes.Equal(digits, short)
}

// smallDecimal reads what most numbers are, without going through text: up to 15
// digits and no exponent. Different numbers of that kind are different doubles, so
// all of them can be compared, and the quotient of two exact doubles is rounded
// once.
func smallDecimal(b []byte) (float64, bool) {
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) > 16 {
		return 0, false
	}
	n, count, point := int64(0), 0, -1
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = 10*n + int64(c-'0')
			count++
		case c == '.':
			point = count
		default:
			return 0, false
		}
	}
	if count > 15 {
		return 0, false
	}
	if len(digits) < len(b) {
		n = -n
	}
	if point < 0 {
		return float64(n), true
	}
	return float64(n) / powers[count-point], true
}

var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

func mantissa(b []byte) []byte {
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		return b[:i]
	}
	return b
}

// normal returns the digits of a number that is not zero, without zeros at either
// end, and where its point stands, counted from before the first of them.
func normal(b []byte) (digits []byte, exponent int) {
	m := mantissa(b)
	if len(m) < len(b) {
		// An exponent that is out of range was refused by ParseFloat, or makes zero.
		exponent, _ = strconv.Atoi(string(b[len(m)+1:]))
	}
	point := -1
	for _, c := range m {
		switch c {
		case '-':
		case '.':
			point = len(digits)
		default:
			digits = append(digits, c)
		}
	}
	if point < 0 {
		point = len(digits)
	}
	trimmed := bytes.TrimLeft(digits, "0")
	exponent += point - (len(digits) - len(trimmed))
	return bytes.TrimRight(trimmed, "0"), exponent
}
