package weir

import (
	"context"
	"time"
)

// PutRecordWait is [Stream.PutRecord] for a caller who rather waits than be
// refused: past a write limit it waits until there is room or ctx ends.
func (s *Stream) PutRecordWait(ctx context.Context, key string, data []byte) (PutResult, error) {
	for {
		r, err := s.PutRecord(ctx, key, data)
		over, ok := err.(*LimitError)
		if !ok {
			return r, err
		}
		if err := sleep(ctx, over.RetryAfter); err != nil {
			return r, err
		}
	}
}

// PutRecordsWait is [Stream.PutRecords] for a caller who rather waits than be
// refused: it puts what a write limit refused again until all is stored or ctx
// ends, and keeps the order of entries within each shard. Metrics know it as one
// call. When ctx ends it returns its error with the results so far; those of
// records not stored carry the limit that refused them.
func (s *Stream) PutRecordsWait(ctx context.Context, entries []Entry) ([]PutResult, error) {
	begin, err := s.begin(ctx)
	if err == nil {
		err = s.checkBatch(entries)
	}
	if err != nil {
		return nil, err
	}
	results := make([]PutResult, len(entries))
	defer func() { s.countBatch(begin, results) }()
	pending := make([]int, len(entries))
	for i := range pending {
		pending[i] = i
	}
	for now := begin; ; now = s.now() {
		s.putBatch(entries, results, pending, now)
		var wait time.Duration
		pending, wait = throttled(results, pending)
		if len(pending) == 0 {
			return results, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return results, err
		}
	}
}

// patience bounds how long a record waits for others, so that they are put
// together instead of one by one as soon as the first may pass.
const patience = 20 * time.Millisecond

// throttled keeps those of pending that a limit refused, and returns after what
// time to put them again: when the first may pass, or a little later if there are
// many.
func throttled(results []PutResult, pending []int) (left []int, wait time.Duration) {
	left = pending[:0]
	for _, i := range pending {
		if over, ok := results[i].Err.(*LimitError); ok {
			if len(left) == 0 || over.RetryAfter < wait {
				wait = over.RetryAfter
			}
			left = append(left, i)
		}
	}
	if wait < patience {
		wait = min(patience, wait*time.Duration(len(left)))
	}
	return left, wait
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
