package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/pause"
)

const (
	// queuedEvents is how many events wait for a producer at most.
	queuedEvents = 100
	// batchRecords and batchBytes bound one PutRecords.
	batchRecords = 100
	batchBytes   = 5 << 20
	// patience is how long one put waits for quota before the producer backs
	// off. It is short: what is tried again counts as throttled again.
	patience = time.Millisecond
	// backOff is how long a producer rests after it was throttled.
	backOff = 100 * time.Millisecond
)

// A producer puts the events of its keys, in batches and in order.
type producer struct {
	run    *run
	events chan dueEvent
	keys   map[string]*keyCount
	batch  []weir.Entry // refused ones first, then new ones
	due    []time.Duration
	bytes  int // of batch
}

// keyCount is how many events of a key were numbered, and how many were stored.
type keyCount struct {
	numbered uint64
	stored   uint64
}

func newProducer(r *run) *producer {
	return &producer{run: r, events: make(chan dueEvent, queuedEvents), keys: make(map[string]*keyCount)}
}

// loop puts until the events or ctx end.
func (p *producer) loop(ctx context.Context) error {
	for ctx.Err() == nil && p.fill(ctx) {
		throttled, err := p.put(ctx)
		if err != nil {
			return err
		}
		if throttled && pause.For(ctx, backOff) != nil {
			return nil
		}
	}
	return nil
}

// fill adds events to the batch, waiting for one if it is empty. It reports
// whether there is anything to put.
func (p *producer) fill(ctx context.Context) bool {
	if len(p.batch) == 0 {
		select {
		case e, ok := <-p.events:
			if !ok {
				return false
			}
			p.add(e)
		case <-ctx.Done():
			return false
		}
	}
	for len(p.batch) < batchRecords && p.bytes < batchBytes {
		select {
		case e, ok := <-p.events:
			if !ok {
				return true
			}
			p.add(e)
		default:
			return true
		}
	}
	return true
}

// add numbers an event and appends it to the batch.
func (p *producer) add(e dueEvent) {
	count := p.keys[e.Key]
	if count == nil {
		count = new(keyCount)
		p.keys[e.Key] = count
	}
	count.numbered++
	entry := weir.Entry{
		PartitionKey: e.Key,
		Data:         Envelope{Number: count.numbered, Due: e.due}.Seal(e.Raw),
	}
	p.batch = append(p.batch, entry)
	p.due = append(p.due, e.due)
	p.bytes += entry.Size()
}

// put puts the batch once and keeps what was refused for throughput. It uses
// the put that waits, because that one lets no record overtake a refused one of
// its shard, but does not let it wait for long.
func (p *producer) put(ctx context.Context) (throttled bool, err error) {
	sent := p.run.since()
	for i := range p.batch {
		stampSent(p.batch[i].Data, sent)
	}
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	results, err := p.run.stream.PutRecordsWait(attempt, p.batch)
	if err != nil && attempt.Err() == nil {
		return false, fmt.Errorf("put %d records: %w", len(p.batch), err)
	}
	if results == nil { // the time was over before the put began: nothing was put
		return false, nil
	}
	return p.settle(results, sent)
}

// settle counts what was stored and keeps the rest as the next batch.
func (p *producer) settle(results []weir.PutResult, sent time.Duration) (throttled bool, err error) {
	now := p.run.since()
	kept := 0
	waits := make([]time.Duration, 0, len(results))
	for i, result := range results {
		switch {
		case result.Err == nil:
			p.keys[p.batch[i].PartitionKey].stored++
			p.bytes -= p.batch[i].Size()
			waits = append(waits, now-p.due[i])
		case retryable(result.Err):
			throttled = throttled || errors.Is(result.Err, weir.ErrThroughputExceeded)
			p.batch[kept], p.due[kept] = p.batch[i], p.due[i]
			kept++
		default:
			return false, fmt.Errorf("put a record: %w", result.Err)
		}
	}
	clear(p.batch[kept:])
	p.batch, p.due = p.batch[:kept], p.due[:kept]
	p.run.puts.record(waits, now-sent)
	return throttled, nil
}

// retryable reports whether a record may be stored later: a limit refused it,
// or the time for the put was over before it came to it.
func retryable(err error) bool {
	return errors.Is(err, weir.ErrThroughputExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
