package simulate

import "time"

// A kind says what is due. At the same moment a lesser kind comes first.
type kind uint8

const (
	secondEnds kind = iota // so that a second holds what is before its end
	outageEnds
	outageBegins
	reshardDue
	consumerStarts
	retryDue
	arrivalDue // of new records, which are in no queue
	workDone
	pollDue
	receiveDue // of a queue's worker
)

// An event is something due at a time.
type event struct {
	at     time.Duration
	order  uint64 // the kind, and below it the number of events before this one
	target target
	arg    int // what the target makes of it
}

// A target is what events happen to.
type target interface{ due(k kind, arg int) }

const kindShift = 56 // leaves the numbers room for 2^56 events

func (e *event) kind() kind { return kind(e.order >> kindShift) }

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

// A queue is the events to come, as a binary heap. Events of the same time and
// kind come in the order in which they were added.
type queue struct {
	heap  []event
	added uint64
}

// add adds an event.
func (q *queue) add(at time.Duration, k kind, to target, arg int) {
	q.heap = append(q.heap, event{at, uint64(k)<<kindShift | q.added, to, arg})
	q.added++
	q.up(len(q.heap) - 1)
}

// next takes the first event out if it comes before a time and kind.
func (q *queue) next(at time.Duration, k kind) (event, bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	first := q.heap[0]
	if first.at > at || first.at == at && first.kind() >= k {
		return event{}, false
	}
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	q.down()
	return first, true
}

func (q *queue) up(i int) {
	e := q.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

func (q *queue) down() {
	if len(q.heap) == 0 {
		return
	}
	i, e := 0, q.heap[0]
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			break
		}
		if child+1 < len(q.heap) && q.heap[child+1].before(&q.heap[child]) {
			child++
		}
		if !q.heap[child].before(&e) {
			break
		}
		q.heap[i] = q.heap[child]
		i = child
	}
	q.heap[i] = e
}
