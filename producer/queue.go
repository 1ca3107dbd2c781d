package producer

import "container/heap"

// A queue is records in order, in a ring: what waits long is cold, and one that
// is reached through another is read no sooner than that. The zero value is
// empty.
type queue struct {
	ring []*record // as long as a power of two, or nil
	head int
	n    int
}

// at returns a place of the ring.
func (q *queue) at(i int) **record { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// first returns the first record, or nil if there is none.
func (q *queue) first() *record {
	if q.n == 0 {
		return nil
	}
	return q.ring[q.head]
}

// grow makes room for one more.
func (q *queue) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]*record, max(16, 2*len(q.ring)))
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

func (q *queue) push(r *record) {
	q.grow()
	*q.at(q.n) = r
	q.n++
}

func (q *queue) pop() *record {
	r := q.ring[q.head]
	q.skip(1)
	return r
}

// skip removes records from the beginning.
func (q *queue) skip(k int) {
	for i := range k {
		*q.at(i) = nil
	}
	q.head = (q.head + k) & (len(q.ring) - 1)
	if q.n -= k; q.n == 0 && len(q.ring) > 1024 {
		*q = queue{} // a burst is no reason to keep its memory
	}
}

// keep replaces so many records at the beginning by some of them.
func (q *queue) keep(looked int, kept []*record) {
	gone := looked - len(kept)
	for i, r := range kept {
		*q.at(gone + i) = r
	}
	q.skip(gone)
}

// insert puts a record where its number says. It costs what lies before that.
func (q *queue) insert(r *record) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.n++
	i := 0
	for ; i+1 < q.n && (*q.at(i + 1)).n < r.n; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	*q.at(i) = r
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
