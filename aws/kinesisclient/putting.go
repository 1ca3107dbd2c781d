package kinesisclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/weirstream/weir"
)

// A fastPuts writes the requests of PutRecords, and reads the answers, as the
// protocol it wraps does, in a fraction of the time: the SDK's way takes longer
// than all else that there is to a put. It can do so in CBOR, too. What it does
// not know it leaves to that protocol.
type fastPuts struct{ smithyhttp.ClientProtocol }

// withFastPuts makes a client use them if it speaks JSON.
func withFastPuts(o *kinesis.Options) {
	if speaksJSON(o) {
		o.Protocol = fastPuts{o.Protocol}
	}
}

func speaksJSON(o *kinesis.Options) bool {
	return o.Protocol != nil && o.Protocol.ID().Name == "awsJson1_1"
}

// SerializeRequest writes a request.
func (p fastPuts) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, r *smithyhttp.Request) error {
	puts, ok := in.(*kinesis.PutRecordsInput)
	if !ok || puts.StreamARN != nil || puts.StreamId != nil || puts.StreamName == nil || puts.DryRun != nil {
		return p.ClientProtocol.SerializeRequest(ctx, schema, in, r)
	}
	// An empty request has the headers.
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, &kinesis.PutRecordsInput{}, r); err != nil {
		return err
	}
	c := putOf(ctx)
	if c == nil {
		c = new(put)
	}
	q := request{stream: *puts.StreamName, list: puts.Records}
	if c.stream != nil && !c.stream.watched {
		q.list, q.entries = nil, c.entries
	}
	if c.cbor {
		r.Header.Set("Content-Type", contentCBOR)
		c.body.write(q.appendCBOR)
	} else {
		c.body.write(q.appendJSON)
	}
	full, err := r.SetStream(&c.body)
	if err != nil {
		return err
	}
	*r = *full
	return nil
}

const contentCBOR = "application/x-amz-cbor-1.1"

// A request is what PutRecords is asked: with the records of a put, or with what
// the SDK has of them.
type request struct {
	stream  string
	entries []weir.Entry
	list    []types.PutRecordsRequestEntry
}

func (q *request) len() int { return len(q.entries) + len(q.list) }

// at returns a record; nil is what it has not.
func (q *request) at(i int) (data []byte, key, hash *string) {
	if q.entries == nil {
		r := &q.list[i]
		return r.Data, r.PartitionKey, r.ExplicitHashKey
	}
	e := &q.entries[i]
	if k := e.ExplicitHashKey; k != nil {
		hash = aws.String(k.String())
	}
	return e.Data, &e.PartitionKey, hash
}

// size returns how many bytes there are of data, keys and hash keys, at most if
// these are no more than hash keys have.
func (q *request) size() (n int) {
	const hashBytes = 39
	for i := range q.entries {
		e := &q.entries[i]
		if n += len(e.Data) + len(e.PartitionKey); e.ExplicitHashKey != nil {
			n += hashBytes
		}
	}
	for i := range q.list {
		e := &q.list[i]
		if n += len(e.Data) + len(aws.ToString(e.PartitionKey)); e.ExplicitHashKey != nil {
			n += len(*e.ExplicitHashKey)
		}
	}
	return n
}

// room returns b with room for n bytes more.
func room(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n), b...)
	}
	return b
}

// maxAnswerBytes bounds an answer: a hundred times what the longest one has.
const maxAnswerBytes = 16 << 20

var errAnswerTooLarge = fmt.Errorf("the answer has more than %d bytes", maxAnswerBytes)

// DeserializeResponse reads an answer.
func (p fastPuts) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, registry *smithy.TypeRegistry, r *smithyhttp.Response, out smithy.Deserializable) error {
	puts, ok := out.(*kinesis.PutRecordsOutput)
	if !ok {
		return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out)
	}
	inCBOR := isCBOR(r.Header)
	if r.StatusCode != http.StatusOK && !inCBOR {
		return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out)
	}
	text := answers.Get().(*[]byte)
	body, err := readAnswer((*text)[:0], r.Body, r.ContentLength)
	if err != nil {
		r.Body = bodyOf(nil, r.Body) // the SDK reads what is left, however much that is
		return &smithy.DeserializationError{Err: err}
	}
	if r.StatusCode == http.StatusOK && readPuts(ctx, body, inCBOR, puts) {
		if *text = body; cap(body) <= maxKeptAnswer {
			answers.Put(text)
		}
		return nil
	}
	*puts = kinesis.PutRecordsOutput{ResultMetadata: puts.ResultMetadata}
	if inCBOR {
		if body, err = jsonOf(body); err != nil {
			return &smithy.DeserializationError{Err: fmt.Errorf("the answer is no CBOR: %w", err)}
		}
	}
	r.Body = bodyOf(body, r.Body)
	return p.ClientProtocol.DeserializeResponse(ctx, schema, registry, r, out)
}

// bodyOf returns a body of some text in the place of another one.
func bodyOf(text []byte, instead io.Closer) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(text), instead}
}

// readPuts reads an answer, into the call's put if nobody watches it, and reports
// whether that has nothing that answers do not have.
func readPuts(ctx context.Context, body []byte, inCBOR bool, out *kinesis.PutRecordsOutput) bool {
	a := &answered{out: out}
	add := a.add
	c := putOf(ctx)
	if c != nil {
		c.direct = false
		if !c.stream.watched {
			c.direct = true
			c.begin()
			add = c.add
		}
	}
	var odd bool
	if inCBOR {
		odd = !readCBORAnswer(body, out, add)
	} else {
		odd = !readJSONAnswer(body, out, add)
	}
	if c != nil && odd {
		c.direct = false
	}
	return !odd
}

// An answered makes the SDK's types of an answer.
type answered struct{ out *kinesis.PutRecordsOutput }

func (a *answered) add(e *entry) {
	a.out.Records = append(a.out.Records, types.PutRecordsResultEntry{
		SequenceNumber: text(e.number), ShardId: text(e.shard), ErrorCode: text(e.code), ErrorMessage: text(e.text),
	})
}

// text returns a text as the SDK has it.
func text(b []byte) *string {
	if b == nil {
		return nil
	}
	return aws.String(string(b))
}

// view returns bytes as a text, as long as they are not changed.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// answers are *[]byte that answers are read into. Nothing of an answer is kept
// but in copies.
var answers = sync.Pool{New: func() any { return new([]byte) }}

const (
	minAnswer     = 4 << 10
	maxKeptAnswer = 1 << 20
)

// readAnswer reads all of an answer into b. How long it says it is, is a claim.
func readAnswer(b []byte, r io.Reader, claimed int64) ([]byte, error) {
	b = room(b, int(max(minAnswer, min(claimed+1, maxKeptAnswer)))) // one more, to find the end
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		case len(b) > maxAnswerBytes:
			return b, errAnswerTooLarge
		case len(b) == cap(b):
			b = room(b, len(b))
		}
	}
}
