package kinesisserver

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"unsafe"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// readJSONBatch reads the input of PutRecords.
func (q *putRequest) readJSONBatch(body []byte) bool {
	s := jsonScanner{b: body}
	seen := 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName":
			v, ok := s.plain()
			return ok && once(&seen, 1) && q.name(v)
		case "StreamARN":
			v, ok := s.plain()
			return ok && once(&seen, 2) && q.arn(v)
		case "Records":
			return once(&seen, 4) && q.readJSONEntries(&s)
		}
		return false
	}) && s.atEnd()
}

// once reports whether a bit of seen is not set, and sets it: members that come
// twice are out of the ordinary.
func once(seen *int, bit int) bool {
	if *seen&bit != 0 {
		return false
	}
	*seen |= bit
	return true
}

// readJSONEntries reads the records of PutRecords.
func (q *putRequest) readJSONEntries(s *jsonScanner) bool {
	if !s.take('[') {
		return false
	}
	for {
		e := q.entry()
		if e == nil || !q.readJSONEntry(s, e) {
			return false
		}
		if !s.take(',') {
			return s.take(']')
		}
	}
}

// readJSONEntry reads one record of PutRecords.
func (q *putRequest) readJSONEntry(s *jsonScanner, e *weir.Entry) bool {
	if !s.take('{') {
		return false
	}
	seen := 0
	for {
		name, ok := s.raw()
		if !ok || !s.take(':') || !q.readJSONMember(s, e, string(name), &seen) {
			return false
		}
		if !s.take(',') {
			return seen&entryNeeds == entryNeeds && s.take('}')
		}
	}
}

// The members of a record, as bits.
const (
	entryData = 1 << iota
	entryKey
	entryHash
	entryOrdering
	entryStreamName
	entryStreamARN

	entryNeeds = entryData // a key is needed too, but not on all streams
)

// readJSONMember reads a member of a record.
func (q *putRequest) readJSONMember(s *jsonScanner, e *weir.Entry, name string, seen *int) bool {
	raw, ok := s.raw()
	if !ok {
		return false
	}
	switch name {
	case "Data":
		return once(seen, entryData) && q.readBase64(e, raw)
	case "PartitionKey":
		// The body outlives the exchange, and the engine copies keys.
		e.PartitionKey = unsafe.String(unsafe.SliceData(raw), len(raw))
		return once(seen, entryKey) && isVerbatim(raw) && isPartitionKey(raw)
	case "ExplicitHashKey":
		return once(seen, entryHash) && q.hash(e, string(raw))
	}
	return false
}

// readBase64 decodes the data of an entry to the end of q.data, which has room
// for it. It refuses what is not base64 to the letter, line breaks included.
func (q *putRequest) readBase64(e *weir.Entry, text []byte) bool {
	start := len(q.data)
	want := base64.StdEncoding.DecodedLen(len(text))
	for i := len(text) - 1; i >= 0 && i >= len(text)-2 && text[i] == '='; i-- {
		want--
	}
	to := q.data[start:cap(q.data)]
	n, err := strictBase64.Decode(to, text)
	e.Data = to[:n:n]
	q.data = q.data[:start+n]
	return err == nil && n == want && len(text)%4 == 0 && n <= weir.MaxRecordBytes
}

var strictBase64 = base64.StdEncoding.Strict()

// readJSONRecord reads the input of PutRecord.
func (q *putRequest) readJSONRecord(body []byte) bool {
	s := jsonScanner{b: body}
	e, seen := q.entry(), 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName":
			v, ok := s.plain()
			return ok && once(&seen, entryStreamName) && q.name(v)
		case "StreamARN":
			v, ok := s.plain()
			return ok && once(&seen, entryStreamARN) && q.arn(v)
		case "SequenceNumberForOrdering":
			v, ok := s.plain()
			return ok && once(&seen, entryOrdering) && q.ordering(e, string(v))
		}
		return q.readJSONMember(&s, e, string(name), &seen)
	}) && seen&entryNeeds == entryNeeds && s.atEnd()
}

// readJSON reads the input of GetRecords.
func (q *readRequest) readJSON(body []byte) bool {
	s := jsonScanner{b: body}
	seen := 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "ShardIterator":
			v, ok := s.plain()
			q.iterator = string(v)
			return ok && once(&seen, readIterator)
		case "StreamARN":
			v, ok := s.plain()
			q.arn = string(v)
			return ok && len(v) > 0 && once(&seen, readARN)
		case "Limit":
			n, ok := s.digits()
			q.limit = n
			return ok && once(&seen, readLimit)
		}
		return false
	}) && s.atEnd()
}

