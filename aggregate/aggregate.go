// Package aggregate is the format in which the Kinesis Producer Library packs
// many user records into one record of a stream, so that small ones do not run
// into the limit on records. Consumers made with the Kinesis Client Library,
// or with a deaggregator of its makers, read it.
//
// A [Builder] packs: it knows before each [Builder.Add] how large the record
// will be. A [Decoder] takes records apart: by itself it delivers what the
// Kinesis Client Library would, and counts what that discards in silence.
//
// The form is four bytes of magic, a protobuf message of two tables of texts
// (partition keys, explicit hash keys) and a list of records that point into
// them, and the message's MD5: 20 bytes around the message. A user record takes
// 6 bytes at least, so a record of n bytes holds (n - 20) / 6 of them at most,
// 1,747,623 at [weir.MaxRecordBytes].
//
// All user records of an aggregate must belong to one shard, the one that it is
// put to: consumers discard it as a whole if one does not, which is what
// becomes of it when the shard was split meanwhile. A stream that distributes
// records itself ([weir.DistributeAuto]) has no use for aggregates.
package aggregate

import (
	"crypto/md5"

	"github.com/weirstream/weir/internal/shardlog"
)

// OverheadBytes is what an aggregate has beside its message: the magic before
// and the MD5 behind it.
const OverheadBytes = len(magic) + md5.Size

// OuterKey is the partition key of an aggregate, whose explicit hash key
// decides the shard. It is the Kinesis Producer Library's.
const OuterKey = "a"

const magic = shardlog.AggregateMagic

// May reports whether data may be an aggregate, by its first four bytes and its
// length; a [Decoder] knows.
func May(data []byte) bool {
	// At most 16 bytes behind the magic are none to the Kinesis Client Library,
	// although the MD5 of an empty message would fit.
	return len(data) > OverheadBytes && string(data[:len(magic)]) == magic
}

// A Tag is a note on a user record. The format has room for them, the Kinesis
// Producer Library writes none.
type Tag struct {
	Key   string
	Value string // empty also if the format has none
}
