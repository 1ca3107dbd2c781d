package bench

import (
	"encoding/binary"
	"time"
)

// StampBytes is how much of a record's data the bench writes on. Records with less
// data are put as they are; what happens to them on the way is not measured.
const StampBytes = 16

// A mark is the number of a run, by which it knows its own records. Its highest bit
// is set.
type mark uint64

const markBit = 1 << 63

// A stamp is what a record carries in the first bytes of its data: two numbers, the
// mark added to each, so that the records of others are told from those of the run.
type stamp struct {
	due  time.Duration // when the record was to be put, since the run began
	sent time.Duration // when the call that stored it began; zero if it is not measured
}

// seal writes a stamp on a record's data, if there is room.
func (m mark) seal(data []byte, s stamp) {
	if len(data) < StampBytes {
		return
	}
	binary.LittleEndian.PutUint64(data, uint64(s.due)^uint64(m))
	binary.LittleEndian.PutUint64(data[8:], uint64(s.sent)^uint64(m))
}

// open reads a stamp, and reports whether the run wrote it.
func (m mark) open(data []byte) (stamp, bool) {
	if len(data) < StampBytes {
		return stamp{}, false
	}
	s := stamp{
		due:  time.Duration(binary.LittleEndian.Uint64(data) ^ uint64(m)),
		sent: time.Duration(binary.LittleEndian.Uint64(data[8:]) ^ uint64(m)),
	}
	return s, s.due >= 0 && s.sent >= 0 && s.due < longestRun && s.sent < longestRun
}

// longestRun bounds the times that a stamp can tell.
const longestRun = 10 * 365 * 24 * time.Hour
