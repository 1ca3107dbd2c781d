package aggregate_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// The pieces of a message, written here once more so that they can be wrong.

func number(field int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), v)
}

func text(field int, parts ...[]byte) []byte {
	all := bytes.Join(parts, nil)
	b := binary.AppendUvarint(nil, uint64(field)<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(all))), all...)
}

func key(s string) []byte  { return text(1, []byte(s)) }
func hash(s string) []byte { return text(2, []byte(s)) }

// of is a user record with the key at place k.
func of(k uint64, data string, more ...[]byte) []byte {
	return text(3, slices.Concat(number(1, k), slices.Concat(more...), text(3, []byte(data))))
}

// hashedBy is one with the hash key at place h too.
func hashedBy(k, h uint64, data string) []byte { return of(k, data, number(2, h)) }

// sealed puts magic and checksum around a message.
func sealed(parts ...[]byte) []byte {
	message := bytes.Join(parts, nil)
	sum := md5.Sum(message)
	return slices.Concat([]byte("\xf3\x89\x9a\xc2"), message, sum[:])
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// outer is a record with data, as a stream returns it.
func outer(data []byte) weir.Record {
	return weir.Record{PartitionKey: "outer", Data: data, ArrivalTime: time.Unix(1700000000, 0).UTC()}
}

// told is what can be told of a record.
type told struct {
	Key, Hash, Data string
	Sub             int
	Misplaced       bool
	Tags            []aggregate.Tag
}

func tell(records iter.Seq[aggregate.Record]) (list []told) {
	for r := range records {
		list = append(list, told{r.PartitionKey, r.ExplicitHashKey, string(r.Data), r.Sub, r.Misplaced, slices.Collect(r.Tags())})
	}
	return list
}

// The key spaces of the keys "a" and "b", in halves and whole.
var (
	most  = weir.HashKey{Hi: ^uint64(0), Lo: ^uint64(0)}
	whole = weir.HashKeyRange{End: most}
	lower = weir.HashKeyRange{End: weir.HashKey{Hi: 1<<63 - 1, Lo: ^uint64(0)}} // has "a"
	upper = weir.HashKeyRange{Start: weir.HashKey{Hi: 1 << 63}, End: most}      // has "b" and "k1"
)
