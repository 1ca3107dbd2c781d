package consumer

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// A span is records of one batch that are handed to the handler together.
type span struct {
	records []weir.Record
	subs    []uint64
	last    bool // of the shard
}

func (s span) from(i int) span {
	s.records = s.records[i:]
	if s.subs != nil {
		s.subs = s.subs[i:]
	}
	return s
}

func (s span) to(i int) span {
	s.records, s.last = s.records[:i], s.last && i == len(s.records)
	if s.subs != nil {
		s.subs = s.subs[:i]
	}
	return s
}

// deliverBatch hands a batch to the handler, less what was processed before.
func (sh *shard) deliverBatch(b weir.Batch, skip place) error {
	sh.behind.Store(int64(b.Behind))
	s, end := span{records: b.Records, last: b.Last}, skip.number
	if n := len(b.Records); n > 0 {
		end = b.Records[n-1].SequenceNumber
		var err error
		if s, err = sh.expand(s); err != nil {
			return err
		}
		if skip != (place{}) {
			s = s.from(processedBefore(s, skip))
		}
	}
	at := skip.number
	if n := len(s.records); n > 0 {
		at = s.records[n-1].SequenceNumber
	}
	if err := sh.deliverSpan(s, b.Behind); err != nil {
		return err
	}
	if end.Compare(at) > 0 && sh.progress == nil { // what is last had nothing in it
		sh.queue.add(sh, delivered{end: place{number: end}})
	}
	return nil
}

// deliverSpan hands a span to the handler, in batches that are not too large.
func (sh *shard) deliverSpan(s span, behind time.Duration) error {
	if len(s.records) == 0 && (!s.last || sh.stateless() && sh.progress == nil) {
		return nil
	}
	most := sh.g.config.MaxRecords
	for most > 0 && len(s.records) > most {
		if err := sh.deliver(s.to(most), behind); err != nil {
			return err
		}
		s = s.from(most)
	}
	return sh.deliver(s, behind)
}

// processedBefore returns how many records of a span lie up to a place.
func processedBefore(s span, at place) int {
	n := 0
	for i, r := range s.records {
		// Where others took the record apart, the rest of it is still to come.
		done := at.sub == 0
		if s.subs != nil {
			done = s.subs[i] <= at.sub
		}
		if c := r.SequenceNumber.Compare(at.number); c > 0 || c == 0 && !done {
			break
		}
		n++
	}
	return n
}

// stateless reports whether no state is kept for the shard.
func (sh *shard) stateless() bool {
	return len(sh.latestState()) == 0
}

// deliver calls the handler until a span is processed, or what the policy says.
func (sh *shard) deliver(s span, behind time.Duration) error {
	if err := sh.room(); err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		if sh.stopping() {
			return errStopped
		}
		b := sh.prepare(s, attempt, behind)
		err := sh.call(b)
		if err == nil {
			sh.processed(b)
			return sh.writeEach()
		}
		if b.prefix > 0 {
			sh.acknowledged(b)
			if s = s.from(b.prefix); len(s.records) == 0 {
				return nil
			}
			attempt = 0
		}
		if sh.isLeft(err) {
			return errStopped
		}
		sh.failed(s, attempt+1, err)
		if sh.stopping() {
			return errStopped
		}
		if sh.g.config.Bisect && len(s.records) > 1 {
			sh.g.counts.retries.Add(1)
			return sh.bisect(s, behind)
		}
		if sh.isLastAttempt(attempt) {
			if done, err := sh.resort(b, attempt, err); err != nil {
				return err
			} else if done {
				return sh.writeEach()
			}
		}
		if err := sh.pause(attempt); err != nil {
			return err
		}
		sh.g.counts.retries.Add(1)
	}
}

// isLeft reports whether a handler's error is one that no policy is about: where
// a Progress says what is processed, the handler only tells with it, when the
// shard is given up, that it waits no longer.
func (sh *shard) isLeft(err error) bool {
	return err == errLeft || sh.progress != nil && sh.stopping()
}

// isLastAttempt reports whether there have been as many attempts as there may be,
// with this one.
func (sh *shard) isLastAttempt(attempt int) bool {
	most := sh.g.config.Attempts
	return most > 0 && attempt+1 >= most
}

// bisect delivers the halves of a span that failed, one after the other.
func (sh *shard) bisect(s span, behind time.Duration) error {
	half := (len(s.records) + 1) / 2
	if err := sh.deliver(s.to(half), behind); err != nil {
		return err
	}
	return sh.deliver(s.from(half), behind)
}

// prepare makes the batch of a span. There is one batch a shard, which is used
// again.
func (sh *shard) prepare(s span, attempt int, behind time.Duration) *Batch {
	state := sh.latestState()
	sh.batch = Batch{
		Stream: sh.source.name, Shard: sh.id, Records: s.records, Subs: s.subs, Last: s.last, Behind: behind, Attempt: attempt,
		state: state, shard: sh,
	}
	return &sh.batch
}

