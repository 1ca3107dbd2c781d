package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/pause"
)

// Poll returns a reader that calls GetRecords.
func (r *remote) Poll(ctx context.Context, shard weir.ShardID, from Start, limit int) (Reader, error) {
	p := &remotePoll{remote: r, shard: shard.String(), limit: int32(limit), from: from, opened: time.Now()}
	return p, p.renew(ctx)
}

// A remotePoll reads by GetRecords.
type remotePoll struct {
	remote  *remote
	shard   string
	limit   int32
	from    Start
	opened  time.Time
	last    string  // the last record's sequence number; empty if nothing was read
	it      *string // nil when the shard is read to its end
	records []weir.Record
}

// Next is one call of GetRecords. An iterator that expired is replaced.
func (p *remotePoll) Next(ctx context.Context) (Batch, error) {
	out, err := p.call(ctx)
	var expired *types.ExpiredIteratorException
	if errors.As(err, &expired) {
		if err := p.renew(ctx); err != nil {
			return Batch{}, err
		}
		out, err = p.call(ctx)
	}
	if err != nil {
		return Batch{}, throttle(err)
	}
	if n := len(out.Records); n > 0 {
		p.last = aws.ToString(out.Records[n-1].SequenceNumber)
	}
	p.it = out.NextShardIterator
	p.records = appendRecords(p.records[:0], out.Records)
	children, err := childrenOf(out.ChildShards)
	return Batch{
		Records: p.records, Behind: millis(out.MillisBehindLatest), Ended: p.it == nil, Children: children,
	}, err
}

func (p *remotePoll) call(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	return p.remote.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: p.it, Limit: &p.limit})
}

// renew gets an iterator that stands where the reader does.
func (p *remotePoll) renew(ctx context.Context) error {
	in := &kinesis.GetShardIteratorInput{StreamName: &p.remote.name, ShardId: &p.shard}
	switch {
	case p.last != "":
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &p.last
	case p.from == TrimHorizon:
		in.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	case p.it == nil:
		in.ShardIteratorType = types.ShardIteratorTypeLatest
	default:
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, &p.opened
	}
	out, err := p.remote.client.GetShardIterator(ctx, in)
	if err != nil {
		return fmt.Errorf("iterator of %s: %w", p.shard, err)
	}
	p.it = out.ShardIterator
	return nil
}

// Close does nothing.
func (p *remotePoll) Close() {}

// appendRecords appends records with what the bench looks at: key and data.
func appendRecords(dst []weir.Record, records []types.Record) []weir.Record {
	for i := range records {
		dst = append(dst, weir.Record{PartitionKey: aws.ToString(records[i].PartitionKey), Data: records[i].Data})
	}
	return dst
}

func millis(n *int64) time.Duration { return time.Duration(aws.ToInt64(n)) * time.Millisecond }

func childrenOf(list []types.ChildShard) (children []weir.Shard, err error) {
	for _, c := range list {
		id, err1 := weir.ParseShardID(aws.ToString(c.ShardId))
		parents, err2 := parentsOf(append([]string(nil), c.ParentShards...))
		children = append(children, weir.Shard{ID: id, Parents: parents})
		err = errors.Join(err, err1, err2)
	}
	return children, err
}

// Register registers a consumer and waits until it can be used.
func (r *remote) Register(ctx context.Context, consumer string) error {
	_, err := r.client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &r.arn, ConsumerName: &consumer})
	if err != nil {
		return fmt.Errorf("register consumer %s: %w", consumer, err)
	}
	r.consumers = append(r.consumers, consumer)
	return r.until(ctx, "consumer "+consumer, func() (bool, error) {
		d, err := r.describe(ctx, consumer)
		return err == nil && d.ConsumerStatus == types.ConsumerStatusActive, err
	})
}

func (r *remote) describe(ctx context.Context, consumer string) (*types.ConsumerDescription, error) {
	out, err := r.client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: &r.arn, ConsumerName: &consumer})
	if err != nil {
		return nil, err
	}
	return out.ConsumerDescription, nil
}

// Subscribe returns a subscription of a registered consumer.
func (r *remote) Subscribe(ctx context.Context, consumer string, shard weir.ShardID, from Start) (Reader, error) {
	d, err := r.describe(ctx, consumer)
	if err != nil {
		return nil, err
	}
	s := &remoteSubscription{
		// Subscriptions of one client share the SDK's decoder of events, which is not
		// made for several goroutines.
		client: kinesis.New(r.client.Options()), consumer: aws.ToString(d.ConsumerARN), shard: shard.String(),
		position: types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	}
	if from == Latest {
		s.position.Type = types.ShardIteratorTypeLatest
	}
	return s, s.subscribe(ctx)
}

// A remoteSubscription is renewed when its life is over.
type remoteSubscription struct {
	client   *kinesis.Client
	consumer string // its ARN
	shard    string
	position types.StartingPosition // to continue at
	events   *kinesis.SubscribeToShardEventStream
	cancel   context.CancelFunc // of the request
	records  []weir.Record
}

// subscribe subscribes. One of the same consumer and shard that is not over yet makes
// it wait.
func (s *remoteSubscription) subscribe(ctx context.Context) error {
	for {
		// The request lives longer than the call: Close ends it.
		life, cancel := context.WithCancel(context.WithoutCancel(ctx))
		stop := context.AfterFunc(ctx, cancel)
		out, err := s.client.SubscribeToShard(life, &kinesis.SubscribeToShardInput{
			ConsumerARN: &s.consumer, ShardId: &s.shard, StartingPosition: &s.position,
		})
		stop()
		if err == nil {
			s.events, s.cancel = out.GetStream(), cancel
			return nil
		}
		cancel()
		var busy *types.ResourceInUseException
		if !errors.As(err, &busy) {
			return fmt.Errorf("subscribe to %s: %w", s.shard, err)
		}
		if err := pause.For(ctx, time.Second); err != nil {
			return err
		}
	}
}

// Next returns the next event.
func (s *remoteSubscription) Next(ctx context.Context) (Batch, error) {
	for {
		if s.events == nil {
			if err := s.subscribe(ctx); err != nil {
				return Batch{}, err
			}
		}
		select {
		case e, ok := <-s.events.Events():
			if event, is := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); is {
				return s.batch(&event.Value)
			}
			if ok {
				continue
			}
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
		err := s.events.Err()
		if s.Close(); err != nil {
			return Batch{}, fmt.Errorf("subscription to %s: %w", s.shard, err)
		}
	}
}

// batch returns what an event holds.
func (s *remoteSubscription) batch(e *types.SubscribeToShardEvent) (Batch, error) {
	if e.ContinuationSequenceNumber != nil {
		s.position = types.StartingPosition{
			Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: e.ContinuationSequenceNumber,
		}
	}
	s.records = appendRecords(s.records[:0], e.Records)
	children, err := childrenOf(e.ChildShards)
	return Batch{
		Records: s.records, Behind: millis(e.MillisBehindLatest), Ended: len(children) > 0, Children: children,
	}, err
}

// Close ends the subscription.
func (s *remoteSubscription) Close() {
	if s.events != nil {
		s.cancel()
		s.events.Close()
		s.events = nil
	}
}
