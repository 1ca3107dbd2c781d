package weir_test

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

// The goals compare two measurements of one run: what the engine does, and a
// floor that does the inevitable part of the same work and nothing else. They
// are taken in turn, five times, and the median of the five ratios is reported,
// because these figures hold from machine to machine and nanoseconds do not.
//
//	go test -run=- -bench=Goals -benchtime=1x .
const (
	goalRounds  = 5
	goalMinimum = 60 * time.Millisecond // length of one measurement
)

// A work does n units of work.
type work func(n int)

// reportRatio measures a and b in turn and reports how many times as long as b a
// takes for a unit, and how long each takes.
func reportRatio(b *testing.B, must float64, a, floor work) {
	b.Helper()
	na, nf := calibrate(a), calibrate(floor)
	var ratios, as, fs []float64
	for range goalRounds {
		ta, tf := perUnit(a, na), perUnit(floor, nf)
		ratios, as, fs = append(ratios, ta/tf), append(as, ta), append(fs, tf)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(must, "must")
	b.ReportMetric(median(as), "ns/unit")
	b.ReportMetric(median(fs), "floor-ns/unit")
	b.ReportMetric(0, "ns/op")
}

// calibrate finds how many units take about goalMinimum.
func calibrate(w work) int {
	for n := 1; ; n *= 2 {
		begin := time.Now()
		w(n)
		if d := time.Since(begin); d > goalMinimum/4 {
			return max(1, int(float64(n)*float64(goalMinimum)/float64(d)))
		}
	}
}

func perUnit(w work, n int) float64 {
	runtime.GC()
	begin := time.Now()
	w(n)
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

const (
	benchKeys = 4096
	benchLive = 15 * time.Millisecond // retention that keeps some MiB a shard
)

var benchKey = func() (keys [benchKeys]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("user-%011d", i*7919)
	}
	return keys
}()

func benchStream(b testing.TB, shards int, c weir.Config) *weir.Stream {
	c.Shards = shards
	c.Limits = weir.Unlimited()
	s, err := weir.NewStream("bench", c)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// putWork puts records of size bytes, one by one.
func putWork(b *testing.B, s *weir.Stream, size int) work {
	ctx, data := context.Background(), make([]byte, size)
	return func(n int) {
		for i := range n {
			if _, err := s.PutRecord(ctx, benchKey[i%benchKeys], data); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// batchWork puts records of size bytes in batches of 500; a unit is one record.
func batchWork(b *testing.B, s *weir.Stream, size int) work {
	const batch = 500
	ctx, data := context.Background(), make([]byte, size)
	entries := make([]weir.Entry, batch)
	next := 0
	return func(n int) {
		for range (n + batch - 1) / batch {
			for i := range entries {
				entries[i] = weir.Entry{PartitionKey: benchKey[next%benchKeys], Data: data}
				next++
			}
			if _, err := s.PutRecords(ctx, entries); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A floorShard is the least that a shard can be: a lock and memory to copy to.
type floorShard struct {
	mu    sync.Mutex
	arena []byte
	used  int
	_     [64]byte
}

func newFloorShards(n int) []floorShard {
	shards := make([]floorShard, n)
	for i := range shards {
		shards[i].arena = make([]byte, 8<<20)
	}
	return shards
}

func (sh *floorShard) put(key string, data []byte) {
	if sh.used+len(key)+len(data) > len(sh.arena) {
		sh.used = 0
	}
	sh.used += copy(sh.arena[sh.used:], key)
	sh.used += copy(sh.arena[sh.used:], data)
}

func floorPlace(key string, shards int) int {
	sum := md5.Sum([]byte(key))
	place, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:8]), uint64(shards))
	return int(place)
}

// floorPut is MD5, clock, lock and copy: what a put cannot do without.
func floorPut(shards, size int) work {
	floor, data := newFloorShards(shards), make([]byte, size)
	return func(n int) {
		for i := range n {
			key := benchKey[i%benchKeys]
			sh := &floor[floorPlace(key, shards)]
			benchNow = time.Now()
			sh.mu.Lock()
			sh.put(key, data)
			sh.mu.Unlock()
		}
	}
}

// benchNow keeps the floor's clock readings from being optimised away.
var benchNow time.Time

// floorBatch is one clock reading a batch, MD5 one by one, and for each shard
// one lock and the copies.
func floorBatch(shards, size int) work {
	const batch = 500
	floor, data := newFloorShards(shards), make([]byte, size)
	places := make([][]string, shards)
	return func(n int) {
		for first := 0; first < n; first += batch {
			benchNow = time.Now()
			for i := range batch {
				key := benchKey[(first+i)%benchKeys]
				place := floorPlace(key, shards)
				places[place] = append(places[place], key)
			}
			for place, keys := range places {
				sh := &floor[place]
				sh.mu.Lock()
				for _, key := range keys {
					sh.put(key, data)
				}
				sh.mu.Unlock()
				places[place] = keys[:0]
			}
		}
	}
}

func BenchmarkGoals(b *testing.B) {
	b.Run("goal=1/PutRecord÷floor", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 1.5, putWork(b, s, 100), floorPut(8, 100))
	})
	b.Run("goal=1/PutRecord÷floor/clock=coarse", func(b *testing.B) {
		clock, stop := coarseClock()
		defer stop()
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}, Now: clock})
		reportRatio(b, 0.9, putWork(b, s, 100), floorPut(8, 100))
	})
	b.Run("goal=2/PutRecord,1shard÷MD5", func(b *testing.B) {
		s := benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 1.2, putWork(b, s, 100), floorMD5)
	})
	b.Run("goal=4/PutRecords÷floor", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 1.3, batchWork(b, s, 100), floorBatch(8, 100))
	})
	b.Run("goal=8/8producers÷1", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 0.85, parallel(8, func() work { return putWork(b, s, 100) }), putWork(b, s, 100))
	})
	b.Run("goal=9/GetRecords÷views", func(b *testing.B) {
		reportRatio(b, 1.2, readWork(b, filledStream(b, 1_000_000)), floorViews(1_000_000))
	})
}

