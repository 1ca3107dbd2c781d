package weir_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// A history is what workers saw while they all worked on one stream.
type history struct {
	s     *weir.Stream
	steps int

	mu   sync.Mutex
	puts map[string]weir.Placed // by data, which is unique
}

// produce puts records of one key, single or in batches, and checks that each
// number exceeds the one before.
func (h *history) produce(t *testing.T, key string, batch int) {
	var last weir.SequenceNumber
	seen := func(data string, r weir.Placed) {
		assert.Positive(t, r.SequenceNumber.Compare(last), "%s: a put after another returned has the greater number", data)
		last = r.SequenceNumber
		h.mu.Lock()
		defer h.mu.Unlock()
		h.puts[data] = r
	}
	for n := 0; n < h.steps; {
		if batch == 0 {
			data := fmt.Sprintf("%s/%d", key, n)
			r, err := h.s.PutRecord(t.Context(), key, []byte(data))
			assert.NoError(t, err)
			seen(data, r)
			n++
			continue
		}
		var entries []weir.Entry
		for range min(batch, h.steps-n) {
			entries = append(entries, weir.Entry{PartitionKey: key, Data: fmt.Appendf(nil, "%s/%d", key, n)})
			n++
		}
		results, err := h.s.PutRecords(t.Context(), entries)
		assert.NoError(t, err)
		for i, r := range results {
			assert.NoError(t, r.Err)
			seen(string(entries[i].Data), r.Placed)
		}
	}
}

// A reading is what one reader saw: by key how far it got, and by shard the
// last number.
type reading struct {
	n    int
	next map[string]int
	last map[weir.ShardID]weir.SequenceNumber
}

func newReading() *reading {
	return &reading{next: make(map[string]int), last: make(map[weir.ShardID]weir.SequenceNumber)}
}

// see checks that a record is the next of its key and shard.
func (rd *reading) see(t *testing.T, r weir.Record) {
	key, number, _ := strings.Cut(string(r.Data), "/")
	n, err := strconv.Atoi(number)
	assert.NoError(t, err)
	assert.Equal(t, key, r.PartitionKey)
	assert.Equal(t, rd.next[key], n, "%s: lost, duplicate or out of order", key)
	rd.next[key] = n + 1
	assert.Positive(t, r.SequenceNumber.Compare(rd.last[r.ShardID()]), "numbers rise per shard")
	rd.last[r.ShardID()] = r.SequenceNumber
	rd.n++
}

// followStream reads the whole stream with a Reader until it has seen n
// records.
func followStream(ctx context.Context, t *testing.T, s *weir.Stream, n int) {
	r, err := s.NewReader("reader", weir.TrimHorizon())
	if !assert.NoError(t, err) {
		return
	}
	defer r.Close()
	for seen := newReading(); seen.n < n; {
		b, err := r.Next(ctx)
		records := b.Records
		if !assert.NoError(t, err) {
			return
		}
		for _, r := range records {
			seen.see(t, r)
		}
	}
}

// pollShards reads the whole stream with GetRecords, children after parents,
// until it has seen n records.
func pollShards(ctx context.Context, t *testing.T, s *weir.Stream, n int) {
	seen := newReading()
	ended := make(map[weir.ShardID]bool)
	var iterators []weir.Iterator
	begin := func(id weir.ShardID) {
		it, err := s.Iterator(ctx, id, weir.TrimHorizon())
		assert.NoError(t, err)
		iterators = append(iterators, it)
	}
	for _, sh := range s.Shards() {
		if len(sh.Parents) == 0 {
			begin(sh.ID)
		}
	}
	for turn := 0; seen.n < n; turn++ {
		at := turn % len(iterators)
		b, err := s.GetRecords(ctx, iterators[at], 100)
		if !assert.NoError(t, err) {
			return
		}
		for _, r := range b.Records {
			seen.see(t, r)
		}
		iterators[at] = b.Next
		if !b.Next.IsZero() {
			continue
		}
		ended[iterators[at].ShardID()] = true
		iterators = append(iterators[:at], iterators[at+1:]...)
		for _, child := range b.Children {
			ended[child.Parents[0]] = ended[child.Parents[0]] || len(child.Parents) == 1
			if len(child.Parents) == 1 || twoEnded(ended, child) {
				begin(child.ID)
			}
		}
		runtime.Gosched()
	}
}

// twoEnded notes the end of one parent of a merge and reports whether it was
// the second.
func twoEnded(ended map[weir.ShardID]bool, child weir.Shard) bool {
	second := ended[-1-child.ID]
	ended[-1-child.ID] = true
	return second
}

// reshard splits and merges at random.
func (h *history) reshard(t *testing.T, rng *rand.Rand, times int) {
	for range times {
		var open []weir.Shard
		for _, sh := range h.s.Shards() {
			if sh.IsOpen() {
				open = append(open, sh)
			}
		}
		sh := open[rng.IntN(len(open))]
		if len(open) < 6 && rng.IntN(2) == 0 {
			middle := weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2, Lo: 5}
			_, err := h.s.SplitShard(t.Context(), sh.ID, middle)
			assert.NoError(t, err)
		}
		for _, upper := range open {
			if upper.HashKeyRange.Start == sh.HashKeyRange.End.Add(1) && rng.IntN(2) == 0 {
				_, _ = h.s.MergeShards(t.Context(), sh.ID, upper.ID)
			}
		}
		runtime.Gosched()
	}
}

