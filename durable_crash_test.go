package weir_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A crashRun drives a stream on a disk that fails and crashes, and knows what
// was acknowledged.
type crashRun struct {
	t      testing.TB
	disk   *journaltest.FS
	random *rand.Rand
	clock  *manualClock
	config weir.Config
	s      *weir.Stream

	attempted map[string]bool                // by data, which is unique
	acked     map[string]weir.SequenceNumber // what was acknowledged and not trimmed since
	refused   map[string]bool
	numbers   map[string]string // the data of each number that was given out
	trimmed   map[string]bool
	// unsure says that a sync, or what takes a write back, has failed: what is
	// refused from then on may be on disk all the same.
	unsure bool
	now    map[string]bool // refused since the stream was opened
	n      int
}

func (r *crashRun) entry() weir.Entry {
	r.n++
	data := fmt.Sprintf("%d %s", r.n, text(r.random.IntN(200)))
	r.attempted[data] = true
	return weir.Entry{PartitionKey: fmt.Sprint("k", r.random.IntN(6)), Data: []byte(data)}
}

func (r *crashRun) outcome(e weir.Entry, p weir.Placed, err error) {
	data := string(e.Data)
	if err != nil {
		r.refuse(data)
		return
	}
	number := p.SequenceNumber.String()
	require.NotContains(r.t, r.numbers, number, "a number is given out once")
	r.numbers[number] = data
	r.acked[data] = p.SequenceNumber
}

// step does one thing to the stream.
func (r *crashRun) step() {
	ctx, s := r.t.Context(), r.s
	switch r.random.IntN(14) {
	case 0, 1, 2, 3:
		e := r.entry()
		p, err := s.PutRecord(ctx, e.PartitionKey, e.Data)
		r.outcome(e, p, err)
	case 4, 5:
		list := make([]weir.Entry, 1+r.random.IntN(8))
		for i := range list {
			list[i] = r.entry()
		}
		put := s.PutRecords
		if r.random.IntN(2) == 0 {
			put = s.PutRecordsWait
		}
		results, err := put(ctx, list)
		if results == nil {
			require.Error(r.t, err)
		}
		for i := range results {
			r.outcome(list[i], results[i].Placed, results[i].Err)
		}
	case 6:
		open := openShards(r.t, s)
		sh := open[r.random.IntN(len(open))]
		s.SplitShard(ctx, sh.ID, sh.HashKeyRange.Middle())
	case 7:
		if open := openShards(r.t, s); len(open) > 1 {
			i := r.random.IntN(len(open) - 1)
			s.MergeShards(ctx, open[i].ID, open[i+1].ID)
		}
	case 8:
		s.Resize(ctx, 1+r.random.IntN(4))
	case 9:
		name := fmt.Sprint("c", r.random.IntN(4))
		if _, err := s.RegisterConsumer(ctx, name); err != nil {
			s.DeregisterConsumer(ctx, name)
		}
	case 10:
		r.trim()
	case 11:
		r.clock.Advance(time.Duration(r.random.IntN(3000)) * time.Millisecond)
	case 12:
		s.Set(ctx, func(to *weir.Settings) { to.Retention = time.Duration(24+r.random.IntN(48)) * time.Hour })
	case 13:
		e := weir.Entry{PartitionKey: "copy", Data: r.entry().Data}
		stored, err := s.PutCopies(ctx, e, 1)
		require.Equal(r.t, err == nil, stored == 1)
		if err != nil {
			r.refuse(string(e.Data))
		}
	}
}

func (r *crashRun) refuse(data string) {
	if !r.unsure {
		r.refused[data] = true
	}
	r.now[data] = true
}

// trim trims a shard up to a record in it.
func (r *crashRun) trim() {
	list := allRecords(r.t, r.s)
	if len(list) == 0 {
		return
	}
	to := list[r.random.IntN(len(list))]
	err := r.s.TrimTo(to.SequenceNumber)
	for _, rec := range list {
		if rec.ShardID() == to.ShardID() && rec.SequenceNumber.Compare(to.SequenceNumber) <= 0 {
			if err == nil {
				delete(r.acked, string(rec.Data))
				r.trimmed[string(rec.Data)] = true
			} else { // it may be on disk all the same
				delete(r.acked, string(rec.Data))
			}
		}
	}
}

// open opens the stream, and checks what it has.
func (r *crashRun) open() bool {
	s, err := weir.OpenIn(r.disk, "test", r.config)
	if err != nil {
		require.NotErrorIs(r.t, err, weir.ErrDamaged)
		return false
	}
	r.s = s
	r.check()
	return true
}

