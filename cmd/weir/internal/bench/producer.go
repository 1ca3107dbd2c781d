package bench

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir"
)

// A producer puts the records of a schedule, one call after the other.
type producer struct {
	run     *run
	batch   *batch
	tally   tally
	stored  []time.Duration // when the stored records of a call had been due
	results [1]weir.PutResult
}

func newProducer(r *run) *producer { return &producer{run: r, batch: newBatch(r.batch)} }

// loop puts until the schedule or ctx ends.
func (p *producer) loop(ctx context.Context) error {
	for p.run.schedule.take(ctx, p.batch) {
		err := p.put(ctx)
		p.run.meter.add(&p.tally)
		if err != nil {
			return err
		}
	}
	return nil
}

// put puts the batch, and again what was refused for throughput. Meanwhile the
// producer takes no other records.
func (p *producer) put(ctx context.Context) error {
	for retry := 0; ; retry++ {
		if err := p.call(ctx); err != nil {
			return err
		}
		refused := int64(len(p.batch.entries))
		if refused == 0 || ctx.Err() != nil {
			return nil
		}
		if retry == p.run.retries {
			p.tally.GivenUp += refused
			return nil
		}
		p.run.meter.add(&p.tally)
		if p.run.wait(ctx, p.run.backoff<<min(retry, 20)) != nil {
			return nil
		}
		p.tally.Retried += refused
	}
}

// call makes one call, and leaves what it was refused for throughput in the batch.
func (p *producer) call(ctx context.Context) error {
	b, sent := p.batch, p.run.since()
	for i := range b.entries {
		p.run.mark.seal(b.entries[i].Data, stamp{b.due[i], max(1, sent)})
	}
	results, err := p.send(ctx)
	done := p.run.since()
	if err != nil {
		return p.refusedAll(ctx, err, sent, done)
	}
	p.tally.Calls++
	err = p.sort(results)
	p.run.meter.called(p.stored, sent, done)
	return err
}

// sort counts what became of the records of a call, and keeps in the batch those
// that a limit refused.
func (p *producer) sort(results []weir.PutResult) (err error) {
	b, kept := p.batch, 0
	p.stored = p.stored[:0]
	for i := range results {
		switch failure := results[i].Err; {
		case failure == nil:
			p.tally.stored(results[i].ShardID, b.entries[i].Size())
			p.stored = append(p.stored, b.due[i])
		case p.run.refuse(&p.tally, failure):
			b.swap(kept, i)
			kept++
		default:
			err = failure
		}
	}
	b.entries, b.due = b.entries[:kept], b.due[:kept]
	if len(p.stored) > 0 {
		p.run.works()
	}
	return p.run.hopeless(err)
}

// send makes the call that fits the batch: PutRecord if the workload has batches of
// one record, else PutRecords.
func (p *producer) send(ctx context.Context) ([]weir.PutResult, error) {
	if p.run.batch > 1 {
		return p.run.config.Target.PutRecords(ctx, p.batch.entries)
	}
	e := &p.batch.entries[0]
	placed, err := p.run.config.Target.PutRecord(ctx, e.PartitionKey, e.Data)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	p.results[0] = weir.PutResult{Placed: placed, Err: err}
	return p.results[:], nil
}

// refusedAll counts a call that was refused as a whole. What may be put again stays in
// the batch. The error is for when nothing works at all.
func (p *producer) refusedAll(ctx context.Context, err error, sent, done time.Duration) error {
	b := p.batch
	if ctx.Err() != nil {
		b.reset()
		return nil
	}
	p.tally.Calls++
	p.run.meter.called(nil, sent, done)
	if errors.Is(err, weir.ErrThroughputExceeded) {
		p.tally.Throttled += int64(len(b.entries))
		return nil
	}
	p.tally.Errors += int64(len(b.entries))
	p.run.meter.failed(err)
	b.reset()
	return p.run.hopeless(err)
}