// look takes everything that reads metrics and trims.
func (h *history) look(t *testing.T, times int) {
	last := metrics.Counts{}
	for range times {
		snap := h.s.Snapshot()
		assert.GreaterOrEqual(t, snap.Total.IncomingRecords, last.IncomingRecords, "totals never fall")
		assert.LessOrEqual(t, snap.RecordsHeld, int64(len(producers)*h.steps))
		last = snap.Total
		for _, of := range [][]weir.ShardID{nil, {snap.Shards[0].Shard}} {
			_, err := h.s.Seconds(time.Time{}, of...)
			assert.NoError(t, err)
		}
		h.s.Trim()
		assert.NoError(t, setRetention(h.s, h.s.Settings().Retention))
		runtime.Gosched()
	}
}

// producers are keys and how many records each puts at once; 0 is PutRecord.
var producers = map[string]int{"a": 0, "b": 0, "c": 7, "d": 100, "user-1": 0, "partitionKey": 31}

func TestStream_historyOfManyWorkers(t *testing.T) {
	h := &history{steps: 3000, puts: make(map[string]weir.Placed),
		s: newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})}
	n := h.steps * len(producers)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var workers sync.WaitGroup
	for key, batch := range producers {
		workers.Go(func() { h.produce(t, key, batch) })
	}
	for range 2 {
		workers.Go(func() { followStream(ctx, t, h.s, n) })
	}
	workers.Go(func() { pollShards(ctx, t, h.s, n) })
	workers.Go(func() { h.reshard(t, rand.New(rand.NewPCG(seed(t), 1)), 60) })
	workers.Go(func() { h.look(t, 100) })
	workers.Wait()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	assert.NotContains(t, string(stacks), "weir.(*", "the engine leaves no goroutine")

	// What was acknowledged is what can be read, and nothing else.
	end := newReading()
	for r, err := range h.s.Records(ctx, weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		end.see(t, r)
		put, ok := h.puts[string(r.Data)]
		require.True(t, ok)
		assert.Equal(t, put.SequenceNumber, r.SequenceNumber)
		assert.Equal(t, put.ShardID, r.ShardID())
	}
	assert.Equal(t, n, end.n)
	assert.Len(t, h.puts, n)
	assert.EqualValues(t, n, h.s.Snapshot().Total.IncomingRecords)
	require.NoError(t, weir.CheckInvariants(h.s))
}

// With DropOldest readers may miss records, but see none twice nor out of
// order, and what is held stays exact.
func TestStream_historyWhileRecordsAreDropped(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 3, Limits: weir.Unlimited(), MaxBytes: 50_000, WhenFull: weir.DropOldest})
	ctx, cancel := context.WithCancel(t.Context())
	var readers, workers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			last := make(map[weir.ShardID]weir.SequenceNumber)
			for r, err := range s.Records(ctx, weir.TrimHorizon()) {
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
					return
				}
				assert.Positive(t, r.SequenceNumber.Compare(last[r.ShardID()]))
				last[r.ShardID()] = r.SequenceNumber
				assert.Equal(t, fmt.Sprintf("%-100s", r.PartitionKey), string(r.Data))
			}
		})
	}
	for i := range 4 {
		workers.Go(func() {
			for j := range 3000 {
				key := fmt.Sprint("key-", i, "-", j)
				entries := []weir.Entry{{PartitionKey: key, Data: fmt.Appendf(nil, "%-100s", key)}}
				if _, err := s.PutRecords(ctx, entries); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	workers.Go(func() {
		for range 200 {
			snap := s.Snapshot()
			assert.GreaterOrEqual(t, snap.RecordsHeld, int64(0))
			s.Trim()
			runtime.Gosched()
		}
	})
	workers.Wait()
	cancel()
	readers.Wait()
	snap := s.Snapshot()
	assert.EqualValues(t, 12_000, snap.Total.IncomingRecords)
	assert.Equal(t, snap.Total.IncomingRecords, snap.Total.DroppedRecords+snap.RecordsHeld)
	assert.Equal(t, snap.Total.IncomingBytes, snap.Total.DroppedBytes+snap.BytesHeld)
}

// No quota is exceeded, however many try at once.
func TestStream_quotasHoldUnderContention(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	var passed [4]int
	var workers sync.WaitGroup
	for i := range passed {
		workers.Go(func() {
			for range 500 {
				if _, err := s.PutRecord(t.Context(), "k", nil); err == nil {
					passed[i]++
				}
			}
		})
	}
	workers.Wait()
	assert.Equal(t, 1000, passed[0]+passed[1]+passed[2]+passed[3])
	assert.EqualValues(t, 1000, s.Snapshot().Total.WriteThrottled)
}

// While a vanished shard is forgotten its counts move from one place to
// another. Metrics must see them in exactly one of the two.
func TestStream_totalsNeverFallWhileShardsVanish(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited()})
	var workers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		workers.Go(func() {
			for last := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				n := s.Snapshot().Total.IncomingRecords
				if !assert.GreaterOrEqual(t, n, last) {
					return
				}
				last = n
			}
		})
	}
	for i := range 1000 {
		mustPut(t, s, "k", "")
		if open := s.ShardOf("k"); i%2 == 0 {
			_, err := s.SplitShard(t.Context(), open, weir.HashKey{Hi: 1 << 63})
			require.NoError(t, err)
		} else {
			_, err := s.MergeShards(t.Context(), s.ShardOfHashKey(weir.HashKey{}), s.ShardOfHashKey(maxHashKey))
			require.NoError(t, err)
		}
		mustPut(t, s, "k", "")
		clock.Advance(25 * time.Hour)
		s.Trim()
		if n := s.Snapshot().Total.IncomingRecords; n != int64(2*i+2) {
			assert.EqualValues(t, 2*i+2, n)
			break
		}
	}
	close(done)
	workers.Wait()
}
