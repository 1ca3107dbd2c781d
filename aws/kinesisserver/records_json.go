package kinesisserver

import (
	"encoding/base64"
	"strconv"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// readJSONBatch reads the input of PutRecords.
func (q *putRequest) readJSONBatch(body []byte) bool {
	s := jsonScanner{b: body}
	var seen memberSet
	return s.members(func(name []byte) bool {
		if string(name) == "Records" {
			return seen.once(memberRecords) && q.readJSONEntries(&s)
		}
		text, ok := s.plain()
		return ok && q.readStream(name, text, &seen)
	}) && s.atEnd()
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
	var seen memberSet
	for {
		name, ok := s.raw()
		if !ok || !s.take(':') || !q.readJSONMember(s, e, name, &seen) {
			return false
		}
		if !s.take(',') {
			return seen.complete() && s.take('}')
		}
	}
}

// readJSONMember reads a member of a record.
func (q *putRequest) readJSONMember(s *jsonScanner, e *weir.Entry, name []byte, seen *memberSet) bool {
	raw, ok := s.raw()
	if !ok {
		return false
	}
	if string(name) == "Data" {
		return seen.once(memberData) && q.readBase64(e, raw)
	}
	return isVerbatim(raw) && q.readKey(e, name, raw, seen)
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
	e := q.entry()
	var seen memberSet
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName", "StreamARN":
			text, ok := s.plain()
			return ok && q.readStream(name, text, &seen)
		case "SequenceNumberForOrdering":
			text, ok := s.plain()
			return ok && q.readOrdering(e, text, &seen)
		}
		return q.readJSONMember(&s, e, name, &seen)
	}) && seen.complete() && s.atEnd()
}

// readJSON reads the input of GetRecords.
func (q *readRequest) readJSON(body []byte) bool {
	s := jsonScanner{b: body}
	var seen memberSet
	return s.members(func(name []byte) bool {
		if string(name) == "Limit" {
			n, ok := s.digits()
			q.limit = n
			return ok && seen.once(memberLimit)
		}
		text, ok := s.plain()
		return ok && q.readText(name, text, &seen)
	}) && s.atEnd()
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
func appendJSONPutResult(dst []byte, r *weir.Placed, encryption string) []byte {
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
	size := jsonRecordsBytes(records)
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
