package aggregate

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"math"
	"strings"
	"unsafe"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/md5lanes"
)

// messageOf returns the message of an aggregate if its checksum is right.
func messageOf(data []byte) (message []byte, ok bool) {
	// An index holds places of 32 bits.
	if !May(data) || len(data) > math.MaxInt32 {
		return nil, false
	}
	message, sum := data[len(magic):len(data)-md5.Size], data[len(data)-md5.Size:]
	want := md5.Sum(message)
	return message, bytes.Equal(sum, want[:])
}

// An index is what is known of a message after it was read once: that all of it
// can be read again, where its texts are, and how far its user records point.
// It holds four bytes for each text, and a text takes two in the message.
type index struct {
	message  []byte
	keys     texts
	hashes   texts
	users    int
	hashed   int    // user records with an explicit hash key
	mostKey  uint64 // the highest index into keys
	mostHash uint64 // the same of hashes
}

// texts are the places in a message where the texts of a table are, each behind
// its length. A table may be written in pieces, and behind those who point to
// it.
type texts []uint32

// at returns text i, as a view of the message.
func (t texts) at(message []byte, i uint64) string {
	text, _, _ := nextText(message[t[i]:])
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// read reads a message and reports whether all of it can be read.
func (ix *index) read(message []byte) bool {
	ix.message, ix.keys, ix.hashes = message, ix.keys[:0], ix.hashes[:0]
	ix.users, ix.hashed, ix.mostKey, ix.mostHash = 0, 0, 0, 0
	for b := message; len(b) > 0; {
		f, rest, ok := nextField(b)
		if !ok {
			return false
		}
		switch f.tag {
		case tagKeyTable:
			ix.keys = append(ix.keys, ix.placeOf(f, rest))
		case tagHashTable:
			ix.hashes = append(ix.hashes, ix.placeOf(f, rest))
		case tagRecords:
			u, ok := readUser(f.text)
			if !ok {
				return false
			}
			ix.note(u)
		}
		b = rest
	}
	return true
}

// placeOf returns where the length of a text is that ends where rest begins.
func (ix *index) placeOf(f field, rest []byte) uint32 {
	end := len(ix.message) - len(rest)
	at := end - len(f.text) - 1
	// A length may have more bytes than it needs; all but its last have the high
	// bit, and the tag in front has not.
	for ix.message[at-1] >= 0x80 {
		at--
	}
	return uint32(at)
}

func (ix *index) note(u user) {
	ix.users++
	ix.mostKey = max(ix.mostKey, u.key)
	if u.hashed {
		ix.hashed++
		ix.mostHash = max(ix.mostHash, u.hash)
	}
}

// isSound reports whether each user record points to texts that are there.
func (ix *index) isSound() bool {
	return (ix.users == 0 || ix.mostKey < uint64(len(ix.keys))) &&
		(ix.hashed == 0 || ix.mostHash < uint64(len(ix.hashes)))
}

// has reports whether u points to texts that are there.
func (ix *index) has(u user) bool {
	return u.key < uint64(len(ix.keys)) && (!u.hashed || u.hash < uint64(len(ix.hashes)))
}

// all calls f for each user record in order until it returns false.
func (ix *index) all(f func(i int, u user) bool) {
	i := 0
	for b := ix.message; len(b) > 0; {
		field, rest, _ := nextField(b)
		if b = rest; field.tag != tagRecords {
			continue
		}
		if u, _ := readUser(field.text); !f(i, u) {
			return
		}
		i++
	}
}

// sound returns how many user records point to texts that are there.
func (ix *index) sound() (n int) {
	ix.all(func(_ int, u user) bool {
		if ix.has(u) {
			n++
		}
		return true
	})
	return n
}

// soundBefore returns how many user records are in front of the first one that
// cannot be read or is outside, and whether it is outside.
func (ix *index) soundBefore(a astray) (n int, outside bool) {
	ix.all(func(_ int, u user) bool {
		if !ix.has(u) || a.isGarbled(u) {
			return false
		}
		if outside = a.isOutside(u); outside {
			return false
		}
		n++
		return true
	})
	return n, outside
}

// A user is a user record as the message has it.
type user struct {
	key, hash uint64 // indexes into the tables
	hashed    bool   // it has an explicit hash key
	data      []byte
	fields    []byte // all of it
}

// readUser reads a user record. Key and data it must have; of a field that is
// there twice the last one counts.
func readUser(b []byte) (u user, ok bool) {
	u.fields = b
	hasKey, hasData := false, false
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return u, false
		}
		switch f.tag {
		case tagKeyIndex:
			u.key, hasKey = f.number, true
		case tagHashIndex:
			u.hash, u.hashed = f.number, true
		case tagData:
			u.data, hasData = f.text, true
		case tagTags:
			if _, ok := readTag(f.text); !ok {
				return u, false
			}
		}
		b = rest
	}
	return u, hasKey && hasData
}