// isPlain reports whether text is ASCII.
func isPlain(text []byte) bool {
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

// appendJSONPutResults appends the output of PutRecords.
func appendJSONPutResults(dst []byte, a *account.Account, numbers *numberPrinters, results []weir.PutResult, encryption string) []byte {
	dst = append(dst, `{"FailedRecordCount":`...)
	dst = strconv.AppendInt(dst, failures(results), 10)
	dst = append(dst, `,"Records":[`...)
	for i := range results {
		if i > 0 {
			dst = append(dst, ',')
		}
		r := &results[i]
		if r.Err != nil {
			code, message := a.EntryError(r.Err)
			dst = appendJSONEntryError(dst, code, message)
			continue
		}
		dst = append(dst, `{"SequenceNumber":"`...)
		dst = numbers.of(r.ShardID).append(dst, r.SequenceNumber)
		dst = append(dst, `","ShardId":"`...)
		dst = appendShardID(dst, r.ShardID)
		dst = append(dst, `"}`...)
	}
	return appendJSONEncryption(append(dst, ']'), encryption)
}

func appendJSONEntryError(dst []byte, code, message string) []byte {
	dst = append(dst, `{"ErrorCode":`...)
	dst = appendJSONText(dst, code)
	dst = append(dst, `,"ErrorMessage":`...)
	dst = appendJSONText(dst, message)
	return append(dst, '}')
}

// appendJSONEncryption ends an object, with an encryption type if there is one.
func appendJSONEncryption(dst []byte, encryption string) []byte {
	if encryption != "" {
		dst = append(dst, `,"EncryptionType":`...)
		dst = appendJSONText(dst, encryption)
	}
	return append(dst, '}')
}

// appendJSONPutResult appends the output of PutRecord.
func appendJSONPutResult(dst []byte, r *weir.PutResult, encryption string) []byte {
	dst = append(dst, `{"ShardId":"`...)
	dst = appendShardID(dst, r.ShardID)
	dst = append(dst, `","SequenceNumber":"`...)
	dst, _ = r.SequenceNumber.AppendText(dst)
	dst = append(dst, '"')
	return appendJSONEncryption(dst, encryption)
}

// appendJSONGetRecords appends the output of GetRecords.
func appendJSONGetRecords(dst []byte, out *account.GetRecordsOutput) []byte {
	dst = appendJSONRecords(append(dst, '{'), out.Records, out.EncryptionTypes)
	if out.NextShardIterator != "" {
		dst = append(dst, `,"NextShardIterator":`...)
		dst = appendJSONText(dst, out.NextShardIterator)
	}
	return appendJSONRest(dst, out.MillisBehindLatest, out.ChildShards)
}

// appendJSONRest appends what GetRecords and an event of SubscribeToShard end
// with.
func appendJSONRest(dst []byte, behind int64, children []account.ChildShard) []byte {
	dst = append(dst, `,"MillisBehindLatest":`...)
	dst = strconv.AppendInt(dst, behind, 10)
	if len(children) > 0 {
		dst = append(dst, `,"ChildShards":`...)
		w := jsonWriter{b: dst}
		writeChildShards(&w, children)
		dst = w.b
	}
	return append(dst, '}')
}

// A record in JSON takes its base64 and this much more, the key apart.
const jsonRecordOverhead = 180

// appendJSONRecords appends the member Records.
func appendJSONRecords(dst []byte, records []weir.Record, encryption []string) []byte {
	dst = append(dst, `"Records":[`...)
	size := 0
	for i := range records {
		size += base64.StdEncoding.EncodedLen(len(records[i].Data)) + len(records[i].PartitionKey) + jsonRecordOverhead
	}
	if cap(dst)-len(dst) < size {
		dst = append(make([]byte, 0, len(dst)+size), dst...)
	}
	var p recordPrinter
	for i := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = p.appendJSON(dst, &records[i], encryptionOf(encryption, i))
	}
	return append(dst, ']')
}

// A recordPrinter prints records of one shard, and gains from what each has in
// common with the one before.
type recordPrinter struct {
	numbers numberPrinter
	ms      int64
	arrival []byte // the text of ms
	buf     [24]byte
}

func (p *recordPrinter) appendJSON(dst []byte, r *weir.Record, encryption string) []byte {
	if ms := r.ArrivalTime.UnixMilli(); ms != p.ms || p.arrival == nil {
		p.ms, p.arrival = ms, appendSeconds(p.buf[:0], ms)
	}
	dst = append(dst, `{"SequenceNumber":"`...)
	dst = p.numbers.append(dst, r.SequenceNumber)
	dst = append(dst, `","ApproximateArrivalTimestamp":`...)
	dst = append(dst, p.arrival...)
	dst = append(dst, `,"Data":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, r.Data)
	dst = append(dst, '"')
	if r.PartitionKey != "" {
		dst = append(dst, `,"PartitionKey":`...)
		dst = appendJSONText(dst, r.PartitionKey)
	}
	return appendJSONEncryption(dst, encryption)
}