// call calls the handler. A panic is an error.
func (sh *shard) call(b *Batch) (err error) {
	sh.deferBatch(b)
	sh.working.Store(int64(max(1, sh.g.now())))
	returned := false
	defer func() {
		sh.working.Store(0)
		if returned {
			return
		}
		if v := recover(); v != nil {
			sh.g.counts.panics.Add(1)
			err = &PanicError{v, debug.Stack()}
		}
	}()
	err = sh.g.handler(sh.ctx, b)
	returned = true
	if n := len(b.state); err == nil && b.changed && n > lease.MaxStateBytes {
		err = fmt.Errorf("state of %d bytes; a lease keeps up to %d: %w", n, lease.MaxStateBytes, weir.ErrInvalidArgument)
	}
	return err
}

// failed tells that a handler failed.
func (sh *shard) failed(s span, attempts int, err error) {
	sh.g.counts.errors.Add(1)
	sh.failures.Add(1)
	sh.failure.Store(&err)
	args := []any{"records", len(s.records), "attempt", attempts, "err", err}
	if len(s.records) > 0 {
		args = append(args, "first", s.records[0].SequenceNumber)
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		args = append(args, "stack", string(panicked.Stack))
	}
	sh.log.Error("handler failed", args...)
}

// resort does what the policy says with a batch that failed too often. done says
// that the shard goes on behind it.
func (sh *shard) resort(b *Batch, attempt int, cause error) (done bool, err error) {
	b.Records, b.Subs = b.Records[b.prefix:], from(b.Subs, b.prefix)
	b.acked, b.prefix = nil, 0
	switch sh.g.config.OnError {
	case Stop:
		return false, sh.handlerError(b, attempt, cause)
	case DeadLetter:
		b.state = sh.latestState()
		b.changed, b.held = false, nil
		if err := sh.deadLetter(b, cause); err != nil {
			sh.failed(span{records: b.Records}, attempt+1, err)
			return false, nil
		}
		sh.g.counts.deadLetters.Add(int64(len(b.Records)))
	case Skip:
		b.state = sh.latestState()
		b.changed, b.held = false, nil
		sh.g.counts.skipped.Add(int64(len(b.Records)))
		sh.log.Error("records skipped", "records", len(b.Records), "err", cause)
	}
	sh.settled()
	sh.queue.push(sh, b)
	return true, nil
}

func (sh *shard) handlerError(b *Batch, attempt int, cause error) error {
	e := &HandlerError{Stream: sh.source.name, Shard: sh.id, Attempts: attempt + 1, Err: cause}
	if n := len(b.Records); n > 0 {
		e.First, e.Last = b.Records[0].SequenceNumber, b.Records[n-1].SequenceNumber
	}
	return e
}

func from(subs []uint64, i int) []uint64 {
	if subs == nil {
		return nil
	}
	return subs[i:]
}

// deadLetter hands a batch over. A panic is an error.
func (sh *shard) deadLetter(b *Batch, cause error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			sh.g.counts.panics.Add(1)
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return sh.g.config.DeadLetter(sh.ctx, b, cause)
}

// processed notes that a batch is processed, or held.
func (sh *shard) processed(b *Batch) {
	sh.settled()
	sh.count(b.Records)
	sh.queue.push(sh, b)
}

// writeEach writes the checkpoint, where each batch is to have its own, before
// there is another batch. It returns errStopped if the shard is given up.
func (sh *shard) writeEach() error {
	if sh.g.config.CheckpointEvery >= 0 {
		return nil
	}
	for failed := 0; ; failed++ {
		err := sh.write(sh.ctx, nil)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errOver):
			return errStopped
		}
		if err := sh.wait(min(sh.g.backoff(failed), sh.g.config.Failover/20)); err != nil {
			return err
		}
	}
}

// acknowledged notes that the first records of a batch are processed whose rest
// failed.
func (sh *shard) acknowledged(b *Batch) {
	sh.count(b.Records[:b.prefix])
	part := *b
	part.Records, part.Subs, part.held, part.changed = b.Records[:b.prefix], b.Subs, nil, false
	part.state = sh.latestState()
	sh.queue.push(sh, &part)
}

// count counts records that were processed.
func (sh *shard) count(records []weir.Record) {
	size := 0
	for i := range records {
		size += len(records[i].Data) + len(records[i].PartitionKey)
	}
	sh.records.Add(int64(len(records)))
	sh.bytes.Add(int64(size))
	c := &sh.g.counts
	c.records.Add(int64(len(records)))
	c.bytes.Add(int64(size))
	c.batches.Add(1)
}

// settled notes that the handler does not fail any more.
func (sh *shard) settled() {
	if sh.failures.Load() > 0 {
		sh.failures.Store(0)
		sh.failure.Store(nil)
	}
}
