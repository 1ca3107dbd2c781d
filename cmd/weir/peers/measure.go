package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// A measure is what is measured of a peer; less is better for all.
type measure string

const (
	putNs     measure = "put_ns"      // a record, one by one
	batchNs   measure = "batch_ns"    // a record, in batches
	readNs    measure = "read_ns"     // a record
	wakeP50   measure = "wake_p50_us" // from the call of put to the record in the reader's hand
	wakeP99   measure = "wake_p99_us"
	gcMs      measure = "gc_ms" // a forced collection with the live records
	heapBytes measure = "bytes" // a live record
)

// liveRecords is how many records are held while collections are measured.
const liveRecords = 1_000_000

// A part measures some measures of a peer. It returns none of what the peer cannot
// do.
type part struct {
	name   string
	load   func() (*input, error) // makes the records; they are dropped after the part
	onDisk bool
	run    func(p peer, c config, in *input) (map[measure]float64, error)
}

// isFor reports whether a peer takes the part at all.
func (t part) isFor(p peer) bool {
	if t.onDisk {
		return p.openDisk != nil
	}
	return p.open != nil
}

// parts are taken by all peers in turn, one part after the other.
func parts(c config) []part {
	same := func() (*input, error) { return makeRecords(c.size), nil }
	if c.disk {
		return diskParts(same)
	}
	list := []part{
		{"put", same, false, measurePut},
		{"batch and read", same, false, measureBatch},
		{"wake-up", same, false, measureWake},
		{"processed by a group", same, false, measureProcessed},
		{"work queue", same, false, measureQueued},
		{"counted in windows", same, false, measureCounted},
		{"memory", same, false, measureMemory},
	}
	for _, name := range readyMade {
		list = append(list, part{name, func() (*input, error) { return loadWorkload(name) }, false, measureBatch})
	}
	return append(list, diskParts(same)...)
}

