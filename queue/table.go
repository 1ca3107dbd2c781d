package queue

// A table holds entries in pages, which never move: it grows without copying,
// and a slot is used again as soon as it is free.
type table struct {
	pages [][]entry
	spare slot // free slots, linked by next
	begun uint32
	used  int
	// reading says that slots are taken by takeAt; spare is not kept then.
	reading bool
}

const pageEntries = 1 << 10

func (t *table) at(s slot) *entry { return &t.pages[s/pageEntries][s%pageEntries] }

// end returns the slot after the last that was ever taken.
func (t *table) end() uint32 { return t.begun }

// take takes a free slot.
func (t *table) take() (slot, *entry) {
	t.used++
	if s := t.spare; s != 0 {
		e := t.at(s)
		t.spare = e.next
		return s, e
	}
	if t.begun == 0 {
		t.begun = 1 // slot 0 is none
	}
	if int(t.begun/pageEntries) == len(t.pages) {
		t.pages = append(t.pages, make([]entry, pageEntries))
	}
	s := slot(t.begun)
	t.begun++
	return s, t.at(s)
}

// maxSlot bounds what is read as a slot.
const maxSlot = 1 << 30

// takeAt takes a certain slot of a table that is being read again, and reports
// whether it was free. Until [table.settle] nobody else is to take one.
func (t *table) takeAt(s slot) (*entry, bool) {
	if s == 0 || s > maxSlot {
		return nil, false
	}
	t.reading = true
	for int(s/pageEntries) >= len(t.pages) {
		t.pages = append(t.pages, make([]entry, pageEntries))
	}
	t.begun = max(t.begun, uint32(s)+1)
	e := t.at(s)
	if e.state() != free {
		return nil, false
	}
	t.used++
	return e, true
}

// settle ends the reading.
func (t *table) settle() {
	t.reading, t.spare = false, 0
	for s := slot(t.begun); s > 1; s-- {
		if e := t.at(s - 1); e.state() == free {
			e.next, t.spare = t.spare, s-1
		}
	}
}

// give makes a slot free. When the last one is, most of the memory is given
// back.
func (t *table) give(s slot) {
	e := t.at(s)
	t.used--
	if t.reading {
		*e = entry{}
		return
	}
	*e = entry{next: t.spare}
	t.spare = s
	if t.used == 0 && len(t.pages) > keptPages {
		*t = table{pages: t.pages[:keptPages:keptPages]}
		for _, p := range t.pages {
			clear(p)
		}
	}
}

const keptPages = 4

// A list is entries in order, linked by prev and next.
type list struct{ head, tail slot }

func (l *list) front(t *table) (slot, *entry) {
	if l.head == 0 {
		return 0, nil
	}
	return l.head, t.at(l.head)
}

// push appends an entry.
func (l *list) push(t *table, s slot, e *entry) {
	e.prev, e.next = l.tail, 0
	if l.tail != 0 {
		t.at(l.tail).next = s
	} else {
		l.head = s
	}
	l.tail = s
}

func (l *list) remove(t *table, s slot, e *entry) {
	if e.prev != 0 {
		t.at(e.prev).next = e.next
	} else {
		l.head = e.next
	}
	if e.next != 0 {
		t.at(e.next).prev = e.prev
	} else {
		l.tail = e.prev
	}
}
