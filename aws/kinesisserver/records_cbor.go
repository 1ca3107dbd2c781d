package kinesisserver

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A cborScanner walks over CBOR. Its methods report whether what they look for
// is there; if it is not, where the scanner stands is undefined.
type cborScanner struct {
	b []byte
	i int
}

const cborBreak = 0xff // ends a collection of indefinite length

// head skips the head of an item: its major type and its number, which is -1
// for an indefinite length.
func (s *cborScanner) head() (major byte, n int64, ok bool) {
	if s.i >= len(s.b) {
		return 0, 0, false
	}
	first := s.b[s.i]
	s.i++
	major, n = first&0xe0, int64(first&0x1f)
	if n < 24 {
		return major, n, true
	}
	if n == 31 {
		return major, -1, major >= cborBytes && major <= cborMap
	}
	size := 1 << (n - 24)
	if n > 27 || len(s.b)-s.i < size {
		return 0, 0, false
	}
	var wide [8]byte
	copy(wide[8-size:], s.b[s.i:s.i+size])
	s.i += size
	u := binary.BigEndian.Uint64(wide[:])
	return major, int64(u), u <= math.MaxInt64
}

// fewItems reports whether the rest holds no more than most items, at any depth.
// It builds nothing: what the library makes of an item is a hundred times the
// item's one byte. Tags are not counted, and what is malformed is left to the
// library.
func (s *cborScanner) fewItems(most int) bool {
	for !s.atEnd() {
		first := s.b[s.i]
		switch major := first & 0xe0; {
		case first == cborBreak:
			s.i++
			continue
		case major == cborBytes || major == cborText:
			_, n, ok := s.head()
			if !ok {
				return true
			}
			s.i += int(min(max(n, 0), int64(len(s.b)-s.i)))
		default:
			s.i = min(s.i+1+cborNumberBytes(first), len(s.b))
			if major == cborTag {
				continue
			}
		}
		if most--; most < 0 {
			return false
		}
	}
	return true
}

// cborNumberBytes returns how many bytes of an item's number follow its first one.
func cborNumberBytes(first byte) int {
	if n := first & 0x1f; n >= 24 && n <= 27 {
		return 1 << (n - 24)
	}
	return 0
}

// chunk skips a string of definite length.
func (s *cborScanner) chunk(major byte) ([]byte, bool) {
	m, n, ok := s.head()
	if !ok || m != major || n < 0 || n > int64(len(s.b)-s.i) {
		return nil, false
	}
	s.i += int(n)
	return s.b[s.i-int(n) : s.i : s.i], true
}

// collection walks over a list or a map, and calls read at each item or pair to
// skip it.
func (s *cborScanner) collection(major byte, read func() bool) bool {
	m, n, ok := s.head()
	if !ok || m != major {
		return false
	}
	for ; n != 0; n-- {
		if n < 0 && s.i < len(s.b) && s.b[s.i] == cborBreak {
			s.i++
			return true
		}
		if !read() {
			return false
		}
	}
	return true
}

// members walks over a map.
func (s *cborScanner) members(read func(name []byte) bool) bool {
	return s.collection(cborMap, func() bool {
		name, ok := s.chunk(cborText)
		return ok && read(name)
	})
}

func (s *cborScanner) atEnd() bool { return s.i == len(s.b) }

// readCBORBatch reads the input of PutRecords.
func (q *putRequest) readCBORBatch(body []byte) bool {
	s := cborScanner{b: body}
	seen := 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName":
			v, ok := s.chunk(cborText)
			return ok && once(&seen, 1) && q.name(v)
		case "StreamARN":
			v, ok := s.chunk(cborText)
			return ok && once(&seen, 2) && q.arn(v)
		case "Records":
			return once(&seen, 4) && s.collection(cborList, func() bool { return q.readCBOREntry(&s) })
		}
		return false
	}) && s.atEnd()
}

// readCBOREntry reads one record of PutRecords.
func (q *putRequest) readCBOREntry(s *cborScanner) bool {
	e, seen := q.entry(), 0
	return e != nil && s.members(func(name []byte) bool {
		return q.readCBORMember(s, e, name, &seen)
	}) && seen&entryNeeds == entryNeeds
}

// readCBORMember reads a member of a record.
func (q *putRequest) readCBORMember(s *cborScanner, e *weir.Entry, name []byte, seen *int) bool {
	if string(name) == "Data" {
		data, ok := s.chunk(cborBytes)
		e.Data = data
		return ok && once(seen, entryData) && len(data) <= weir.MaxRecordBytes
	}
	v, ok := s.chunk(cborText)
	if !ok {
		return false
	}
	switch string(name) {
	case "PartitionKey":
		// The body outlives the call, and the engine copies keys.
		e.PartitionKey = unsafe.String(unsafe.SliceData(v), len(v))
		return once(seen, entryKey) && isPartitionKey(v)
	case "ExplicitHashKey":
		return once(seen, entryHash) && q.hash(e, string(v))
	}
	return false
}

