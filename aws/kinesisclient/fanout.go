package kinesisclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A subscriber reads by the subscriptions of a consumer, one after the other.
type subscriber struct {
	losses
	stream   *Stream
	consumer string
	arn      string
	id       weir.ShardID
	shard    string // the same, as the service has it
	life     life
	at       weir.Position // where the next subscription begins
	read     bool          // at is behind a record, and not only a number
	mark     mark          // until the first record behind it has come
	silent   time.Duration // how long Next has waited since the last event
	ended    error         // why there will be no more events; nil while there may be
	records  []weir.Record

	mu     sync.Mutex // guards what follows; not held while waiting
	events *kinesis.SubscribeToShardEventStream
	cancel context.CancelFunc // of the request that events is the answer to
}

// subscribe returns a reader that is subscribed.
func (s *Stream) subscribe(ctx context.Context, shard weir.ShardID, from weir.Position, consumer string) (client.Reader, error) {
	d, err := s.describe(ctx, consumer)
	if err != nil {
		return nil, s.consumerRefused(ctx, "describe", consumer, err)
	}
	r := &subscriber{
		stream: s, consumer: consumer, arn: aws.ToString(d.ConsumerARN),
		id: shard, shard: shard.String(), life: newLife(ctx), at: from, read: true,
	}
	opened := time.Now()
	if _, err := r.renew(ctx); err != nil {
		r.life.end()
		return nil, err
	}
	r.at = again(from, opened)
	return r, nil
}

// renew subscribes. Where a subscription of the same consumer and shard has
// just begun it waits, and takes over.
func (r *subscriber) renew(ctx context.Context) (*kinesis.SubscribeToShardEventStream, error) {
	const takeover = time.Second
	for {
		events, err := r.call(ctx)
		if err == nil {
			return events, nil
		}
		switch {
		case r.life.over():
			return nil, weir.ErrClosed
		case codeOf(err) == codeInUse && ctx.Err() == nil:
		case codeOf(err) == codeNotFound:
			return nil, r.stream.consumerRefused(ctx, "subscribe to "+r.shard+" as", r.consumer, err)
		default:
			return nil, r.stream.positionRefused(ctx, "subscribe to "+r.shard, r.at, err)
		}
		if err := r.life.pause(ctx, takeover); err != nil {
			return nil, err
		}
	}
}

// mayExpire is less than how long records are kept at least, on any clock: what
// was put after a number of that age may have gone.
const mayExpire = 23 * time.Hour

// call makes a subscription, whose request lives longer than the call.
func (r *subscriber) call(ctx context.Context) (*kinesis.SubscribeToShardEventStream, error) {
	mark, begin := r.mark, r.at
	switch {
	case r.read:
		mark, begin = markOf(r.at)
	case mark.number.IsZero() && time.Since(r.at.Number().Time()) > mayExpire:
		mark, _ = markOf(r.at)
	}
	at := placeOf(begin)
	request, cancel := context.WithCancel(r.life.ctx)
	stop := context.AfterFunc(ctx, cancel)
	// Subscriptions of one client would share the SDK's decoder of events, which
	// is not made for several goroutines; one that was left may still be read.
	own := kinesis.New(r.stream.client.Options())
	out, err := own.SubscribeToShard(request, &kinesis.SubscribeToShardInput{
		ConsumerARN: &r.arn, ShardId: &r.shard,
		StartingPosition: &types.StartingPosition{Type: at.kind, SequenceNumber: at.number, Timestamp: at.time},
	})
	if !stop() && err == nil { // ctx ended at the same time
		_ = out.GetStream().Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	r.mark = mark
	return out.GetStream(), r.enter(out.GetStream(), cancel)
}

// enter makes a subscription the current one, unless the reader was closed
// meanwhile.
func (r *subscriber) enter(events *kinesis.SubscribeToShardEventStream, cancel context.CancelFunc) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.over() {
		cancel()
		_ = events.Close()
		return weir.ErrClosed
	}
	r.events, r.cancel = events, cancel
	return nil
}

// leave ends the current subscription, if there is one.
func (r *subscriber) leave() {
	r.mu.Lock()
	events, cancel := r.events, r.cancel
	r.events = nil
	r.mu.Unlock()
	if events != nil {
		cancel()
		_ = events.Close() // what went wrong with it is told by Err
	}
}