// readTag reads a tag, which must have a key.
func readTag(b []byte) (t Tag, ok bool) {
	hasKey := false
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return t, false
		}
		switch f.tag {
		case tagTagKey:
			t.Key, hasKey = string(f.text), true
		case tagTagValue:
			t.Value = string(f.text)
		}
		b = rest
	}
	return t, hasKey
}

// A set holds places of a table, a bit each.
type set []uint64

func (s set) has(i uint64) bool { return i/64 < uint64(len(s)) && s[i/64]>>(i%64)&1 != 0 }

// astray is which texts of the tables lead to another shard, or are hash keys
// and no numbers. Nil sets have none.
type astray struct {
	keys    set // with a hash outside the range
	hashes  set // outside the range
	garbled set // hash keys that are no numbers
}

func (a *astray) isEmpty() bool { return a.keys == nil && a.hashes == nil && a.garbled == nil }

// isOutside reports whether u belongs to another shard, if it points to texts
// that are there and can be read.
func (a *astray) isOutside(u user) bool {
	if u.hashed {
		return a.hashes.has(u.hash)
	}
	return a.keys.has(u.key)
}

// isGarbled reports whether the hash key of u is no number.
func (a *astray) isGarbled(u user) bool { return u.hashed && a.garbled.has(u.hash) }

// astray returns which texts lead outside a range.
func (ix *index) astray(within weir.HashKeyRange) (a astray) {
	if ix.hashed < ix.users {
		ix.judgeKeys(within, &a)
	}
	if ix.hashed > 0 {
		ix.judgeHashes(within, &a)
	}
	return a
}

// judgeKeys hashes the keys a word of the set at a time. A key that no user
// record needs is hashed too, and nobody asks for it.
func (ix *index) judgeKeys(within weir.HashKeyRange, a *astray) {
	var (
		lanes [64]string
		sums  [64][md5.Size]byte
	)
	for from := 0; from < len(ix.keys); from += len(lanes) {
		keys := lanes[:min(len(lanes), len(ix.keys)-from)]
		for i := range keys {
			keys[i] = ix.keys.at(ix.message, uint64(from+i))
		}
		md5lanes.Sums(sums[:len(keys)], keys)
		for i, sum := range sums[:len(keys)] {
			if !within.Contains(hashKeyOf(sum)) {
				ix.keys.mark(&a.keys, from+i)
			}
		}
	}
}

func (ix *index) judgeHashes(within weir.HashKeyRange, a *astray) {
	for i := range ix.hashes {
		k, fits, ok := parseHash(ix.hashes.at(ix.message, uint64(i)))
		switch {
		case !ok:
			ix.hashes.mark(&a.garbled, i)
		case !fits || !within.Contains(k):
			ix.hashes.mark(&a.hashes, i)
		}
	}
}

// mark puts place i of t into s, which is made when it is needed.
func (t texts) mark(s *set, i int) {
	if *s == nil {
		*s = make(set, (len(t)+63)/64)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

// parseHash reads a hash key as the Kinesis Client Library does, which admits a
// sign and zeros in front. One that is too large or below zero does not fit: no
// shard has it.
func parseHash(s string) (k weir.HashKey, fits, ok bool) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return k, false, false
	}
	digits = strings.TrimLeft(digits, "0")
	switch {
	case digits == "":
		return k, true, true
	case s[0] == '-', len(digits) > maxHashKeyDigits:
		return k, false, true
	}
	k, err := weir.ParseHashKey(digits)
	return k, err == nil, true
}

// maxHashKeyDigits is how many digits 2^128 - 1 has.
const maxHashKeyDigits = 39

func hashKeyOf(sum [md5.Size]byte) weir.HashKey {
	return weir.HashKey{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:])}
}
