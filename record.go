package weir

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/shardlog"
)

// A Record is one unit of data in a stream, as reads return it. PartitionKey
// and Data are views of the stream's memory: they are immutable, stay valid as
// long as they are held, even after the record was trimmed, and keep up to 1
// MiB alive meanwhile. Use [Record.Clone] for what is to be kept for long.
// Callers must not write to Data. On a stream with [Config.Hollow] both have
// their length but zero bytes only.
type Record struct {
	SequenceNumber SequenceNumber
	// PartitionKey is the producer's key. It is empty only for a record that was
	// put without one on a stream that distributes records itself.
	PartitionKey string
	Data         []byte
	// ArrivalTime is when the stream stored the record, in UTC with millisecond
	// precision. It never falls within a shard.
	ArrivalTime time.Time
}

// ShardID returns the shard that the record was read from.
func (r Record) ShardID() ShardID { return r.SequenceNumber.Shard() }

// Size returns what the record counts for against limits, in bytes: its data
// and its partition key.
func (r Record) Size() int { return len(r.PartitionKey) + len(r.Data) }

// Clone returns a copy that shares no memory with the stream.
func (r Record) Clone() Record {
	r.PartitionKey = strings.Clone(r.PartitionKey)
	r.Data = append(make([]byte, 0, len(r.Data)), r.Data...)
	return r
}

// appendViews appends the n records that c is at to dst, which has room for
// them, as views of the log's memory.
//
// The loops of the three kinds of blocks are nearly the same. As one that asks
// of each record where its key and data are, a batch of GetRecords took 1.1 to
// 1.2 times as long, and one of a hollow stream 1.5 times.
func appendViews(dst []Record, c *shardlog.Cursor, n int, of identity) []Record {
	b, i := c.Block()
	switch {
	case b.IsHollow():
		return appendHollow(dst, c, n, of)
	case b.IsScattered():
		return appendScattered(dst, c, n, of)
	}
	at, place := b.Start(i), len(dst)
	dst = dst[:place+n]
	var (
		ms      = int64(-1) // arrival of the record before
		arrival time.Time   // the same
		zeroth  SequenceNumber
	)
	for end := i + n; i < end; i++ {
		h := b.Header(i)
		if now := b.BaseMs() + h.Delta(); now != ms { // often many arrive at once
			ms = now
			arrival, zeroth = clock.TimeOfMs(ms), of.number(0, ms)
		}
		key, end := at+h.KeyLen(), h.End()
		r := &dst[place]
		r.SequenceNumber = zeroth.atIndex(b.Base() + uint64(i))
		r.PartitionKey = b.Key(at, key)
		r.Data = b.Data(key, end)
		r.ArrivalTime = arrival
		at, place = end, place+1
	}
	return dst
}

// appendScattered is appendViews for records that were read from disk.
func appendScattered(dst []Record, c *shardlog.Cursor, n int, of identity) []Record {
	b, i := c.Block()
	at, place := b.Start(i), len(dst)
	dst = dst[:place+n]
	var (
		ms      = int64(-1) // arrival of the record before
		arrival time.Time   // the same
		zeroth  SequenceNumber
	)
	for end := i + n; i < end; i++ {
		h := b.Header(i)
		if now := b.BaseMs() + h.Delta(); now != ms {
			ms = now
			arrival, zeroth = clock.TimeOfMs(ms), of.number(0, ms)
		}
		r := &dst[place]
		r.SequenceNumber = zeroth.atIndex(b.Base() + uint64(i))
		r.PartitionKey, r.Data = b.View(i, at, h)
		r.ArrivalTime = arrival
		at, place = h.End(), place+1
	}
	return dst
}

// zeros is the key and the data of every record that a hollow stream gives out.
// It is never written, so no two streams share anything that changes; and being
// all zero it takes no memory but that of the pages somebody reads.
var zeros [shardlog.MaxRecordBytes]byte

