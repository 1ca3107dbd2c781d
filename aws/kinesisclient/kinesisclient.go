// Package kinesisclient is a stream of Amazon Kinesis Data Streams, or of
// whatever speaks its protocol, behind [client.Stream]: what was written
// against the engine in this process runs on the service.
//
//	c := kinesis.NewFromConfig(config)
//	s, err := kinesisclient.New(c, "orders")
//	…
//	r, err := s.Read(ctx, shard, weir.TrimHorizon(), client.Reading{})
//
// The zero [client.Reading] polls once a second, and five times a second while
// there is more to read; one with a consumer's name reads by enhanced fan-out.
// It polls while the caller works on what came before, from the first Next on,
// up to four batches ahead, and up to 32 MiB ahead for all readers of a Stream,
// each of which may have one batch waiting in any case. [client.Reading.Polling]
// makes each poll when Next is called, and so does an Interval below zero.
//
// # Loss
//
// The service goes on with the oldest record where that is gone from which a
// reader is to go on, and says nothing. So readers begin at the record behind
// which they are to go on, to see whether it is still there: it is read once
// more, and left out. Their method Lost() int64 tells how many records may have
// gone, zero if none: the most it can be on the service, where numbers have
// gaps.
//
// # Errors
//
// They are those that package client lists, and have the service's exception in
// them besides, for [errors.As]. Where the service says that a limit of
// throughput refused something it does not say which: the [weir.LimitError]
// then speaks of bytes written or of calls that read, and of a second to wait.
//
// # Calls
//
// The readers of one Stream that poll the same shard share the five calls a
// second that the service allows of a shard: they take turns. So use one
// Stream, not one a group. Against readers elsewhere, who are not known here,
// a reader that is throttled backs off: Next returns the throttle, and the next
// call of it waits for a half to one second, doubling up to four to eight,
// until a poll succeeds. [client.Reading.Interval] below zero lifts both.
//
// A subscription from which nothing was heard in 60 seconds of waiting is
// replaced by one from where the reader stands.
//
// The SDK repeats calls that were throttled before anybody hears of it, by
// default twice, with a back-off of its own, which comes before this one. Give
// the client an [aws.NopRetryer] if throttles are to be counted, or paced by
// whoever puts.
//
// # The form of puts
//
// The bodies of PutRecords and of its answers are written and read here, in less
// time than the SDK takes and with the same outcome, if the client's protocol is
// JSON, as it is by default. All else of the call is the SDK's: signing, attempts,
// and its types of errors. Middleware and interceptors of the client see the
// records and their outcomes.
//
// They are in CBOR, the other form of the service's protocol, in which data is not
// in base64. An endpoint that does not know it, and refuses the first call for
// that, has it again in JSON, and JSON only from then on; nothing is stored twice.
// If the first call fails so that nobody can tell why, such as by a 500, the error
// is returned, and the next call is in JSON. [Config.JSON] makes all of them JSON.
// An answer of more than 16 MiB is an error.
//
// # Numbers
//
// Numbers that are not of the service's form, which other endpoints may give,
// are zero in what puts return, and make reading fail.
//
// PutRecords keeps the order of a shard's records where the endpoint does,
// which the service does not promise within one call. What a reader from the
// tip has not read anything of yet it finds again, if it must, by the time at
// which it began, to the millisecond and by this machine's clock.
package kinesisclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/internal/sparse"
)

// A Stream is a stream of an account. Make one with [New]. It implements
// [client.Stream], [client.Putter], [client.Resharder] and [client.Registrar].
type Stream struct {
	client  *kinesis.Client // its own, whose bodies are plain and whose puts are fast
	watched bool            // others may look at what goes through client
	name    string
	log     *slog.Logger
	form    form                   // of puts
	arn     atomic.Pointer[string] // nil until it is known
	turns   turns                  // of those who poll
	ahead   atomic.Int64           // bytes that were read ahead of those who poll
}

// New returns the stream of a name, with the zero [Config]. It makes no call, so
// whether there is such a stream shows later. The error matches
// [weir.ErrInvalidArgument] if there is no client or no name.
func New(c *kinesis.Client, name string) (*Stream, error) { return Config{}.New(c, name) }

// A Config says how a [Stream] uses its client. The zero Config is for all
// endpoints.
type Config struct {
	// JSON makes PutRecords speak JSON, as the SDK for Go does. Without it
	// PutRecords speaks CBOR to endpoints that know it, which the service does, and
	// JSON to others.
	JSON bool
	// Logger is told what the stream decides or finds by itself: that puts go on
	// in JSON, that an iterator or a subscription is replaced, that records have
	// gone. The same message comes once a second at most. Nil means nobody is.
	Logger *slog.Logger
}

