package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/crew"
)

// A load is some records of a shard that are processed together: each with what
// is to be done with it, in the order of the shard.
type load struct {
	records []loaded
	parts   []Record // of all records, for the transform
	items   []item   // of all records
	bytes   int      // of what it holds
	payload int      // of what the transform gets, data and keys
}

// plain says that records are delivered as they are, to one partition.
func (d *Delivery) plain() bool {
	c := &d.config
	return c.Decompress == nil && !c.CloudWatchLogs && c.Split == nil && c.Transform == nil && c.Backup == nil && len(d.naming.good.keys) == 0
}

// reset makes it empty.
func (l *load) reset() {
	clear(l.items)
	*l = load{records: l.records[:0], parts: l.parts[:0], items: l.items[:0]}
}

// A loaded is a record in a load.
type loaded struct {
	at   place
	raw  Record
	from int // its parts are parts[from:to]
	to   int
	upTo int // its items end here, and begin where the last record's end
	// failed is why it has no parts. Nil if it has, or was left out on purpose.
	failed *failure
}

// expand adds a record to the load, taken apart as far as that needs nobody
// else.
func (d *Delivery) expand(l *load, r weir.Record, sub uint64) {
	raw := Record{Record: r, Sub: sub}
	one := loaded{at: raw.place(), raw: raw, from: len(l.parts)}
	parts, fail := d.partsOf(r.Data)
	for i, data := range parts {
		part := raw
		part.Data, part.Part = data, i
		l.parts = append(l.parts, part)
		l.bytes += memoryOf(&part)
		l.payload += part.Size()
	}
	one.to, one.failed = len(l.parts), fail
	l.bytes += memoryOf(&raw)
	l.records = append(l.records, one)
}

// partsOf returns the documents in a record's data. There are none if it fails,
// or if it is to be left out.
func (d *Delivery) partsOf(data []byte) (parts [][]byte, fail *failure) {
	refuse := func(code string, err error) ([][]byte, *failure) {
		f := failureOf(processingFailed, code, 1, err)
		return nil, &f
	}
	var err error
	if d.config.Decompress != nil {
		if data, err = guarded(d.config.Decompress, data); err != nil {
			return refuse(codeDecompress, err)
		}
	}
	if d.config.CloudWatchLogs {
		var control bool
		if data, control, err = logMessages(data); err != nil {
			return refuse(codeLogs, err)
		} else if control {
			return nil, nil
		}
	}
	if d.config.Split == nil {
		return [][]byte{data}, nil
	}
	parts, err = guarded(d.config.Split, data)
	if n := len(parts); err == nil && n > MaxParts {
		err = fmt.Errorf("%d parts; a record has up to %d", n, MaxParts)
	}
	if err != nil {
		return refuse(codeSplit, err)
	}
	return parts, nil
}

// guarded calls a function of the caller's. A panic is an error.
func guarded[A, B any](f func(A) (B, error), a A) (b B, err error) {
	defer crew.Recovered(&err)
	return f(a)
}

// process says of each record in the load which items become of it. The error is
// that of a context.
func (d *Delivery) process(ctx context.Context, l *load) error {
	results, failed, err := d.transform(ctx, l.parts)
	if err != nil {
		return err
	}
	now := time.Now()
	for i := range l.records {
		r := &l.records[i]
		if d.config.Backup != nil {
			l.items = append(l.items, item{slot: slot{kind: backup}, record: r.raw})
		}
		if r.failed != nil {
			l.items = append(l.items, d.failedItem(now, *r.failed, &r.raw))
		}
		for k := r.from; k < r.to; k++ {
			if it, ok := d.itemOf(now, &l.parts[k], results, k, failed); ok {
				l.items = append(l.items, it)
			}
		}
		r.upTo = len(l.items)
	}
	return nil
}

// put puts what has become of a load into buffers, from one record on, until
// there are too many objects. It returns the next record.
func (d *Delivery) put(now time.Time, m *machine, l *load, first int) (next int) {
	from := 0
	if first > 0 {
		from = l.records[first-1].upTo
	}
	for i := first; i < len(l.records); i++ {
		if i > first && m.crowded() {
			return i
		}
		m.begin(l.records[i].at)
		for k := from; k < l.records[i].upTo; k++ {
			it := &l.items[k]
			if !m.admits(it) {
				exceeded := d.exceeded(now, it)
				it = &exceeded
			}
			m.take(now, it)
		}
		from = l.records[i].upTo
	}
	return len(l.records)
}

