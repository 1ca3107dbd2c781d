package shardlog

// A Cursor is a position in a log: the index of the next record to be read. It
// remembers the block it was last seen in, which spares a lookup. The zero
// value with a Next is ready for any log.
type Cursor struct {
	Next  uint64
	block *Block // nil or any block of the log

	failed *failure // why records that have left memory could not be read
}

// Forget lets go of the block, so that a cursor that is kept keeps no memory
// alive.
func (c *Cursor) Forget() { c.block = nil }

// Block returns where the run lies that [Log.Take] found, and the place in it
// of its first record.
func (c *Cursor) Block() (b *Block, i int) { return c.block, int(c.Next - c.block.base) }

// before returns the records of the log before a cursor that is settled.
func (c *Cursor) before() Extent {
	b, i := c.Block()
	if b.cold != nil {
		return Extent{b.records + int64(i), b.bytes}
	}
	return Extent{b.records + int64(i), b.bytes + int64(b.Start(i))}
}

// settle moves c.block to the block that holds the record c.Next, and returns
// the index after the last published record of that block: if that is not
// greater than c.Next there is no such record yet. A position in a trimmed
// block moves up to the oldest record that is left, one in a gap to the record
// behind it.
func (l *Log) settle(c *Cursor) uint64 {
	b := c.block
	if b == nil || c.Next < b.base {
		b = l.seek(c)
	}
	// Loaded before any link: the link to a block was stored before its records
	// were published, so what lies below end can be reached. And loaded after the
	// index: what is the oldest block there was published to before it became that,
	// so a log that holds records never looks empty.
	end := l.end.Load()
	for {
		next := b.next.Load()
		if next == nil {
			break
		}
		if c.Next < next.from {
			end = min(end, next.from)
			break
		}
		if b = next; b == released {
			b = l.seek(c)
			end = l.end.Load()
		} else if c.Next < b.base {
			c.Next = b.base // over a gap
		}
	}
	c.block = b
	return end
}

// seek looks c.Next up in the index, without regard to c.block.
func (l *Log) seek(c *Cursor) *Block {
	b := l.find(func(x *index) *Block { return byNumber(x, c.Next) })
	c.Next = max(c.Next, b.base)
	return b
}

// find looks a block up in the index, and returns the tail if that is empty.
func (l *Log) find(in func(*index) *Block) *Block {
	for {
		// The tail first: if the index is empty after that, whatever lay before the
		// tail has been trimmed. In the other order blocks may be added in between,
		// and the tail be the second of them.
		tail := l.tail.Load()
		if b := in(l.lookup.Load()); b != nil {
			return b
		}
		if l.tail.Load() == tail { // else it was taken back, and is before what comes
			return tail
		}
	}
}

// SkipTo moves c up to the oldest record that is not trimmed and arrived after
// ms, or to where the next one will be that does.
func (l *Log) SkipTo(c *Cursor, ms int64) {
	c.Next, c.failed = max(c.Next, l.first.Load()), nil
	if limit := l.settle(c); c.Next >= limit {
		return
	}
	if b := c.block; b.cold != nil && (b.baseMs > ms || b.cold.lastMs > ms && !l.isPast(c, ms)) {
		return
	} else if b.cold == nil && b.arrival(int(c.Next-b.base)) > ms {
		return
	}
	l.seekArrival(c, ms)
}

// SeekArrival returns a cursor at the oldest record that is not trimmed and
// arrived after ms, or where the next one will be that does.
func (l *Log) SeekArrival(ms int64) Cursor {
	c := Cursor{Next: l.first.Load()}
	l.seekArrival(&c, ms)
	return c
}

// seekArrival moves c up to the first record that arrived after ms, or to the
// published end if there is none.
func (l *Log) seekArrival(c *Cursor, ms int64) {
	b := l.byArrival(ms)
	for {
		end := l.end.Load() // before the link and after the index, as settle does
		next := b.next.Load()
		if next == released { // since it was looked up
			b = l.byArrival(ms)
			continue
		}
		n := b.published(end, next)
		until := int64(0)
		switch {
		case next != nil:
			until = next.baseMs
		case b.cold == nil:
			until = b.lastMs(n)
		}
		var i int
		if b.cold == nil {
			i = b.searchTime(n, ms, until)
		} else if b, i, c.failed = b.seekCold(ms); c.failed != nil {
			if l.first.Load() >= b.cold.place.End { // trimmed in the meantime
				b, c.failed = l.byArrival(ms), nil
				c.Next = max(c.Next, l.first.Load())
				continue
			}
			c.block, c.Next = b, max(c.Next, b.base)
			return
		}
		if i == n && next != nil && next.from <= end {
			b = next
			continue
		}
		c.block, c.Next = b, max(c.Next, b.base+uint64(i))
		return
	}
}

