package aggregate

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/md5lanes"
)

// ErrFull says that a user record did not fit into [Builder.MaxBytes] beside
// those that are there. It can be added after [Builder.Reset].
var ErrFull = errors.New("aggregate is full")

// A Builder packs user records into a record. The zero Builder is empty and
// ready. It holds copies of the user records' data, so its memory follows
// MaxBytes; it is for one goroutine at a time and must not be copied.
type Builder struct {
	// MaxBytes is the most that [Builder.Size] may come to. Zero means
	// [weir.MaxRecordBytes], and no more is possible.
	MaxBytes int

	keys, hashes table
	records      []byte // the message's list of records
	users        int
	first        struct { // the first user record
		key    string
		hash   string // empty if it has none
		data   int    // where its data ends in records
		bytes  int    // how much data it has
		tagged bool
	}
}

// A table holds each text once. Its zero value is empty.
type table struct {
	fields []byte
	texts  []string
	// slots are where texts stand, plus 1; each in the first slot that was empty
	// from that on which its hash says. They are a power of two, of which at most a
	// half is used. A map does the same, at several times the cost for a text that
	// is new, which most are.
	slots []uint32
}

// seed is for hashes: nobody can choose texts that meet.
var seed = maphash.MakeSeed()

// slot returns the slot of s, which is empty if s is not there. There are slots.
func (t *table) slot(s string) *uint32 {
	last := uint64(len(t.slots) - 1)
	for i := maphash.String(seed, s); ; i++ {
		if at := &t.slots[i&last]; *at == 0 || t.texts[*at-1] == s {
			return at
		}
	}
}

// place returns the place in the table that s has or would get, and how many
// bytes the table would grow by.
func (t *table) place(s string) (i uint64, grows int) {
	if len(t.texts) > 0 {
		if at := *t.slot(s); at > 0 {
			return uint64(at - 1), 0
		}
	}
	return uint64(len(t.texts)), textBytes(len(s))
}

// add returns the place of s in the table.
func (t *table) add(tag byte, s string) uint64 {
	if 2*len(t.texts) >= len(t.slots) {
		t.grow()
	}
	at := t.slot(s)
	if *at == 0 {
		t.texts = append(t.texts, s)
		t.fields = appendText(t.fields, tag, s)
		*at = uint32(len(t.texts))
	}
	return uint64(*at - 1)
}

// grow makes twice as many slots.
func (t *table) grow() {
	t.slots = make([]uint32, max(8, 2*len(t.slots)))
	for i, s := range t.texts {
		*t.slot(s) = uint32(i + 1)
	}
}

func (t *table) reset() {
	t.fields = t.fields[:0]
	clear(t.texts)
	t.texts = t.texts[:0]
	clear(t.slots)
}

// Len returns how many user records were added.
func (b *Builder) Len() int { return b.users }

// Size returns the size of [Builder.Entry], exactly: what it counts for against
// the limits of a stream, data and partition key. It is 0 of an empty Builder.
func (b *Builder) Size() int {
	switch {
	case b.users == 0:
		return 0
	case b.isRaw():
		return len(b.first.key) + b.first.bytes
	default:
		return len(OuterKey) + b.wrapped()
	}
}

// isRaw reports whether the record is the only user record itself.
func (b *Builder) isRaw() bool { return b.users == 1 && !b.first.tagged }

// wrapped returns the size of an aggregate's data.
func (b *Builder) wrapped() int {
	return OverheadBytes + len(b.keys.fields) + len(b.hashes.fields) + len(b.records)
}

// SizeWith returns what [Builder.Size] would be after [Builder.Add].
func (b *Builder) SizeWith(e weir.Entry, tags ...Tag) int {
	return b.sizeWith(e, hashText(e.ExplicitHashKey), tags)
}

