package kinesisserver

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sync"
	"unicode/utf8"
	"unsafe"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// The operations that carry records are read and written here in one pass: from
// the body to the engine's entries, and from the engine's records to the
// response. Only what is well-formed and within all constraints is read like
// this. For anything else, mistakes above all, the readers give up, and the
// request is taken apart like every other one, by its shape.

// maxBatch is how many records one PutRecords may carry, as the service has it.
const maxBatch = 500

// A putRequest is the input of PutRecord, or of PutRecords.
type putRequest struct {
	ref     account.StreamRef
	entries []weir.Entry
	hashes  [maxBatch]weir.HashKey // the entries' explicit hash keys
	data    []byte                 // decoded from base64, each entry's a part of it
	numbers numberPrinters         // for the response
}

var putRequests = sync.Pool{New: func() any { return new(putRequest) }}

// takePutRequest returns a request with room for the data of a body.
func takePutRequest(body int) *putRequest {
	q := putRequests.Get().(*putRequest)
	if cap(q.data) < body {
		q.data = make([]byte, 0, body)
	}
	q.numbers.forget()
	q.ref, q.entries, q.data = account.StreamRef{}, q.entries[:0], q.data[:0]
	return q
}

// give returns q for the next request, without the body's memory.
func (q *putRequest) give() {
	clear(q.entries)
	if cap(q.data) <= maxPooledBytes {
		putRequests.Put(q)
	}
}

// directPutRecords is PutRecords.
func directPutRecords(x *exchange) (bool, error) {
	q := takePutRequest(len(x.body))
	defer q.give()
	read := q.readJSONBatch
	if x.protocol == protocolCBOR {
		read = q.readCBORBatch
	}
	if !read(x.body) || len(q.entries) == 0 {
		return false, nil
	}
	results, encryption, err := x.account.PutRecordsEntries(x.ctx, q.ref, q.entries)
	if err != nil {
		return true, err
	}
	x.out = slices.Grow(x.out, len(results)*putResultBytes)
	if x.protocol == protocolCBOR {
		x.out = appendCBORPutResults(x.out, x.account, &q.numbers, results, encryption)
	} else {
		x.out = appendJSONPutResults(x.out, x.account, &q.numbers, results, encryption)
	}
	return true, nil
}

// putResultBytes is about what a record that was put takes in a response. With
// the most records that a batch may have, that is within [maxFirstBytes].
const putResultBytes = 120

// directPutRecord is PutRecord.
func directPutRecord(x *exchange) (bool, error) {
	q := takePutRequest(len(x.body))
	defer q.give()
	read := q.readJSONRecord
	if x.protocol == protocolCBOR {
		read = q.readCBORRecord
	}
	if !read(x.body) {
		return false, nil
	}
	r, encryption, err := x.account.PutRecordEntry(x.ctx, q.ref, q.entries[0])
	if err != nil {
		return true, err
	}
	if x.protocol == protocolCBOR {
		x.out = appendCBORPutResult(x.out, &r, encryption)
	} else {
		x.out = appendJSONPutResult(x.out, &r, encryption)
	}
	return true, nil
}

// failures counts the records that were refused.
func failures(results []weir.PutResult) (n int64) {
	for i := range results {
		if results[i].Err != nil {
			n++
		}
	}
	return n
}

// entry appends an empty entry, unless there are too many.
func (q *putRequest) entry() *weir.Entry {
	if len(q.entries) == maxBatch {
		return nil
	}
	q.entries = append(q.entries, weir.Entry{})
	return &q.entries[len(q.entries)-1]
}

// readStream reads a member that names the stream. It copies, because accounts
// may keep the text.
func (q *putRequest) readStream(name, text []byte, seen *memberSet) bool {
	switch string(name) {
	case "StreamName":
		q.ref.Name = string(text)
		return seen.once(memberStreamName) && nameShape.admits(q.ref.Name)
	case "StreamARN":
		q.ref.ARN = string(text)
		return seen.once(memberStreamARN) && streamARN.admits(q.ref.ARN)
	}
	return false
}

// readKey reads the partition key or the explicit hash key of e, the last
// entry.
func (q *putRequest) readKey(e *weir.Entry, name, text []byte, seen *memberSet) bool {
	switch string(name) {
	case "PartitionKey":
		// The body outlives the put, and the engine copies keys.
		e.PartitionKey = unsafe.String(unsafe.SliceData(text), len(text))
		return seen.once(memberPartitionKey) && isPartitionKey(text)
	case "ExplicitHashKey":
		return seen.once(memberExplicitHashKey) && q.readHash(e, string(text))
	}
	return false
}

