package kinesisclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A fastPuts writes the requests of PutRecords, and reads the answers, as the
// protocol it wraps does, in a fraction of the time: the SDK's way takes longer
// than all else that there is to a put. What it does not know it leaves to that
// protocol.
type fastPuts struct{ smithyhttp.ClientProtocol }

// withFastPuts makes a client use them if it speaks JSON.
func withFastPuts(o *kinesis.Options) {
	if p := o.Protocol; p != nil && p.ID().Name == "awsJson1_1" {
		o.Protocol = fastPuts{p}
	}
}

// SerializeRequest writes a request.
func (p fastPuts) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, r *smithyhttp.Request) error {
	puts, ok := in.(*kinesis.PutRecordsInput)
	if !ok || puts.StreamARN != nil || puts.StreamId != nil || puts.StreamName == nil {
		return p.ClientProtocol.SerializeRequest(ctx, schema, in, r)
	}
	// An empty request has the headers.
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, &kinesis.PutRecordsInput{}, r); err != nil {
		return err
	}
	body, _ := ctx.Value(bodyKey{}).(*putBody)
	if body == nil {
		body = new(putBody)
	}
	body.write(puts)
	full, err := r.SetStream(body)
	if err != nil {
		return err
	}
	*r = *full
	return nil
}

// appendPuts appends the body of a request to b, or to a new slice where it
// has no room.
func appendPuts(b []byte, in *kinesis.PutRecordsInput) []byte {
	const around = len(`{"Data":"","PartitionKey":"","ExplicitHashKey":""},`)
	size := len(`{"Records":[],"StreamName":""}`) + len(*in.StreamName)
	for i := range in.Records {
		r := &in.Records[i]
		size += around + base64.StdEncoding.EncodedLen(len(r.Data))
		for _, s := range []*string{r.PartitionKey, r.ExplicitHashKey} {
			if s != nil {
				size += len(*s)
			}
		}
	}
	if cap(b)-len(b) < size {
		b = append(make([]byte, 0, len(b)+size), b...)
	}
	b = append(b, `{"Records":[`...)
	for i := range in.Records {
		r := &in.Records[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Data":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.Data)
		b = append(b, '"')
		b = appendMember(b, `,"PartitionKey":`, r.PartitionKey)
		b = appendMember(b, `,"ExplicitHashKey":`, r.ExplicitHashKey)
		b = append(b, '}')
	}
	b = append(b, ']')
	b = appendMember(b, `,"StreamName":`, in.StreamName)
	return append(b, '}')
}

// appendMember appends a member with a text, unless that is nil.
func appendMember(b []byte, name string, text *string) []byte {
	if text == nil {
		return b
	}
	b = append(b, name...)
	if s := *text; isPlain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, _ := json.Marshal(*text) // no text fails
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

// DeserializeResponse reads an answer.
func (p fastPuts) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, registry *smithy.TypeRegistry, r *smithyhttp.Response, out smithy.Deserializable) error {
	puts, ok := out.(*kinesis.PutRecordsOutput)
	if !ok || r.StatusCode != http.StatusOK {
		return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out)
	}
	var text strings.Builder
	if r.ContentLength > 0 && r.ContentLength < 1<<20 { // a length is a claim
		text.Grow(int(r.ContentLength))
	}
	buf := copyBuffers.Get().(*[32 << 10]byte)
	_, err := io.CopyBuffer(&text, r.Body, buf[:])
	copyBuffers.Put(buf)
	if err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	a := answer{rest: text.String()}
	if a.read(puts); !a.odd {
		return nil
	}
	*puts = kinesis.PutRecordsOutput{ResultMetadata: puts.ResultMetadata}
	r.Body = struct {
		io.Reader
		io.Closer
	}{strings.NewReader(text.String()), r.Body}
	return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out)
}

// copyBuffers are *[32 << 10]byte: an answer is read by way of one.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// An answer is an answer to PutRecords that is read as far as rest. It is odd if
// there is anything that answers do not have.
type answer struct {
	rest string
	odd  bool
}

func (a *answer) read(out *kinesis.PutRecordsOutput) {
	a.object(func(name string) {
		switch name {
		case "FailedRecordCount":
			n := a.number()
			out.FailedRecordCount = &n
		case "EncryptionType":
			out.EncryptionType = types.EncryptionType(a.text())
		case "Records":
			out.Records = a.records()
		default:
			a.odd = true
		}
	})
	if a.skip(); a.rest != "" {
		a.odd = true
	}
}

func (a *answer) records() []types.PutRecordsResultEntry {
	const usual = 500 // a call has no more
	most := min(strings.Count(a.rest, "{"), usual)
	list := make([]types.PutRecordsResultEntry, 0, most)
	texts := make([]string, 0, 2*most) // which the entries point to
	text := func() *string {
		texts = append(texts, a.text())
		return &texts[len(texts)-1]
	}
	if !a.take('[') || a.taken(']') {
		return list
	}
	for {
		var e types.PutRecordsResultEntry
		a.object(func(name string) {
			switch name {
			case "SequenceNumber":
				e.SequenceNumber = text()
			case "ShardId":
				e.ShardId = text()
			case "ErrorCode":
				e.ErrorCode = text()
			case "ErrorMessage":
				e.ErrorMessage = text()
			default:
				a.odd = true
			}
		})
		if list = append(list, e); !a.taken(',') {
			a.take(']')
			return list
		}
		if a.odd {
			return nil
		}
	}
}

// object reads an object, whose members' values member reads.
func (a *answer) object(member func(name string)) {
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
func (a *answer) skip() { a.rest = strings.TrimLeft(a.rest, " \t\r\n") }

// taken takes a character if it comes next.
func (a *answer) taken(c byte) bool {
	if a.rest == "" || a.rest[0] != c {
		if a.skip(); a.rest == "" || a.rest[0] != c {
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
func (a *answer) text() string {
	if !a.take('"') {
		return ""
	}
	end := strings.IndexByte(a.rest, '"')
	if end < 0 || !isPlain(a.rest[:end]) {
		a.odd = true
		return ""
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
	n, err := strconv.ParseInt(a.rest[:end], 10, 32)
	if err != nil || end > 1 && a.rest[0] == '0' {
		a.odd = true
	}
	a.rest = a.rest[end:]
	return int32(n)
}