// itemOf returns what becomes of a part. ok is false if it is left out.
func (d *Delivery) itemOf(now time.Time, part *Record, results []Result, k int, failed *failure) (it item, ok bool) {
	if failed != nil {
		it = d.failedItem(now, *failed, part)
		it.byChance = true
		return it, true
	}
	out := *part
	if results != nil {
		switch r := results[k]; r.Status {
		case Dropped:
			d.counts.dropped.Add(1)
			return it, false
		case Ok:
			out.Data, out.Keys = r.Data, r.Keys
		default:
			f := failure{kind: processingFailed, code: r.Code, err: r.Message, source: d.transformARN()}
			if f.code == "" {
				f.code = codeTransform
			}
			return d.failedItem(now, f, part), true
		}
	}
	s, keys, err := d.slotOf(&out)
	if err != nil {
		return d.failedItem(now, failureOf(processingFailed, codePartition, 1, err), &out), true
	}
	return item{slot: s, values: keys, record: out}, true
}

// failedItem returns a record as it goes to the error output.
func (d *Delivery) failedItem(now time.Time, f failure, r *Record) item {
	return item{slot: slot{kind: failed, id: f.kind}, record: f.line(now, r)}
}

// slotOf returns the partition that a record belongs to, with the values of the
// keys that the prefix refers to.
func (d *Delivery) slotOf(r *Record) (s slot, values []string, err error) {
	refs := d.naming.good.keys
	if len(refs) == 0 {
		return slot{}, nil, nil
	}
	var keys map[string]string
	if d.config.Partition != nil {
		if keys, err = guarded(d.config.Partition.Keys, r); err != nil {
			return slot{}, nil, err
		}
	}
	values = make([]string, len(refs))
	size := 0
	for i, ref := range refs {
		from := keys
		if ref.byTransform {
			from = r.Keys
		}
		if values[i] = from[ref.name]; values[i] == "" {
			return slot{}, nil, fmt.Errorf("the record has no value for partition key %q", ref.name)
		}
		size += len(values[i])
	}
	if size > MaxPrefixBytes*4 {
		return slot{}, nil, fmt.Errorf("partition keys of %d bytes; up to %d are allowed", size, MaxPrefixBytes*4)
	}
	for i := range values {
		values[i] = strings.Clone(values[i]) // it may be a view of the record
	}
	id := values[0]
	if len(values) > 1 {
		id = fmt.Sprintf("%q", values)
	}
	return slot{id: id}, values, nil
}

// transform calls the transform with all parts, as often as it may fail. results
// are nil if there is none. failed is why all of them have failed.
func (d *Delivery) transform(ctx context.Context, parts []Record) (results []Result, failed *failure, err error) {
	if d.config.Transform == nil || len(parts) == 0 {
		return nil, nil, nil
	}
	for attempt := 1; ; attempt++ {
		began := time.Now()
		results, err = d.callTransform(ctx, parts)
		d.counts.transformed(time.Since(began), err)
		if err == nil {
			return results, nil, nil
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		d.logger.Warn("transform failed", "records", len(parts), "attempt", attempt, "err", err)
		if attempt > d.config.TransformRetries {
			code := codeTransform
			var coded interface{ ErrorCode() string }
			if errors.As(err, &coded) {
				code = coded.ErrorCode()
			}
			f := failureOf(processingFailed, code, attempt, err)
			f.source = d.transformARN()
			return nil, &f, nil
		}
		if err := pause(ctx, d.backoff(attempt-1)); err != nil {
			return nil, nil, err
		}
	}
}

func (d *Delivery) callTransform(ctx context.Context, parts []Record) (results []Result, err error) {
	defer crew.Recovered(&err)
	results, err = d.config.Transform.Transform(ctx, parts)
	if err == nil && len(results) != len(parts) {
		err = fmt.Errorf("the transform returned %d results for %d records", len(results), len(parts))
	}
	return results, err
}

// transformARN is what the error output names as the transform, if it has a
// name.
func (d *Delivery) transformARN() string {
	if named, ok := d.config.Transform.(interface{ ARN() string }); ok {
		return named.ARN()
	}
	return ""
}

// pause waits, but not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