// check checks acknowledged ⊆ there ⊆ attempted, in order.
func (r *crashRun) check() {
	require.NoError(r.t, weir.CheckInvariants(r.s))
	there := make(map[string]bool)
	last := make(map[weir.ShardID]weir.SequenceNumber)
	for _, rec := range allRecords(r.t, r.s) {
		data := string(rec.Data)
		require.True(r.t, r.attempted[data], "%q was never put", data)
		require.False(r.t, there[data], "%q is there twice", data)
		require.False(r.t, r.trimmed[data], "%q was trimmed", data)
		require.False(r.t, r.refused[data], "%q was refused", data)
		there[data] = true
		if number, ok := r.acked[data]; ok {
			require.Equal(r.t, number.String(), rec.SequenceNumber.String())
		}
		if before, ok := last[rec.ShardID()]; ok {
			require.True(r.t, before.Compare(rec.SequenceNumber) < 0)
		}
		last[rec.ShardID()] = rec.SequenceNumber
	}
	for data := range r.acked {
		require.True(r.t, there[data], "%q was acknowledged and is gone", data)
	}
}

func crashes(t testing.TB, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	r := &crashRun{
		t: t, disk: journaltest.New(), random: random, clock: newClock(),
		attempted: make(map[string]bool), acked: make(map[string]weir.SequenceNumber),
		refused: make(map[string]bool), numbers: make(map[string]string), trimmed: make(map[string]bool),
	}
	r.config = weir.Config{Limits: weir.Unlimited(), Now: r.clock.Now}
	if random.IntN(2) == 0 {
		r.disk.RoomFrom = 1 + random.Int64N(4000)
	}
	defer weir.SetFileBytes(int64(1000 + random.IntN(20_000)))()
	for range 2 + random.IntN(4) {
		r.unsure, r.now = false, make(map[string]bool)
		if r.open() {
			at, length := r.disk.Ops()+random.IntN(60), random.IntN(3)
			r.disk.FailWith(func(op journaltest.Op) error {
				if op.N >= at && op.N <= at+length {
					r.unsure = r.unsure || op.Kind != "write"
					return fmt.Errorf("%s: %w", op.Kind, syscall.ENOSPC)
				}
				return nil
			})
			for range random.IntN(60) {
				r.step()
			}
			r.disk.FailWith(nil)
			r.readersSeeWhatIsThere()
			if random.IntN(3) == 0 {
				r.s.Close()
			}
		}
		r.disk.Crash(random)
	}
	require.True(t, r.open())
	r.s.Close()
}

// readersSeeWhatIsThere checks that nothing that was refused can be read.
func (r *crashRun) readersSeeWhatIsThere() {
	for _, rec := range allRecords(r.t, r.s) {
		require.False(r.t, r.now[string(rec.Data)], "%q was refused", rec.Data)
	}
	r.check()
}

func TestOpen_crashes(t *testing.T) {
	for seed := range uint64(fewerIfRaced(300)) {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { crashes(t, seed) }) {
			return
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { crashes(t, seed) })
}

// A disk that is full now and then refuses some puts of many producers. Each of
// the others is there once and in order, and none of those.
func TestOpen_producersWhileTheDiskIsFull(t *testing.T) {
	disk := journaltest.New()
	c := weir.Config{Shards: 3, Limits: weir.Unlimited(), MaxBytes: 1 << 20}
	s, err := weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(seed(t), 0))
	disk.FailWith(func(op journaltest.Op) error { // called by one at a time
		if op.Kind == "write" && random.IntN(4) == 0 {
			return syscall.ENOSPC
		}
		return nil
	})
	const producers, each = 8, 200
	var acked [producers][]string
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			key := fmt.Sprint(p)
			for n := range each {
				data := fmt.Appendf(nil, "%d %d", p, n)
				var err error
				switch n % 3 {
				case 0:
					_, err = s.PutRecord(t.Context(), key, data)
				case 1:
					var results []weir.PutResult
					if results, err = s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: key, Data: data}}); err == nil {
						err = results[0].Err
					}
				default:
					_, err = s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: key, Data: data}})
				}
				if err == nil {
					acked[p] = append(acked[p], string(data))
				} else {
					assert.ErrorIs(t, err, syscall.ENOSPC)
				}
				if p == 0 && n%50 == 25 {
					s.Resize(t.Context(), 2+n%3)
				}
			}
		})
	}
	all.Wait()
	disk.FailWith(nil)
	require.NoError(t, weir.CheckInvariants(s))
	for range 2 {
		var there [producers][]string
		for _, r := range allRecords(t, s) {
			var p int
			fmt.Sscan(r.PartitionKey, &p)
			there[p] = append(there[p], string(r.Data))
		}
		assert.Equal(t, acked, there)
		require.NoError(t, s.Close())
		s, err = weir.OpenIn(disk, "test", c)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}