// readCBORRecord reads the input of PutRecord.
func (q *putRequest) readCBORRecord(body []byte) bool {
	s := cborScanner{b: body}
	e, seen := q.entry(), 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName":
			v, ok := s.chunk(cborText)
			return ok && once(&seen, entryStreamName) && q.name(v)
		case "StreamARN":
			v, ok := s.chunk(cborText)
			return ok && once(&seen, entryStreamARN) && q.arn(v)
		case "SequenceNumberForOrdering":
			v, ok := s.chunk(cborText)
			return ok && once(&seen, entryOrdering) && sequenceShape.pattern.matches(string(v)) && q.ordering(e, string(v))
		}
		return q.readCBORMember(&s, e, name, &seen)
	}) && seen&entryNeeds == entryNeeds && s.atEnd()
}

// readCBOR reads the input of GetRecords.
func (q *readRequest) readCBOR(body []byte) bool {
	s := cborScanner{b: body}
	seen := 0
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "ShardIterator":
			v, ok := s.chunk(cborText)
			q.iterator = string(v)
			return ok && once(&seen, readIterator)
		case "StreamARN":
			v, ok := s.chunk(cborText)
			q.arn = string(v)
			return ok && len(v) > 0 && once(&seen, readARN)
		case "Limit":
			major, n, ok := s.head()
			q.limit = int32(min(n, math.MaxInt32))
			return ok && major == cborUint && n > 0 && once(&seen, readLimit)
		}
		return false
	}) && s.atEnd()
}

// appendCBORPutResults appends the output of PutRecords.
func appendCBORPutResults(dst []byte, a *account.Account, numbers *numberPrinters, results []weir.PutResult, encryption string) []byte {
	dst = appendHead(dst, cborMap, 2+one(encryption != ""))
	dst = appendCBORInt(appendCBORText(dst, "FailedRecordCount"), failures(results))
	dst = appendHead(appendCBORText(dst, "Records"), cborList, uint64(len(results)))
	for i := range results {
		r := &results[i]
		dst = appendHead(dst, cborMap, 2)
		if r.Err != nil {
			code, message := a.EntryError(r.Err)
			dst = appendCBORText(appendCBORText(dst, "ErrorCode"), code)
			dst = appendCBORText(appendCBORText(dst, "ErrorMessage"), message)
			continue
		}
		dst = numbers.of(r.ShardID).appendCBOR(appendCBORText(dst, "SequenceNumber"), r.SequenceNumber)
		dst = appendCBORShardID(appendCBORText(dst, "ShardId"), r.ShardID)
	}
	return appendCBOREncryption(dst, encryption)
}

// one is 1 if something is there, to count members.
func one(there bool) uint64 {
	if there {
		return 1
	}
	return 0
}

func appendCBOREncryption(dst []byte, encryption string) []byte {
	if encryption == "" {
		return dst
	}
	return appendCBORText(appendCBORText(dst, "EncryptionType"), encryption)
}

func appendCBORShardID(dst []byte, id weir.ShardID) []byte {
	return appendShardID(appendHead(dst, cborText, shardIDLength), id)
}

// appendCBORPutResult appends the output of PutRecord.
func appendCBORPutResult(dst []byte, r *weir.PutResult, encryption string) []byte {
	dst = appendHead(dst, cborMap, 2+one(encryption != ""))
	dst = appendCBORShardID(appendCBORText(dst, "ShardId"), r.ShardID)
	dst = appendCBORText(appendCBORText(dst, "SequenceNumber"), r.SequenceNumber.String())
	return appendCBOREncryption(dst, encryption)
}

// appendCBORGetRecords appends the output of GetRecords.
func appendCBORGetRecords(dst []byte, out *account.GetRecordsOutput) []byte {
	dst = appendHead(dst, cborMap, 2+one(out.NextShardIterator != "")+one(len(out.ChildShards) > 0))
	dst = appendCBORText(dst, "Records")
	dst = appendHead(dst, cborList, uint64(len(out.Records)))
	var numbers numberPrinter
	for i := range out.Records {
		dst = appendCBORRecord(dst, &numbers, &out.Records[i], encryptionOf(out.EncryptionTypes, i))
	}
	if out.NextShardIterator != "" {
		dst = appendCBORText(appendCBORText(dst, "NextShardIterator"), out.NextShardIterator)
	}
	dst = appendCBORInt(appendCBORText(dst, "MillisBehindLatest"), out.MillisBehindLatest)
	if len(out.ChildShards) > 0 {
		w := cborWriter{appendCBORText(dst, "ChildShards")}
		writeChildShards(&w, out.ChildShards)
		dst = w.b
	}
	return dst
}

func appendCBORRecord(dst []byte, numbers *numberPrinter, r *weir.Record, encryption string) []byte {
	dst = appendHead(dst, cborMap, 3+one(r.PartitionKey != "")+one(encryption != ""))
	dst = numbers.appendCBOR(appendCBORText(dst, "SequenceNumber"), r.SequenceNumber)
	dst = appendCBORTime(appendCBORText(dst, "ApproximateArrivalTimestamp"), r.ArrivalTime.UnixMilli())
	dst = appendHead(appendCBORText(dst, "Data"), cborBytes, uint64(len(r.Data)))
	dst = append(dst, r.Data...)
	if r.PartitionKey != "" {
		dst = appendCBORText(appendCBORText(dst, "PartitionKey"), r.PartitionKey)
	}
	return appendCBOREncryption(dst, encryption)
}
