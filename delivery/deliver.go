package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
)

// errNoErrors says that a record cannot be processed where nothing is given up.
var errNoErrors = errors.New("there is no error output")

// deliverable returns an error if a record of the load has failed, and there is
// no error output.
func (d *Delivery) deliverable(l *load) error {
	if d.config.Errors != nil {
		return nil
	}
	for _, it := range l.items {
		if it.kind == failed {
			return fmt.Errorf("record %v: %s: %w", it.record.SequenceNumber, it.record.Data, errNoErrors)
		}
	}
	return nil
}

// exceeded returns a record of one partition too many as it goes to the error
// output.
func (d *Delivery) exceeded(now time.Time, it *item) item {
	d.counts.exceeded.Add(1)
	err := fmt.Errorf("%d partitions are being filled, which is as many as may be", d.config.Partitions)
	out := d.failedItem(now, failureOf(partitionExceeded, codePartitions, 1, err), &it.record)
	out.byChance = true
	return out
}

// deliver delivers an object, and what of it cannot be delivered to the error
// output. An error is that of the context: the object comes again.
func (d *Delivery) deliver(ctx context.Context, p *consumer.Progress, c *cut) error {
	o := &Object{
		ContentType: "application/octet-stream", Count: len(c.records), Size: c.bytes, Stream: p.Stream(), Shard: p.Shard(),
		First: c.first().number, Last: c.last().number, FirstArrival: c.records[0].ArrivalTime,
	}
	sink, errorType := d.config.Sink, ""
	switch c.kind {
	case failed:
		sink, errorType = d.config.Errors, c.id
		o.ContentType = "application/x-ndjson"
	case backup:
		sink = d.config.Backup
	}
	mark := ""
	if c.byChance {
		mark = givenUpMark
	}
	var err error
	if o.Name, err = d.naming.object(c.kind, &c.records[0], c.values, errorType, mark); err != nil {
		return d.divert(ctx, o, c, &RefusedError{Type: processingFailed, Code: codePrefix, Err: err}, nil)
	}
	rejected, err := d.send(ctx, sink, o, c)
	if err != nil || len(rejected) == 0 {
		return err
	}
	return d.divertRejected(ctx, o, c, rejected)
}

// encode makes the body of an object. What fails to be made of all records
// together is their failure.
func (d *Delivery) encode(o *Object, body *bytes.Buffer, c *cut) (rejected []Rejection) {
	format, codec := d.config.Format, d.config.Codec
	switch c.kind {
	case failed:
		format, codec = Lines("\n"), nil
	case backup:
		format = Lines(d.config.Delimiter)
	}
	if c.kind != failed {
		o.ContentType = format.ContentType()
	}
	rejected, err := d.encodeWith(format, codec, o, body, c.records)
	if err != nil {
		rejected = make([]Rejection, len(c.records))
		for i := range rejected {
			rejected[i] = Rejection{i, err}
		}
	}
	o.Body, o.Count = body.Bytes(), len(c.records)-len(rejected)
	return rejected
}

func (d *Delivery) encodeWith(f Format, codec Codec, o *Object, body *bytes.Buffer, records []Record) (rejected []Rejection, err error) {
	defer crew.Recovered(&err)
	if codec == nil {
		return f.Encode(body, records)
	}
	if o.ContentEncoding = codec.ContentEncoding(); o.ContentEncoding == "" {
		o.ContentType = codec.ContentType()
	}
	w, err := codec.NewWriter(body, entryName(o.Name, codec.Extension()))
	if err != nil {
		return nil, err
	}
	// Records are small, and each write costs a compressor something.
	collected := &collector{to: w, buffer: make([]byte, 0, 32<<10)}
	if rejected, err = f.Encode(collected, records); err != nil {
		return rejected, err
	}
	if err := collected.flush(); err != nil {
		return rejected, err
	}
	return rejected, w.Close()
}

// A collector makes few large writes of many small ones.
type collector struct {
	to     io.Writer
	buffer []byte
}

func (c *collector) Write(p []byte) (int, error) {
	if len(p) > cap(c.buffer)-len(c.buffer) {
		if err := c.flush(); err != nil {
			return 0, err
		}
		if len(p) >= cap(c.buffer) {
			return c.to.Write(p)
		}
	}
	c.buffer = append(c.buffer, p...)
	return len(p), nil
}

func (c *collector) flush() error {
	_, err := c.to.Write(c.buffer)
	c.buffer = c.buffer[:0]
	return err
}

