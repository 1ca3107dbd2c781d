package kinesistest

import (
	"bytes"
	"crypto/md5"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir"
)

// aggregateMagic is what the Kinesis Producer Library begins an aggregate with:
// a record that stands for several. A protobuf message follows and its MD5.
const aggregateMagic = "\xf3\x89\x9a\xc2"

// Deaggregate takes apart what the Kinesis Producer Library and its like put
// into one record, and returns the user records in the order in which they were
// added, with their own keys and data; sequence number and arrival are those of
// the record they came in. What is no aggregate, or a damaged one, stays as it
// is, as in the Kinesis Client Library. Unlike there a user record whose key
// belongs to another shard is not left out.
func (rs Records) Deaggregate() Records {
	var list Records
	for _, r := range rs {
		users, err := deaggregate(r.Data)
		if err != nil {
			list = append(list, r)
			continue
		}
		for i, u := range users {
			user := r
			user.PartitionKey, user.ExplicitHashKey, user.Data = u.key, u.hash, u.data
			user.Aggregated, user.SubSequence = true, i
			list = append(list, user)
		}
	}
	return list
}

// A UserRecord is what a program gave to the Kinesis Producer Library, to be put
// together with others.
type UserRecord struct {
	PartitionKey    string
	ExplicitHashKey string // empty if it has none
	Data            []byte
}

// Aggregate returns the data of a record that stands for several, as the Kinesis
// Producer Library makes it: the inverse of [Records.Deaggregate]. The library
// puts it under the key of the first of them, see [Fake.PutAggregate].
func Aggregate(users ...UserRecord) []byte {
	var tables, list []byte
	index := make(map[string]uint64) // by table and text: the place in the table
	var sizes [3]uint64
	place := func(table protowire.Number, text string) uint64 {
		key := string(rune(table)) + text
		i, ok := index[key]
		if !ok {
			i = sizes[table]
			index[key], sizes[table] = i, i+1
			tables = protowire.AppendTag(tables, table, protowire.BytesType)
			tables = protowire.AppendString(tables, text)
		}
		return i
	}
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	for _, u := range users {
		b := number(nil, 1, place(1, u.PartitionKey))
		if u.ExplicitHashKey != "" {
			b = number(b, 2, place(2, u.ExplicitHashKey))
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), u.Data)
		list = protowire.AppendBytes(protowire.AppendTag(list, 3, protowire.BytesType), b)
	}
	message := append(tables, list...)
	sum := md5.Sum(message)
	return append(append([]byte(aggregateMagic), message...), sum[:]...)
}

// PutAggregate is [Fake.Put] of an aggregate of user records, under the key of
// the first of them. It fails the test if there are none.
func (k *Fake) PutAggregate(stream string, users ...UserRecord) weir.Placed {
	k.t.Helper()
	if len(users) == 0 {
		k.t.Fatalf("kinesistest: PutAggregate into %s: want one user record or more", stream)
	}
	return k.Put(stream, users[0].PartitionKey, string(Aggregate(users...)))
}

// A userRecord is what a program gave to the producer library.
type userRecord struct {
	key, hash string
	data      []byte
}

var errNoAggregate = errors.New("no aggregate")

// deaggregate returns the user records of an aggregate.
func deaggregate(b []byte) ([]userRecord, error) {
	b, ok := bytes.CutPrefix(b, []byte(aggregateMagic))
	if !ok || len(b) <= md5.Size {
		return nil, errNoAggregate
	}
	b, sum := b[:len(b)-md5.Size], b[len(b)-md5.Size:]
	if want := md5.Sum(b); !bytes.Equal(sum, want[:]) {
		return nil, errNoAggregate
	}
	var keys, hashes []string
	var inner [][]byte
	if err := fields(b, func(n protowire.Number, text []byte, _ uint64) {
		switch n {
		case 1:
			keys = append(keys, string(text))
		case 2:
			hashes = append(hashes, string(text))
		case 3:
			inner = append(inner, text)
		}
	}); err != nil {
		return nil, err
	}
	users := make([]userRecord, 0, len(inner))
	for _, m := range inner {
		u, err := readUserRecord(m, keys, hashes)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, nil
}

// readUserRecord reads one record of an aggregate, whose keys are in its
// tables.
func readUserRecord(b []byte, keys, hashes []string) (u userRecord, err error) {
	key, hash := uint64(len(keys)), uint64(0) // a key there must be
	hashed := false
	err = fields(b, func(n protowire.Number, text []byte, v uint64) {
		switch n {
		case 1:
			key = v
		case 2:
			hash, hashed = v, true
		case 3:
			u.data = text
		}
	})
	if err != nil || key >= uint64(len(keys)) || hashed && hash >= uint64(len(hashes)) {
		return userRecord{}, errNoAggregate
	}
	if u.key = keys[key]; hashed {
		u.hash = hashes[hash]
	}
	return u, nil
}

// fields calls f for each field of a protobuf message, with the bytes of one
// that has a length and the number of one that is one.
func fields(b []byte, f func(n protowire.Number, text []byte, v uint64)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			var text []byte
			if text, n = protowire.ConsumeBytes(b); n >= 0 {
				f(number, text, 0)
			}
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				f(number, nil, v)
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
	}
	return nil
}
