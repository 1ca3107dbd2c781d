package kinesisclient

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// A cborReader reads CBOR as far as i. It is odd if something is not what was to
// come, or is damaged; then where it stands means nothing.
type cborReader struct {
	b   []byte
	i   int
	odd bool
}

const (
	cborIndefinite = 31
	cborBreak      = cborOther | cborIndefinite
)

// head reads the head of an item: its major type and its number, or that it has
// no definite length.
func (r *cborReader) head() (major byte, n uint64, indefinite bool) {
	if r.i >= len(r.b) {
		r.odd = true
		return 0, 0, false
	}
	first := r.b[r.i]
	r.i++
	major, n = first&0xe0, uint64(first&0x1f)
	if n < 24 {
		return major, n, false
	}
	if n == cborIndefinite {
		r.odd = r.odd || major < cborBytes || major > cborMap
		return major, 0, true
	}
	size := 1 << (n - 24)
	if n > 27 || len(r.b)-r.i < size {
		r.odd = true
		return 0, 0, false
	}
	var wide [8]byte
	copy(wide[8-size:], r.b[r.i:r.i+size])
	r.i += size
	return major, binary.BigEndian.Uint64(wide[:]), false
}

// bytes reads so many bytes.
func (r *cborReader) bytes(n uint64) []byte {
	if r.odd || n > uint64(len(r.b)-r.i) {
		r.odd = true
		return nil
	}
	from := r.i
	r.i += int(n)
	return r.b[from:r.i:r.i]
}

// text reads a text of definite length.
func (r *cborReader) text() []byte {
	b := r.plain()
	r.odd = r.odd || !utf8.Valid(b)
	return b
}

// plain is text where what is no UTF-8 comes to nothing anyway.
func (r *cborReader) plain() []byte {
	major, n, indefinite := r.head()
	b := r.bytes(n)
	r.odd = r.odd || major != cborText || indefinite
	return b
}

// collection reads the head of a list or a map, and returns how many items or
// pairs it has; less than none is as many as come before its end.
func (r *cborReader) collection(major byte) (left int64) {
	m, n, indefinite := r.head()
	r.odd = r.odd || m != major
	return r.itemsOf(n, indefinite)
}

// itemsOf returns how many items a collection has by its head.
func (r *cborReader) itemsOf(n uint64, indefinite bool) (left int64) {
	if indefinite {
		return -1
	}
	r.odd = r.odd || n > uint64(len(r.b)) // each has a byte
	return int64(n)
}

// more reports whether an item comes next, of so many that are left.
func (r *cborReader) more(left *int64) bool {
	if r.odd || *left == 0 {
		return false
	}
	if *left < 0 && r.i < len(r.b) && r.b[r.i] == cborBreak {
		r.i++
		return false
	}
	*left--
	return true
}

var errNoCBOR = errors.New("an item is damaged, or not of this protocol")

// jsonOf returns what a body in CBOR says as JSON, as the protocol's JSON has it:
// bytes are in base64, and times are in seconds.
func jsonOf(body []byte) ([]byte, error) {
	r := cborReader{b: body}
	out := r.appendJSON(make([]byte, 0, 2*min(len(body), maxKeptAnswer)), 0)
	if r.odd || r.i != len(body) {
		return nil, errNoCBOR
	}
	return out, nil
}

// maxDepth bounds how deep collections lie in each other.
const maxDepth = 32

// appendJSON reads an item, and appends it as JSON.
func (r *cborReader) appendJSON(b []byte, depth int) []byte {
	if depth > maxDepth {
		r.odd = true
	}
	at := r.i
	major, n, indefinite := r.head()
	if r.odd {
		return b
	}
	switch major {
	case cborUint:
		return strconv.AppendUint(b, n, 10)
	case cborNegative: // -1 - n
		if n == math.MaxUint64 {
			r.odd = true
			return b
		}
		return strconv.AppendUint(append(b, '-'), n+1, 10)
	case cborBytes:
		b = base64.StdEncoding.AppendEncode(append(b, '"'), r.chunks(major, n, indefinite))
		return append(b, '"')
	case cborText:
		return appendQuoted(b, string(r.chunks(major, n, indefinite)))
	case cborList, cborMap:
		return r.appendCollection(b, major, n, indefinite, depth)
	case cborTag:
		if n == 1 {
			return r.appendTime(b)
		}
		return r.appendJSON(b, depth+1)
	}
	return r.appendOther(b, r.b[at]&0x1f, n)
}

// chunks returns the bytes behind the head of a string.
func (r *cborReader) chunks(major byte, n uint64, indefinite bool) (all []byte) {
	if !indefinite {
		return r.bytes(n)
	}
	for left := int64(-1); r.more(&left); {
		m, n, nested := r.head()
		r.odd = r.odd || m != major || nested
		all = append(all, r.bytes(n)...)
	}
	return all
}

func (r *cborReader) appendCollection(b []byte, major byte, n uint64, indefinite bool, depth int) []byte {
	open, end := byte('['), byte(']')
	if major == cborMap {
		open, end = '{', '}'
	}
	b = append(b, open)
	first := true
	for left := r.itemsOf(n, indefinite); r.more(&left); first = false {
		if !first {
			b = append(b, ',')
		}
		if major == cborMap {
			m, n, indefinite := r.head()
			r.odd = r.odd || m != cborText
			b = append(appendQuoted(b, string(r.chunks(m, n, indefinite))), ':')
		}
		b = r.appendJSON(b, depth+1)
	}
	return append(b, end)
}

// appendTime reads a time in milliseconds.
func (r *cborReader) appendTime(b []byte) []byte {
	major, n, _ := r.head()
	if r.odd = r.odd || major != cborUint || n > math.MaxInt64; r.odd {
		return b
	}
	return strconv.AppendFloat(b, float64(n)/1000, 'f', -1, 64)
}

// appendOther appends what is neither number, string nor collection: kind is the
// lower part of the head, and n its number.
func (r *cborReader) appendOther(b []byte, kind byte, n uint64) []byte {
	switch kind {
	case 20:
		return append(b, "false"...)
	case 21:
		return append(b, "true"...)
	case 22, 23: // null and undefined
		return append(b, "null"...)
	case 26:
		return appendFloat(b, float64(math.Float32frombits(uint32(n))))
	case 27:
		return appendFloat(b, math.Float64frombits(n))
	}
	r.odd = true
	return b
}

func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
