package queue

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"github.com/weirstream/weir"
)

// A path says for what a record was delivered.
type path uint8

const (
	normalPath path = iota
	deadPath
)

func (p path) String() string {
	if p == deadPath {
		return "dead letters"
	}
	return "records"
}

// A Receipt names one delivery of one record by one queue: with it the record
// is acknowledged, its time extended, or a dead letter restored. A record that
// is delivered again has another one, and this one is stale. The zero Receipt
// is none. It can be compared with ==, copied, and turned into text and back by
// [Queue.Text] and [Queue.ParseReceipt].
type Receipt struct {
	queue    uint64 // of the queue's id
	index    uint64
	slot     slot
	shard    weir.ShardID
	delivery uint32
	path     path
}

// IsZero reports whether the receipt is none.
func (r Receipt) IsZero() bool { return r == Receipt{} }

// The text of a receipt is base64 of a version, the fields, and a checksum
// keyed by the queue's secret, so that nobody makes one up.
const (
	receiptVersion = 1
	receiptBytes   = 1 + 8 + 8 + 4 + 4 + 4 + 1
	receiptSum     = 12
)

// MaxReceiptLength is how many characters the text of a receipt has at most.
const MaxReceiptLength = 64

// Text returns a receipt as text: letters, digits, - and _, at most
// [MaxReceiptLength] of them. The queue that gave the receipt out reads it
// again, also after a restart, and no other.
func (q *Queue) Text(r Receipt) string {
	if q.isNone() {
		return ""
	}
	var b [receiptBytes + receiptSum]byte
	b[0] = receiptVersion
	binary.LittleEndian.PutUint64(b[1:], r.queue)
	binary.LittleEndian.PutUint64(b[9:], r.index)
	binary.LittleEndian.PutUint32(b[17:], uint32(r.slot))
	binary.LittleEndian.PutUint32(b[21:], uint32(r.shard))
	binary.LittleEndian.PutUint32(b[25:], r.delivery)
	b[29] = byte(r.path)
	q.sum(b[receiptBytes:], b[:receiptBytes])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (q *Queue) sum(dst, text []byte) {
	var all [len(q.secret) + receiptBytes]byte
	n := copy(all[:], q.secret[:])
	copy(all[n:], text)
	sum := sha256.Sum256(all[:])
	copy(dst, sum[:receiptSum])
}

// ParseReceipt reads what Text returned. The error matches [ErrInvalidReceipt]
// if this queue gave out no such receipt.
func (q *Queue) ParseReceipt(text string) (Receipt, error) {
	if q.isNone() {
		return Receipt{}, errNone()
	}
	var b [receiptBytes + receiptSum]byte
	if len(text) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return Receipt{}, q.invalidReceipt("a text of another length is none of this queue")
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text)); err != nil || n != len(b) {
		return Receipt{}, q.invalidReceipt("it is not the text of a receipt")
	}
	var want [receiptSum]byte
	q.sum(want[:], b[:receiptBytes])
	if b[0] != receiptVersion || subtle.ConstantTimeCompare(want[:], b[receiptBytes:]) == 0 {
		return Receipt{}, q.invalidReceipt("this queue did not give it out")
	}
	return Receipt{
		queue:    binary.LittleEndian.Uint64(b[1:]),
		index:    binary.LittleEndian.Uint64(b[9:]),
		slot:     slot(binary.LittleEndian.Uint32(b[17:])),
		shard:    weir.ShardID(binary.LittleEndian.Uint32(b[21:])),
		delivery: binary.LittleEndian.Uint32(b[25:]),
		path:     path(b[29]),
	}, nil
}

func (q *Queue) invalidReceipt(reason string) error {
	return &ReceiptError{Queue: q.name, Reason: reason, Err: ErrInvalidReceipt}
}

// check checks that a receipt is one of this queue and of a path.
func (q *Queue) check(r *Receipt, p path) error {
	switch {
	case r.IsZero():
		return q.invalidReceipt("it is none")
	case r.queue != q.id:
		return q.invalidReceipt("another queue gave it out")
	case r.path != p:
		return q.invalidReceipt("it is one for " + r.path.String() + ", not for " + p.String())
	}
	return nil
}
