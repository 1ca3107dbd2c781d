package kinesistest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
)

// A Call is a request that the fake was sent and what became of it. An attempt
// of the client's is a call: an operation that is tried three times is three
// calls.
type Call struct {
	fake *Fake
	// N is its number, from 1 on.
	N int
	// Op is the operation, such as "GetRecords".
	Op string
	// At is when it began on the fake's clock, Took how long it lasted there.
	At   time.Time
	Took time.Duration
	// Stream, Consumer and Queue are what it is about; empty if nothing.
	Stream, Consumer, Queue string
	// Shard is the shard it is about, or -1 for none or, as with PutRecords,
	// more than one.
	Shard weir.ShardID
	// Fault says which fault was applied to it; empty if none.
	Fault string
	// Err is why it failed; nil if it succeeded. An error of the service is a
	// [*CallError], a connection that broke is not.
	Err error
	// Events and Records are how many of them it returned or, with PutRecord
	// and PutRecords, was given.
	Events, Records int

	request  message
	response message
	reader   *readerState
	effects  int       // how many times the server carried it out
	effectAt time.Time // when it did so first
	delayed  bool      // its events were
	over     bool      // Took is known
	emptied  bool      // its records were kept back
}

// A CallError is an error of the service.
type CallError struct {
	Status        int
	Code, Message string // Code is "status" and the status if there was none
}

// Error has the code and, if there is one, the message.
func (e *CallError) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Is reports whether target is the [Code] of the error, under either name that
// an internal failure has.
func (e *CallError) Is(target error) bool {
	code, ok := target.(Code)
	return ok && onTheWire(string(code)) == onTheWire(e.Code)
}

// Input returns what the operation was given, such as a
// *kinesis.PutRecordsInput; nil if it is not to be read.
func (c *Call) Input() any { return c.decode(c.request, shapes[c.Op].input) }

// Output returns what the operation returned, such as a
// *kinesis.PutRecordsOutput; nil if it failed, is not over yet, or is a
// SubscribeToShard.
func (c *Call) Output() any {
	if c.Err != nil {
		return nil
	}
	return c.decode(c.response, shapes[c.Op].output)
}

func (c *Call) decode(m message, t reflect.Type) any {
	if t == nil || len(m.body) == 0 {
		return nil
	}
	v := reflect.New(t)
	if m.into(v.Interface()) != nil {
		return nil
	}
	return v.Interface()
}

// InputOf returns what a call was given, or nil if it is one of another
// operation.
func InputOf[In any](c *Call) *In {
	in, _ := c.Input().(*In)
	return in
}

// OutputOf returns what a call returned, or nil.
func OutputOf[Out any](c *Call) *Out {
	out, _ := c.Output().(*Out)
	return out
}

