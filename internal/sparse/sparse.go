// Package sparse keeps a log readable, and its disk from filling, when
// something goes wrong with every batch.
package sparse

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Every is how often a message is written at most.
const Every = time.Second

// leftOut is how many were not written since the last one that was.
const leftOut = "left out"

// Logger returns a logger that writes each message to l at most once in
// [Every], and with the next one of it, as "left out", how many it did not
// write. Whoever ends calls [Flush]. Messages must be constants: each is kept.
// What is made of it by With counts together with it. args are attributes of
// all, as With takes them. l may be nil, which discards.
func Logger(l *slog.Logger, args ...any) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&handler{l.With(args...).Handler(), &tally{said: make(map[string]*said)}})
}

// Flush writes how many were left out since the last of each message, where
// some were: the message again, with the attributes of the logger alone.
func Flush(l *slog.Logger) {
	h, ok := l.Handler().(*handler)
	if !ok {
		return
	}
	for message, s := range h.tally.take() {
		r := slog.NewRecord(time.Now(), s.level, message, 0)
		r.AddAttrs(slog.Int64(leftOut, s.left))
		_ = h.to.Handle(context.Background(), r) // as a slog.Logger does
	}
}

// A handler leaves out what comes too often.
type handler struct {
	to    slog.Handler
	tally *tally
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.to.Enabled(ctx, level)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.to.WithAttrs(attrs), h.tally}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.to.WithGroup(name), h.tally}
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	left, ok := h.tally.turn(r.Message, r.Level)
	if !ok {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int64(leftOut, left))
	}
	return h.to.Handle(ctx, r)
}

// A tally counts what is left out.
type tally struct {
	mu   sync.Mutex // guards said; never held over a call of a handler
	said map[string]*said
}

type said struct {
	last  time.Time
	level slog.Level // of the last that was left out
	left  int64
}

// turn says whether a message is to be written, and how many of it were not
// before.
func (t *tally) turn(message string, level slog.Level) (left int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	s := t.said[message]
	switch {
	case s == nil:
		t.said[message] = &said{last: now}
		return 0, true
	case now.Sub(s.last) < Every:
		s.left++
		s.level = level
		return 0, false
	}
	left, s.left, s.last = s.left, 0, now
	return left, true
}

// take returns of which messages some were left out, and counts anew.
func (t *tally) take() map[string]said {
	t.mu.Lock()
	defer t.mu.Unlock()
	some := make(map[string]said)
	for message, s := range t.said {
		if s.left > 0 {
			some[message] = *s
			s.left = 0
		}
	}
	return some
}
