package state

import (
	"log/slog"

	"github.com/weirstream/weir"
)

// Recovered tells what opening a stream has cut off, or found lost, since that
// is not there for who opens it next. log may be nil.
func Recovered(log *slog.Logger, s *weir.Stream) {
	on := s.Snapshot().Storage
	if log == nil || on == nil {
		return
	}
	log = log.With("stream", s.Name(), "dir", on.Dir)
	if r := &on.Recovery; r.Torn > 0 {
		log.Warn("a crash cut off the last write: it was never acknowledged, and is gone", "bytes", r.Torn, "file", r.TornFile)
	}
	if on.Recovery.NumbersSkipped {
		log.Warn("records may be lost that were acknowledged before they were on disk; their numbers are left out")
	}
}
