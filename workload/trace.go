package workload

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// A Traced is one record of a trace.
type Traced struct {
	At    time.Time
	Key   string
	Bytes int // of data
}

// Open opens the trace of a file. The generator stops the sequence when it needs no
// more of it, and gives up at its first error.
type Open func(file string) (iter.Seq2[Traced, error], error)

const (
	// TraceWindow is how far from its place a record of a trace may stand, in
	// recorded time, to be put into order.
	TraceWindow = 2 * time.Minute
	// TraceWindowRecords is how many records are held at most to do that.
	TraceWindowRecords = 1_000_000
	// tracedKeys is how many keys of a trace are remembered with their hashes. When
	// there are more it forgets them all and begins again.
	tracedKeys = 1 << 18
)

// traceReader gives the records of a trace in the order of their times.
type traceReader struct {
	file   string
	next   func() (Traced, error, bool)
	stop   func()
	over   bool  // nothing is left to read
	err    error // why
	read   int64 // records
	base   time.Time
	newest time.Duration // since base
	window tracedHeap
	keys   map[string]*Key

	begun  bool
	origin time.Duration // the first record's place, since base
	last   time.Duration // the last one's
	late   int64         // records that came after their place had passed
}

func newTraceReader(file string, open Open) (*traceReader, error) {
	if open == nil {
		return nil, fmt.Errorf("trace %s: nobody opens traces here", file)
	}
	records, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", file, err)
	}
	t := &traceReader{file: file, keys: make(map[string]*Key)}
	t.next, t.stop = iter.Pull2(records)
	return t, nil
}

// pop returns the next record, and its time since that of the first one. When there
// is none, err may say why.
func (t *traceReader) pop() (at time.Duration, r tracedRecord, ok bool) {
	for !t.over && !t.windowFull() {
		t.readOne()
	}
	if len(t.window) == 0 {
		return 0, tracedRecord{}, false
	}
	r = t.window.pop()
	if !t.begun {
		t.begun, t.origin, t.last = true, r.at, r.at
	}
	if r.at < t.last {
		t.late++
	}
	t.last = max(t.last, r.at)
	return t.last - t.origin, r, true
}

// windowFull reports whether the first record held is out of reach of those to come.
func (t *traceReader) windowFull() bool {
	return len(t.window) >= TraceWindowRecords ||
		len(t.window) > 0 && t.newest-t.window[0].at > TraceWindow
}

func (t *traceReader) readOne() {
	r, err, ok := t.next()
	if !ok {
		t.over = true
		return
	}
	t.read++
	if err == nil {
		err = r.check()
	}
	if err != nil {
		t.over, t.err = true, fmt.Errorf("trace %s: record %d: %w", t.file, t.read, err)
		t.stop()
		return
	}
	if t.read == 1 {
		t.base = r.At
	}
	const most = time.Duration(1) << 61 // so that differences do not overflow
	at := min(max(-most, r.At.Sub(t.base)), most)
	t.newest = max(t.newest, at)
	t.window.push(tracedRecord{at, t.read, t.key(r.Key), r.Bytes})
}

// check says why a stream could never take the record.
func (r Traced) check() error {
	if err := checkKey(r.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if r.Bytes < 0 || r.Bytes > weir.MaxRecordBytes {
		return fmt.Errorf("%d bytes of data are outside 0 to %d", r.Bytes, weir.MaxRecordBytes)
	}
	return nil
}

// key returns the key with its hash, the same one for the same text unless it was
// forgotten.
func (t *traceReader) key(text string) *Key {
	if k := t.keys[text]; k != nil {
		return k
	}
	if len(t.keys) == tracedKeys {
		clear(t.keys)
	}
	text = strings.Clone(text) // it may be a part of a long line
	k := &Key{text, weir.HashPartitionKey(text)}
	t.keys[text] = k
	return k
}

// tracedRecord is a record in the window.
type tracedRecord struct {
	at     time.Duration // since the base
	number int64         // which one of the file
	key    *Key
	bytes  int
}

func (r tracedRecord) before(o tracedRecord) bool {
	return r.at < o.at || r.at == o.at && r.number < o.number
}

// tracedHeap is a binary heap whose first record is the earliest.
type tracedHeap []tracedRecord

func (h *tracedHeap) push(r tracedRecord) {
	*h = append(*h, r)
	s := *h
	i := len(s) - 1
	for i > 0 && r.before(s[(i-1)/2]) {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = r
}

func (h *tracedHeap) pop() tracedRecord {
	s := *h
	first, r := s[0], s[len(s)-1]
	s[len(s)-1] = tracedRecord{} // releases the key
	s = s[:len(s)-1]
	*h = s
	i := 0
	for child := 1; child < len(s); child = 2*i + 1 {
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(r) {
			break
		}
		s[i], i = s[child], child
	}
	if len(s) > 0 {
		s[i] = r
	}
	return first
}
