package kinesisserver

import (
	"encoding/binary"
	"time"
)

// The major types of CBOR, in the three high bits of an item's first byte.
const (
	cborUint   byte = 0 << 5
	cborNegate byte = 1 << 5
	cborBytes  byte = 2 << 5
	cborText   byte = 3 << 5
	cborList   byte = 4 << 5
	cborMap    byte = 5 << 5
	cborTag    byte = 6 << 5
	cborOther  byte = 7 << 5
)

// cborTimeTag says that a number is a time. The service counts milliseconds,
// not seconds as the standard says.
const cborTimeTag = 1

// A cborWriter writes CBOR with definite lengths.
type cborWriter struct {
	b []byte
}

func (w *cborWriter) beginMap(n int)   { w.b = appendHead(w.b, cborMap, uint64(n)) }
func (w *cborWriter) endMap()          {}
func (w *cborWriter) beginList(n int)  { w.b = appendHead(w.b, cborList, uint64(n)) }
func (w *cborWriter) endList()         {}
func (w *cborWriter) name(s string)    { w.b = appendCBORText(w.b, s) }
func (w *cborWriter) text(s string)    { w.b = appendCBORText(w.b, s) }
func (w *cborWriter) integer(n int64)  { w.b = appendCBORInt(w.b, n) }
func (w *cborWriter) time(t time.Time) { w.b = appendCBORTime(w.b, t.UnixMilli()) }

func (w *cborWriter) boolean(b bool) {
	if b {
		w.b = append(w.b, cborOther|21)
	} else {
		w.b = append(w.b, cborOther|20)
	}
}

// appendHead appends the head of an item: its major type and a number, which is
// a length or the value itself.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return append(dst, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendCBORText(dst []byte, s string) []byte {
	return append(appendHead(dst, cborText, uint64(len(s))), s...)
}

func appendCBORInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, cborNegate, uint64(-1-n))
	}
	return appendHead(dst, cborUint, uint64(n))
}

func appendCBORTime(dst []byte, ms int64) []byte {
	return appendCBORInt(append(dst, cborTag|cborTimeTag), ms)
}
