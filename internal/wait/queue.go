package wait

import (
	"container/list"
	"sync"
)

// A Queue is those who wait for their turn, first come, first served. It has
// neither a goroutine nor a timer: whoever has the turn passes it on. To enter,
// to leave and to pass the turn on cost the same however many wait. The zero
// value is ready.
type Queue struct {
	mu    sync.Mutex // guards what follows and the tickets' fields
	taken bool       // somebody has the turn
	line  list.List  // of *Ticket, those who wait for it
}

// A Ticket is a place in a [Queue].
type Ticket struct {
	// turn is told when it is the ticket's turn. Several tickets may share it if it
	// has room for as many. A ticket that is left at that very moment may be told
	// too late: it has passed the turn on then.
	turn  chan<- *Ticket
	place *list.Element // nil if it does not wait
	has   bool          // has the turn
}

// Enter takes a ticket at the end of the line. turn is sent the ticket when its
// turn comes, which may be at once; it must have room, because nobody waits for
// its reader.
func (q *Queue) Enter(turn chan<- *Ticket) *Ticket {
	t := &Ticket{turn: turn}
	q.mu.Lock()
	if q.taken {
		t.place = q.line.PushBack(t)
		q.mu.Unlock()
		return t
	}
	q.taken, t.has = true, true
	q.mu.Unlock()
	t.turn <- t
	return t
}

// Empty reports whether nobody has the turn or waits for it.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.taken
}

// Leave gives up a ticket: the turn, if the ticket has it, goes to who comes
// next.
func (q *Queue) Leave(t *Ticket) {
	if next := q.leave(t); next != nil {
		next.turn <- next
	}
}

// leave returns the ticket that has the turn now because t gave it up, or nil.
func (q *Queue) leave(t *Ticket) *Ticket {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.place != nil {
		q.line.Remove(t.place)
		t.place = nil
	}
	if !t.has {
		return nil
	}
	t.has, q.taken = false, false
	first := q.line.Front()
	if first == nil {
		return nil
	}
	next := q.line.Remove(first).(*Ticket)
	next.place, next.has, q.taken = nil, true, true
	return next
}