func (q *putRequest) readHash(e *weir.Entry, text string) bool {
	key, err := weir.ParseHashKey(text)
	at := &q.hashes[len(q.entries)-1]
	*at, e.ExplicitHashKey = key, at
	return err == nil
}

// readOrdering reads the number for ordering of a PutRecord.
func (q *putRequest) readOrdering(e *weir.Entry, text []byte, seen *memberSet) bool {
	n, err := weir.ParseSequenceNumber(string(text))
	e.SequenceNumberForOrdering = n
	return seen.once(memberOrdering) && err == nil && !n.IsZero()
}

// isPartitionKey reports whether a key is as its shape wants it, and UTF-8.
func isPartitionKey(key []byte) bool {
	if n := int64(len(key)); n >= partitionKey.min && n <= partitionKey.max && isASCII(key) {
		return true
	}
	n := int64(utf8.RuneCount(key))
	return n >= partitionKey.min && n <= partitionKey.max && utf8.Valid(key)
}

// isASCII reports whether text is ASCII. For texts as short as keys it is
// faster than [utf8.Valid].
func isASCII(text []byte) bool {
	var all uint64
	for len(text) >= 8 {
		all |= binary.LittleEndian.Uint64(text)
		text = text[8:]
	}
	for _, c := range text {
		all |= uint64(c)
	}
	return all&0x8080808080808080 == 0
}

// directGetRecords is GetRecords.
func directGetRecords(x *exchange) (bool, error) {
	in, ok := readGetRecords(x.protocol, x.body)
	if !ok {
		return false, nil
	}
	x.server.reading <- struct{}{}
	defer func() { <-x.server.reading }()
	records := recordSlices.Get().(*[]weir.Record)
	defer giveRecords(records)
	out, err := x.account.AppendRecords(x.ctx, (*records)[:0], in)
	if err != nil {
		return true, err
	}
	*records = out.Records
	if !x.expect(x.protocol.recordsBytes(out.Records)) {
		return true, errTooBusy
	}
	x.out = x.protocol.appendGetRecords(x.out, out)
	return true, nil
}

// recordsBytes returns about how many bytes records have in a response.
func (p protocol) recordsBytes(records []weir.Record) (n int) {
	if p != protocolCBOR {
		return jsonRecordsBytes(records)
	}
	for i := range records {
		n += records[i].Size() + jsonRecordOverhead // CBOR's is somewhat less
	}
	return n
}

func jsonRecordsBytes(records []weir.Record) (n int) {
	for i := range records {
		n += base64.StdEncoding.EncodedLen(len(records[i].Data)) + len(records[i].PartitionKey) + jsonRecordOverhead
	}
	return n
}

// recordSlices are for the records of a GetRecords.
var recordSlices = sync.Pool{New: func() any { return new([]weir.Record) }}

func giveRecords(records *[]weir.Record) {
	clear(*records) // do not keep the stream's memory alive
	*records = (*records)[:0]
	recordSlices.Put(records)
}

// A readRequest is the input of GetRecords.
type readRequest struct {
	iterator, arn string // "" if absent
	limit         int32  // 0 if absent
}

// readGetRecords reads the input of GetRecords.
func readGetRecords(p protocol, body []byte) (*account.GetRecordsInput, bool) {
	var q readRequest
	read := q.readJSON
	if p == protocolCBOR {
		read = q.readCBOR
	}
	if !read(body) || !shardIterator.admits(q.iterator) {
		return nil, false
	}
	in := &account.GetRecordsInput{ShardIterator: &q.iterator}
	if q.limit != 0 {
		in.Limit = &q.limit
	}
	if q.arn != "" {
		in.StreamARN = &q.arn
	}
	limited := q.limit == 0 || int64(q.limit) >= pageLimit.min && int64(q.limit) <= pageLimit.max
	return in, limited && (q.arn == "" || streamARN.admits(q.arn))
}

// readText reads a member that is a text.
func (q *readRequest) readText(name, text []byte, seen *memberSet) bool {
	switch string(name) {
	case "ShardIterator":
		q.iterator = string(text)
		return seen.once(memberShardIterator)
	case "StreamARN":
		q.arn = string(text)
		return seen.once(memberStreamARN) && q.arn != ""
	}
	return false
}

// appendGetRecords appends the output of GetRecords.
func (p protocol) appendGetRecords(dst []byte, out *account.GetRecordsOutput) []byte {
	if p == protocolCBOR {
		return appendCBORGetRecords(dst, out)
	}
	return appendJSONGetRecords(dst, out)
}

// encryptionOf returns the encryption type of the i-th record, or "".
func encryptionOf(types []string, i int) string {
	if i < len(types) {
		return types[i]
	}
	return ""
}