// byArrival finds the block of the last record that arrived at ms or before.
func (l *Log) byArrival(ms int64) *Block {
	return l.find(func(x *index) *Block { return byArrival(x, ms) })
}

// ArrivalAt returns when the record at c arrived, in Unix milliseconds, if
// there is one. Where the record is trimmed that is the oldest one that is not.
func (l *Log) ArrivalAt(c Cursor) (ms int64, ok bool) {
	c.Next = max(c.Next, l.first.Load())
	return l.arrival(&c)
}

func (l *Log) arrival(c *Cursor) (ms int64, ok bool) {
	if limit := l.settle(c); c.Next >= limit {
		return 0, false
	}
	if c.block.cold != nil {
		return l.arrivalCold(c)
	}
	return c.block.arrival(int(c.Next - c.block.base)), true
}

// Oldest returns the arrival of the oldest record that is not trimmed, or an
// earlier one if that record has left memory.
func (l *Log) Oldest() (ms int64, ok bool) {
	c := Cursor{Next: l.first.Load()}
	if limit := l.settle(&c); c.Next >= limit {
		return 0, false
	}
	if c.block.cold != nil {
		return c.block.baseMs, true
	}
	return c.block.arrival(int(c.Next - c.block.base)), true
}

// ArrivalOf returns when the record with index i arrived, if that is known:
// until its block is released, which may be later than it is trimmed.
func (l *Log) ArrivalOf(i uint64) (ms int64, ok bool) {
	c := Cursor{Next: i}
	if ms, ok = l.arrival(&c); c.Next != i {
		return 0, false
	}
	return ms, ok
}

// ArrivalBefore returns the index before c, gaps left out, and the arrival of
// the record that has it, as [Log.ArrivalOf] does.
func (l *Log) ArrivalBefore(c Cursor) (i uint64, ms int64, ok bool) {
	i = l.Previous(c.Next)
	c.Next = i
	if ms, ok = l.arrival(&c); c.Next != i {
		return i, 0, false
	}
	return i, ms, ok
}

// Between returns how many records there are or were from index i on and before
// index j, trimmed ones included. It is exact also where [Log.Before] is not.
func (l *Log) Between(i, j uint64) int64 {
	if j <= i {
		return 0
	}
	n := j - i
	for _, g := range l.gaps {
		if from, to := max(i, g.From), min(j, g.To); from < to {
			n -= to - from
		}
	}
	return int64(n)
}

// Before returns how many of the published records lie before c, trimmed ones
// included, and their bytes. Where c is among records that have left memory and
// cannot be read, the bytes are those before.
func (l *Log) Before(c Cursor) Extent {
	c.Next = min(max(c.Next, l.first.Load()), l.end.Load())
	if limit := l.settle(&c); c.block.cold != nil && c.Next != c.block.base {
		l.fetch(&c, limit)
	}
	return c.before()
}

// Take finds a run of records from c on that lie in one block: at most `most`
// of at most budget bytes together or, if alone is set, one whatever its size.
// It returns how many they are and their bytes; c is then at the first of them,
// for [Cursor.Block] to say where that is. The caller moves c.Next.
//
// The run comes back through the cursor and not as a value of its own because a
// call that reads one record notices the difference.
func (l *Log) Take(c *Cursor, most, budget int, alone bool) (n, bytes int) {
	limit := l.settle(c)
	if c.block.cold != nil {
		limit = l.fetch(c, limit)
	}
	if c.Next >= limit || most <= 0 {
		return 0, 0
	}
	b, i := c.block, int(c.Next-c.block.base)
	j := b.fitting(i, i+min(int(limit-c.Next), most), budget)
	if j == i {
		if !alone {
			return 0, 0
		}
		j++
	}
	return j - i, b.Header(j-1).End() - b.Start(i)
}
