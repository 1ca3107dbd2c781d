package weir

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/md5lanes"
	"github.com/weirstream/weir/internal/u192"
)

// A HashKey is an unsigned 128-bit integer: the MD5 of a partition key read
// big-endian, or the explicit hash key that a producer gave instead. It prints
// as a decimal number without leading zeros, as the service does.
type HashKey struct {
	Hi, Lo uint64
}

// HashPartitionKey returns the hash key of a partition key: the MD5 of its
// UTF-8 bytes.
func HashPartitionKey(key string) HashKey {
	return hashKeyOf(md5lanes.Sum(key))
}

func hashKeyOf(sum [md5.Size]byte) HashKey {
	return HashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

// maxHashKeyDigits is how many digits the service's pattern for hash keys
// admits, `0|([1-9]\d{0,38})`: more than 2^128 - 1 needs.
const maxHashKeyDigits = 39

// ParseHashKey reads a decimal hash key. It returns an error that matches
// [ErrInvalidArgument] when s is not of the form `0|([1-9]\d{0,38})` or is
// greater than 2^128 - 1.
func ParseHashKey(s string) (HashKey, error) {
	var w u192.Int
	if len(s) > maxHashKeyDigits || !w.Parse(s) {
		return HashKey{}, invalidf("hash key", "%q is not a decimal number of 1 to %d digits", s, maxHashKeyDigits)
	}
	if w.Hi != 0 {
		return HashKey{}, invalidf("hash key", "%s is greater than 2^128 - 1", s)
	}
	return HashKey{w.Mid, w.Lo}, nil
}

// String returns k in decimal.
func (k HashKey) String() string {
	var buf [u192.Digits]byte
	return string(u192.Int{Mid: k.Hi, Lo: k.Lo}.Append(buf[:0]))
}

// MarshalText returns k in decimal.
func (k HashKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what [ParseHashKey] reads.
func (k *HashKey) UnmarshalText(text []byte) (err error) {
	*k, err = ParseHashKey(string(text))
	return err
}

// Compare returns -1, 0 or +1 as k is less than, equal to or greater than o.
func (k HashKey) Compare(o HashKey) int {
	switch {
	case k.less(o):
		return -1
	case k == o:
		return 0
	default:
		return 1
	}
}

func (k HashKey) less(o HashKey) bool {
	return k.Hi < o.Hi || k.Hi == o.Hi && k.Lo < o.Lo
}

// Add returns k + n, wrapping at 2^128.
func (k HashKey) Add(n uint64) HashKey {
	lo, carry := bits.Add64(k.Lo, n, 0)
	return HashKey{k.Hi + carry, lo}
}

// Sub returns k - n, wrapping below zero.
func (k HashKey) Sub(n uint64) HashKey {
	lo, borrow := bits.Sub64(k.Lo, n, 0)
	return HashKey{k.Hi - borrow, lo}
}

// A HashKeyRange is the hash keys from Start to End, both inclusive.
type HashKeyRange struct {
	Start HashKey `json:"start"`
	End   HashKey `json:"end"`
}

// Contains reports whether k lies in r.
func (r HashKeyRange) Contains(k HashKey) bool { return !k.less(r.Start) && !r.End.less(k) }

// Middle returns where the upper half of r begins; where the number of keys is
// odd the lower half is the larger one. It is the key at which a shard is split
// into halves, if [HashKeyRange.CanSplitAt] agrees. For a range of one key it
// is the key behind it, and 0 behind 2^128 - 1.
func (r HashKeyRange) Middle() HashKey {
	return HashKey(r.inKeyspace().Middle())
}

// CanSplitAt reports whether a shard with range r can be split into one that
// ends before k and one that begins at k. As on the service k must lie from
// r.Start + 2 to r.End - 1, so that each has two hash keys at least.
func (r HashKeyRange) CanSplitAt(k HashKey) bool {
	return r.inKeyspace().CanSplitAt(keyspace.Key(k))
}

// Adjoins reports whether o begins right behind the end of r, so that shards
// with these ranges can be merged, r's as the lower one. The key space is no
// ring: nothing begins behind 2^128 - 1.
func (r HashKeyRange) Adjoins(o HashKeyRange) bool {
	return r.inKeyspace().Adjoins(o.inKeyspace())
}

// String returns the range as "start-end" in decimal.
func (r HashKeyRange) String() string { return fmt.Sprintf("%s-%s", r.Start, r.End) }

// Share returns the part of the whole key space that r covers, 0 to 1.
func (r HashKeyRange) Share() float64 { return r.inKeyspace().Share() }

func (r HashKeyRange) inKeyspace() keyspace.Range {
	return keyspace.Range{Start: keyspace.Key(r.Start), End: keyspace.Key(r.End)}
}

// EvenRanges divides the key space into n ranges as the service does: each is
// floor(2^128/n) wide, and the last one takes what is left. It returns nil if n
// is not positive.
func EvenRanges(n int) (ranges []HashKeyRange) {
	for _, r := range keyspace.Even(n) {
		ranges = append(ranges, HashKeyRange{HashKey(r.Start), HashKey(r.End)})
	}
	return ranges
}
