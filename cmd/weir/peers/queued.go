package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weirstream/weir/queue"
)

// queuedNs is what a record takes that one worker gets from a work queue and
// acknowledges by itself, ten at a time.
const queuedNs measure = "queued_ns"

const queueBatch = 10

// A queuer has work queues. It puts n records, the given ones in turn, into a
// new one, hands to s what a worker gets, and returns how long getting and
// acknowledging all of them took.
type queuer interface {
	queue(records []record, n int, s *sink) (time.Duration, error)
}

// queuedPart is how much of the records of a batch a queue is measured with:
// one round of a server takes about a second then.
const queuedPart = 10

// measureQueued has queues emptied until some time has passed, once at least.
func measureQueued(p peer, c config, in *input) (map[measure]float64, error) {
	n := c.scaled(p.counts.batch, in.size) / queuedPart
	l, err := p.open(in.room(n))
	if err != nil {
		return nil, err
	}
	defer l.close()
	q, ok := l.(queuer)
	if !ok {
		return nil, nil
	}
	var took time.Duration
	total := 0
	for total == 0 || took < c.atLeast() {
		var s sink
		once, err := q.queue(in.records, n, &s)
		if err != nil {
			return nil, err
		}
		if s.records != n {
			return nil, fmt.Errorf("a queue gave %d records of %d", s.records, n)
		}
		took += once
		total += n
	}
	return map[measure]float64{queuedNs: float64(took) / float64(total)}, nil
}

// queue is a queue over a new stream; it ends where all is acknowledged.
func (l *weirLog) queue(records []record, n int, s *sink) (time.Duration, error) {
	other, err := openWeir(len(l.stream.Shards()))
	if err != nil {
		return 0, err
	}
	if err := fill(other, n, records); err != nil {
		return 0, err
	}
	q, err := queue.New(other.(*weirLog).stream, queue.Config{})
	if err != nil {
		return 0, err
	}
	ctx, receipts := context.Background(), make([]queue.Receipt, 0, queueBatch)
	began := time.Now()
	for left := n; left > 0; {
		list, err := q.Receive(ctx, queueBatch)
		if err != nil {
			return 0, err
		}
		receipts = receipts[:0]
		for i := range list {
			s.take(list[i].Data)
			receipts = append(receipts, list[i].Receipt)
		}
		if errs, err := q.Acknowledge(ctx, receipts...); err != nil || errs != nil {
			return 0, fmt.Errorf("acknowledge: %v, %w", errs, err)
		}
		left -= len(list)
	}
	return time.Since(began), nil
}

// workName is the stream that is a work queue: what is acknowledged leaves it.
const workName = "work"

// queue is a pull consumer of a stream with the policy of work queues. An
// acknowledgement is sent and not waited for; the end is when the server says
// that the stream is empty.
func (l *jetStreamLog) queue(records []record, n int, s *sink) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	js := l.inside
	work, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: workName, Subjects: []string{workName}, Storage: jetstream.MemoryStorage, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		return 0, err
	}
	defer js.DeleteStream(ctx, workName)
	for i := range n {
		if _, err := js.PublishAsync(workName, records[i%len(records)].both); err != nil {
			return 0, err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	consumer, err := work.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: workName, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1, MemoryStorage: true,
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for left := n; left > 0; {
		batch, err := consumer.Fetch(min(queueBatch, left))
		if err != nil {
			return 0, err
		}
		for m := range batch.Messages() {
			s.take(m.Data()[keyBytes:])
			if err := m.Ack(); err != nil {
				return 0, err
			}
			left--
		}
		if err := batch.Error(); err != nil {
			return 0, err
		}
	}
	for {
		info, err := work.Info(ctx)
		if err != nil {
			return 0, err
		}
		if info.State.Msgs == 0 {
			return time.Since(began), nil
		}
	}
}
