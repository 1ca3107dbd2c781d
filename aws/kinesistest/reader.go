package kinesistest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A Reader is somebody who reads a shard: a chain of shard iterators, each from
// the answer to the one before, or a subscription.
type Reader struct {
	Stream   string
	Shard    weir.ShardID
	Consumer string // empty for a chain of iterators
	// From is the position that it began at, in the service's words.
	From string
	// Last is the last record it was given; zero if none yet.
	Last weir.SequenceNumber
	// Given is how many records it was given.
	Given int
	// At is when it was last answered.
	At time.Time
	// Behind is how many records of the shard it has not been given yet, of
	// those that have not expired; Age is how long ago the oldest of them
	// arrived.
	Behind int
	Age    time.Duration
	// Done says that it was told that the shard is closed and read to its end.
	Done bool
}

// String returns the reader in a line.
func (r Reader) String() string {
	who := "iterator"
	if r.Consumer != "" {
		who = "consumer " + r.Consumer
	}
	return fmt.Sprintf("%s on %s/%d from %s: %d given, %d behind, oldest %v old, last answer %s",
		who, r.Stream, r.Shard, r.From, r.Given, r.Behind, r.Age, clockTime(r.At))
}

// A readerState is what is known of a reader.
type readerState struct {
	Reader
	start   weir.Position
	empties int       // pages that were emptied since records came
	flowing bool      // the last page that was not emptied had records
	tokens  [2]string // the latest iterators, by which it is found
}

// Readers returns who reads a stream, in the order in which they began. A
// reader that never asked again is among them: its At says since when.
func (k *Fake) Readers(stream string) []Reader {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []Reader
	for _, r := range k.chains {
		if r.Stream == stream {
			list = append(list, k.measure(r))
		}
	}
	return list
}

// measure returns a reader with how far it is behind.
func (k *Fake) measure(r *readerState) Reader {
	s := k.account.Stream(r.Stream)
	if s == nil || r.Done {
		return r.Reader
	}
	from := r.start
	if !r.Last.IsZero() {
		from = weir.AfterSequence(r.Last)
	}
	for rec, err := range s.Records(context.Background(), from.In(r.Shard).ToTip()) {
		if err != nil {
			break
		}
		if r.Reader.Behind++; r.Reader.Behind == 1 {
			r.Reader.Age = k.Now().Sub(rec.ArrivalTime)
		}
	}
	measured := r.Reader
	r.Reader.Behind, r.Reader.Age = 0, 0
	return measured
}

// followLocked brings the readers up to date with a call that is over.
func (k *Fake) followLocked(c *Call) {
	if c.Err != nil {
		return
	}
	switch c.Op {
	case "GetShardIterator":
		r := k.newReaderLocked(c)
		k.continueLocked(r, c.response.text("ShardIterator", false))
	case "GetRecords":
		r := k.readers[c.iterator()]
		c.Records = count(c.response)
		if r == nil {
			return
		}
		r.At, r.Given = c.At, r.Given+c.Records
		if r.flowing = c.Records > 0; !c.emptied {
			r.empties = 0
		}
		if n, err := weir.ParseSequenceNumber(c.response.text("SequenceNumber", true)); err == nil && c.Records > 0 {
			r.Last = n
		}
		next := c.response.text("NextShardIterator", true)
		r.Done = next == ""
		k.continueLocked(r, next)
	case "ReceiveQueueRecords", "ReceiveDeadLetterQueueRecords":
		out, _ := c.Output().(*account.ReceiveQueueRecordsOutput)
		if out != nil {
			c.Records = len(out.QueueRecords)
		}
	case "PutRecords":
		c.Records = count(c.request)
	}
}

// count returns how many records there are in a message. All have data.
func count(m message) int {
	if m.cbor {
		tree, _ := m.tree()
		list, _ := tree["Records"].([]any)
		return len(list)
	}
	return bytes.Count(m.body, []byte(`"Data"`))
}

// newReaderLocked enters a reader that begins with a call.
func (k *Fake) newReaderLocked(c *Call) *readerState {
	r := &readerState{Reader: Reader{Stream: c.Stream, Shard: c.Shard, Consumer: c.Consumer, At: c.At}}
	switch in := c.Input().(type) {
	case *kinesis.GetShardIteratorInput:
		k.startLocked(r, string(in.ShardIteratorType), in.StartingSequenceNumber, in.Timestamp)
	case *kinesis.SubscribeToShardInput:
		if p := in.StartingPosition; p != nil {
			k.startLocked(r, string(p.Type), p.SequenceNumber, p.Timestamp)
		}
	}
	k.chains = append(k.chains, r)
	return r
}

// startLocked notes where a reader begins. The tip is taken as it is now.
func (k *Fake) startLocked(r *readerState, kind string, number *string, at *time.Time) {
	r.From = kind
	var n weir.SequenceNumber
	if number != nil {
		n, _ = weir.ParseSequenceNumber(*number)
		r.From += " " + *number
	}
	switch {
	case kind == "LATEST":
		for _, l := range k.logs {
			if l.stream.Name() == r.Stream && !l.last[r.Shard].IsZero() {
				r.start = weir.AfterSequence(l.last[r.Shard])
			}
		}
	case kind == "AT_TIMESTAMP" && at != nil:
		r.start = weir.AtTime(*at)
	case kind == "AT_SEQUENCE_NUMBER" && !n.IsZero():
		r.start = weir.AtSequence(n)
	case kind == "AFTER_SEQUENCE_NUMBER" && !n.IsZero():
		r.start = weir.AfterSequence(n)
	}
}

// continueLocked makes a reader known by its next iterator. The one before
// stays known, because a client may use it again.
func (k *Fake) continueLocked(r *readerState, token string) {
	if token == "" {
		return
	}
	if token != r.tokens[1] {
		delete(k.readers, r.tokens[0])
		r.tokens[0], r.tokens[1] = r.tokens[1], token
	}
	k.readers[token] = r
}

// eventSent notes an event of a subscription.
func (k *Fake) eventSent(c *Call, frame []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.reader == nil {
		c.reader = k.newReaderLocked(c)
	}
	r := c.reader
	n := bytes.Count(frame, []byte(`"SequenceNumber":`))
	c.Events++
	c.Records += n
	r.At, r.Given = k.Now(), r.Given+n
	if n > 0 {
		if last, err := weir.ParseSequenceNumber((message{body: frame}).text("SequenceNumber", true)); err == nil {
			r.Last = last
		}
	}
	r.Done = !bytes.Contains(frame, []byte(`"ContinuationSequenceNumber":`))
}
