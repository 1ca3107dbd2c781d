package kinesisclient

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// appendCBOR appends the body of a request to b, or to a new slice where it has
// no room.
func (q *request) appendCBOR(b []byte) []byte {
	const around = 1 + 3*9 + len("Data"+"PartitionKey"+"ExplicitHashKey") + 3 // heads, of texts and of names
	b = room(b, 1+2*9+len("Records"+"StreamName")+2+len(q.stream)+q.len()*around+q.size())
	b = appendHead(b, cborMap, 2)
	b = appendHead(appendText(b, "Records"), cborList, q.len())
	for i := range q.len() {
		data, key, hash := q.at(i)
		members := 1
		for _, s := range []*string{key, hash} {
			if s != nil {
				members++
			}
		}
		b = append(b, cborMap|byte(members))
		b = appendHead(append(b, cborData...), cborBytes, len(data))
		b = append(b, data...)
		if key != nil {
			b = appendText(append(b, cborPartitionKey...), *key)
		}
		if hash != nil {
			b = appendText(append(b, cborExplicitHashKey...), *hash)
		}
	}
	return appendText(appendText(b, "StreamName"), q.stream)
}

// The names of a record's members.
const (
	cborData            = "\x64Data"
	cborPartitionKey    = "\x6cPartitionKey"
	cborExplicitHashKey = "\x6fExplicitHashKey"
)

// The major types of CBOR.
const (
	cborUint byte = iota << 5
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborOther
)

// appendHead appends the head of an item.
func appendHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return append(b, major|25, byte(n>>8), byte(n))
	case uint64(n) <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), uint64(n))
}

// appendText appends a text. What is no UTF-8 is replaced, as in JSON.
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendHead(b, cborText, len(s)), s...)
}

// readCBORAnswer reads an answer, whose records add takes in. It reports whether
// that has nothing that answers do not have.
func readCBORAnswer(body []byte, out *kinesis.PutRecordsOutput, add func(*entry)) bool {
	r := cborReader{b: body}
	for left := r.collection(cborMap); r.more(&left); {
		switch string(r.plain()) {
		case "FailedRecordCount":
			major, n, _ := r.head()
			if major != cborUint || n > math.MaxInt32 {
				r.odd = true
			}
			count := int32(n)
			out.FailedRecordCount = &count
		case "EncryptionType":
			out.EncryptionType = types.EncryptionType(r.text())
		case "Records":
			out.Records = []types.PutRecordsResultEntry{}
			e := new(entry)
			for left := r.collection(cborList); r.more(&left); {
				if r.entry(e); !r.odd {
					add(e)
				}
			}
		default:
			r.odd = true
		}
	}
	return !r.odd && r.i == len(r.b)
}

// entry reads what an answer says of a record.
func (r *cborReader) entry(e *entry) {
	*e = entry{}
	for left := r.collection(cborMap); r.more(&left); {
		switch string(r.plain()) {
		case "SequenceNumber":
			e.number = r.plain()
		case "ShardId":
			e.shard = r.plain()
		case "ErrorCode":
			e.code = r.text()
		case "ErrorMessage":
			e.text = r.text()
		default:
			r.odd = true
		}
	}
}
