package bench

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir"
)

const (
	// sampleEvery is how many puts of one record there are to one that is measured
	// when a producer puts as fast as it can: looking at the clock takes a good part
	// of the time of a put into the engine.
	sampleEvery = 128
	// flushEvery is how often such a producer tells the meter what it has counted.
	flushEvery = 50 * time.Millisecond
)

// A flatOut is a producer that puts as fast as it can. Of puts of one record it
// measures the first of each sampleEvery, of calls with batches each; one record a
// call tells the consumers when it was put.
type flatOut struct {
	run     *run
	ring    *ring
	tally   tally
	flushed time.Duration
	again   *chunk // refused for throughput
	due     [1]time.Duration
}

// loop puts until the run is over.
func (p *flatOut) loop(ctx context.Context) error {
	defer func() { p.run.meter.add(&p.tally) }()
	for now := p.run.since(); ctx.Err() == nil && !p.run.over(now); {
		c := p.ring.next()
		if c = c.first(p.run.claim(len(c.entries))); len(c.entries) == 0 {
			return nil
		}
		var err error
		if now, err = p.put(ctx, c); err != nil {
			return err
		}
		if now-p.flushed > flushEvery {
			p.run.meter.add(&p.tally)
			p.flushed = now
		}
	}
	return nil
}

// put puts a chunk, and again what was refused. It returns when it was done.
func (p *flatOut) put(ctx context.Context, c *chunk) (now time.Duration, err error) {
	for retry := 0; ; retry++ {
		p.again = new(chunk)
		if p.run.batch == 1 {
			now, err = p.putSingly(ctx, c)
		} else {
			now, err = p.putBatch(ctx, c)
		}
		switch left := int64(len(p.again.entries)); {
		case err != nil || left == 0 || ctx.Err() != nil:
			return now, err
		case retry == p.run.retries:
			p.tally.GivenUp += left
			return now, nil
		case p.run.wait(ctx, p.run.backoff<<min(retry, 20)) != nil:
			return now, nil
		default:
			p.tally.Retried += left
			c = p.again
		}
	}
}

// putBatch puts records by one call.
func (p *flatOut) putBatch(ctx context.Context, c *chunk) (time.Duration, error) {
	sent := p.begin(c)
	results, err := p.run.config.Target.PutRecords(ctx, c.entries)
	done := p.run.since()
	p.run.mark.seal(c.entries[0].Data, stamp{})
	p.tally.Calls++
	if err != nil {
		return done, p.refusedAll(ctx, c, err)
	}
	counted, records, bytes := p.run.meter.counted(), 0, 0
	for i := range results {
		if failure := results[i].Err; failure == nil {
			records, bytes = records+1, bytes+int(c.sizes[i])
			if !counted {
				p.tally.shards.of(results[i].ShardID).put(int(c.sizes[i]))
			}
		} else if failure = p.turnedDown(c, i, failure); failure != nil {
			err = failure
		}
	}
	p.count(records, bytes)
	if records > 0 {
		p.measured(sent, done)
	}
	return done, p.run.hopeless(err)
}

// putSingly puts each record by a call of its own.
func (p *flatOut) putSingly(ctx context.Context, c *chunk) (done time.Duration, err error) {
	target, counted := p.run.config.Target, p.run.meter.counted()
	records, bytes := 0, 0
	sent := p.begin(c)
	for i := range c.entries {
		var failure error
		if e := &c.entries[i]; counted {
			_, failure = target.PutRecord(ctx, e.PartitionKey, e.Data)
		} else {
			failure = p.putOne(ctx, e)
		}
		if i == 0 {
			done = p.run.since()
			p.run.mark.seal(c.entries[i].Data, stamp{})
			if failure == nil {
				p.measured(sent, done)
			}
		}
		if failure == nil {
			records, bytes = records+1, bytes+int(c.sizes[i])
		} else if failure = p.turnedDown(c, i, failure); failure != nil {
			err = failure
		}
	}
	p.tally.Calls += int64(len(c.entries))
	p.count(records, bytes)
	if ctx.Err() != nil {
		return done, nil
	}
	return done, p.run.hopeless(err)
}

// putOne puts one record and counts where it went.
func (p *flatOut) putOne(ctx context.Context, e *weir.Entry) error {
	result, err := p.run.config.Target.PutRecord(ctx, e.PartitionKey, e.Data)
	if err == nil {
		p.tally.shards.of(result.ShardID).put(e.Size())
	}
	return err
}

// count counts records that were stored.
func (p *flatOut) count(records, bytes int) {
	p.tally.Records += int64(records)
	p.tally.Bytes += int64(bytes)
	if records > 0 {
		p.run.works()
	}
}

// measured measures a call that stored a record.
func (p *flatOut) measured(sent, done time.Duration) {
	p.due[0] = sent
	p.run.meter.called(p.due[:], sent, done)
}

// begin stamps the first record, and returns when it did.
func (p *flatOut) begin(c *chunk) time.Duration {
	sent := max(1, p.run.since())
	p.run.mark.seal(c.entries[0].Data, stamp{sent, sent})
	return sent
}

// turnedDown counts a record that was not stored, and keeps it if it may be put again.
// It returns why it may not.
func (p *flatOut) turnedDown(c *chunk, i int, err error) error {
	if !p.run.refuse(&p.tally, err) {
		return err
	}
	p.again.add(c.entries[i].PartitionKey, c.entries[i].Data)
	return nil
}

// refusedAll counts a call that was refused as a whole.
func (p *flatOut) refusedAll(ctx context.Context, c *chunk, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, weir.ErrThroughputExceeded) {
		p.tally.Throttled += int64(len(c.entries))
		p.again = c
		return nil
	}
	p.tally.Errors += int64(len(c.entries))
	p.run.meter.failed(err)
	return p.run.hopeless(err)
}
