package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirstream/weir"
)

// A Subscription is a running SubscribeToShard. Use it from one goroutine at a
// time; Close may be called from any.
type Subscription struct {
	st       *stream
	consumer *consumer // of which its name and ARN are read
	sub      *weir.Subscription
}

// SubscribeToShard subscribes a consumer that is ACTIVE to a shard, for five
// minutes at most. The consumer has one subscription a shard: within 5 s of one
// another is refused, after that it takes over.
func (a *Account) SubscribeToShard(ctx context.Context, in *SubscribeToShardInput) (*Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if in == nil || in.ConsumerARN == nil {
		return nil, missing("consumerARN")
	}
	if in.ShardId == nil {
		return nil, missing("shardId")
	}
	if in.StartingPosition == nil || in.StartingPosition.Type == nil {
		return nil, missing("startingPosition")
	}
	cons, err := a.subscriber(*in.ConsumerARN, *in.ShardId)
	if err != nil {
		return nil, err
	}
	st, shard, err := a.shardOf(StreamRef{Name: cons.st.name}, *in.ShardId)
	if err != nil {
		return nil, err
	}
	if err := st.takeDryRun(value(in.DryRun)); err != nil {
		return nil, err
	}
	at := startingAt{*in.StartingPosition.Type, in.StartingPosition.SequenceNumber, in.StartingPosition.Timestamp}
	from, err := st.position(shard, at)
	if err != nil {
		return nil, err
	}
	if value(in.DryRun) {
		return nil, st.drySubscribe(ctx, shard, from, at)
	}
	sub, err := st.engine.Subscribe(ctx, cons.name, shard, from)
	if err != nil {
		return nil, st.subscribeRefused(err, cons, shard, at)
	}
	return &Subscription{st: st, consumer: cons, sub: sub}, nil
}

