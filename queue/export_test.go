package queue

import (
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// OpenIn is New for a queue that is on another disk than its stream, in files
// so small that there is often a new one.
func OpenIn(s *weir.Stream, c Config, dir journal.FS) (*Queue, error) {
	q, err := prepare(s, c)
	if err != nil {
		return nil, err
	}
	if err := q.open(dir, 2<<10); err != nil {
		return nil, err
	}
	return q, nil
}

// Abandon ends the queue as a crash does.
func (q *Queue) Abandon() { q.disk.journal.Abandon() }

// MemoryOf returns what the queue holds of records, in bytes.
func (q *Queue) MemoryOf() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.m
	return int64(len(m.table.pages))*pageEntries*48 + int64(cap(m.timers.heap))*4 + int64(cap(m.lanes.of))*24
}

// CheckInvariants returns what does not hold that always must.
func (q *Queue) CheckInvariants() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.m.check()
}

func (m *machine) check() error {
	seen, number := make(map[slot]bool), [states]int{}
	for id, t := range m.shards {
		last, older, entries, isDead := uint64(0), slot(0), 0, 0
		for s := t.oldest; s != 0; {
			e := m.table.at(s)
			switch {
			case seen[s]:
				return fmt.Errorf("slot %d is there twice", s)
			case e.state() == free || e.shard != id || e.index <= last || e.index >= t.next || e.older != older:
				return fmt.Errorf("%v: slot %d, %+v after record %d, next %d", id, s, *e, last, t.next)
			case e.isTimed() && e.marks&heapMark != 0 && m.timers.heap[e.next] != s:
				return fmt.Errorf("slot %d is not in its place in the heap", s)
			}
			seen[s] = true
			number[e.state()]++
			if entries++; e.isDead() {
				isDead++
			}
			last, older, s = e.index, s, e.newer
		}
		if t.entries != entries || t.dead != isDead {
			return fmt.Errorf("%v: %d entries with %d dead, counted as %d with %d", id, entries, isDead, t.entries, t.dead)
		}
		if t.newest != older {
			return fmt.Errorf("%v: newest is %d, not %d", id, t.newest, older)
		}
	}
	if len(seen) != m.table.used {
		return fmt.Errorf("%d entries of %d are of shards", len(seen), m.table.used)
	}
	if number != m.number {
		return fmt.Errorf("entries by state are %v, not %v", number, m.number)
	}
	inLists := 0
	for _, l := range append(m.lists(), &m.timers.line) {
		for s := l.head; s != 0; s = m.table.at(s).next {
			if !seen[s] {
				return fmt.Errorf("slot %d is in a list and nowhere", s)
			}
			inLists++
		}
	}
	for i, s := range m.timers.heap {
		if i > 0 && m.table.at(s).comesBefore(m.table.at(m.timers.heap[parentOf(i)])) {
			return fmt.Errorf("the heap is none at %d", i)
		}
		inLists++
	}
	if inLists != m.table.used {
		return fmt.Errorf("%d entries of %d are in lists", inLists, m.table.used)
	}
	for s := m.timers.line.head; s != 0; {
		e := m.table.at(s)
		if e.next != 0 && !e.comesBefore(m.table.at(e.next)) {
			return fmt.Errorf("the line of timers is in no order at %d", s)
		}
		s = e.next
	}
	return nil
}

// Shards returns of how many shards the queue knows something.
func (q *Queue) Shards() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.m.shards)
}

// IsFetching reports whether somebody reads the disk for the queue.
func IsFetching(q *Queue) bool {
	if !q.fetching.TryLock() {
		return true
	}
	q.fetching.Unlock()
	return false
}