// String returns the call in a line.
func (c *Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s %s", c.N, clockTime(c.At), c.Op)
	if c.Stream != "" {
		b.WriteString(" " + c.Stream)
	}
	if c.Shard >= 0 {
		fmt.Fprintf(&b, "/%d", c.Shard)
	}
	if c.Consumer != "" {
		b.WriteString(" for " + c.Consumer)
	}
	if c.Queue != "" {
		b.WriteString(" of queue " + c.Queue)
	}
	if c.Records > 0 {
		fmt.Fprintf(&b, ", %d records", c.Records)
	}
	if c.Took > 0 {
		fmt.Fprintf(&b, ", took %v", c.Took)
	}
	if c.Err != nil {
		fmt.Fprintf(&b, " → %s", shorten(c.Err.Error(), 100))
	}
	if c.Fault != "" {
		b.WriteString(" [" + c.Fault + "]")
	}
	return b.String()
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// locate finds out what the call is about.
func (c *Call) locate() {
	c.Shard = -1
	if iterator := c.iterator(); iterator != "" {
		if s, it, err := c.fake.account.ParseIterator(iterator); err == nil {
			c.Stream, c.Shard = s.Name(), it.ShardID()
		}
		return
	}
	c.Stream = c.request.text("StreamName", false)
	for _, member := range []string{"ConsumerARN", "StreamARN", "ResourceARN"} {
		if arn := c.request.text(member, false); arn != "" {
			stream, consumer := streamOfARN(arn)
			c.Stream, c.Consumer = cmp.Or(c.Stream, stream), cmp.Or(c.Consumer, consumer)
		}
	}
	c.Consumer = cmp.Or(c.Consumer, c.request.text("ConsumerName", false))
	c.locateQueue()
	for _, member := range []string{"ShardId", "ShardToSplit", "ShardToMerge"} {
		if id, err := weir.ParseShardID(c.request.text(member, false)); err == nil {
			c.Shard = id
		}
	}
	if c.Op == "PutRecord" {
		c.Records = 1
		if shards := c.shards(); len(shards) == 1 {
			c.Shard = shards[0]
		}
	}
}

func (c *Call) iterator() string {
	if c.Op != "GetRecords" {
		return ""
	}
	return c.request.text("ShardIterator", false)
}

// on reports whether the call is about a shard; puts are about those that their
// records go to.
func (c *Call) on(shard weir.ShardID) bool {
	return c.Shard == shard || c.Op == "PutRecords" && slices.Contains(c.shards(), shard)
}

// shards returns the shard of each record that is put.
func (c *Call) shards() []weir.ShardID {
	s := c.fake.account.Stream(c.Stream)
	if s == nil {
		return nil
	}
	switch in := c.Input().(type) {
	case *kinesis.PutRecordInput:
		return []weir.ShardID{shardOf(s, in.PartitionKey, in.ExplicitHashKey)}
	case *kinesis.PutRecordsInput:
		list := make([]weir.ShardID, len(in.Records))
		for i, r := range in.Records {
			list[i] = shardOf(s, r.PartitionKey, r.ExplicitHashKey)
		}
		return list
	}
	return nil
}

func shardOf(s *weir.Stream, key, hash *string) weir.ShardID {
	if hash != nil {
		if k, err := weir.ParseHashKey(*hash); err == nil {
			return s.ShardOfHashKey(k)
		}
	}
	if key == nil {
		return -1
	}
	return s.ShardOf(*key)
}

// Calls are calls in the order in which they began.
type Calls []*Call

// String returns a line for each call.
func (cs Calls) String() string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteString("  " + c.String() + "\n")
	}
	return b.String()
}

// Of returns the calls of one operation.
func (cs Calls) Of(op string) Calls {
	return cs.Where(func(c *Call) bool { return c.Op == op })
}

// Failed returns the calls that failed.
func (cs Calls) Failed() Calls {
	return cs.Where(func(c *Call) bool { return c.Err != nil })
}

// Where returns the calls for which f returns true.
func (cs Calls) Where(f func(*Call) bool) Calls {
	var list Calls
	for _, c := range cs {
		if f(c) {
			list = append(list, c)
		}
	}
	return list
}

// Calls returns the calls that are over, all operations or the given ones, as
// far as [Config.KeepCalls] reaches back. A SubscribeToShard is among them from
// its beginning on.
func (k *Fake) Calls(ops ...string) Calls {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make(Calls, 0, len(k.calls))
	for _, c := range k.calls {
		if len(ops) == 0 || slices.Contains(ops, c.Op) {
			copied := *c
			list = append(list, &copied)
		}
	}
	return list
}

// told returns a line for each call that led to a failure, as far as can be
// told: the latest that failed, had a fault or handed over records, and the
// latest of all, each n at most, and says where some were left out.
func (cs Calls) told(n int) string {
	var b strings.Builder
	telling, from := 0, len(cs)
	for from > 0 && telling < n {
		if from--; cs[from].telling() {
			telling++
		}
	}
	left := from
	for i, c := range cs[from:] {
		if !c.telling() && i+from < len(cs)-n {
			left++
			continue
		}
		if left > 0 {
			fmt.Fprintf(&b, "  … %d more\n", left)
			left = 0
		}
		b.WriteString("  " + c.String() + "\n")
	}
	return b.String()
}

// telling reports whether something came of the call.
func (c *Call) telling() bool { return c.Err != nil || c.Fault != "" || c.Records > 0 }

// streamOfARN returns the stream's name, and the consumer's if it is one's ARN.
func streamOfARN(arn string) (stream, consumer string) {
	_, rest, ok := strings.Cut(arn, ":stream/")
	if !ok {
		return "", ""
	}
	stream, rest, _ = strings.Cut(rest, "/consumer/")
	consumer, _, _ = strings.Cut(rest, ":")
	return stream, consumer
}
