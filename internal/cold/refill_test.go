package cold_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/shardlog"
)

// budget is memory that is shared: so many bytes are left.
type budget struct{ left int64 }

func (b *budget) Take(n int64) bool {
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

func (b *budget) Count(n int64) { b.left -= n }

// refilled is the groups of a journal, put into logs again.
type refilled struct {
	t      *testing.T
	refill *cold.Refill
	logs   map[int64]*shardlog.Log
	most   int64 // bytes that were in memory
}

func (f *refilled) Head(uint64, []byte) error     { return nil }
func (f *refilled) Repaired(uint64, []byte) error { return nil }
func (f *refilled) Place(at journal.Spot)         { f.refill.At(at) }

func (f *refilled) Group(_ uint64, noted []byte) error {
	for in := notes.NewReader(noted); ; {
		n, err := in.Next()
		if err != nil {
			break
		}
		log := f.logs[n.Shard]
		if log == nil {
			log = new(shardlog.Log)
			log.Init(shardlog.Options{BlockBytes: 4 << 10})
			f.logs[n.Shard] = log
			f.refill.Open(n.Shard, log)
		}
		before := log.Appended()
		for range n.Count {
			key, data, err := in.Record()
			require.NoError(f.t, err)
			log.Append(key, data, n.Ms)
		}
		log.Publish()
		f.refill.Added(n.Shard, n.Index, log.Appended().Minus(before))
	}
	f.refill.Spill()
	held := int64(0)
	for _, log := range f.logs {
		require.NoError(f.t, log.Check())
		held += log.Held().Bytes + 10*log.Held().Records
	}
	f.most = max(f.most, held)
	return nil
}

// refillAll fills logs again from what a rig has written.
func refillAll(t *testing.T, r *rig, max int64, memory cold.Memory) *refilled {
	require.NoError(t, r.journal.Close())
	dir, err := journal.Claim(r.disk)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	f := &refilled{t: t, logs: make(map[int64]*shardlog.Log), refill: cold.NewRefill(cold.New(dir, 1), max, 10, memory)}
	found, err := dir.Replay(f, true)
	require.NoError(t, err)
	found.Abandon()
	return f
}

// Whatever was put, no more than may be is in memory while logs are filled
// again, and all of it can be read then.
func TestRefill_memoryIsBounded(t *testing.T) {
	for _, shared := range []bool{false, true} {
		r := newRig(t, 3, 1<<20, 100_000)
		r.put(500, 500)
		var want [3][]string
		for log := range want {
			want[log] = r.all(log)
		}
		const most = 300 << 10
		memory := &budget{left: most}
		var f *refilled
		bound := int64(most)
		if shared {
			f = refillAll(t, r, 0, memory)
			bound = 256 << 10 // is asked for at once
			assert.Equal(t, most-bound, memory.left)
			f.refill.Done()
			f.refill.Done()
			assert.EqualValues(t, most, memory.left)
		} else {
			f = refillAll(t, r, most, nil)
		}
		assert.LessOrEqual(t, f.most, bound)
		assert.Greater(t, f.most, bound-16<<10, "no more than needed leaves")
		assert.NotNil(t, f.refill.Attic())
		for log := range want {
			assert.NotNil(t, f.refill.Shelf(int64(log)))
			r.rooms[log].Log = f.logs[int64(log)]
			assert.NotZero(t, r.rooms[log].Log.OnDisk())
			assert.Equal(t, want[log], r.all(log))
		}
	}
}

// What is trimmed or gives way makes room for what follows.
func TestRefill_forgets(t *testing.T) {
	r := newRig(t, 2, 1<<20, 0)
	dir := r.attic
	f := cold.NewRefill(dir, 100_000, 10, nil)
	log, other := r.rooms[0].Log, r.rooms[1].Log
	f.Open(0, log)
	f.Open(1, other)
	add := func(id int64, n int) {
		log := r.rooms[id].Log
		before, from := log.Appended(), log.Next()
		for range n {
			log.Append("key", make([]byte, 487), 1)
		}
		log.Publish()
		f.At(journal.Spot{File: 1, At: int64(500 * from), To: int64(500 * log.Next())})
		f.Added(id, from, log.Appended().Minus(before))
		f.Spill()
	}
	add(0, 150)
	f.Gone(log.TrimTo(140))
	add(0, 150)
	assert.Zero(t, log.OnDisk())
	f.Forget(0)
	f.Forget(0)
	assert.Nil(t, f.Shelf(0))
	add(1, 199)
	assert.Zero(t, other.OnDisk())
	add(1, 2)
	assert.NotZero(t, other.OnDisk())
}

// A nil Refill leaves all as it is.
func TestRefill_ofNone(t *testing.T) {
	var f *cold.Refill
	f.Open(1, new(shardlog.Log))
	f.At(journal.Spot{})
	f.Added(1, 1, shardlog.Extent{})
	f.Gone(shardlog.Extent{})
	f.Spill()
	f.Forget(1)
	f.Done()
	assert.Nil(t, f.Attic())
	assert.Nil(t, f.Shelf(1))
}
