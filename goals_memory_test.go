package weir_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/btree"

	"github.com/weirstream/weir"
)

const tenMillion = 10_000_000

// BenchmarkGoalsMemory measures what ten million records of 100 bytes take, and
// how long it takes to find one of them. It needs 1.5 GiB.
func BenchmarkGoalsMemory(b *testing.B) {
	b.Run("goal=3/allocations a put", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportValue(b, 0.01, allocations(putWork(b, s, 100)))
	})
	b.Run("goal=3/allocations a record of a batch", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportValue(b, 0.01, allocations(batchWork(b, s, 100)))
	})
	before := heapNow()
	emptyGC := gcTime()
	s := filledStream(b, tenMillion)
	after := heapNow()
	fullGC := gcTime()
	b.Run("goal=16/heap bytes a record beyond key and data", func(b *testing.B) {
		reportValue(b, 24, float64(after.HeapAlloc-before.HeapAlloc)/tenMillion-116)
	})
	b.Run("goal=17/heap objects a segment", func(b *testing.B) {
		reportValue(b, 6, float64(after.HeapObjects-before.HeapObjects)/float64(weir.Segments(s)))
	})
	b.Run("goal=18/GC with 10M÷with 0", func(b *testing.B) {
		reportValue(b, 3, float64(fullGC)/float64(emptyGC))
	})
	b.Run("goal=20/seek by number÷btree lookup", func(b *testing.B) {
		reportRatio(b, 10, seekWork(b, s, bySequence(b, s)), floorLookup(weir.Segments(s)))
	})
	b.Run("goal=20/seek by time÷btree lookup", func(b *testing.B) {
		reportRatio(b, 10, seekWork(b, s, byTime(b, s)), floorLookup(weir.Segments(s)))
	})
	runtime.KeepAlive(s)
	s = nil
	b.Run("goal=18/GC with 10M÷mutex and slice's", func(b *testing.B) {
		kept := mutexAndSlice(tenMillion)
		reportValue(b, 0.02, float64(fullGC)/float64(gcTime()))
		runtime.KeepAlive(kept)
	})
}

// allocations returns how many objects a unit of work allocates.
func allocations(w work) float64 {
	const units = 500_000
	w(units) // so that what is allocated once is there
	before := heapNow()
	w(units)
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / units
}

func reportValue(b *testing.B, must, v float64) {
	b.ReportMetric(v, "ratio")
	b.ReportMetric(must, "must")
	b.ReportMetric(0, "ns/op")
}

func heapNow() runtime.MemStats {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// gcTime returns how long a forced collection takes, the median of eleven.
func gcTime() time.Duration {
	var times []float64
	for range 11 {
		begin := time.Now()
		runtime.GC()
		times = append(times, float64(time.Since(begin)))
	}
	return time.Duration(median(times))
}

// seekWork finds records by positions taken from all over the stream and reads
// one each.
func seekWork(b *testing.B, s *weir.Stream, positions []weir.Position) work {
	ctx := context.Background()
	buf := make([]weir.Record, 0, 1)
	next := 0
	return func(n int) {
		for range n {
			it, err := s.Iterator(0, positions[next%len(positions)])
			if err != nil {
				b.Fatal(err)
			}
			batch, err := s.AppendRecords(ctx, buf, it, 1)
			if err != nil || len(batch.Records) != 1 {
				b.Fatal(err)
			}
			next++
		}
	}
}

// sample returns records from all over the stream.
func sample(b *testing.B, s *weir.Stream) []weir.Record {
	var list []weir.Record
	it, err := s.Iterator(0, weir.TrimHorizon())
	if err != nil {
		b.Fatal(err)
	}
	for {
		batch, err := s.GetRecords(context.Background(), it, 10_000)
		if err != nil {
			b.Fatal(err)
		}
		if len(batch.Records) == 0 {
			return list
		}
		for i := 0; i < len(batch.Records); i += 100 {
			list = append(list, batch.Records[i])
		}
		it = batch.Next
	}
}

func bySequence(b *testing.B, s *weir.Stream) (positions []weir.Position) {
	for _, r := range sample(b, s) {
		positions = append(positions, weir.AtSequence(r.SequenceNumber))
	}
	return shuffled(positions)
}

func byTime(b *testing.B, s *weir.Stream) (positions []weir.Position) {
	for _, r := range sample(b, s) {
		positions = append(positions, weir.AtTime(r.ArrivalTime))
	}
	return shuffled(positions)
}

func shuffled(positions []weir.Position) []weir.Position {
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(positions), func(i, j int) { positions[i], positions[j] = positions[j], positions[i] })
	return positions
}

// floorLookup looks numbers up in a B-tree with an entry for each segment.
func floorLookup(segments int) work {
	type entry struct {
		base uint64
		_    int64 // the arrival
		at   *int
	}
	const each = 8456 // records a segment
	tree := btree.NewG(16, func(a, b entry) bool { return a.base < b.base })
	for i := range segments {
		tree.ReplaceOrInsert(entry{base: uint64(i) * each, at: new(int)})
	}
	random := rand.New(rand.NewPCG(1, 1))
	sought := make([]uint64, tenMillion/100)
	for i := range sought {
		sought[i] = random.Uint64N(uint64(segments) * each)
	}
	next, found := 0, entry{}
	return func(n int) {
		for range n {
			tree.DescendLessOrEqual(entry{base: sought[next%len(sought)]}, func(e entry) bool {
				found = e
				return false
			})
			next++
		}
		runtime.KeepAlive(found)
	}
}

// mutexAndSlice is the obvious log: a slice of records, each with its own data.
func mutexAndSlice(n int) any {
	type log struct {
		mu      sync.Mutex
		records []weir.Record
	}
	l := new(log)
	for i := range n {
		l.mu.Lock()
		l.records = append(l.records, weir.Record{PartitionKey: fmt.Sprint(i), Data: make([]byte, 100)})
		l.mu.Unlock()
	}
	return l
}
