package kinesistest

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// Deaggregate takes apart what the Kinesis Producer Library and its like put
// into one record, and returns the user records in the order in which they were
// added, with their own keys and data; sequence number and arrival are those of
// the record they came in. As in the Kinesis Client Library a record that is no
// aggregate stays as it is, one with a damaged checksum or message too; an
// aggregate without user records is left out, and so is what is in one from the
// first user record on that points to no key. Unlike there a user record whose
// key belongs to another shard is not left out. [aggregate.Decoder] tells more.
func (rs Records) Deaggregate() Records {
	var (
		list Records
		d    aggregate.Decoder
	)
	for _, r := range rs {
		for u := range d.Records(r.Record) {
			user := r
			user.Record = u.Record
			if u.Aggregated {
				user.ExplicitHashKey, user.Aggregated, user.SubSequence = u.ExplicitHashKey, true, u.Sub
			}
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
// Producer Library makes it: the inverse of [Records.Deaggregate]. The keys are
// not checked. The library puts it under the key "a" and the hash key of the
// first of them, [Fake.PutAggregate] under the key of the first.
func Aggregate(users ...UserRecord) []byte {
	var b aggregate.Builder
	for _, u := range users {
		b.AddUnchecked(u.PartitionKey, u.ExplicitHashKey, u.Data)
	}
	return b.Append(nil)
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
