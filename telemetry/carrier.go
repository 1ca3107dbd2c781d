package telemetry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// A Carrier puts fields, such as "traceparent", into a record and takes them out
// of it again.
type Carrier interface {
	// Wrap returns an entry that has the fields. It must not change e's data.
	Wrap(e weir.Entry, fields map[string]string) (weir.Entry, error)
	// Unwrap returns a record as it was before Wrap, and the fields; nil if it
	// has none, whatever else it is.
	Unwrap(r weir.Record) (weir.Record, map[string]string)
}

// An Expander is a [Carrier] whose fields would be lost where aggregates are
// taken apart: it does that.
type Expander interface {
	Carrier
	// Expand is as [consumer.Config.Expand].
	Expand(within weir.HashKeyRange, records []weir.Record) (expanded []weir.Record, subs []uint64, err error)
}

// Tags carries fields as the tags of a user record, in the format of the Kinesis
// Producer Library. Any consumer that takes aggregates apart reads the record as
// if it carried nothing, be it one of the Kinesis Client Library. A record with
// tags is an aggregate of one, and must be put as it is: a producer that packs
// records would pack it once more, so [Envelope] is for that.
type Tags struct{}

// Wrap makes an aggregate of the entry.
func (Tags) Wrap(e weir.Entry, fields map[string]string) (weir.Entry, error) {
	if aggregate.May(e.Data) {
		return e, nil // it is one already
	}
	var b aggregate.Builder
	var tags []aggregate.Tag
	for _, name := range sorted(fields) {
		tags = append(tags, aggregate.Tag{Key: name, Value: fields[name]})
	}
	if err := b.Add(e, tags...); err != nil {
		return e, fmt.Errorf("telemetry: the record and what it is to carry: %w", err)
	}
	return b.Entry(nil), nil
}

// Unwrap reads an aggregate of one record with tags, or what Expand made of it.
func (Tags) Unwrap(r weir.Record) (weir.Record, map[string]string) {
	if plain, fields := (Envelope{}).Unwrap(r); fields != nil {
		return plain, fields
	}
	if !aggregate.May(r.Data) {
		return r, nil
	}
	var d aggregate.Decoder
	var fields map[string]string
	plain, n := r, 0
	for user := range d.Records(r) {
		plain, fields = user.Record, tagsOf(user)
		n++
	}
	if n != 1 || fields == nil {
		return r, nil
	}
	return plain, fields
}

// tagsOf returns the tags of a user record; nil if there are none.
func tagsOf(user aggregate.Record) (fields map[string]string) {
	for tag := range user.Tags() {
		if fields == nil {
			fields = make(map[string]string)
		}
		fields[tag.Key] = tag.Value
	}
	return fields
}

// Expand takes aggregates apart, and keeps their tags in an [Envelope] within
// this process.
func (Tags) Expand(within weir.HashKeyRange, records []weir.Record) (expanded []weir.Record, subs []uint64, err error) {
	d := aggregate.Decoder{Within: &within}
	for _, r := range records {
		for user := range d.Records(r) {
			plain := user.Record
			// What begins as an envelope does is put into one too: else it would
			// lose what somebody put.
			if fields := tagsOf(user); fields != nil || bytes.HasPrefix(plain.Data, []byte(envelopeMagic)) {
				plain.Data = seal(fields, plain.Data)
			}
			expanded, subs = append(expanded, plain), append(subs, uint64(user.Sub))
		}
	}
	return expanded, subs, nil
}

// Envelope carries fields in front of the data: consumers that do not know of it
// read them as part of that. The form is the text "weir\x00env1", the fields as
// lengths (uvarint) and texts, name by name in order, with their number in front,
// and the data.
type Envelope struct{}

const envelopeMagic = "weir\x00env1"

// Wrap puts the fields in front of the data.
func (Envelope) Wrap(e weir.Entry, fields map[string]string) (weir.Entry, error) {
	e.Data = seal(fields, e.Data)
	return e, nil
}

// Unwrap takes them off.
func (Envelope) Unwrap(r weir.Record) (weir.Record, map[string]string) {
	fields, data, ok := unseal(r.Data)
	if !ok {
		return r, nil
	}
	r.Data = data
	return r, fields
}

func seal(fields map[string]string, data []byte) []byte {
	b := []byte(envelopeMagic)
	b = binary.AppendUvarint(b, uint64(len(fields)))
	for _, name := range sorted(fields) {
		for _, text := range []string{name, fields[name]} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	return append(b, data...)
}

// maxFields bounds what is believed of an envelope.
const maxFields = 64

func unseal(b []byte) (fields map[string]string, data []byte, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(envelopeMagic))
	if !ok {
		return nil, nil, false
	}
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			ok = false
			return 0
		}
		rest = rest[size:]
		return n
	}
	text := func() string {
		n := number()
		if n > uint64(len(rest)) {
			ok = false
			return ""
		}
		t := string(rest[:n])
		rest = rest[n:]
		return t
	}
	n := number()
	if n > maxFields {
		return nil, nil, false
	}
	fields = make(map[string]string, n)
	for range n {
		name := text()
		fields[name] = text()
	}
	if !ok {
		return nil, nil, false
	}
	return fields, rest[:len(rest):len(rest)], true
}

func sorted(fields map[string]string) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
