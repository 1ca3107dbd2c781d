package eventpattern

import (
	"bytes"
	"strconv"
)

// comparable returns the number that b writes, and whether it can be compared:
// whether the shortest text of the nearest double says the same number.
func comparable(b []byte) (float64, bool) {
	if f, ok := smallInteger(b); ok {
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

// smallInteger reads what most numbers are without going through text.
func smallInteger(b []byte) (float64, bool) {
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return float64(n), true
}

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