// appendHollow is appendViews for a log that holds headers only.
func appendHollow(dst []Record, c *shardlog.Cursor, n int, of identity) []Record {
	b, i := c.Block()
	at, place := b.Start(i), len(dst)
	dst = dst[:place+n]
	var (
		ms      = int64(-1) // arrival of the record before
		arrival time.Time   // the same
		zeroth  SequenceNumber
	)
	for end := i + n; i < end; i++ {
		h := b.Header(i)
		if now := b.BaseMs() + h.Delta(); now != ms {
			ms = now
			arrival, zeroth = clock.TimeOfMs(ms), of.number(0, ms)
		}
		key, data := h.KeyLen(), h.End()-at-h.KeyLen()
		r := &dst[place]
		r.SequenceNumber = zeroth.atIndex(b.Base() + uint64(i))
		r.PartitionKey = unsafe.String(&zeros[0], key)
		r.Data = zeros[:data:data]
		r.ArrivalTime = arrival
		at, place = h.End(), place+1
	}
	return dst
}

// An Entry is a record to be put.
type Entry struct {
	// PartitionKey decides the shard, through its MD5: 1 to 256 characters of
	// UTF-8. It may be empty under [DistributeAuto].
	PartitionKey string
	// Data may be empty. With the key it may be at most [Limits.RecordBytes].
	Data []byte
	// ExplicitHashKey decides the shard in place of the partition key's MD5
	// unless nil.
	ExplicitHashKey *HashKey
	// SequenceNumberForOrdering, unless zero, asks for a sequence number greater
	// than this one, which an earlier put of the same producer returned. Numbers
	// rise in any case; what is gained is the check that the given one can be
	// such a number. Only [Stream.Put] looks at it.
	SequenceNumberForOrdering SequenceNumber
}

// Size returns what the entry counts for against limits, in bytes: its data and
// its partition key.
func (e *Entry) Size() int { return len(e.PartitionKey) + len(e.Data) }

// Placed says where a record went.
type Placed struct {
	ShardID        ShardID
	SequenceNumber SequenceNumber
}

// A PutResult says where a record of a batch went, or why it went nowhere.
type PutResult struct {
	Placed
	// Err is why the record was refused; then the other fields mean nothing.
	Err error
}

// RecordOverheadBytes is what a record takes in memory beyond its data and its
// partition key.
const RecordOverheadBytes = shardlog.HeaderBytes

// MaxPartitionKeyLength is how many characters a partition key may have.
const MaxPartitionKeyLength = 256

// checkKey checks a partition key's length, 1 to 256 characters, and encoding.
func checkKey(key string) error {
	if n := len(key); n > 0 && n <= MaxPartitionKeyLength && isASCII(key) {
		return nil
	}
	return checkLongKey(key)
}

// isASCII reports whether s, which must not be empty, has ASCII characters
// only. Eight bytes at a time it costs a third of what utf8.ValidString does.
func isASCII(s string) bool {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	var all uint64
	for len(b) >= 8 {
		all |= binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	for _, c := range b {
		all |= uint64(c)
	}
	return all&0x8080808080808080 == 0
}

// checkLongKey checks a key that is empty, has more than ASCII characters, or
// may be too long.
func checkLongKey(key string) error {
	if len(key) == 0 {
		return invalidf("partition key", "is empty; it must have 1 to %d characters", MaxPartitionKeyLength)
	}
	if !utf8.ValidString(key) {
		return invalidf("partition key", "%q is not UTF-8", abbreviate(key))
	}
	if n := utf8.RuneCountInString(key); n > MaxPartitionKeyLength {
		return invalidf("partition key", "has %d characters; at most %d are allowed", n, MaxPartitionKeyLength)
	}
	return nil
}

// abbreviate keeps a bad value from filling an error message.
func abbreviate(s string) string {
	const most = 32
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

const maxStreamNameLength = 128

// checkStreamName checks a name against the service's pattern.
func checkStreamName(name string) error { return checkName("stream name", name) }

func checkName(field, name string) error {
	if len(name) == 0 || len(name) > maxStreamNameLength {
		return invalidf(field, "has %d characters; 1 to %d are allowed", len(name), maxStreamNameLength)
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return invalidf(field, "%q has characters other than a-z, A-Z, 0-9, '.', '_' and '-'", name)
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
