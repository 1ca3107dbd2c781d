package producer

import (
	"runtime"
	"time"

	"github.com/weirstream/weir"
)

// A record is on its way. Many are held, most of which succeed at once: what
// only others need is in troubles. It takes two lines of a processor's cache.
type record struct {
	key      string
	data     []byte
	explicit *weir.HashKey
	done     func(Outcome)
	arrived  time.Duration

	n        uint64 // records are numbered as they come
	hash     weir.HashKey
	troubles *troubles // nil if it was never put back, and did not fail
	size     int32     // what it takes of memory
	tries    int32     // that failed
	home     *block
	_        [16]byte // so that it does not begin within a line
}

// A block is memory for records that follow each other in a lane: who goes
// through them has them side by side.
type block struct {
	records []record
	used    int   // of its records, since it was free
	live    int   // of these, those that were neither told nor moved
	lane    *lane // whose next records it takes; nil if there is no place left
}

// maxBlock is how many records a block has at most, a power of two. One of them
// keeps the memory of all, so a lane's first block has one, and the next ones as
// many as came before.
const (
	maxBlock   = 1 << blockSizes >> 1
	blockSizes = 6
)

// touchedAtOnce is for how many records a processor waits at the same time.
const touchedAtOnce = 16

// touch brings the next records of a list into the processor's cache together. Who
// comes to one after the other waits for each of them.
func touch(list []*record) {
	n := time.Duration(0)
	for _, r := range list[:min(len(list), touchedAtOnce)] {
		n += r.arrived + time.Duration(r.tries)
	}
	runtime.KeepAlive(n)
}

// troubles are of a record that failed, or was put back at least.
type troubles struct {
	due      time.Duration // when it is put again
	attempts []Attempt
	err      error // in the end
}

// entry returns what is put.
func (r *record) entry() weir.Entry {
	return weir.Entry{PartitionKey: r.key, Data: r.data, ExplicitHashKey: r.explicit}
}

// bytes returns what a record counts for against limits.
func (r *record) bytes() int { return len(r.key) + len(r.data) }

func (r *record) trouble() *troubles {
	if r.troubles == nil {
		r.troubles = new(troubles)
	}
	return r.troubles
}

// attemptsKept is how many failed attempts an outcome tells of at most: the
// first ones and the last one.
const attemptsKept = 4

// tried notes an attempt that failed.
func (r *record) tried(a Attempt) {
	r.tries++
	t := r.trouble()
	if n := len(t.attempts); n < attemptsKept {
		t.attempts = append(t.attempts, a)
	} else {
		t.attempts[n-1] = a
	}
}

// forget lets go of what a record has hold of.
func (r *record) forget() {
	r.key, r.data, r.explicit, r.done, r.troubles = "", nil, nil, nil, nil
}