func (b *Builder) sizeWith(e weir.Entry, hash string, tags []Tag) int {
	if b.users == 0 && len(tags) == 0 {
		return e.Size()
	}
	key, grows := b.keys.place(e.PartitionKey)
	record := 1 + varintBytes(key) + textBytes(len(e.Data)) + tagsBytes(tags)
	if hash != "" {
		at, more := b.hashes.place(hash)
		record += 1 + varintBytes(at)
		grows += more
	}
	return len(OuterKey) + b.wrapped() + grows + textBytes(record)
}

// tagsBytes returns how many bytes the tags take in their record.
func tagsBytes(tags []Tag) (n int) {
	for _, t := range tags {
		n += textBytes(t.bytes())
	}
	return n
}

func (t Tag) bytes() int { return textBytes(len(t.Key)) + textBytes(len(t.Value)) }

// hashText returns a hash key as the format has it, empty for none.
func hashText(k *weir.HashKey) string {
	if k == nil {
		return ""
	}
	return k.String()
}

// Add adds a user record and copies its data; a number for ordering is ignored.
// The order is kept, and is what sub-sequence numbers count. It returns an
// error that matches [weir.ErrInvalidArgument] if the partition key has not 1
// to 256 characters of UTF-8, or if the user record fits into no record of
// MaxBytes; and [ErrFull] if it only does not fit beside the others. After an
// error all is as it was.
//
// An aggregate is for one shard, and Add cannot know which: its caller adds
// what belongs to one.
func (b *Builder) Add(e weir.Entry, tags ...Tag) error {
	if err := checkKey(e.PartitionKey); err != nil {
		return err
	}
	hash, most := hashText(e.ExplicitHashKey), b.most()
	if n := b.sizeWith(e, hash, tags); n > most {
		if alone := new(Builder).sizeWith(e, hash, tags); alone > most {
			return &weir.ArgumentError{Field: "user record", Reason: fmt.Sprintf(
				"takes %d bytes by itself; at most %d are allowed", alone, most)}
		}
		return ErrFull
	}
	b.add(e.PartitionKey, hash, e.Data, tags)
	return nil
}

func (b *Builder) most() int {
	return min(max(cmp.Or(b.MaxBytes, weir.MaxRecordBytes), 0), weir.MaxRecordBytes)
}

// checkKey checks a partition key as a stream does.
func checkKey(key string) error {
	invalid := func(format string, args ...any) error {
		return &weir.ArgumentError{Field: "partition key", Reason: fmt.Sprintf(format, args...)}
	}
	const maxBytes = weir.MaxPartitionKeyLength * utf8.UTFMax
	switch n := len(key); {
	case n == 0:
		return invalid("is empty; it must have 1 to %d characters", weir.MaxPartitionKeyLength)
	case n > maxBytes: // also keeps it out of the message
		return invalid("has %d bytes; %d characters have %d at most", n, weir.MaxPartitionKeyLength, maxBytes)
	case !utf8.ValidString(key):
		return invalid("%.32q is not UTF-8", key)
	}
	if n := utf8.RuneCountInString(key); n > weir.MaxPartitionKeyLength {
		return invalid("has %d characters; at most %d are allowed", n, weir.MaxPartitionKeyLength)
	}
	return nil
}

// AddUnchecked adds a user record as it is, within no limits. It is for those who
// know that [Builder.Add] would take it, and for tests of those who read
// aggregates: what it makes need not be put together as they may expect. An empty
// hash means none; else it is a hash key in decimal.
func (b *Builder) AddUnchecked(key, hash string, data []byte, tags ...Tag) {
	b.add(key, hash, data, tags)
}

func (b *Builder) add(key, hash string, data []byte, tags []Tag) {
	at := b.keys.add(tagKeyTable, key)
	size := 1 + varintBytes(at) + textBytes(len(data)) + tagsBytes(tags)
	var hashAt uint64
	if hash != "" {
		hashAt = b.hashes.add(tagHashTable, hash)
		size += 1 + varintBytes(hashAt)
	}
	r := binary.AppendUvarint(append(b.records, tagRecords), uint64(size))
	r = appendNumber(r, tagKeyIndex, at)
	if hash != "" {
		r = appendNumber(r, tagHashIndex, hashAt)
	}
	r = appendText(r, tagData, data)
	if b.users++; b.users == 1 {
		b.first.key, b.first.hash, b.first.tagged = key, hash, len(tags) > 0
		b.first.data, b.first.bytes = len(r), len(data)
	}
	for _, t := range tags {
		r = binary.AppendUvarint(append(r, tagTags), uint64(t.bytes()))
		r = appendText(r, tagTagKey, t.Key)
		r = appendText(r, tagTagValue, t.Value)
	}
	b.records = r
}

