package kinesisserver

import (
	"math"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// readCBORBatch reads the input of PutRecords.
func (q *putRequest) readCBORBatch(body []byte) bool {
	s := cborScanner{b: body}
	var seen memberSet
	return s.members(func(name []byte) bool {
		if string(name) == "Records" {
			return seen.once(memberRecords) && s.collection(cborList, func() bool { return q.readCBOREntry(&s) })
		}
		text, ok := s.chunk(cborText)
		return ok && q.readStream(name, text, &seen)
	}) && s.atEnd()
}

// readCBOREntry reads one record of PutRecords.
func (q *putRequest) readCBOREntry(s *cborScanner) bool {
	e := q.entry()
	var seen memberSet
	return e != nil && s.members(func(name []byte) bool {
		return q.readCBORMember(s, e, name, &seen)
	}) && seen.complete()
}

// readCBORMember reads a member of a record.
func (q *putRequest) readCBORMember(s *cborScanner, e *weir.Entry, name []byte, seen *memberSet) bool {
	if string(name) == "Data" {
		data, ok := s.chunk(cborBytes)
		e.Data = data
		return ok && seen.once(memberData) && len(data) <= weir.MaxRecordBytes
	}
	text, ok := s.chunk(cborText)
	return ok && q.readKey(e, name, text, seen)
}

// readCBORRecord reads the input of PutRecord.
func (q *putRequest) readCBORRecord(body []byte) bool {
	s := cborScanner{b: body}
	e := q.entry()
	var seen memberSet
	return s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName", "StreamARN":
			text, ok := s.chunk(cborText)
			return ok && q.readStream(name, text, &seen)
		case "SequenceNumberForOrdering":
			text, ok := s.chunk(cborText)
			return ok && q.readOrdering(e, text, &seen)
		}
		return q.readCBORMember(&s, e, name, &seen)
	}) && seen.complete() && s.atEnd()
}

// readCBOR reads the input of GetRecords.
func (q *readRequest) readCBOR(body []byte) bool {
	s := cborScanner{b: body}
	var seen memberSet
	return s.members(func(name []byte) bool {
		if string(name) == "Limit" {
			major, n, ok := s.head()
			q.limit = int32(min(n, math.MaxInt32))
			return ok && major == cborUint && n > 0 && seen.once(memberLimit)
		}
		text, ok := s.chunk(cborText)
		return ok && q.readText(name, text, &seen)
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
func appendCBORPutResult(dst []byte, r *weir.Placed, encryption string) []byte {
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
