package aggregate

import "encoding/binary"

// The wire types of protobuf.
const (
	varintType   = 0
	fixed64Type  = 1
	lengthType   = 2
	groupType    = 3
	groupEndType = 4
	fixed32Type  = 5
)

// maxGroups is how deep groups may lie in each other, as in protobuf's own
// readers. Groups are long out of use; a reader has to skip them.
const maxGroups = 100

const maxFieldNumber = 1<<29 - 1

// A field is a field of a message, whatever its number. One of a known number
// and another type than it should have is as good as unknown.
type field struct {
	tag    uint64
	number uint64 // of a varint
	text   []byte // of what has a length
}

// nextField reads the field that b begins with and returns the rest. A b that
// is empty or malformed has none.
func nextField(b []byte) (f field, rest []byte, ok bool) {
	if f.tag, b, ok = nextVarint(b); !ok || f.tag>>3 == 0 || f.tag>>3 > maxFieldNumber {
		return f, nil, false
	}
	switch f.tag & 7 {
	case varintType:
		f.number, b, ok = nextVarint(b)
	case lengthType:
		f.text, b, ok = nextText(b)
	default:
		b, ok = skip(b, f.tag, maxGroups)
	}
	return f, b, ok
}

// nextVarint reads a number of 1 to 10 bytes.
func nextVarint(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], true
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// nextText reads bytes behind their length.
func nextText(b []byte) (text, rest []byte, ok bool) {
	n, b, ok := nextVarint(b)
	if !ok || n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// skip skips the value of a field of a type that no field of ours has.
func skip(b []byte, tag uint64, groups int) (rest []byte, ok bool) {
	switch tag & 7 {
	case fixed64Type:
		return skipBytes(b, 8)
	case fixed32Type:
		return skipBytes(b, 4)
	case groupType:
		return skipGroup(b, tag, groups-1)
	default:
		return nil, false // an end without a beginning, or no type at all
	}
}

func skipBytes(b []byte, n int) (rest []byte, ok bool) {
	if len(b) < n {
		return nil, false
	}
	return b[n:], true
}

// skipGroup skips fields up to the end of the group that tag began.
func skipGroup(b []byte, tag uint64, groups int) (rest []byte, ok bool) {
	if groups < 0 {
		return nil, false
	}
	for {
		var inner uint64
		if inner, b, ok = nextVarint(b); !ok || inner>>3 == 0 || inner>>3 > maxFieldNumber {
			return nil, false
		}
		switch inner & 7 {
		case groupEndType:
			return b, inner>>3 == tag>>3
		case varintType:
			_, b, ok = nextVarint(b)
		case lengthType:
			_, b, ok = nextText(b)
		default:
			b, ok = skip(b, inner, groups)
		}
		if !ok {
			return nil, false
		}
	}
}
