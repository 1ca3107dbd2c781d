package kinesisserver

import (
	"encoding/binary"
	"math"
)

// A cborScanner walks over CBOR. Its methods report whether what they look for
// is there; if it is not, where the scanner stands is undefined.
type cborScanner struct {
	b []byte
	i int
}

const cborBreak = 0xff // ends a collection of indefinite length

// head skips the head of an item: its major type and its number, which is -1
// for an indefinite length.
func (s *cborScanner) head() (major byte, n int64, ok bool) {
	if s.i >= len(s.b) {
		return 0, 0, false
	}
	first := s.b[s.i]
	s.i++
	major, n = first&0xe0, int64(first&0x1f)
	if n < 24 {
		return major, n, true
	}
	if n == 31 {
		return major, -1, major >= cborBytes && major <= cborMap
	}
	size := 1 << (n - 24)
	if n > 27 || len(s.b)-s.i < size {
		return 0, 0, false
	}
	var wide [8]byte
	copy(wide[8-size:], s.b[s.i:s.i+size])
	s.i += size
	u := binary.BigEndian.Uint64(wide[:])
	return major, int64(u), u <= math.MaxInt64
}

// fewItems reports whether the rest holds no more than most items, at any
// depth. It builds nothing: what the library makes of an item is a hundred
// times the item's one byte. Tags are not counted, and what is malformed is
// left to the library.
func (s *cborScanner) fewItems(most int) bool {
	for !s.atEnd() {
		first := s.b[s.i]
		switch major := first & 0xe0; {
		case first == cborBreak:
			s.i++
			continue
		case major == cborBytes || major == cborText:
			_, n, ok := s.head()
			if !ok {
				return true
			}
			s.i += int(min(max(n, 0), int64(len(s.b)-s.i)))
		default:
			s.i = min(s.i+1+cborNumberBytes(first), len(s.b))
			if major == cborTag {
				continue
			}
		}
		if most--; most < 0 {
			return false
		}
	}
	return true
}

// cborNumberBytes returns how many bytes of an item's number follow its first
// one.
func cborNumberBytes(first byte) int {
	if n := first & 0x1f; n >= 24 && n <= 27 {
		return 1 << (n - 24)
	}
	return 0
}

// chunk skips a string of definite length.
func (s *cborScanner) chunk(major byte) ([]byte, bool) {
	m, n, ok := s.head()
	if !ok || m != major || n < 0 || n > int64(len(s.b)-s.i) {
		return nil, false
	}
	s.i += int(n)
	return s.b[s.i-int(n) : s.i : s.i], true
}

// collection walks over a list or a map, and calls read at each item or pair to
// skip it.
func (s *cborScanner) collection(major byte, read func() bool) bool {
	m, n, ok := s.head()
	if !ok || m != major {
		return false
	}
	for ; n != 0; n-- {
		if n < 0 && s.i < len(s.b) && s.b[s.i] == cborBreak {
			s.i++
			return true
		}
		if !read() {
			return false
		}
	}
	return true
}

// members walks over a map.
func (s *cborScanner) members(read func(name []byte) bool) bool {
	return s.collection(cborMap, func() bool {
		name, ok := s.chunk(cborText)
		return ok && read(name)
	})
}

func (s *cborScanner) atEnd() bool { return s.i == len(s.b) }
