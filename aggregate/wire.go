package aggregate

import (
	"encoding/binary"
	"math/bits"
)

// The tags of the fields: number and wire type, all in one byte.
const (
	tagKeyTable  = 1<<3 | lengthType // of an aggregate
	tagHashTable = 2<<3 | lengthType
	tagRecords   = 3<<3 | lengthType

	tagKeyIndex  = 1<<3 | varintType // of a record
	tagHashIndex = 2<<3 | varintType
	tagData      = 3<<3 | lengthType
	tagTags      = 4<<3 | lengthType

	tagTagKey   = 1<<3 | lengthType // of a tag
	tagTagValue = 2<<3 | lengthType
)

// varintBytes returns how many bytes v takes.
func varintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// textBytes returns how many bytes a field of so many bytes takes.
func textBytes(n int) int { return 1 + varintBytes(uint64(n)) + n }

func appendNumber(b []byte, tag byte, v uint64) []byte {
	return binary.AppendUvarint(append(b, tag), v)
}

// appendText appends a field that has a length.
func appendText[T string | []byte](b []byte, tag byte, text T) []byte {
	return append(binary.AppendUvarint(append(b, tag), uint64(len(text))), text...)
}