// send delivers an object until it is delivered, or refused and diverted. It
// returns what the format has rejected of it.
func (d *Delivery) send(ctx context.Context, s Sink, o *Object, c *cut) (rejected []Rejection, err error) {
	counts := d.counts.of(c.kind)
	for attempt := 0; ; attempt++ {
		rejected, err = d.try(ctx, s, o, c)
		var refused *RefusedError
		switch {
		case err == nil:
			if o.Count > 0 {
				counts.delivered(o)
			}
			if c.kind == delivered && !takesRecords(s) {
				d.counts.converted(c, rejected)
			}
			return rejected, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		counts.failed.Add(1)
		d.logger.Warn("object not delivered", "name", o.Name, "attempt", attempt+1, "err", err)
		// What the error output refuses has no other place to go.
		if errors.As(err, &refused) && d.config.Errors != nil && c.kind != failed {
			return rejected, d.divert(ctx, o, c, refused, rejected)
		}
		if err := pause(ctx, d.backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// try makes an object and delivers it, once, when it is its turn. So no more
// bodies are in memory than objects are delivered at a time, though many wait
// for a sink that is down.
func (d *Delivery) try(ctx context.Context, s Sink, o *Object, c *cut) (rejected []Rejection, err error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if takesRecords(s) {
		o.Records = c.records
		return nil, callSink(ctx, s, o)
	}
	body := d.bodies.Get().(*bytes.Buffer)
	body.Reset()
	defer d.bodies.Put(body)
	rejected = d.encode(o, body, c)
	if o.Count == 0 {
		return rejected, nil
	}
	d.memory.change(body.Cap())
	defer d.memory.change(-body.Cap())
	return rejected, callSink(ctx, s, o)
}

// callSink calls a sink. A panic is an error.
func callSink(ctx context.Context, s Sink, o *Object) (err error) {
	defer crew.Recovered(&err)
	return s.Deliver(ctx, o)
}

// divert delivers what a sink has refused to the error output. What the format
// has rejected is none of it: that has an object of its own.
func (d *Delivery) divert(ctx context.Context, o *Object, c *cut, refused *RefusedError, rejected []Rejection) error {
	why := refused.reasons(len(c.records))
	for _, r := range rejected {
		if r.Index >= 0 && r.Index < len(why) {
			why[r.Index] = nil
		}
	}
	now, errorType := time.Now(), refusal(refused).kind
	var lines []Record
	for i, err := range why {
		if err != nil {
			lines = append(lines, refusal(err).line(now, &c.records[i]))
		}
	}
	counts := d.counts.of(c.kind)
	counts.records.Add(int64(len(c.records) - len(lines) - len(rejected)))
	counts.refused.Add(int64(len(lines)))
	return d.sendErrors(ctx, o, c.kind, errorType, lines)
}

// divertRejected delivers what a format has rejected to the error output.
func (d *Delivery) divertRejected(ctx context.Context, o *Object, c *cut, rejected []Rejection) error {
	now := time.Now()
	var lines []Record
	for _, r := range rejected {
		if r.Index >= 0 && r.Index < len(c.records) {
			lines = append(lines, failureOf(formatConversionFailed, codeConversion, 1, r.Err).line(now, &c.records[r.Index]))
		}
	}
	return d.sendErrors(ctx, o, c.kind, formatConversionFailed, lines)
}

// sendErrors delivers lines for the error output as one object. from is the kind
// of the object that they were in: the sink and the backup may refuse the same
// records.
func (d *Delivery) sendErrors(ctx context.Context, of *Object, from kind, kind string, lines []Record) error {
	if len(lines) == 0 {
		return nil
	}
	bad := &cut{buffer: &buffer{slot: slot{kind: failed, id: kind}, records: lines}}
	for i := range lines {
		bad.bytes += len(lines[i].Data)
	}
	o := *of
	o.Body, o.Records, o.ContentEncoding, o.ContentType = nil, nil, "", "application/x-ndjson"
	o.Count, o.Size, o.First, o.Last, o.FirstArrival = len(lines), bad.bytes, lines[0].SequenceNumber, lines[len(lines)-1].SequenceNumber, lines[0].ArrivalTime
	mark := ""
	if from == backup {
		mark = backupMark
	}
	name, err := d.naming.object(failed, &lines[0], nil, kind, mark)
	if err != nil { // an ErrorPrefix that is too long by what it evaluates to
		name = kind + "/" + placeText(&lines[0]) + mark + failureEnding
	}
	o.Name = name
	_, err = d.send(ctx, d.config.Errors, &o, bad)
	return err
}
