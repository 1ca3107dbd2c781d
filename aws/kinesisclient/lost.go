package kinesisclient

import (
	"sync/atomic"

	"github.com/weirstream/weir"
)

// A mark is the record behind which a reader goes on: the service begins with
// the oldest record there is where that record has gone, and says nothing of
// it. So a reader begins at its mark instead, and sees whether it is still
// there. The zero value is none.
type mark struct {
	number weir.SequenceNumber
	after  bool // the record itself was read before
}

// markOf returns the mark of a position, and where reading begins to see it.
func markOf(p weir.Position) (m mark, begin weir.Position) {
	n := p.Number()
	if n.IsZero() || n.Index() == endingIndex {
		return mark{}, p
	}
	return mark{n, p.Kind() == weir.AfterSequence(n).Kind()}, weir.AtSequence(n)
}

// pass takes what a shard begins with, and returns it less the mark's own
// record, and how many records may have gone before it. last says that nothing
// follows.
//
// Indices rise by one on weir's own endpoint, and by one or more on the service.
func (m *mark) pass(records []weir.Record, last bool) (rest []weir.Record, lost int64) {
	if m.number.IsZero() || len(records) == 0 && !last {
		return records, 0
	}
	was := *m
	*m = mark{}
	if len(records) == 0 {
		switch {
		case was.number.Index() == 0: // the shard's beginning is no record
			return records, 0
		case was.after:
			return records, 1
		}
		return records, 2 // itself, and what may have come after it
	}
	first := records[0].SequenceNumber
	if first == was.number {
		if was.after {
			records = records[1:]
		}
		return records, 0
	}
	lost = int64(first.Index() - was.number.Index())
	if was.after {
		lost--
	}
	return records, max(0, lost)
}

// losses counts what a reader found to have gone.
type losses struct{ n atomic.Int64 }

// lose counts and tells records that have gone.
func (l *losses) lose(s *Stream, shard string, lost int64) {
	if lost == 0 {
		return
	}
	l.n.Add(lost)
	s.log.Warn("records may have gone before they were read", "shard", shard, "records", lost)
}

// Lost returns how many records had gone before the reader came to them, as far
// as one can know: zero if none has. The service tells of none; that the record
// is not there any more behind which the reader was to go on shows it. On weir's
// own endpoint the number is exact while records follow; on the service it is
// the most there can have been. A shard that ended meanwhile, with nothing left
// of it, counts as one more.
func (l *losses) Lost() int64 { return l.n.Load() }