// BenchmarkGoalsFull compares a put into a stream that is full and drops its oldest
// records with one into a stream whose records expire.
func BenchmarkGoalsFull(b *testing.B) {
	const must = 5 // a bound of ours; with a thousand shards it is far from met
	for _, shards := range []int{1, 8, 64, 1024} {
		b.Run(fmt.Sprintf("shards=%d/put,full÷put", shards), func(b *testing.B) {
			full, err := weir.NewStream("bench", weir.Config{
				Shards: shards, Limits: weir.Unlimited(), MaxBytes: 64 << 20, WhenFull: weir.DropOldest,
			})
			if err != nil {
				b.Fatal(err)
			}
			put := putWork(b, full, 100)
			put(1_000_000)
			reportRatio(b, must, put, putWork(b, benchStream(b, shards, weir.Config{Settings: weir.Settings{Retention: benchLive}}), 100))
		})
	}
}

// floorMD5 is the hash of a key alone.
func floorMD5(n int) {
	for i := range n {
		benchSum = md5.Sum([]byte(benchKey[i%benchKeys]))
	}
}

var benchSum [md5.Size]byte

// parallel divides units among workers that run at once.
func parallel(workers int, each func() work) work {
	return func(n int) {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() { each()((n + workers - 1) / workers) })
		}
		wg.Wait()
	}
}

// filledStream returns a stream of one shard that holds n records of 100 bytes.
func filledStream(b *testing.B, n int) *weir.Stream {
	s := benchStream(b, 1, weir.Config{})
	batchWork(b, s, 100)(n)
	return s
}

// readWork reads a shard from end to end, again and again, in batches of 10,000
// into a slice of its own.
func readWork(b *testing.B, s *weir.Stream) work {
	ctx := context.Background()
	first, err := s.Iterator(0, weir.TrimHorizon())
	if err != nil {
		b.Fatal(err)
	}
	var buf []weir.Record
	it := first
	return func(n int) {
		for read := 0; read < n; read += len(buf) {
			batch, err := s.AppendRecords(ctx, buf[:0], it, 10_000)
			if err != nil {
				b.Fatal(err)
			}
			buf, it = batch.Records, batch.Next
			if batch.MillisBehindLatest == 0 {
				it = first
			}
		}
	}
}

// floorViews builds records out of memory that is laid out for it.
func floorViews(records int) work {
	type header struct {
		end, key uint32
		ms       int64
	}
	arena := make([]byte, records*116)
	headers := make([]header, records)
	for i := range headers {
		headers[i] = header{uint32(116 * (i + 1)), 16, time.Now().UnixMilli()}
	}
	shared := string(arena)
	buf := make([]weir.Record, 10_000)
	number := weir.SequenceNumber{}
	at, start := 0, uint32(0)
	return func(n int) {
		for read := 0; read < n; read += len(buf) {
			for i := range buf {
				h := headers[at]
				buf[i] = weir.Record{
					SequenceNumber: number, PartitionKey: shared[start : start+h.key],
					Data: arena[start+h.key : h.end : h.end], ArrivalTime: time.UnixMilli(h.ms),
				}
				at, start = at+1, h.end
			}
			if at == len(headers) {
				at, start = 0, 0
			}
		}
	}
}

// coarseClock returns a clock that is set every millisecond.
func coarseClock() (now func() time.Time, stop func()) {
	var current atomic.Pointer[time.Time]
	begin := time.Now()
	current.Store(&begin)
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case t := <-tick.C:
				current.Store(&t)
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	return func() time.Time { return *current.Load() }, func() { close(done) }
}
