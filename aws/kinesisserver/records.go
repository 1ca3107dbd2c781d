package kinesisserver

import (
	"sync"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// The operations that carry records are read and written here in one pass: from
// the body to the engine's entries, and from the engine's records to the
// response. Only what is well-formed and within all constraints is read like
// this. For anything else, mistakes above all, the readers give up, and the
// request is taken apart like every other one, by its shape.

// maxBatch is how many records one PutRecords may carry.
const maxBatch = weir.DefaultBatchRecords

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
	if x.protocol == protocolCBOR {
		x.out = appendCBORPutResults(x.out, x.account, &q.numbers, results, encryption)
	} else {
		x.out = appendJSONPutResults(x.out, x.account, &q.numbers, results, encryption)
	}
	return true, nil
}

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

// hash sets the explicit hash key of the last entry.
func (q *putRequest) hash(e *weir.Entry, s string) bool {
	if !hashKeyShape.pattern.matches(s) {
		return false
	}
	key, err := weir.ParseHashKey(s)
	if err != nil {
		return false
	}
	at := &q.hashes[len(q.entries)-1]
	*at, e.ExplicitHashKey = key, at
	return true
}

// ordering sets the number for ordering of an entry.
func (q *putRequest) ordering(e *weir.Entry, s string) bool {
	n, err := weir.ParseSequenceNumber(s)
	e.SequenceNumberForOrdering = n
	return err == nil && !n.IsZero()
}

// name and arn set the stream. They copy, because accounts may keep the text.
func (q *putRequest) name(s []byte) bool {
	q.ref.Name = string(s)
	return satisfies(q.ref.Name, nameShape)
}

func (q *putRequest) arn(s []byte) bool {
	q.ref.ARN = string(s)
	return satisfies(q.ref.ARN, streamARN)
}

// satisfies reports whether a text meets the constraints of its shape.
func satisfies(s string, sh *shape) bool {
	return int64(len(s)) >= sh.min && int64(len(s)) <= sh.max && (sh.pattern == nil || sh.pattern.matches(s))
}

// isPartitionKey reports whether a key is 1 to 256 characters of UTF-8.
func isPartitionKey(s []byte) bool {
	if len(s) == 0 {
		return false
	}
	if len(s) <= weir.MaxPartitionKeyLength && isPlain(s) {
		return true
	}
	return utf8.Valid(s) && utf8.RuneCount(s) <= weir.MaxPartitionKeyLength
}

// directGetRecords is GetRecords.
func directGetRecords(x *exchange) (bool, error) {
	in, ok := readGetRecords(x.protocol, x.body)
	if !ok {
		return false, nil
	}
	records := recordSlices.Get().(*[]weir.Record)
	defer giveRecords(records)
	out, err := x.account.AppendRecords(x.ctx, (*records)[:0], in)
	if err != nil {
		return true, err
	}
	*records = out.Records
	x.out = x.protocol.appendGetRecords(x.out, out)
	return true, nil
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
	if !read(body) || !satisfies(q.iterator, shardIterator) {
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
	return in, limited && (q.arn == "" || satisfies(q.arn, streamARN))
}

// The members of a read, as bits.
const (
	readIterator = 1 << iota
	readLimit
	readARN
)

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
