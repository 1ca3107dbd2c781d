package weir

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/weirstream/weir/internal/u192"
)

// A SequenceNumber is the position of a record in its shard. Numbers of one
// shard rise strictly, and every number of a child shard is greater than every
// number of its parents; numbers of unrelated shards cannot be compared in any
// useful way. It prints as the service prints it, a decimal number of 56 digits
// that encodes when the shard was created, which shard it is, the index in the
// shard and the second of arrival. The zero value stands for no number.
//
// A SequenceNumber holds no pointer and can be compared with ==.
type SequenceNumber struct {
	words u192.Int
}

// The bits of a sequence number of version 2, from the right: version 4, shard
// 32, second of arrival 36, unknown 8 (zero), index 64, low nibble of the shard
// 4, second of the shard's creation 36, and on top the digit 2. Observed on the
// service, not promised by it.
const (
	sequenceVersion  = 2
	versionBits      = 4
	shardShift       = versionBits     // in lo
	timeShift        = shardShift + 32 // in lo; 28 bits of it fit
	timeLowBits      = 64 - timeShift
	indexShift       = 16                       // in mid; 48 bits of it fit
	indexLowBits     = 64 - indexShift          //
	nibbleShift      = 64 - indexLowBits        // in hi, above the 16 high bits of the index
	createdShift     = nibbleShift + 4          // in hi
	prefixShift      = createdShift + 36        // in hi
	prefix           = uint64(2)                //
	secondsMask      = uint64(1)<<36 - 1        // 36 bits of seconds reach the year 4147
	closedShardIndex = uint64(1)<<63 - 1        // index of a closed shard's EndingSequenceNumber
	maxCreated       = uint64(16025175000)      // from here on a creation second is taken for damage
	oldVersionsFrom  = uint64(1) << (185 - 128) // 2^185: below are versions 0 and nonsense
)

// sequenceParts is what a sequence number encodes.
type sequenceParts struct {
	created uint64 // second in which the shard was created, Unix time
	shard   ShardID
	index   uint64 // 1 for the first record; 0 in StartingSequenceNumber
	time    uint64 // second of arrival, Unix time
	version int
}

func newSequenceNumber(created uint64, shard ShardID, index, second uint64) SequenceNumber {
	id := uint64(uint32(shard))
	return SequenceNumber{u192.Int{
		Hi:  prefix<<prefixShift | created<<createdShift | (id&0xf)<<nibbleShift | index>>indexLowBits,
		Mid: index<<indexShift | second>>timeLowBits,
		Lo:  second<<timeShift | id<<shardShift | sequenceVersion,
	}}
}

// An identity is what the sequence numbers of a shard have in common: which
// shard it is, and the second in which it was created, which tells it from one
// with the same id in another stream of the same name.
type identity struct {
	created uint64
	id      ShardID
}

// number returns the number of the record with an index that arrived at ms.
func (s identity) number(index uint64, ms int64) SequenceNumber {
	return newSequenceNumber(s.created, s.id, index, uint64(ms)/1000)
}

// atIndex returns the number at index i where n is the one at index 0.
func (n SequenceNumber) atIndex(i uint64) SequenceNumber {
	n.words.Hi |= i >> indexLowBits
	n.words.Mid |= i << indexShift
	return n
}

// ParseSequenceNumber reads a decimal sequence number. It returns an error that
// matches [ErrInvalidSequenceNumber] when s is not of the service's form
// `0|([1-9]\d{0,128})`, or too large to be a number that the service issues.
// Whether it belongs to a given shard is for the shard to say.
func ParseSequenceNumber(s string) (SequenceNumber, error) {
	var w u192.Int
	if !w.Parse(s) {
		return SequenceNumber{}, &SequenceNumberError{Text: s, Reason: "is not a sequence number", Malformed: true}
	}
	return SequenceNumber{w}, nil
}

// String returns the number in decimal, or "" for the zero value.
func (n SequenceNumber) String() string {
	if n.IsZero() {
		return ""
	}
	var buf [u192.Digits]byte
	return string(n.words.Append(buf[:0]))
}

// AppendText appends the number in decimal, nothing for the zero value.
func (n SequenceNumber) AppendText(dst []byte) ([]byte, error) {
	if n.IsZero() {
		return dst, nil
	}
	return n.words.Append(dst), nil
}

// MarshalText returns the number in decimal, empty for the zero value.
func (n SequenceNumber) MarshalText() ([]byte, error) { return n.AppendText(nil) }

// UnmarshalText reads what [ParseSequenceNumber] reads; empty text gives the
// zero value.
func (n *SequenceNumber) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*n = SequenceNumber{}
		return nil
	}
	*n, err = ParseSequenceNumber(string(text))
	return err
}

// IsZero reports whether n is the zero value, which stands for no number.
func (n SequenceNumber) IsZero() bool { return n == SequenceNumber{} }

// Compare returns -1, 0 or +1 as n is less than, equal to or greater than o.
func (n SequenceNumber) Compare(o SequenceNumber) int {
	return cmp.Or(
		cmp.Compare(n.words.Hi, o.words.Hi),
		cmp.Compare(n.words.Mid, o.words.Mid),
		cmp.Compare(n.words.Lo, o.words.Lo))
}

// Shard returns the shard that the number belongs to.
func (n SequenceNumber) Shard() ShardID {
	parts, _ := n.decode()
	return parts.shard
}

