package goals_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/shardlog"
)

const tenMillion = 10_000_000

// A tenMillionStream is a stream of one shard that holds ten million records of
// 100 bytes, and what the heap was without and with it. It takes 1.3 GiB.
type tenMillionStream struct {
	*weir.Stream
	blocks          int
	before, after   runtime.MemStats
	emptyGC, fullGC time.Duration
	asked           bool // whether a goal compared the two
}

func (m *tenMillionStream) fill(tb testing.TB) *tenMillionStream {
	if m.Stream != nil {
		return m
	}
	m.blocks = blocksOf(tenMillion)
	m.before, m.emptyGC = heapNow(), gcTime()
	m.Stream = slowlyFilledStream(tb, tenMillion)
	m.after, m.fullGC = heapNow(), gcTime()
	return m
}

// slowlyFilledStream returns a stream of one shard into which n records of 100
// bytes have been put in batches of 500, one each 5 ms, as its clock says:
// filled as fast as it goes, all would have arrived in so few milliseconds that
// a seek by time finds what it needs in the processor's cache.
func slowlyFilledStream(tb testing.TB, n int) *weir.Stream {
	const each = 5 * time.Millisecond
	at, filling := time.Now().Add(-time.Duration(n/500+1)*each), true
	s := newStream(tb, 1, weir.Config{Now: func() time.Time {
		if filling {
			at = at.Add(each)
			return at
		}
		return time.Now()
	}})
	batchWork(tb, s, 100)(n)
	filling = false
	return s
}

// blocksOf returns how many blocks a shard has that holds n records of 100
// bytes.
func blocksOf(n int) int {
	var l shardlog.Log
	l.Init(shardlog.Options{})
	data := make([]byte, 100)
	for i := range n {
		l.Append(keys[i%keyCount], data, 0)
	}
	return l.BlockCount()
}

// memoryGoals are what ten million records take, and how long it takes to find
// one of them. All but the last share one stream.
func memoryGoals() []goal {
	shared := new(tenMillionStream)
	seek := func(positions func([]weir.Record) []weir.Position) func(testing.TB) sample {
		return func(tb testing.TB) sample {
			m := shared.fill(tb)
			return ratios(seekWork(tb, m.Stream, shuffled(positions(everyHundredth(tb, m.Stream)))), floorLookup(m.blocks))
		}
	}
	return []goal{
		{"16", "heap bytes a record of 100 beyond key and data, at 10 million", 24, 10, false, func(tb testing.TB) sample {
			m := shared.fill(tb)
			return value(float64(m.after.HeapAlloc-m.before.HeapAlloc)/tenMillion - 116)
		}},
		{"17", "heap objects a block", 6, 3, false, func(tb testing.TB) sample {
			m := shared.fill(tb)
			return value(float64(m.after.HeapObjects-m.before.HeapObjects) / float64(m.blocks))
		}},
		{"18", "forced GC with 10 million records ÷ with none", 3, 1.5, false, func(tb testing.TB) sample {
			if shared.asked { // measured again: both sides, at the same time
				*shared = tenMillionStream{}
			}
			m := shared.fill(tb)
			m.asked = true
			return value(float64(m.fullGC) / float64(m.emptyGC))
		}},
		{"20", "seek by number, read one of 10 million ÷ a B-tree lookup", 10, 4, false, seek(bySequence)},
		{"20", "seek by time, read one of 10 million ÷ a B-tree lookup", 10, 2, false, seek(byTime)},
		{"18", "forced GC with 10 million records ÷ a mutex and a slice's", 0.02, 0.005, false, func(tb testing.TB) sample {
			fullGC := shared.fill(tb).fullGC
			*shared = tenMillionStream{}
			kept := mutexAndSlice(tenMillion)
			theirs := gcTime()
			runtime.KeepAlive(kept)
			return value(float64(fullGC) / float64(theirs))
		}},
	}
}

// gcTime returns how long a forced collection takes, the median of as many as
// fit into half a second, and of five at least.
func gcTime() time.Duration {
	var times []float64
	for first := time.Now(); len(times) < rounds || time.Since(first) < time.Second/2; {
		begin := time.Now()
		runtime.GC()
		times = append(times, float64(time.Since(begin)))
	}
	return time.Duration(median(times))
}

// seekWork finds records by positions taken from all over the stream and reads
// one each.
func seekWork(tb testing.TB, s *weir.Stream, positions []weir.Position) work {
	ctx := context.Background()
	buf := make([]weir.Record, 0, 1)
	next := 0
	return func(n int) {
		for range n {
			it := iterator(tb, s, positions[next%len(positions)])
			batch, err := s.AppendRecords(ctx, buf, it, 1)
			if err != nil || len(batch.Records) != 1 {
				tb.Fatal(err)
			}
			next++
		}
	}
}

// everyHundredth returns records from all over the stream.
func everyHundredth(tb testing.TB, s *weir.Stream) []weir.Record {
	var list []weir.Record
	it := iterator(tb, s, weir.TrimHorizon())
	for {
		batch, err := s.GetRecords(context.Background(), it, 10_000)
		if err != nil {
			tb.Fatal(err)
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

func bySequence(records []weir.Record) (positions []weir.Position) {
	for _, r := range records {
		positions = append(positions, weir.AtSequence(r.SequenceNumber))
	}
	return positions
}

func byTime(records []weir.Record) (positions []weir.Position) {
	for _, r := range records {
		positions = append(positions, weir.AtTime(r.ArrivalTime))
	}
	return positions
}

func shuffled(positions []weir.Position) []weir.Position {
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(positions), func(i, j int) { positions[i], positions[j] = positions[j], positions[i] })
	return positions
}
