package shardlog

import (
	"errors"
	"fmt"
	"slices"
)

// Check returns an error if an invariant of the log does not hold. The caller
// holds the writers' lock. It costs time in proportion to the records.
func (l *Log) Check() error {
	if err := l.checkEnds(); err != nil {
		return err
	}
	if err := l.checkIndex(); err != nil {
		return err
	}
	lastMs := int64(0)
	for i := range l.ring.n {
		b := l.ring.at(i)
		if b.baseMs < lastMs {
			return fmt.Errorf("block %d begins at %d, before %d", i, b.baseMs, lastMs)
		}
		n := l.n
		if b != l.active {
			n = int(l.ring.at(i+1).from - b.base)
		}
		switch {
		case (b.cold != nil) != (i < l.cold):
			return fmt.Errorf("block %d is cold: %t, %d are", i, b.cold != nil, l.cold)
		case b.cold != nil:
			if n != b.cold.count() || b.cold.place.First != b.base || b.cold.lastMs < b.baseMs {
				return fmt.Errorf("block %d with %d records stands for %+v", i, n, b.cold.place)
			}
			lastMs = b.cold.lastMs
		case n == 0 && b == l.active && l.ended && len(b.arena) == 0:
			lastMs = b.baseMs
		default:
			if err := b.checkTiling(n); err != nil {
				return fmt.Errorf("block %d: %w", i, err)
			}
			lastMs = b.arrival(n - 1)
		}
		if i > 0 {
			if err := checkNeighbours(l.ring.at(i-1), b); err != nil {
				return fmt.Errorf("block %d: %w", i, err)
			}
		}
	}
	return nil
}

// checkEnds checks the two ends of the log.
func (l *Log) checkEnds() error {
	b := l.active
	appended, first, end := l.appendedEnd(), l.first.Load(), l.end.Load()
	switch {
	case l.tail.Load() != b:
		return errors.New("the active block is not the tail")
	case b.next.Load() != nil:
		return errors.New("the active block has a successor")
	case l.next < appended || l.next > appended && l.skippedAfter(appended) != l.next:
		return fmt.Errorf("the next index is %d, but %d records end at %d", l.next, l.n, appended)
	case end > appended:
		return fmt.Errorf("records are published to %d of %d", end, appended)
	case first < 1 || first > end:
		return fmt.Errorf("the trim horizon is %d, the published end %d", first, end)
	case l.ring.n > 0 && l.ring.at(l.ring.n-1) != b:
		return errors.New("the active block is not the newest of the ring")
	case l.ring.n > 0 && first < l.ring.at(0).from:
		return fmt.Errorf("the trim horizon %d lies before the oldest block", first)
	case l.ring.n > 1 && first >= l.ring.at(1).from, l.ring.n == 1 && first >= appended:
		return fmt.Errorf("the trim horizon %d lies behind the oldest block", first)
	case l.cold > 0 && l.cold >= l.ring.n:
		return fmt.Errorf("%d of %d blocks are cold", l.cold, l.ring.n)
	case l.ring.n == 0 && (l.n != 0 || len(b.arena) != 0 || first != end):
		return fmt.Errorf("a log without blocks has %d records", l.n)
	case l.trimmed != l.before(first):
		return fmt.Errorf("%+v is counted as trimmed, %+v is", l.trimmed, l.before(first))
	}
	return nil
}

// skippedAfter returns the index after the gap that begins at i.
func (l *Log) skippedAfter(i uint64) uint64 {
	for _, g := range l.gaps {
		if g.From == i {
			return g.To
		}
	}
	return i
}

// checkIndex checks that the index has the blocks of the ring, no more.
func (l *Log) checkIndex() error {
	collect := func(x *index) (entries []indexEntry) {
		if x != nil {
			x.Ascend(func(e indexEntry) bool {
				entries = append(entries, e)
				return true
			})
		}
		return entries
	}
	indexed := collect(l.index)
	if !slices.Equal(indexed, collect(l.lookup.Load())) {
		return errors.New("the published index is not the writers'")
	}
	if len(indexed) != l.ring.n {
		return fmt.Errorf("%d blocks are indexed, %d are in the ring", len(indexed), l.ring.n)
	}
	for i, e := range indexed {
		if e != entryOf(l.ring.at(i)) {
			return fmt.Errorf("block %d is indexed as %+v", i, e)
		}
	}
	return nil
}

// checkNeighbours checks that a block continues the one before it.
func checkNeighbours(before, b *Block) error {
	switch n := int64(b.from - before.base); {
	case b.records != before.records+n:
		return fmt.Errorf("comes after %d records; the one before has %d after %d", b.records, n, before.records)
	case b.bytes != before.bytes+int64(before.used):
		return fmt.Errorf("begins at byte %d; the one before ends at %d", b.bytes, before.bytes+int64(before.used))
	case before.next.Load() != b:
		return errors.New("the one before does not link to it")
	}
	return nil
}

// checkTiling checks that the headers of n records tile the arena, or what
// would be in it if the block were not hollow.
func (b *Block) checkTiling(n int) error {
	end, delta := 0, int64(0)
	kept := b.used
	if b.hollow {
		kept = 0
	}
	if n == 0 || kept+n*headerBytes > len(b.arena) || b.used >= maxBlockBytes {
		return fmt.Errorf("%d records of %d bytes in an arena of %d", n, b.used, len(b.arena))
	}
	for i := range n {
		h := b.Header(i)
		if h.End() < end+h.KeyLen() || h.End()-end > MaxRecordBytes || h.Delta() < delta {
			return fmt.Errorf("record %d: key of %d bytes, data to byte %d, %d ms; the one before ends at byte %d, %d ms",
				i, h.KeyLen(), h.End(), h.Delta(), end, delta)
		}
		end, delta = h.End(), h.Delta()
	}
	if end != b.used {
		return fmt.Errorf("%d bytes are used, the records end at %d", b.used, end)
	}
	return nil
}
