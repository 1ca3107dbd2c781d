package producer

import "container/heap"

// A waiting is a record that waits, and what is to be known of it before its turn:
// what waits long is in no cache of the processor.
type waiting struct {
	r      *record
	bytes  int32 // data and partition key
	packed int32 // what it takes in an aggregate at most; 0 if it goes as it is
}

// A queue is records in order, in a ring. The zero value is empty.
type queue struct {
	ring []waiting // as long as a power of two, or nil
	head int
	n    int
}

// at returns a place of the ring.
func (q *queue) at(i int) *waiting { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// first returns the first record; nil if there is none.
func (q *queue) first() (w waiting) {
	if q.n > 0 {
		w = q.ring[q.head]
	}
	return w
}

// grow makes room for one more.
func (q *queue) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]waiting, max(16, 2*len(q.ring)))
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

func (q *queue) push(w waiting) {
	q.grow()
	*q.at(q.n) = w
	q.n++
}

func (q *queue) pop() waiting {
	w := q.ring[q.head]
	q.skip(1)
	return w
}

// skip removes records from the beginning.
func (q *queue) skip(k int) {
	for i := range k {
		*q.at(i) = waiting{}
	}
	q.head = (q.head + k) & (len(q.ring) - 1)
	if q.n -= k; q.n == 0 && len(q.ring) > 1024 {
		*q = queue{} // a burst is no reason to keep its memory
	}
}

// keep replaces so many records at the beginning by some of them.
func (q *queue) keep(looked int, kept []waiting) {
	gone := looked - len(kept)
	for i, w := range kept {
		*q.at(gone + i) = w
	}
	q.skip(gone)
}

// insert puts a record where its number says. It costs what lies before that.
func (q *queue) insert(w waiting) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.n++
	i := 0
	for ; i+1 < q.n && q.at(i+1).r.n < w.r.n; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	*q.at(i) = w
}

// A schedule is a heap of records by when they are due.
type schedule []*record

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	a, b := s[i].troubles.due, s[j].troubles.due
	return a < b || a == b && s[i].n < s[j].n
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push is for package heap, as Pop is.
func (s *schedule) Push(r any) { *s = append(*s, r.(*record)) }

// Pop removes the last one.
func (s *schedule) Pop() any {
	old := *s
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return r
}

var _ heap.Interface = (*schedule)(nil)