// Entry returns the record to be put. One user record alone is itself, with its
// own keys, unless it has tags. Several, or none, are an aggregate under
// [OuterKey] with the hash key of the first, which is what the Kinesis Producer
// Library does. The data is written into buf from its beginning, if it has the
// capacity, and the Builder keeps no hold on it.
//
// It costs a copy of the data and the MD5 of it.
func (b *Builder) Entry(buf []byte) weir.Entry {
	if b.isRaw() {
		data := b.records[b.first.data-b.first.bytes : b.first.data]
		e := weir.Entry{PartitionKey: b.first.key, Data: append(buf[:0], data...)}
		if k, err := weir.ParseHashKey(b.first.hash); err == nil {
			e.ExplicitHashKey = &k
		}
		return e
	}
	e := weir.Entry{PartitionKey: OuterKey, Data: b.Append(buf[:0])}
	if b.users > 0 {
		e.ExplicitHashKey = b.outerHash()
	}
	return e
}

// EntryUnsummed is Entry for those who make several aggregates: where there is a
// checksum in the data it is still to be made by [Sum], which makes those of several
// at a time; needs says whether. The data is appended to buf.
func (b *Builder) EntryUnsummed(buf []byte) (e weir.Entry, needs bool) {
	if b.isRaw() {
		return b.Entry(buf[len(buf):]), false
	}
	e = weir.Entry{PartitionKey: OuterKey, Data: b.appendUnsummed(buf)[len(buf):]}
	if b.users > 0 {
		e.ExplicitHashKey = b.outerHash()
	}
	return e, true
}

// Sum makes the checksums of aggregates by [Builder.EntryUnsummed], in place. Of
// three or more that are about as large as each other it costs less than one by one.
func Sum(aggregates [][]byte) {
	messages, sums := make([][]byte, len(aggregates)), make([][md5.Size]byte, len(aggregates))
	for i, data := range aggregates {
		messages[i] = data[len(magic) : len(data)-md5.Size]
	}
	md5lanes.SumsLong(sums, messages)
	for i, data := range aggregates {
		copy(data[len(data)-md5.Size:], sums[i][:])
	}
}

// outerHash returns the hash key of the first user record.
func (b *Builder) outerHash() *weir.HashKey {
	k, err := weir.ParseHashKey(b.first.hash)
	if err != nil { // it has none
		k = weir.HashPartitionKey(b.first.key)
	}
	return &k
}

// Append appends the data of an aggregate to dst, also for a single user record
// or none; of none it is no aggregate to those who read it.
func (b *Builder) Append(dst []byte) []byte {
	from := len(dst) + len(magic)
	dst = b.appendUnsummed(dst)
	sum := md5.Sum(dst[from : len(dst)-md5.Size])
	copy(dst[len(dst)-md5.Size:], sum[:])
	return dst
}

// appendUnsummed is Append with zeros for the checksum.
func (b *Builder) appendUnsummed(dst []byte) []byte {
	if need := len(dst) + b.wrapped(); cap(dst) < need {
		dst = append(make([]byte, 0, need), dst...)
	}
	dst = append(dst, magic...)
	dst = append(dst, b.keys.fields...)
	dst = append(dst, b.hashes.fields...)
	dst = append(dst, b.records...)
	return append(dst, make([]byte, md5.Size)...)
}

// Reset makes b empty. It keeps the memory for what is added next.
func (b *Builder) Reset() {
	b.keys.reset()
	b.hashes.reset()
	b.records, b.users = b.records[:0], 0
	b.first.key, b.first.hash = "", ""
}
