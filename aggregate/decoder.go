package aggregate

import (
	"iter"

	"github.com/weirstream/weir"
)

// A Decoder takes records apart, by the rules of the Kinesis Client Library:
//
//   - A record is an aggregate if it has the magic, something between it and 16
//     bytes, their MD5, and a message that can be read. Any other is delivered
//     as it is.
//   - If a user record's hash key (the explicit one, else the MD5 of its
//     partition key) lies outside Within, the whole aggregate is discarded: its
//     producer sends it again.
//   - From the first user record on that points to no text of the tables, or
//     to a hash key that is no number while Within is given, the rest is
//     discarded, whatever it is. What is in front of it is delivered.
//   - An aggregate of no user records delivers nothing.
//
// That library is silent about what it discards; here Discarded counts it.
//
// The zero Decoder is ready and asks for no range. It is for one goroutine at a
// time. While it takes a record apart it holds some bytes for each text of the
// tables, however many user records there are: at most five times the size of
// the record, if all its texts are empty. Between records it keeps up to 32
// KiB.
type Decoder struct {
	// Within is the hash key range of the shard that is read. Nil means that it
	// is not known, and no user record is outside.
	Within *weir.HashKeyRange
	// Anyway delivers what would be discarded, as far as it can be read: user
	// records outside Within, which have [Record.Misplaced] set, those beside
	// them, and those behind one that cannot be read.
	Anyway bool
	// Discarded counts what was not delivered, when [Decoder.Records] comes to
	// it. Its owner may set it back.
	Discarded Discarded

	free *index // for the next record, unless nil
}

// Discarded counts what a [Decoder] did not deliver.
type Discarded struct {
	// Misplaced is how many user records were in aggregates of which at least
	// one user record belongs to another shard.
	Misplaced int
	// Unreadable is how many user records could not be read, or were behind one.
	Unreadable int
	// Empty is how many aggregates had no user records.
	Empty int
}

func (d *Discarded) add(o Discarded) {
	d.Misplaced += o.Misplaced
	d.Unreadable += o.Unreadable
	d.Empty += o.Empty
}

// A Record is a user record, or a record that is no aggregate. Partition key,
// hash key and data are views of the data of the record that it came in.
type Record struct {
	// Record has the user record's own key and data, and the sequence number and
	// the time of arrival of the record that it came in.
	weir.Record
	// ExplicitHashKey is what the producer gave, in decimal. It is empty if it
	// gave none, and of a record that is no aggregate, which does not tell.
	ExplicitHashKey string
	// Aggregated says that it came in an aggregate; Sub is its sub-sequence
	// number, its place in there from 0.
	Aggregated bool
	Sub        int
	// Misplaced says that it is not of the shard that is read. It occurs with
	// [Decoder.Anyway] only.
	Misplaced bool

	fields []byte // of the user record, all of them
}

// Tags returns the tags of a user record, in order.
func (r Record) Tags() iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		for b := r.fields; len(b) > 0; {
			f, rest, _ := nextField(b)
			if b = rest; f.tag != tagTags {
				continue
			}
			if t, _ := readTag(f.text); !yield(t) {
				return
			}
		}
	}
}

// A Finding says what is in a record.
type Finding struct {
	// Aggregate says that it is an aggregate.
	Aggregate bool
	// Records is how many user records it has, Delivered how many of them a
	// [Decoder] delivers. A record that is no aggregate is one, delivered.
	Records   int
	Delivered int
	// Discarded says why others are not.
	Discarded Discarded
}

// Inspect returns what is in the data of a record, without counting it in
// d.Discarded. It costs what [Decoder.Records] does, but for the delivery.
func (d *Decoder) Inspect(data []byte) Finding {
	ix := d.take()
	defer d.give(ix)
	f, _ := d.find(ix, data)
	return f
}

// Records returns the user records in r, or r itself if it is no aggregate; the
// difference costs four bytes compared. Nothing is delivered before the whole
// message was read and judged, and nothing is copied: r.Data must not be
// changed as long as what came from it is in use. A loop may begin another of
// the same Decoder inside.
//
// Of an aggregate it costs the MD5 of its data, reading it twice and, with
// Within, the MD5 of each partition key that its table has.
func (d *Decoder) Records(r weir.Record) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		if !May(r.Data) {
			yield(Record{Record: r})
			return
		}
		ix := d.take()
		defer d.give(ix)
		f, a := d.find(ix, r.Data)
		if !f.Aggregate {
			yield(Record{Record: r})
			return
		}
		d.Discarded.add(f.Discarded)
		if f.Delivered > 0 {
			d.deliver(ix, r, f, a, yield)
		}
	}
}

// deliver yields the user records that f says.
func (d *Decoder) deliver(ix *index, r weir.Record, f Finding, a astray, yield func(Record) bool) {
	left := f.Delivered
	ix.all(func(i int, u user) bool {
		if !ix.has(u) { // without Anyway there is none left then
			return true
		}
		user := Record{Record: r, Aggregated: true, Sub: i, fields: u.fields}
		user.PartitionKey, user.Data = ix.keys.at(ix.message, u.key), u.data
		if u.hashed {
			user.ExplicitHashKey = ix.hashes.at(ix.message, u.hash)
		}
		user.Misplaced = a.isOutside(u) || a.isGarbled(u)
		left--
		return yield(user) && left > 0
	})
}

// find reads data into ix and says what is to become of it.
func (d *Decoder) find(ix *index, data []byte) (f Finding, a astray) {
	message, ok := messageOf(data)
	if !ok || !ix.read(message) {
		return Finding{Records: 1, Delivered: 1}, a
	}
	f = Finding{Aggregate: true, Records: ix.users, Delivered: ix.users}
	if ix.users == 0 {
		f.Discarded.Empty = 1
		return f, a
	}
	if d.Within != nil {
		a = ix.astray(*d.Within)
	}
	switch {
	case ix.isSound() && a.isEmpty():
	case d.Anyway:
		f.Delivered = ix.sound()
		f.Discarded.Unreadable = f.Records - f.Delivered
	default:
		var misplaced bool
		if f.Delivered, misplaced = ix.soundBefore(a); misplaced {
			f.Delivered, f.Discarded.Misplaced = 0, f.Records
		}
		f.Discarded.Unreadable = f.Records - f.Delivered - f.Discarded.Misplaced
	}
	return f, a
}

// mostKept is for how many texts of each table a Decoder keeps memory between
// records.
const mostKept = 4096

// take returns an index. It is not d.free while it is in use, so a loop inside
// a loop has its own.
func (d *Decoder) take() *index {
	ix := d.free
	if d.free = nil; ix == nil {
		ix = new(index)
	}
	return ix
}

func (d *Decoder) give(ix *index) {
	ix.message = nil // holds the record
	if cap(ix.keys) > mostKept {
		ix.keys = nil
	}
	if cap(ix.hashes) > mostKept {
		ix.hashes = nil
	}
	d.free = ix
}
