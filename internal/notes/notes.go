// Package notes is what a stream on disk notes of what it is told: how records,
// trims and changes are written, and how they are read again.
package notes

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"unsafe"
)

// A Kind says what a note is of. It is its first byte.
type Kind byte

const (
	// KindRun is records of one shard that arrived at the same time.
	KindRun Kind = 'r'
	// KindCopies is a run of records that are all alike: one of them follows.
	KindCopies Kind = 'c'
	// KindTrim is an index before which a shard was trimmed.
	KindTrim Kind = 't'
	// KindGone is a shard that has vanished with all its records.
	KindGone Kind = 'g'
	// KindChange is whatever else there is.
	KindChange Kind = 'x'
)

// A Run is what a run of records has in common.
type Run struct {
	Shard int64
	Index uint64 // of the first
	Ms    int64  // arrival, Unix milliseconds
	First uint64 // oldest index of the shard that is not trimmed, at most Index
	Count int
	Batch bool // a call put them that puts several
}

const flagBatch = 1

// AppendRun appends the head of a run. As many records follow, or one if the
// kind is KindCopies.
func AppendRun(b []byte, k Kind, r Run) []byte {
	flags := byte(0)
	if r.Batch {
		flags |= flagBatch
	}
	b = append(b, byte(k), flags)
	b = binary.AppendUvarint(b, uint64(r.Shard))
	b = binary.AppendUvarint(b, r.Index)
	b = binary.AppendUvarint(b, r.Index-r.First)
	b = binary.AppendUvarint(b, uint64(r.Ms))
	return binary.AppendUvarint(b, uint64(r.Count))
}

// AppendRecord appends a record of a run.
func AppendRecord(b []byte, key string, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = binary.AppendUvarint(b, uint64(len(data)))
	b = append(b, key...)
	return append(b, data...)
}

// AppendTrim appends that a shard was trimmed before an index.
func AppendTrim(b []byte, shard int64, first uint64) []byte {
	b = binary.AppendUvarint(append(b, byte(KindTrim)), uint64(shard))
	return binary.AppendUvarint(b, first)
}

// AppendGone appends that a shard has vanished.
func AppendGone(b []byte, shard int64) []byte {
	return binary.AppendUvarint(append(b, byte(KindGone)), uint64(shard))
}

// AppendChange appends a change.
func AppendChange(b []byte, text []byte) []byte {
	b = binary.AppendUvarint(append(b, byte(KindChange)), uint64(len(text)))
	return append(b, text...)
}

// A Note is one that was read.
type Note struct {
	Kind Kind
	Run         // of KindRun and KindCopies; of KindTrim Shard and First, of KindGone Shard
	Text []byte // of KindChange
}

// A Reader reads notes one after the other.
type Reader struct{ b []byte }

// NewReader returns a reader of notes.
func NewReader(b []byte) *Reader { return &Reader{b} }

var errCut = errors.New("a note is cut off")

// maxNumber bounds what is read as a signed number.
const maxNumber = 1 << 62

// Next returns the next note, [io.EOF] behind the last. The records of a run
// follow, for [Reader.Record] to be read.
func (r *Reader) Next() (n Note, err error) {
	if len(r.b) == 0 {
		return n, io.EOF
	}
	n.Kind = Kind(r.b[0])
	r.b = r.b[1:]
	var v [5]uint64
	switch n.Kind {
	case KindRun, KindCopies:
		if len(r.b) == 0 {
			return n, errCut
		}
		n.Batch = r.b[0]&flagBatch != 0
		r.b = r.b[1:]
		if err := r.numbers(v[:]); err != nil {
			return n, err
		}
		if v[2] > v[1] || v[4] < 1 || v[4] > math.MaxInt32 {
			return n, errors.New("a run of records is impossible")
		}
		n.Run = Run{Shard: int64(v[0]), Index: v[1], First: v[1] - v[2], Ms: int64(v[3]), Count: int(v[4]), Batch: n.Batch}
	case KindTrim:
		if err := r.numbers(v[:2]); err != nil {
			return n, err
		}
		n.Shard, n.First = int64(v[0]), v[1]
	case KindGone:
		if err := r.numbers(v[:1]); err != nil {
			return n, err
		}
		n.Shard = int64(v[0])
	case KindChange:
		if err := r.numbers(v[:1]); err != nil {
			return n, err
		}
		if n.Text, err = r.bytes(v[0]); err != nil {
			return n, err
		}
	default:
		return n, errors.New("a note of an unknown kind")
	}
	return n, nil
}

// numbers reads numbers, none of them beyond maxNumber.
func (r *Reader) numbers(v []uint64) error {
	for i := range v {
		n := 0
		if v[i], n = binary.Uvarint(r.b); n <= 0 || v[i] > maxNumber {
			return errCut
		}
		r.b = r.b[n:]
	}
	return nil
}

func (r *Reader) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(r.b)) {
		return nil, errCut
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b, nil
}

// Record returns the next record of a run. Both share the memory that is read.
func (r *Reader) Record() (key string, data []byte, err error) {
	b := r.b
	k, n := binary.Uvarint(b)
	if n <= 0 {
		return "", nil, errCut
	}
	b = b[n:]
	d, n := binary.Uvarint(b)
	if n <= 0 {
		return "", nil, errCut
	}
	b = b[n:]
	if k > uint64(len(b)) || d > uint64(len(b))-k {
		return "", nil, errCut
	}
	r.b = b[k+d:]
	return unsafe.String(unsafe.SliceData(b[:k]), int(k)), b[k : k+d : k+d], nil
}

// Rest returns what is not read yet.
func (r *Reader) Rest() []byte { return r.b }

// Skip reads the records of a run without a look at them.
func (r *Reader) Skip(n *Note) error {
	left := n.Count
	if n.Kind == KindCopies {
		left = 1
	}
	for b := r.b; ; left-- {
		if left == 0 {
			r.b = b
			return nil
		}
		k, i := binary.Uvarint(b)
		if i <= 0 {
			return errCut
		}
		d, j := binary.Uvarint(b[i:])
		if j <= 0 {
			return errCut
		}
		b = b[i+j:]
		if k > uint64(len(b)) || d > uint64(len(b))-k {
			return errCut
		}
		b = b[k+d:]
	}
}