// New returns the stream of a name, as the function New does.
func (config Config) New(c *kinesis.Client, name string) (*Stream, error) {
	switch {
	case c == nil:
		return nil, invalid("client", "is nil")
	case name == "":
		return nil, invalid("stream name", "is empty")
	}
	o := c.Options()
	s := &Stream{client: kinesis.New(o, plain, withFastPuts), name: name, log: sparse.Logger(config.Logger, "stream", name)}
	fast := speaksJSON(&o)
	if s.watched = !fast || isWatched(&o); config.JSON || !fast {
		s.form.now.Store(formJSON)
	}
	return s, nil
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.name }

// PutRecord puts a record.
func (s *Stream) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	if ctx == nil {
		return weir.Placed{}, errNilContext
	}
	out, err := s.client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &s.name, PartitionKey: &key, Data: notNil(data)})
	if err != nil {
		return weir.Placed{}, s.putRefused(ctx, "put a record", err)
	}
	return placed(out.ShardId, out.SequenceNumber), nil
}

// notNil returns data as the SDK takes it if there is none.
func notNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// Shards lists the shards. Which of them are children of which is not filled
// in.
func (s *Stream) Shards(ctx context.Context) ([]weir.Shard, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	var list []weir.Shard
	in := &kinesis.ListShardsInput{StreamName: &s.name}
	for {
		out, err := s.client.ListShards(ctx, in)
		if err != nil {
			return nil, s.refused(ctx, "list the shards", err)
		}
		for _, d := range out.Shards {
			shard, err := shardOf(d)
			if err != nil {
				return nil, fmt.Errorf("stream %s: %w", s.name, err)
			}
			list = append(list, shard)
		}
		if out.NextToken == nil {
			slices.SortFunc(list, func(a, b weir.Shard) int { return int(a.ID) - int(b.ID) })
			return list, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

func shardOf(d types.Shard) (weir.Shard, error) {
	id, err1 := weir.ParseShardID(aws.ToString(d.ShardId))
	keys, err2 := rangeOf(d.HashKeyRange)
	parents, err3 := parentsOf(aws.ToString(d.ParentShardId), aws.ToString(d.AdjacentParentShardId))
	shard := weir.Shard{ID: id, HashKeyRange: keys, Parents: parents}
	var err4, err5 error
	if r := d.SequenceNumberRange; r != nil {
		shard.StartingSequenceNumber, err4 = numberOf(r.StartingSequenceNumber)
		shard.EndingSequenceNumber, err5 = numberOf(r.EndingSequenceNumber)
	}
	return shard, errors.Join(err1, err2, err3, err4, err5)
}

// numberOf reads a number that may be absent.
func numberOf(text *string) (weir.SequenceNumber, error) {
	if text == nil {
		return weir.SequenceNumber{}, nil
	}
	return weir.ParseSequenceNumber(*text)
}

func rangeOf(r *types.HashKeyRange) (weir.HashKeyRange, error) {
	if r == nil {
		return weir.HashKeyRange{}, nil
	}
	start, err1 := weir.ParseHashKey(aws.ToString(r.StartingHashKey))
	end, err2 := weir.ParseHashKey(aws.ToString(r.EndingHashKey))
	return weir.HashKeyRange{Start: start, End: end}, errors.Join(err1, err2)
}

// parentsOf reads the ids that are not empty.
func parentsOf(names ...string) (ids []weir.ShardID, err error) {
	for _, name := range names {
		if name == "" {
			continue
		}
		id, bad := weir.ParseShardID(name)
		ids, err = append(ids, id), errors.Join(err, bad)
	}
	return ids, err
}

func childrenOf(list []types.ChildShard) (children []weir.Shard, err error) {
	for _, c := range list {
		id, err1 := weir.ParseShardID(aws.ToString(c.ShardId))
		keys, err2 := rangeOf(c.HashKeyRange)
		parents, err3 := parentsOf(c.ParentShards...)
		children = append(children, weir.Shard{ID: id, HashKeyRange: keys, Parents: parents})
		err = errors.Join(err, err1, err2, err3)
	}
	return children, err
}

// appendRecords appends records to dst.
func appendRecords(dst []weir.Record, records []types.Record) ([]weir.Record, error) {
	for i := range records {
		r := &records[i]
		n, err := weir.ParseSequenceNumber(aws.ToString(r.SequenceNumber))
		if err != nil {
			return dst, err
		}
		dst = append(dst, weir.Record{
			SequenceNumber: n, PartitionKey: aws.ToString(r.PartitionKey), Data: r.Data,
			ArrivalTime: aws.ToTime(r.ApproximateArrivalTimestamp).UTC(),
		})
	}
	return dst, nil
}

func millis(n *int64) time.Duration { return time.Duration(aws.ToInt64(n)) * time.Millisecond }

// Read returns a reader of a shard. A consumer's costs a call that describes
// the consumer, of which an account may make 20 a second.
func (s *Stream) Read(ctx context.Context, shard weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if err := as.Check(); err != nil {
		return nil, err
	}
	if err := client.CheckPosition(shard, from); err != nil {
		return nil, err
	}
	if as.Consumer != "" {
		return s.subscribe(ctx, shard, from, as.Consumer)
	}
	return s.poll(ctx, shard, from, as)
}
