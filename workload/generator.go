package workload

import (
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir"
)

// A Generator gives the records of a workload in the order of their times. The
// same workload gives the same records. A Generator is for one goroutine.
//
// Its memory does not depend on how long the workload lasts: it holds the keys, some
// 70 bytes each, and of a trace what [TraceWindow] tells.
type Generator struct {
	sources []*source
	left    int64 // records until the end by [Workload.Records]
	err     error
	dealer  dealer
}

// An Arrival is one record on its way to the stream.
type Arrival struct {
	At      time.Duration // from the beginning of the run
	Key     *Key          // shared by records with it; not to be changed
	Bytes   int           // of data
	Traffic int           // which of the workload's traffic it belongs to
}

// A Key is a partition key and its hash.
type Key struct {
	Text string
	Hash weir.HashKey
}

// NewGenerator returns the records of w, which need not have its defaults filled in.
// open may be nil if w has no trace. Key files must have been read: see
// [Workload.ReadKeys]. A generator of a trace that is not used to its end has to be
// closed.
func NewGenerator(w Workload, open Open) (*Generator, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	w = w.WithDefaults()
	g := &Generator{left: math.MaxInt64}
	if w.Records > 0 {
		g.left = w.Records
	}
	for i := range w.Traffic {
		s, err := newSource(w, w.Traffic[i], i, open)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("traffic[%d]: %w", i, err)
		}
		g.sources = append(g.sources, s)
	}
	return g, nil
}

// Next fills in the next record, and reports whether there was one. Records of the
// same time come in the order of their traffic. With [Rate.Max] all are due at once,
// and only [Workload.Records] ends them.
func (g *Generator) Next(a *Arrival) bool {
	s := g.earliest()
	if s == nil || g.left <= 0 {
		g.Close()
		return false
	}
	g.left--
	a.At, a.Traffic = s.at, s.traffic
	if s.trace != nil {
		a.Key, a.Bytes = s.record.key, s.record.bytes
	} else {
		a.Key, a.Bytes = s.keys.draw(), s.sizes.draw()
	}
	s.advance()
	return true
}

// earliest returns the source of the next record, or nil if there is none or one of
// them broke off.
func (g *Generator) earliest() (first *source) {
	for _, s := range g.sources {
		s.begin()
		if s.over {
			if s.trace != nil && s.trace.err != nil {
				g.err = s.trace.err
				return nil
			}
			continue
		}
		if first == nil || s.at < first.at {
			first = s
		}
	}
	return first
}

// Err returns why a trace could not be read to its end. The records before that
// have been given; those of other traffic end there too.
func (g *Generator) Err() error { return g.err }

// Late returns how many records of traces stood further from their place than
// [TraceWindow] and [TraceWindowRecords] can mend. They were given the time of the
// record before them.
func (g *Generator) Late() (records int64) {
	for _, s := range g.sources {
		if s.trace != nil {
			records += s.trace.late
		}
	}
	return records
}

// Close ends the reading of traces; afterwards there are no more records. It need
// not be called after Next or NextLots said that there are none.
func (g *Generator) Close() {
	g.left = 0
	for _, s := range g.sources {
		if s.trace != nil {
			s.trace.stop()
		}
	}
}
