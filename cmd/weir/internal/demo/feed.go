package demo

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/pause"
)

// A dueEvent is an event and when, since the run began, it was to be put.
type dueEvent struct {
	input.Event
	due time.Duration
}

// feed hands each event to the producer of its key when it is due.
func (r *run) feed(ctx context.Context) error {
	seed := maphash.MakeSeed()
	pace := pace{speed: r.config.Speed}
	for {
		e, err := r.config.Source.Next()
		switch {
		case err == io.EOF || ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("read the input: %w", err)
		}
		due, err := pace.wait(ctx, r, e.Time)
		if err != nil || r.unread.Acquire(ctx, weight(e.Raw)) != nil {
			return nil // ctx ended
		}
		p := r.producers[maphash.String(seed, e.Key)%uint64(len(r.producers))]
		select {
		case p.events <- dueEvent{e, due}:
		case <-ctx.Done():
			return nil
		}
	}
}

// weight is what an event takes from run.unread.
func weight(raw []byte) int64 { return int64(len(raw)) + 256 }

// A pace says when events are due.
type pace struct {
	speed float64 // zero: at once
	first time.Time
	begin time.Duration // when the first event was due
	last  time.Duration // when the last one was
}

// wait waits until an event of the time at is due, and returns when that was.
// One that is late in the log is due together with the one before it.
func (p *pace) wait(ctx context.Context, r *run, at time.Time) (time.Duration, error) {
	now := r.since()
	if p.speed == 0 {
		return now, nil
	}
	if p.first.IsZero() {
		p.first, p.begin = at, now
	}
	p.last = max(p.last, p.begin+scale(at.Sub(p.first), p.speed))
	return p.last, pause.For(ctx, p.last-now)
}

// scale returns recorded/speed, which may be more than a Duration holds.
func scale(recorded time.Duration, speed float64) time.Duration {
	const longest = float64(100 * 365 * 24 * time.Hour)
	return time.Duration(min(float64(recorded)/speed, longest))
}
