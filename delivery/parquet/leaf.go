package parquet

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	parquet "github.com/parquet-go/parquet-go"
)

// leafValue converts a value that is not null. The error says of the value why
// it is none of the column's.
func (c *column) leafValue(v value) (parquet.Value, error) {
	switch c.kind {
	case kindBoolean:
		if v.kind == isTrue || v.kind == isFalse {
			return parquet.BooleanValue(v.kind == isTrue), nil
		}
	case kindTinyint, kindSmallint, kindInt, kindBigint:
		return c.whole(v)
	case kindFloat, kindDouble:
		return c.floating(v)
	case kindDecimal:
		return c.decimal(v)
	case kindDate:
		return c.date(v)
	case kindTimestamp:
		return c.timestamp(v)
	case kindJSON:
		return parquet.ByteArrayValue([]byte(v.json())), nil
	case kindBinary:
		if v.kind == isString {
			b, err := base64.StdEncoding.DecodeString(v.text)
			if err != nil {
				return parquet.Value{}, c.isNone(v, "not base64")
			}
			return parquet.ByteArrayValue(b), nil
		}
	case kindString:
		if v.kind == isString {
			return parquet.ByteArrayValue([]byte(v.text)), nil
		}
	}
	return parquet.Value{}, c.isNone(v, "")
}

// isNone says that a value is none of the column's type.
func (c *column) isNone(v value, why string) error {
	typ := c.kind.String()
	if !c.kind.nested() {
		var b strings.Builder
		c.write(&b)
		typ = strings.TrimSuffix(b.String(), " not null")
	}
	if why != "" {
		why = ": " + why
	}
	return fmt.Errorf("%s is no %s%s", preview(v.json()), typ, why)
}

// whole converts a number that is whole, however it is written.
func (c *column) whole(v value) (parquet.Value, error) {
	if v.kind != isNumber {
		return parquet.Value{}, c.isNone(v, "")
	}
	i, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		unscaled, ok := unscaled(v.text, 19, 0)
		if !ok {
			return parquet.Value{}, c.isNone(v, "not whole, or too large")
		}
		if i, err = strconv.ParseInt(unscaled, 10, 64); err != nil {
			return parquet.Value{}, c.isNone(v, "too large")
		}
	}
	switch {
	case c.kind == kindBigint:
		return parquet.Int64Value(i), nil
	case c.kind == kindTinyint && i != int64(int8(i)),
		c.kind == kindSmallint && i != int64(int16(i)), i != int64(int32(i)):
		return parquet.Value{}, c.isNone(v, "too large")
	}
	return parquet.Int32Value(int32(i)), nil
}

// floating converts a number. A fraction is rounded, as it always is; a whole
// number that would become another one is none.
func (c *column) floating(v value) (parquet.Value, error) {
	if v.kind != isNumber {
		return parquet.Value{}, c.isNone(v, "")
	}
	size := 64
	if c.kind == kindFloat {
		size = 32
	}
	f, err := strconv.ParseFloat(v.text, size)
	if err != nil {
		return parquet.Value{}, c.isNone(v, "too large")
	}
	if isWhole(v.text) && strconv.FormatFloat(f, 'f', 0, 64) != v.text {
		return parquet.Value{}, c.isNone(v, "it would become another number")
	}
	if c.kind == kindFloat {
		return parquet.FloatValue(float32(f)), nil
	}
	return parquet.DoubleValue(f), nil
}

// isWhole tells whether a number is written without fraction and exponent.
func isWhole(number string) bool { return !strings.ContainsAny(number, ".eE") }

// decimal converts a number, or one in a string, which has its digits exactly.
func (c *column) decimal(v value) (parquet.Value, error) {
	number := v.text
	if v.kind == isString {
		n, err := parseJSON(v.text)
		if err != nil || n.kind != isNumber {
			return parquet.Value{}, c.isNone(v, "")
		}
		number = n.text
	} else if v.kind != isNumber {
		return parquet.Value{}, c.isNone(v, "")
	}
	digits, ok := unscaled(number, c.digits, c.scale)
	if !ok {
		return parquet.Value{}, c.isNone(v, "it has more digits")
	}
	if c.digits > 18 {
		n, _ := new(big.Int).SetString(digits, 10)
		return parquet.FixedLenByteArrayValue(twosComplement(n)), nil
	}
	i, _ := strconv.ParseInt(digits, 10, 64)
	if c.digits <= 9 {
		return parquet.Int32Value(int32(i)), nil
	}
	return parquet.Int64Value(i), nil
}

// unscaled is number × 10^scale in digits, with a minus before; false if that is
// not whole or has more than so many digits. It looks at the text, so that an
// exponent cannot make it large.
func unscaled(number string, precision, scale int) (string, bool) {
	sign := ""
	if number[0] == '-' {
		sign, number = "-", number[1:]
	}
	exponent := 0
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		// Out of its range Atoi returns the nearest int.
		exponent, _ = strconv.Atoi(number[i+1:])
		exponent = max(-1<<20, min(exponent, 1<<20))
		number = number[:i]
	}
	digits, fraction, _ := strings.Cut(number, ".")
	exponent += scale - len(fraction)
	digits = strings.TrimLeft(digits+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	switch {
	case trimmed == "":
		return "0", true
	case exponent < 0 || len(trimmed)+exponent > precision:
		return "", false
	}
	return sign + trimmed + strings.Repeat("0", exponent), true
}

// twosComplement is a number in decimalBytes bytes, the highest first.
func twosComplement(n *big.Int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 8*decimalBytes))
	}
	return n.FillBytes(make([]byte, decimalBytes))
}

func (c *column) date(v value) (parquet.Value, error) {
	if v.kind == isString {
		if t, err := time.Parse(time.DateOnly, v.text); err == nil {
			return parquet.Int32Value(int32(t.Unix() / (24 * 60 * 60))), nil
		}
	}
	return parquet.Value{}, c.isNone(v, "")
}

// timestamp converts what says an instant: a text of RFC 3339, one as Hive and
// SQL write it, which is UTC, or milliseconds since 1970.
func (c *column) timestamp(v value) (parquet.Value, error) {
	switch v.kind {
	case isString:
		t, err := time.Parse(time.RFC3339, v.text)
		if err != nil {
			if t, err = time.Parse(time.DateTime, v.text); err != nil {
				return parquet.Value{}, c.isNone(v, "")
			}
		}
		return c.instant(v, t)
	case isNumber:
		if ms, err := strconv.ParseInt(v.text, 10, 64); err == nil && ms < math.MaxInt64/1000 && ms > math.MinInt64/1000 {
			return c.instant(v, time.UnixMilli(ms))
		}
	}
	return parquet.Value{}, c.isNone(v, "")
}

func (c *column) instant(v value, t time.Time) (parquet.Value, error) {
	switch c.digits {
	case 3:
		return parquet.Int64Value(t.UnixMilli()), nil
	case 6:
		return parquet.Int64Value(t.UnixMicro()), nil
	}
	if ns := t.UnixNano(); time.Unix(0, ns).Equal(t) {
		return parquet.Int64Value(ns), nil
	}
	return parquet.Value{}, c.isNone(v, "too far from 1970")
}
