package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A consumer reads one shard, checks the order of its keys and counts.
type consumer struct {
	run     *run
	reader  *weir.Reader
	order   *OrderCheck
	windows *Windows
	records int64
	last    time.Duration // when it read its last record

	fromDue, fromSent []time.Duration // of the records at hand
}

func newConsumer(r *run, reader *weir.Reader) *consumer {
	return &consumer{run: r, reader: reader, order: NewOrderCheck(), windows: NewWindows()}
}

// loop reads until ctx ends, and then to the tip of the shard.
func (c *consumer) loop(ctx context.Context) error {
	for {
		b, err := c.reader.Next(ctx)
		if err != nil && ctx.Err() != nil {
			if b, err = c.reader.TryNext(); err == nil && len(b.Records) == 0 {
				return nil
			}
		}
		if err != nil {
			return err
		}
		if err := c.handle(b.Records); err != nil {
			return err
		}
	}
}

// handle counts records.
func (c *consumer) handle(records []weir.Record) error {
	c.fromDue, c.fromSent = c.fromDue[:0], c.fromSent[:0]
	now, read := c.run.since(), int64(0)
	for _, r := range records {
		envelope, line, err := OpenEnvelope(r.Data)
		if err != nil {
			return err
		}
		e, err := c.run.config.Parse(line)
		if err != nil {
			return fmt.Errorf("%s: a record is not what was put: %w", r.ShardID(), err)
		}
		if c.order.Observe(r.PartitionKey, envelope.Number) {
			read += weight(line)
		}
		c.windows.Count(e)
		c.fromDue = append(c.fromDue, now-envelope.Due)
		c.fromSent = append(c.fromSent, now-envelope.Sent)
	}
	c.records += int64(len(records))
	c.last = now
	c.run.reads.record(c.fromDue, c.fromSent)
	c.run.unread.Release(read)
	return nil
}
