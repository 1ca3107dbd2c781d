package main

import (
	"encoding/binary"
	"math/rand/v2"
)

// The major types of CBOR.
const (
	cborUint = iota << 5
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborSimple
)

const (
	cborIndefinite = 31 // in place of a length
	cborBreak      = 0xff
)

// appendHead appends the first bytes of an item.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, cborText, uint64(len(s))), s...)
}

func appendBytes(b, data []byte) []byte {
	return append(appendHead(b, cborBytes, uint64(len(data))), data...)
}

// cborPutRecords is a PutRecords of n records that are alike but for their keys.
func cborPutRecords(stream string, n int, data []byte, key func(i int) string) []byte {
	b := appendHead(nil, cborMap, 2)
	b = appendText(appendText(b, "StreamName"), stream)
	b = appendHead(appendText(b, "Records"), cborList, uint64(n))
	for i := range n {
		b = appendHead(b, cborMap, 2)
		b = appendBytes(appendText(b, "Data"), data)
		b = appendText(appendText(b, "PartitionKey"), key(i))
	}
	return b
}

// soundCBOR is a request that is well formed; most of its members do not fit.
func soundCBOR(rng *rand.Rand) []byte {
	n := 1 + rng.IntN(6)
	b := appendHead(nil, cborMap, uint64(n))
	for range n {
		b = appendCBORValue(appendText(b, pick(rng, members)), rng, 0)
	}
	return b
}

func appendCBORValue(b []byte, rng *rand.Rand, depth int) []byte {
	const deepest = 4
	switch kind := rng.IntN(12); {
	case kind == 0:
		return append(b, cborSimple|byte(20+rng.IntN(4))) // false, true, null, undefined
	case kind == 1:
		return appendHead(b, cborUint, rng.Uint64()>>rng.IntN(64))
	case kind == 2:
		return appendHead(b, cborNegative, rng.Uint64()>>rng.IntN(64))
	case kind == 3: // floats of all sizes, not-a-numbers among them
		size := rng.IntN(3)
		return append(append(b, cborSimple|byte(25+size)), randomBytes(rng, 2<<size)...)
	case kind == 4:
		return appendBytes(b, randomBytes(rng, rng.IntN(300)))
	case kind == 5 && depth < deepest:
		n := rng.IntN(6)
		b = appendHead(b, cborList, uint64(n))
		for range n {
			b = appendCBORValue(b, rng, depth+1)
		}
		return b
	case kind == 6 && depth < deepest: // a map whose keys are anything
		b = appendHead(b, cborMap, 2)
		for range 4 {
			b = appendCBORValue(b, rng, depth+1)
		}
		return b
	case kind == 7 && depth < deepest:
		return appendCBORValue(appendHead(b, cborTag, rng.Uint64()>>rng.IntN(64)), rng, depth+1)
	case kind == 8: // no UTF-8
		return appendText(b, pick(rng, []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\x00"}))
	case kind == 9: // in pieces
		b = appendText(append(b, cborText|cborIndefinite), "shardId-")
		return append(appendText(b, "000000000000"), cborBreak)
	case kind == 10:
		return append(b, cborSimple|24, byte(rng.Uint32()))
	default:
		return appendText(b, pick(rng, []string{"orders", "shardId-000000000000", "TRIM_HORIZON", ""}))
	}
}

// malformedCBOR is a request that something is the matter with.
func malformedCBOR(rng *rand.Rand) []byte {
	const deep, many = 40_000, 5_000
	sound := soundCBOR(rng)
	majors := []byte{cborBytes, cborText, cborList, cborMap}
	switch rng.IntN(12) {
	case 0: // truncated
		return sound[:rng.IntN(len(sound))]
	case 1: // lengths that nothing follows
		b := appendText(appendHead(nil, cborMap, 1), pick(rng, members))
		return appendHead(b, pick(rng, majors), rng.Uint64()>>rng.IntN(40))
	case 2: // a whole request of such a length
		return append(appendHead(nil, pick(rng, majors), 1<<(20+rng.IntN(44))), sound...)
	case 3: // nested deeply
		return repeat([]byte{pick(rng, []byte{cborList | 1, cborMap | 1, cborTag | 1, cborList | cborIndefinite})}, deep)
	case 4: // indefinite lengths without an end
		b := appendText([]byte{cborMap | cborIndefinite}, "Records")
		return append(append(b, pick(rng, majors)|cborIndefinite), repeat([]byte{cborText}, many)...)
	case 5: // ends without a beginning
		return append(repeat([]byte{cborBreak}, 1+rng.IntN(many)), sound...)
	case 6: // tags upon tags
		return append(repeat([]byte{cborTag | 2, cborTag | 3}, many), sound...)
	case 7: // heads that are reserved
		return append([]byte{pick(rng, majors) | byte(28+rng.IntN(3))}, sound...)
	case 8: // the same member again and again
		b := appendHead(nil, cborMap, many)
		return append(b, repeat(appendText(appendText(nil, "StreamName"), "orders"), many)...)
	case 9: // bits flipped
		for range 1 + rng.IntN(8) {
			sound[rng.IntN(len(sound))] ^= 1 << rng.IntN(8)
		}
		return sound
	case 10: // bytes
		return randomBytes(rng, 1+rng.IntN(many))
	default: // of wrong types only
		return sound
	}
}

func repeat(b []byte, n int) []byte {
	all := make([]byte, 0, n*len(b))
	for range n {
		all = append(all, b...)
	}
	return all
}
