package kinesisclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// appendJSON appends the body of a request to b, or to a new slice where it has
// no room.
func (q *request) appendJSON(b []byte) []byte {
	const around = len(`{"Data":"==","PartitionKey":"","ExplicitHashKey":""},`)
	b = room(b, len(`{"Records":[],"StreamName":""}`)+len(q.stream)+q.len()*around+base64.StdEncoding.EncodedLen(q.size()))
	b = append(b, `{"Records":[`...)
	for i := range q.len() {
		data, key, hash := q.at(i)
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Data":"`...)
		b = base64.StdEncoding.AppendEncode(b, data)
		b = append(b, '"')
		b = appendMember(b, `,"PartitionKey":`, key)
		b = appendMember(b, `,"ExplicitHashKey":`, hash)
		b = append(b, '}')
	}
	b = append(b, ']')
	b = appendMember(b, `,"StreamName":`, &q.stream)
	return append(b, '}')
}

// appendMember appends a member with a text, unless that is nil.
func appendMember(b []byte, name string, text *string) []byte {
	if text == nil {
		return b
	}
	return appendQuoted(append(b, name...), *text)
}

// appendQuoted appends a text.
func appendQuoted(b []byte, s string) []byte {
	if isPlain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, _ := json.Marshal(s) // no text fails
	return append(b, quoted...)
}

// isPlain reports whether JSON has a text as it is.
func isPlain(s string) bool {
	i, odd := 0, uint64(0)
	for ; i+8 <= len(s); i += 8 {
		odd |= oddBytes(uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56)
	}
	for ; i < len(s); i++ {
		odd |= oddBytes(uint64(s[i])) & 0x80
	}
	if odd == 0 {
		return true
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == '"' || c == '\\' }) && utf8.ValidString(s)
}

// oddBytes is not zero if one of eight bytes is a control character, a quotation
// mark, a backslash, or beyond ASCII.
func oddBytes(eight uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quotes, backslashes := eight^ones*'"', eight^ones*'\\'
	// A byte below n borrows from its highest bit; a false alarm is looked into.
	return (eight | (eight - ones*' ') | (quotes - ones) | (backslashes - ones)) & highs
}

// readJSONAnswer reads an answer, whose records add takes in. It reports whether
// that has nothing that answers do not have.
func readJSONAnswer(body []byte, out *kinesis.PutRecordsOutput, add func(*entry)) bool {
	a := answer{rest: body}
	a.object(func(name []byte) {
		switch string(name) {
		case "FailedRecordCount":
			n := a.number()
			out.FailedRecordCount = &n
		case "EncryptionType":
			out.EncryptionType = types.EncryptionType(a.text())
		case "Records":
			out.Records = []types.PutRecordsResultEntry{}
			a.records(add)
		default:
			a.odd = true
		}
	})
	if a.skip(); len(a.rest) > 0 {
		a.odd = true
	}
	return !a.odd
}

// An answer is an answer to PutRecords that is read as far as rest. It is odd if
// there is anything that answers do not have.
type answer struct {
	rest []byte
	odd  bool
}

func (a *answer) records(add func(*entry)) {
	if !a.take('[') || a.taken(']') {
		return
	}
	var e entry
	for !a.odd {
		e = entry{}
		a.object(func(name []byte) {
			switch string(name) {
			case "SequenceNumber":
				e.number = a.text()
			case "ShardId":
				e.shard = a.text()
			case "ErrorCode":
				e.code = a.text()
			case "ErrorMessage":
				e.text = a.text()
			default:
				a.odd = true
			}
		})
		if add(&e); !a.taken(',') {
			a.take(']')
			return
		}
	}
}

// object reads an object, whose members' values member reads.
func (a *answer) object(member func(name []byte)) {
	if !a.take('{') || a.taken('}') {
		return
	}
	for !a.odd {
		name := a.text()
		if a.take(':'); a.odd {
			return
		}
		if member(name); !a.taken(',') {
			a.take('}')
			return
		}
	}
}

// skip skips what is between tokens.
func (a *answer) skip() { a.rest = bytes.TrimLeft(a.rest, " \t\r\n") }

// taken takes a character if it comes next.
func (a *answer) taken(c byte) bool {
	if len(a.rest) == 0 || a.rest[0] != c {
		if a.skip(); len(a.rest) == 0 || a.rest[0] != c {
			return false
		}
	}
	a.rest = a.rest[1:]
	return true
}

// take takes a character that must come next.
func (a *answer) take(c byte) bool {
	if !a.taken(c) {
		a.odd = true
	}
	return !a.odd
}

// text reads a text; one with escapes is odd, and so is what is no UTF-8.
func (a *answer) text() []byte {
	if !a.take('"') {
		return nil
	}
	end := bytes.IndexByte(a.rest, '"')
	if end < 0 || !isPlain(view(a.rest[:end])) {
		a.odd = true
		return nil
	}
	text := a.rest[:end]
	a.rest = a.rest[end+1:]
	return text
}

// number reads a number without sign, point and exponent.
func (a *answer) number() int32 {
	a.skip()
	end := 0
	for end < len(a.rest) && a.rest[end] >= '0' && a.rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(a.rest[:end]), 10, 32)
	if err != nil || end > 1 && a.rest[0] == '0' {
		a.odd = true
	}
	a.rest = a.rest[end:]
	return int32(n)
}
