package queue

// timers are the entries that have a deadline, the one first that is due first.
// Most deadlines are later than all before, because most time-outs are the
// same: those are a list, to which adding and from which removing costs next to
// nothing. The others are in a heap.
type timers struct {
	table *table
	line  list
	heap  []slot
}

// add adds an entry by its deadline.
func (t *timers) add(s slot, e *entry) {
	if t.line.tail == 0 || t.table.at(t.line.tail).comesBefore(e) {
		e.marks &^= heapMark
		t.line.push(t.table, s, e)
		return
	}
	e.marks |= heapMark
	t.heap = append(t.heap, s)
	t.up(len(t.heap)-1, s, e)
}

// remove removes an entry.
func (t *timers) remove(s slot, e *entry) {
	if e.marks&heapMark == 0 {
		t.line.remove(t.table, s, e)
		return
	}
	e.marks &^= heapMark
	i, last := int(e.next), len(t.heap)-1
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if i == last {
		if last == 0 && cap(t.heap) > pageEntries {
			t.heap = nil
		}
		return
	}
	o := t.table.at(moved)
	if i > 0 && o.comesBefore(t.table.at(t.heap[parentOf(i)])) {
		t.up(i, moved, o)
	} else {
		t.down(i, moved, o)
	}
}

// first returns the entry that is due first, or none.
func (t *timers) first() (slot, *entry) {
	s, e := t.line.front(t.table)
	if len(t.heap) > 0 {
		if o := t.table.at(t.heap[0]); s == 0 || o.comesBefore(e) {
			return t.heap[0], o
		}
	}
	return s, e
}

// heapWidth is how many children a place in the heap has: few levels, because a
// level is a look at memory that nobody else has looked at.
const heapWidth = 4

func parentOf(i int) int { return (i - 1) / heapWidth }

// up puts an entry at place i, or nearer to the top where it belongs.
func (t *timers) up(i int, s slot, e *entry) {
	for i > 0 {
		p := parentOf(i)
		o := t.table.at(t.heap[p])
		if !e.comesBefore(o) {
			break
		}
		t.put(i, t.heap[p], o)
		i = p
	}
	t.put(i, s, e)
}

// down puts an entry at place i, or farther from the top where it belongs.
func (t *timers) down(i int, s slot, e *entry) {
	for {
		least, of := -1, e
		for c := i*heapWidth + 1; c <= i*heapWidth+heapWidth && c < len(t.heap); c++ {
			if o := t.table.at(t.heap[c]); o.comesBefore(of) {
				least, of = c, o
			}
		}
		if least < 0 {
			break
		}
		t.put(i, t.heap[least], of)
		i = least
	}
	t.put(i, s, e)
}

func (t *timers) put(i int, s slot, e *entry) {
	t.heap[i] = s
	e.next = slot(i)
}