func measurePut(p peer, c config, in *input) (map[measure]float64, error) {
	n := c.scaled(p.counts.put, in.size)
	took, l, err := fillLogs(p, c, in, n, func(l log) error {
		put, ok := l.(putter)
		if !ok {
			return errors.New("takes no single records")
		}
		for i := range n {
			if err := put.put(&in.records[i%keys]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.close()
	return map[measure]float64{putNs: took}, nil
}

func measureBatch(p peer, c config, in *input) (map[measure]float64, error) {
	n := c.scaled(p.counts.batch, in.size)
	took, l, err := fillLogs(p, c, in, n, func(l log) error { return fill(l, n, in.records) })
	if err != nil {
		return nil, err
	}
	defer l.close()
	found := map[measure]float64{in.measure(batchNs): took}
	if r, ok := l.(reader); ok {
		found[in.measure(readNs)], err = readAgain(r, n, c.atLeast())
	}
	return found, err
}

// fillLogs fills a new log with n records, and further ones until enough time has
// passed. It returns nanoseconds a record, and the last log.
func fillLogs(p peer, c config, in *input, n int, fill func(l log) error) (ns float64, last log, err error) {
	var took time.Duration
	for logs := 1; ; logs++ {
		l, err := p.open(in.room(n))
		if err != nil {
			return 0, nil, err
		}
		runtime.GC()
		begin := time.Now()
		if err = fill(l); err == nil {
			err = flush(l)
		}
		took += time.Since(begin)
		if err != nil {
			l.close()
			return 0, nil, err
		}
		if took >= c.atLeast() {
			return float64(took) / float64(n*logs), l, nil
		}
		l.close()
	}
}

// fill puts n records in batches, and waits until all are stored. Batches begin at
// every key that is a multiple of the batch's size.
func fill(l log, n int, records []record) error {
	b, ok := l.(batcher)
	if !ok {
		return errors.New("takes no batches")
	}
	distinct := len(records) - batchSize
	for i := 0; i < n; i += batchSize {
		at := i % distinct
		if err := b.putBatch(records[at : at+min(batchSize, n-i)]); err != nil {
			return err
		}
	}
	return flush(l)
}

func flush(l log) error {
	if f, ok := l.(flusher); ok {
		return f.flush()
	}
	return nil
}

// readAgain reads everything until some time has passed, once at least and a drainer
// no more than that, and returns nanoseconds a record.
func readAgain(r reader, n int, atLeast time.Duration) (float64, error) {
	runtime.GC()
	_, once := r.(drainer)
	begin, total := time.Now(), 0
	for total == 0 || !once && time.Since(begin) < atLeast {
		var s sink
		if err := r.read(&s); err != nil {
			return 0, err
		}
		if s.records != n {
			return 0, fmt.Errorf("read %d records of %d", s.records, n)
		}
		total += n
	}
	return perRecord(begin, total), nil
}

func perRecord(begin time.Time, n int) float64 {
	return float64(time.Since(begin)) / float64(n)
}

const (
	// stampBytes of the data are the time at which the record was put.
	stampBytes = 8
	// idlePause lies between two puts to a waiting reader.
	idlePause = 100 * time.Microsecond
	patience  = 10 * time.Second
)

// measureWake puts records that a reader waits for, with pauses. Each record's time
// runs from the call of put until the reader has it.
func measureWake(p peer, c config, _ *input) (map[measure]float64, error) {
	n := p.counts.wake
	if c.quick {
		n = min(n, 200)
	}
	l, err := p.open(room{records: max(n, batchSize)})
	if err != nil {
		return nil, err
	}
	defer l.close()
	put, canPut := l.(putter)
	f, canFollow := l.(follower)
	if n == 0 || !canPut || !canFollow {
		return nil, nil
	}
	took, err := wakeUps(put, f, n, c.size)
	if err != nil {
		return nil, err
	}
	took = took[n/10:] // the first find everything cold
	slices.Sort(took)
	return map[measure]float64{
		wakeP50: micros(took[len(took)/2]),
		wakeP99: micros(took[len(took)*99/100]),
	}, nil
}

func wakeUps(put putter, f follower, n, size int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, arrived, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	took, begin := make([]time.Duration, 0, n), time.Now()
	go func() {
		ended <- f.follow(ctx, func() { close(ready) }, func(data []byte) {
			took = append(took, time.Since(begin)-time.Duration(binary.LittleEndian.Uint64(data)))
			if len(took) == n {
				close(arrived)
			}
		})
	}()
	err := await(ready, ended)
	for i := 0; i < n && err == nil; i++ {
		time.Sleep(idlePause)
		err = put.put(stamped(begin, size))
	}
	if err == nil {
		err = await(arrived, ended)
	}
	cancel()
	if err == nil {
		err = <-ended
	}
	return took, err
}

// stamped returns a record whose data begin with the time since begin.
func stamped(begin time.Time, size int) *record {
	const key = "0123456789abcdef"
	both := append(make([]byte, 0, len(key)+size), key...)
	both = both[:cap(both)]
	r := &record{key: key, data: both[len(key):], both: both}
	binary.LittleEndian.PutUint64(r.data, uint64(time.Since(begin)))
	return r
}

// await waits for a channel to be closed. An end before that is an error.
func await(c <-chan struct{}, ended chan error) error {
	select {
	case <-c:
		return nil
	case err := <-ended:
		ended <- err
		return errors.Join(errors.New("the reader ended early"), err)
	case <-time.After(patience):
		return fmt.Errorf("the reader has not everything after %v", patience)
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// measureMemory holds a million records and collects garbage.
func measureMemory(p peer, c config, in *input) (map[measure]float64, error) {
	before, n := heap(), c.scaled(liveRecords, in.size)
	l, err := p.open(in.room(n))
	if err != nil {
		return nil, err
	}
	defer l.close()
	if err := fill(l, n, in.records); err != nil {
		return nil, err
	}
	after := heap()
	if o, ok := l.(offHeaper); ok {
		after += o.offHeap()
	}
	least := time.Hour // others on the machine only ever make a collection slower
	for range 5 {
		begin := time.Now()
		runtime.GC()
		least = min(least, time.Since(begin))
	}
	runtime.KeepAlive(l)
	return map[measure]float64{
		gcMs:      float64(least) / float64(time.Millisecond),
		heapBytes: float64(after-before) / float64(n),
	}, nil
}

// heap returns the bytes of the heap that are in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