// Index returns the record's index in its shard: 1 for the first record, and
// one more for each that follows it, but for what [LoadStream] leaves out.
func (n SequenceNumber) Index() uint64 {
	parts, _ := n.decode()
	return parts.index
}

// Time returns the second in which the record arrived.
func (n SequenceNumber) Time() time.Time {
	parts, _ := n.decode()
	return time.Unix(int64(parts.time), 0).UTC()
}

// Later returns the number of the same place with the second of t in it instead
// of that of the record's arrival: greater than n, less than the number of any
// record after n, and behind n's record as a position, be it at the number or
// after it. It returns n if t is not in a later second, or n is no number of
// the present form.
func (n SequenceNumber) Later(t time.Time) SequenceNumber {
	p, ok := n.decode()
	second := min(max(0, t.Unix()), int64(secondsMask))
	if !ok || p.version != sequenceVersion || uint64(second) <= p.time {
		return n
	}
	return newSequenceNumber(p.created, p.shard, p.index, uint64(second))
}

// WithIndex returns the number of the place in n's shard that has an index, and
// the second of the shard's creation in place of an arrival: as a position it
// is that of the record with the index. It returns n if n is no number of the
// present form, or the index is beyond all that a shard gives out.
func (n SequenceNumber) WithIndex(i uint64) SequenceNumber {
	p, ok := n.decode()
	if !ok || p.version != sequenceVersion || i >= closedShardIndex {
		return n
	}
	return newSequenceNumber(p.created, p.shard, i, p.created)
}

// ShardCreated returns the second in which the shard was created. A child's is
// later than its parents'.
func (n SequenceNumber) ShardCreated() time.Time {
	parts, _ := n.decode()
	return time.Unix(int64(parts.created), 0).UTC()
}

// Follows reports whether n is the number that a shard gives out right after
// prev within the same second.
func (n SequenceNumber) Follows(prev SequenceNumber) bool {
	return n.words.Lo == prev.words.Lo && n.words.Hi == prev.words.Hi && !prev.IsZero() &&
		n.words.Mid > prev.words.Mid && n.words.Mid-prev.words.Mid == 1<<indexShift
}

// createdAfter returns the second after the one in which the shard of n was
// created, 0 for the zero value. [Config.check] has checked n.
func createdAfter(n SequenceNumber) uint64 {
	if n.IsZero() {
		return 0
	}
	parts, _ := n.decode()
	return parts.created + 1
}

// decode takes the number apart, and reports whether its form is one that the
// service ever issued: version 2, or the older versions 1 and 0.
func (n SequenceNumber) decode() (sequenceParts, bool) {
	w := n.words
	switch {
	case w.Hi < 2: // below 2^129
		return decodeVersion0(w)
	case w.Hi < oldVersionsFrom || w.Hi >= oldVersionsFrom+oldVersionsFrom/2:
		return sequenceParts{version: -1}, false
	case w.Lo&0xf == 1:
		return decodeVersion1(w)
	case w.Lo&0xf != sequenceVersion:
		return sequenceParts{version: -1}, false
	}
	p := sequenceParts{
		created: w.Hi >> createdShift & secondsMask,
		shard:   ShardID(uint32(w.Lo >> shardShift)),
		index:   w.Hi<<indexLowBits | w.Mid>>indexShift,
		time:    w.Mid&0xff<<timeLowBits | w.Lo>>timeShift,
		version: sequenceVersion,
	}
	return p, p.shard >= 0 && p.index <= closedShardIndex && p.created < maxCreated
}

// decodeVersion1 reads the form used before version 2: the arrival second comes
// before the random part and the index has a byte only.
func decodeVersion1(w u192.Int) (sequenceParts, bool) {
	p := sequenceParts{
		created: w.Hi >> createdShift & secondsMask,
		shard:   ShardID(uint32(w.Lo >> shardShift)),
		index:   w.Lo >> timeShift & 0xff,
		time:    (w.Hi&0xff)<<28 | w.Mid>>36,
		version: 1,
	}
	return p, p.shard >= 0 && p.created < maxCreated
}

// decodeVersion0 reads the oldest form, 128 bits beginning with the digit 1.
// Smaller numbers are taken for such ones without that digit, and observed to
// belong to shard 0 whatever their last digits say.
func decodeVersion0(w u192.Int) (sequenceParts, bool) {
	p := sequenceParts{created: w.Mid >> 24 & secondsMask}
	if w.Hi > 0 || w.Mid>>60 > 0 {
		p.shard = ShardID(w.Lo & 0xffff)
	}
	return p, p.created < maxCreated
}

// A ShardID names a shard of a stream: the number of shards created before it.
// It prints in the service's form, shardId-000000000007.
type ShardID int32

const shardIDPrefix = "shardId-"

// ParseShardID reads a shard id. Like the service it takes the digits after the
// first hyphen, or all of s when there is none, so "shardId-000000000007",
// "shard-7" and "7" name the same shard.
func ParseShardID(s string) (ShardID, error) {
	digits := s
	for i := range len(s) {
		if s[i] == '-' {
			digits = s[i+1:]
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("shard id %q: %w", s, ErrShardNotFound)
	}
	return ShardID(n), nil
}

// String returns the id in the service's form.
func (id ShardID) String() string { return fmt.Sprintf(shardIDPrefix+"%012d", int32(id)) }

// MarshalText returns the id in the service's form.
func (id ShardID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what [ParseShardID] reads.
func (id *ShardID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseShardID(string(text))
	return err
}