// subscriber returns a consumer that may subscribe.
func (a *Account) subscriber(text, shard string) (*consumer, error) {
	c := &control{a: a, op: "SubscribeToShard", now: a.config.Now()}
	p, ok := parseARN(text)
	if !ok || p.kind != "consumer" {
		return nil, errorf(CodeInvalidArgument, msgBadARN, text)
	}
	if _, err := weir.ParseShardID(shard); err != nil {
		return nil, a.shardNotFound(shard, p.name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	cons, err := c.consumerByARN(text, p)
	if err != nil {
		return nil, err
	}
	if cons.status != StatusActive {
		return nil, errorf(CodeResourceInUse, msgConsumerNotReady, cons.name, cons.created.Unix(), p.name, a.config.ID)
	}
	return cons, nil
}

// drySubscribe says what a subscription would have said.
func (st *stream) drySubscribe(ctx context.Context, shard weir.ShardID, from weir.Position, at startingAt) error {
	if _, err := st.engine.Iterator(ctx, shard, from); err != nil {
		return st.positionRefused(err, shard, at)
	}
	return errorf(CodeDryRun, msgDryRun)
}

// subscribeRefused words why the engine refused or ended a subscription.
func (st *stream) subscribeRefused(err error, cons *consumer, shard weir.ShardID, at startingAt) error {
	switch {
	case errors.Is(err, weir.ErrSubscriptionActive), errors.Is(err, weir.ErrSubscriptionTakenOver):
		return errorf(CodeResourceInUse, msgSubscribed, st.a.config.ID, st.name, shard, cons.name)
	case errors.Is(err, weir.ErrConsumerNotFound):
		return errorf(CodeResourceNotFound, msgConsumerNotFound, cons.arn, st.a.config.ID)
	default:
		return st.positionRefused(err, shard, at)
	}
}

// Next returns the next event and waits for it: records as soon as there are
// some, else an event without records at once and then about every 5 s. It
// returns [io.EOF] when five minutes are over, after the last event of a closed
// shard, and after Close; the context's error; or an [*Error] to be sent as an
// exception in the event stream, when another subscription took over or the
// consumer is gone. The event and its Records are overwritten by the next call.
func (s *Subscription) Next(ctx context.Context) (*SubscribeToShardEvent, error) {
	for {
		waiting, done := s.st.untilChange(ctx)
		ev, err := s.sub.Next(waiting)
		done()
		switch {
		case err == nil:
			return s.event(ev), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			return nil, s.ended(err)
		}
		s.st.a.serving(s.st.name) // carries out what has fallen due
	}
}

// Wait waits until an event is likely to be due, which [Subscription.TryNext]
// returns then, and lets go of the records of the last one. It returns nil as
// well when the subscription is over, and the context's error.
func (s *Subscription) Wait(ctx context.Context) error {
	for {
		waiting, done := s.st.untilChange(ctx)
		err := s.sub.Wait(waiting)
		done()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		s.st.a.serving(s.st.name) // carries out what has fallen due
	}
}

// TryNext is [Subscription.Next] without the waiting: it returns nil when no
// event is due. It is for callers who move the clock themselves.
func (s *Subscription) TryNext() (*SubscribeToShardEvent, error) {
	s.st.a.serving(s.st.name)
	ev, ok, err := s.sub.TryNext()
	if err != nil {
		return nil, s.ended(err)
	}
	if !ok {
		return nil, nil
	}
	return s.event(ev), nil
}

// Close ends the subscription, a waiting Next included. The consumer may not
// subscribe to the shard again before 5 s after the subscription began.
func (s *Subscription) Close() { s.sub.Close() }

func (s *Subscription) ended(err error) error {
	if err == io.EOF || errors.Is(err, weir.ErrClosed) {
		return io.EOF
	}
	return s.st.subscribeRefused(err, s.consumer, s.sub.ShardID(), startingAt{})
}

func (s *Subscription) event(ev weir.Batch) *SubscribeToShardEvent {
	out := &SubscribeToShardEvent{
		Records: ev.Records, EncryptionTypes: s.st.encryptionTypes(ev.Records),
		MillisBehindLatest: ev.Behind.Milliseconds(), ChildShards: childrenOf(ev.Children),
	}
	if !ev.Last {
		next := ev.Continue.Number()
		if len(ev.Records) == 0 {
			next = next.Later(s.st.clock.read()) // the service's grows from one idle event to the next
		}
		out.ContinuationSequenceNumber = next.String()
	}
	return out
}

// untilChange returns a context that ends when a change of the stream falls due
// or another one begins, so that who waits for records learns of the end of a
// shard in time. done must be called.
func (st *stream) untilChange(ctx context.Context) (waiting context.Context, done func()) {
	st.waitMu.Lock()
	defer st.waitMu.Unlock()
	var cancel context.CancelFunc
	if due := st.due.Load(); due != 0 {
		waiting, cancel = context.WithTimeout(ctx, time.Unix(0, due).Sub(st.a.config.Now()))
	} else {
		waiting, cancel = context.WithCancel(ctx)
	}
	if st.waiters == nil {
		st.waiters = make(map[context.Context]context.CancelFunc)
	}
	st.waiters[waiting] = cancel
	return waiting, func() {
		st.waitMu.Lock()
		delete(st.waiters, waiting)
		st.waitMu.Unlock()
		cancel()
	}
}

// wakeWaiters ends the contexts of those who wait.
func (st *stream) wakeWaiters() {
	st.waitMu.Lock()
	defer st.waitMu.Unlock()
	for waiting, cancel := range st.waiters {
		delete(st.waiters, waiting)
		cancel()
	}
}

// String names the subscription for logs.
func (s *Subscription) String() string {
	return fmt.Sprintf("%s of stream %s for consumer %s", s.sub.ShardID(), s.st.name, s.consumer.name)
}

// Wake makes every [Subscription.Next] that waits look at the clock again. It
// is for callers whose clock jumps; one that runs needs no waking.
func (a *Account) Wake() {
	for _, st := range *a.streams.Load() {
		st.wakeWaiters()
	}
}