func (r *subscriber) current() *kinesis.SubscribeToShardEventStream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// Next returns the next event. When the life of a subscription is over, another
// one goes on where it stood.
func (r *subscriber) Next(ctx context.Context) (weir.Batch, error) {
	if ctx == nil {
		return weir.Batch{}, errNilContext
	}
	for {
		if err := r.life.pause(ctx, 0); err != nil {
			return weir.Batch{}, err
		}
		if r.ended != nil {
			return weir.Batch{}, r.ended
		}
		events := r.current()
		if events == nil {
			var err error
			if events, err = r.renew(ctx); err != nil {
				return weir.Batch{}, err
			}
		}
		e, more, err := r.hear(ctx, events)
		if err != nil {
			return weir.Batch{}, err
		}
		if event, is := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); is {
			return r.take(&event.Value)
		}
		if more {
			continue // silence, or a kind of event that is not known here
		}
		err = events.Err()
		r.leave()
		if err != nil && !r.life.over() {
			return weir.Batch{}, r.broken(ctx, err)
		}
	}
}

// silence is how long a subscription may be silent. The service sends an event
// every few seconds, if only to say that there is nothing.
const silence = 60 * time.Second

// hear waits for an event, and reports whether there may be more. It ends a
// subscription that is silent, and returns no event then. What counts is the
// time that is waited here: a caller that comes late has an event waiting.
func (r *subscriber) hear(ctx context.Context, events *kinesis.SubscribeToShardEventStream) (e types.SubscribeToShardEventStream, more bool, err error) {
	begin := time.Now()
	timer := time.NewTimer(silence - r.silent)
	defer timer.Stop()
	select {
	case e, more = <-events.Events():
		r.silent = 0
		return e, more, nil
	case <-timer.C:
		r.silent = 0
		r.stream.log.Warn("a subscription was silent, and is replaced", "shard", r.shard, "for", silence)
		r.leave()
		return nil, true, nil
	case <-r.life.ctx.Done():
		return nil, false, weir.ErrClosed
	case <-ctx.Done():
		r.silent = min(r.silent+time.Since(begin), silence)
		return nil, false, ctx.Err()
	}
}

// broken returns why a subscription has ended, unless its life was over. Nobody
// subscribes again where another reader of the consumer has taken over, or
// there is no consumer any more.
func (r *subscriber) broken(ctx context.Context, err error) error {
	what := "subscription to " + r.shard + " of"
	switch codeOf(err) {
	case codeInUse:
		r.ended = both(weir.ErrSubscriptionTakenOver, fmt.Errorf("stream %s: %s consumer %s: %w", r.stream.name, what, r.consumer, err))
	case codeNotFound:
		// Not by ctx: its end is this call's, and not the reader's.
		r.ended = r.stream.consumerRefused(context.WithoutCancel(ctx), what, r.consumer, err)
	default:
		return r.stream.refused(ctx, what+" consumer "+r.consumer, err)
	}
	return r.ended
}

// take notes what an event holds, if it can be read.
func (r *subscriber) take(e *types.SubscribeToShardEvent) (weir.Batch, error) {
	records, err := appendRecords(r.records[:0], e.Records)
	r.records = records
	children, bad := childrenOf(e.ChildShards)
	next, worse := numberOf(e.ContinuationSequenceNumber)
	if err := errors.Join(err, bad, worse); err != nil {
		r.leave() // and read it again
		return weir.Batch{}, fmt.Errorf("stream %s: subscription to %s: the event cannot be read: %w", r.stream.name, r.shard, err)
	}
	b := weir.Batch{Shard: r.id, Records: records, Behind: millis(e.MillisBehindLatest), Children: children}
	if n := len(records); n > 0 {
		r.at, r.read = weir.AfterSequence(records[n-1].SequenceNumber), true
	}
	if at := weir.AfterSequence(next); !next.IsZero() && at != r.at {
		r.at, r.read = at, false
	}
	if len(children) > 0 || next.IsZero() {
		b.Last, r.ended = true, io.EOF
		r.leave()
	}
	b.Continue = r.at
	var lost int64
	b.Records, lost = r.mark.pass(records, b.Last)
	r.lose(r.stream, r.shard, lost)
	return b, nil
}

// Close ends the reader.
func (r *subscriber) Close() error {
	r.life.end()
	r.leave()
	return nil
}
