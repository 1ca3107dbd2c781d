package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// processedNs is what a record takes that a worker of a group processes: it is
// read, handed to a handler that looks at it, and acknowledged, so that another
// worker would go on behind it.
const processedNs measure = "processed_ns"

// A grouper has groups that process what the log holds. It hands what it is given
// to t, piece by piece, from one goroutine or several, and returns when that is n
// records and all are acknowledged. Each call is of a new group.
type grouper interface {
	process(n int, t *tally) error
}

// A tally is what all handlers of a group were given, timed from the first record
// on: how long it takes to join a group is not of a record.
type tally struct {
	mu    sync.Mutex
	sink  sink
	begun time.Time
}

// handle takes a piece of records, of which each yields one's data, and returns
// how many there were so far.
func (t *tally) handle(each func(s *sink)) int {
	t.mu.Lock()
	if t.begun.IsZero() {
		t.begun = time.Now()
	}
	t.mu.Unlock()
	var s sink
	each(&s)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sink.records += s.records
	t.sink.sum += s.sum
	return t.sink.records
}

// measureProcessed fills a log, and lets groups process it until some time has
// passed, once at least.
func measureProcessed(p peer, c config, in *input) (map[measure]float64, error) {
	n := c.scaled(p.counts.batch, in.size)
	l, err := p.open(in.room(n))
	if err != nil {
		return nil, err
	}
	defer l.close()
	group, ok := l.(grouper)
	if !ok {
		return nil, nil
	}
	if err := fill(l, n, in.records); err != nil {
		return nil, err
	}
	runtime.GC()
	var took time.Duration
	total := 0
	for total == 0 || took < c.atLeast() {
		var t tally
		if err := group.process(n, &t); err != nil {
			return nil, err
		}
		took += time.Since(t.begun)
		if t.sink.records != n {
			return nil, fmt.Errorf("processed %d records of %d", t.sink.records, n)
		}
		total += n
	}
	return map[measure]float64{processedNs: float64(took) / float64(total)}, nil
}
