package client

import (
	"sync/atomic"

	"github.com/weirstream/weir"
)

// losses counts the records that had gone before a reader came to them, where
// the engine does not count them itself.
type losses struct{ n atomic.Int64 }

// Lost returns how many records had gone before the reader came to them.
func (l *losses) Lost() int64 { return l.n.Load() }

// note takes in a batch that was read from a position on. The engine's indices
// rise by one.
func (l *losses) note(s *weir.Stream, from weir.Position, b weir.Batch) {
	at := from.Number()
	if at.IsZero() {
		return
	}
	next := at.Index() // of what was to come
	if from == weir.AfterSequence(at) {
		next++
	}
	switch {
	case len(b.Records) > 0:
		l.add(next, b.Records[0].SequenceNumber.Index())
	case !b.Last:
		l.add(next, b.Continue.Number().Index()+1)
	default: // its end says nothing of what was before
		if r, err := s.NewReader("", from.In(b.Shard)); err == nil {
			l.n.Add(r.Lost())
			r.Close()
		}
	}
}

// add adds the records from one index to another one.
func (l *losses) add(from, to uint64) {
	if to > from {
		l.n.Add(int64(to - from))
	}
}
