package kinesisclient

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A put is one PutRecords on its way through the SDK: whoever writes the request
// and reads the answer finds it in the call's context. To write and to read is
// most of what a put costs, so both go past the SDK's own types, unless somebody
// else in the SDK may look at these.
type put struct {
	stream  *Stream
	entries []weir.Entry
	cbor    bool // how the request is written, else as JSON
	body    putBody
	attempt attempt // the last one

	// Of the last answer.
	direct  bool // it was read into what follows, and not into the SDK's types
	n       int  // how many records it tells of
	results []weir.PutResult
	before  int // how many results are there of other calls
	shard   shardName
}

// putKey is that of a *put in the context of a call.
type putKey struct{}

func putOf(ctx context.Context) *put {
	c, _ := ctx.Value(putKey{}).(*put)
	return c
}

// noRecords stands for records that nobody looks at.
var noRecords = []types.PutRecordsRequestEntry{}

// PutRecords puts records. What [weir.Entry] asks of single puts only is not
// looked at.
func (s *Stream) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	return s.AppendPutRecords(ctx, nil, entries)
}

// AppendPutRecords is PutRecords for those who make many calls: it appends the
// results to results, and allocates none if these have the room. After an error
// it returns nil.
func (s *Stream) AppendPutRecords(ctx context.Context, results []weir.PutResult, entries []weir.Entry) ([]weir.PutResult, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	was := s.form.now.Load()
	c := &put{stream: s, entries: entries, cbor: s.form.isCBOR(), results: results, before: len(results)}
	err := c.do(ctx)
	if s.form.learn(c, err) {
		c = &put{stream: s, entries: entries, results: results, before: len(results)}
		err = c.do(ctx)
		s.form.learnAgain(c, err)
	}
	if now := s.form.now.Load(); now != was {
		s.tellForm(was, now, c)
	}
	switch {
	case err != nil:
		return nil, s.putRefused(ctx, fmt.Sprintf("put %d records", len(entries)), err)
	case c.n != len(entries):
		return nil, fmt.Errorf("stream %s: %w: %d for %d records", s.name, client.ErrMismatch, c.n, len(entries))
	}
	return c.results, nil
}

// do makes the call.
func (c *put) do(ctx context.Context) error {
	s := c.stream
	in := &kinesis.PutRecordsInput{StreamName: &s.name, Records: noRecords}
	if s.watched {
		in.Records = c.list()
	}
	out, err := s.client.PutRecords(context.WithValue(ctx, putKey{}, c), in)
	if err != nil {
		return err
	}
	c.body.recycle()
	if c.direct {
		return nil
	}
	c.begin()
	for i := range out.Records {
		e := &out.Records[i]
		if c.n++; c.n > len(c.entries) {
			continue
		}
		c.results = append(c.results, s.resultOf(e))
	}
	return nil
}

// list returns the records as the SDK has them.
func (c *put) list() []types.PutRecordsRequestEntry {
	list := make([]types.PutRecordsRequestEntry, len(c.entries))
	for i := range c.entries {
		e := &c.entries[i]
		list[i] = types.PutRecordsRequestEntry{PartitionKey: &e.PartitionKey, Data: notNil(e.Data)}
		if k := e.ExplicitHashKey; k != nil {
			list[i].ExplicitHashKey = aws.String(k.String())
		}
	}
	return list
}

// resultOf returns what became of one record.
func (s *Stream) resultOf(e *types.PutRecordsResultEntry) weir.PutResult {
	if e.ErrorCode == nil {
		return weir.PutResult{Placed: placed(e.ShardId, e.SequenceNumber)}
	}
	return weir.PutResult{Err: s.recordRefused(*e.ErrorCode, aws.ToString(e.ErrorMessage))}
}

// recordRefused returns why one record of a call was not stored.
func (s *Stream) recordRefused(code, text string) error {
	if code == codeThroughput {
		return s.limitError(weir.QuotaWriteBytes, text)
	}
	return &recordError{s.name, code, text}
}

// placed reads where a record went. What cannot be read is zero and no error:
// the record is stored, and must not be put again.
func placed(shard, number *string) (at weir.Placed) {
	at.ShardID, _ = weir.ParseShardID(aws.ToString(shard))
	at.SequenceNumber, _ = weir.ParseSequenceNumber(aws.ToString(number))
	return at
}

// An entry is what an answer says of one record, as views of the answer; nil is
// what it does not say.
type entry struct{ number, shard, code, text []byte }

// begin begins an answer.
func (c *put) begin() {
	c.n = 0
	c.results = slices.Grow(c.results[:c.before], len(c.entries))
}

// add takes in what became of the next record. Of more than there are it only
// counts them.
func (c *put) add(e *entry) {
	if c.n++; c.n > len(c.entries) {
		return
	}
	if e.code != nil {
		c.results = append(c.results, weir.PutResult{Err: c.stream.recordRefused(string(e.code), string(e.text))})
		return
	}
	at := weir.Placed{ShardID: c.shard.id(e.shard)}
	at.SequenceNumber, _ = weir.ParseSequenceNumber(view(e.number)) // see placed
	c.results = append(c.results, weir.PutResult{Placed: at})
}

// A shardName is the name that was read last: those of many records of an answer
// are the same.
type shardName struct {
	name string
	is   weir.ShardID
}

func (n *shardName) id(name []byte) weir.ShardID {
	if string(name) != n.name {
		n.name = strings.Clone(view(name))
		n.is, _ = weir.ParseShardID(n.name)
	}
	return n.is
}
