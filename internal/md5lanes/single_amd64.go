//go:build !purego

package md5lanes

import (
	"encoding/binary"
	"unsafe"
)

// sum1 hashes one padded key. It reads only m and writes only dst.
//
//go:noescape
func sum1(dst *[16]byte, m *message)

// sumOne hashes one key of any length into dst.
func sumOne(dst *[16]byte, key string) {
	if len(key) > maxShort {
		*dst = sumStandard(key)
		return
	}
	var m message
	m.pad(key)
	sum1(dst, &m)
}

// A message is the MD5 block of a single key, two words in each element; in
// memory, on this architecture, that is the bytes in order.
type message [8]uint64

// pad puts key, of at most maxShort bytes, into a message that is still zero.
// It writes the bytes in pieces that the kernel's loads do not straddle, which
// would make the processor wait for them; copy does not promise that.
func (m *message) pad(key string) {
	bytes := unsafe.Slice(unsafe.StringData(key), len(key))
	whole := uint(len(key)) / 8
	switch whole {
	case 6:
		m[5] = binary.LittleEndian.Uint64(bytes[40:])
		fallthrough
	case 5:
		m[4] = binary.LittleEndian.Uint64(bytes[32:])
		fallthrough
	case 4:
		m[3] = binary.LittleEndian.Uint64(bytes[24:])
		fallthrough
	case 3:
		m[2] = binary.LittleEndian.Uint64(bytes[16:])
		fallthrough
	case 2:
		m[1] = binary.LittleEndian.Uint64(bytes[8:])
		fallthrough
	case 1:
		m[0] = binary.LittleEndian.Uint64(bytes[0:])
		// The none to seven bytes that are left over, and the end mark, as in
		// block.set. A shift by 64 gives zero.
		over := 8 * (uint(len(key)) % 8)
		m[whole] = binary.LittleEndian.Uint64(bytes[len(key)-8:])>>(64-over) | endMark<<over
	default:
		if len(key) >= 4 {
			m[0] = uint64(wordAt(key, 0)) | uint64(endOf(key))<<32
		} else {
			m[0] = uint64(shortWord(key))
		}
	}
	m[lengthWord/2] = 8 * uint64(len(key)) // in bits
}
