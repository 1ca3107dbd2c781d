package weir_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// A sharedMemory is a bound of several streams.
type sharedMemory struct {
	most int64
	held atomic.Int64
}

func (m *sharedMemory) Full() bool    { return m.held.Load() >= m.most }
func (m *sharedMemory) Count(n int64) { m.held.Add(n) }

func (m *sharedMemory) Take(n int64) bool {
	if m.held.Add(n) <= m.most {
		return true
	}
	m.held.Add(-n)
	return false
}

// What a stream tells of itself, with no records in it.
const (
	bytesOfStream = 4 << 10
	bytesOfShard  = 2 << 10
)

// Whatever was put, a stream has given its blocks back when all has expired,
// and with vanished shards what they and their metrics took.
func TestMemory_isGivenBack(t *testing.T) {
	m := &sharedMemory{most: 1 << 40}
	s, clock := clocked(t, weir.Config{Memory: m, Shards: 2, Limits: weir.Unlimited()})
	assert.EqualValues(t, bytesOfStream+2*bytesOfShard, m.held.Load())
	_, err := s.RegisterConsumer(t.Context(), "c")
	require.NoError(t, err)
	for _, size := range []int{0, 100, 5000, 2 << 20, 100} {
		for range 1000 {
			if mustPut(t, s, "k", text(min(size, 1<<20-1))); size > 5000 {
				break
			}
		}
		clock.Advance(time.Second)
	}
	_, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1000)}, 3000)
	require.NoError(t, err)
	held, blocks := m.held.Load(), s.Snapshot().MemoryBytes
	assert.GreaterOrEqual(t, held, blocks)
	assert.Less(t, held, blocks+blocks/10+64<<10, "little but blocks")
	require.NoError(t, s.DeregisterConsumer(t.Context(), "c"))
	_, err = s.SplitShard(t.Context(), 1, weir.EvenRanges(4)[3].Start)
	require.NoError(t, err)
	_, err = s.MergeShards(t.Context(), 2, 3)
	require.NoError(t, err)
	clock.Advance(25 * time.Hour)
	s.Trim()
	assert.Len(t, s.Shards(), 2)
	// What is left over: 18 marks of seconds of the stream and one of its shards.
	assert.Less(t, m.held.Load(), int64(bytesOfStream+2*bytesOfShard+16<<10))
	assert.GreaterOrEqual(t, m.held.Load(), int64(bytesOfStream+2*bytesOfShard))
}

// 4 GiB in 17 s came of one client: no put is stored once the memory is full,
// of whatever kind it is, and reads go on.
func TestMemory_fullRefusesPuts(t *testing.T) {
	const most, key = 1 << 20, "k"
	entries := []weir.Entry{{PartitionKey: key, Data: make([]byte, 100)}, {PartitionKey: "b", Data: make([]byte, 100)}}
	for name, put := range map[string]func(s *weir.Stream) (int64, error){
		"PutRecord": func(s *weir.Stream) (int64, error) {
			_, err := s.PutRecord(t.Context(), key, entries[0].Data)
			return 1, err
		},
		"PutRecordWait": func(s *weir.Stream) (int64, error) {
			_, err := s.PutRecordWait(t.Context(), key, entries[0].Data)
			return 1, err
		},
		"PutRecords": func(s *weir.Stream) (int64, error) {
			results, err := s.PutRecords(t.Context(), entries)
			require.NoError(t, err)
			assert.Equal(t, results[0].Err, results[1].Err)
			return 2, results[0].Err
		},
		"PutRecordsWait": func(s *weir.Stream) (int64, error) {
			_, err := s.PutRecordsWait(t.Context(), entries)
			return 2, err
		},
		"PutCopies": func(s *weir.Stream) (int64, error) {
			_, err := s.PutCopies(t.Context(), entries[0], 1<<30)
			return 0, err
		},
	} {
		for _, policy := range []weir.FullPolicy{weir.Refuse, weir.DropOldest, weir.Wait} {
			m := &sharedMemory{most: most}
			s, _ := clocked(t, weir.Config{Memory: m, MaxBytes: 1 << 30, WhenFull: policy, Shards: 3, Limits: weir.Unlimited()})
			var refused int64
			var err error
			for err == nil {
				refused, err = put(s)
			}
			require.ErrorIs(t, err, weir.ErrMemoryFull, name)
			assert.Less(t, m.held.Load(), int64(most+2<<20), name)
			snap := s.Snapshot()
			if refused > 0 {
				assert.Equal(t, refused, snap.Total.RefusedRecords, name)
				assert.Greater(t, snap.BytesHeld, int64(most/2), "%s: what there is is used", name)
			}
			assert.NotEmpty(t, readable(t, s, s.ShardOf(key)), name)
		}
	}
}

// A batch that begins a block in each of many shards takes little more than its
// records when the memory is full, though each shard is due a MiB.
func TestMemory_blocksAreSmallWhenItIsShort(t *testing.T) {
	const shards = 500
	m := &sharedMemory{most: 1 << 40}
	s, _ := clocked(t, weir.Config{Memory: m, Shards: shards, Limits: weir.Unlimited()})
	var entries []weir.Entry
	for _, keys := range weir.EvenRanges(shards) {
		entries = append(entries, weir.Entry{PartitionKey: "k", ExplicitHashKey: &keys.Start, Data: make([]byte, 12_000)})
	}
	for range 4 {
		_, err := s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
	}
	before := m.held.Load()
	m.most = before + 1
	_, err := s.PutRecords(t.Context(), entries)
	require.NoError(t, err)
	assert.Less(t, m.held.Load()-before, int64(20_000*shards))
	assert.True(t, m.Full())
}

// 21 requests made 3.1 GiB of shards.
func TestMemory_countsShards(t *testing.T) {
	m := &sharedMemory{most: 1 << 20}
	_, err := weir.NewStream("s", weir.Config{Memory: m, Shards: 512})
	require.ErrorIs(t, err, weir.ErrMemoryFull)
	assert.Zero(t, m.held.Load())
	s, _ := clocked(t, weir.Config{Memory: m, Shards: 256})
	assert.EqualValues(t, bytesOfStream+256*bytesOfShard, m.held.Load())
	_, err = s.Resize(t.Context(), 512)
	require.NoError(t, err, "only counted: Config.Memory says so")
	assert.EqualValues(t, bytesOfStream+(256+512)*bytesOfShard, m.held.Load())
	_, err = weir.NewStream("t", weir.Config{Memory: m})
	assert.ErrorIs(t, err, weir.ErrMemoryFull)
}

// What is loaded counts as what was put, and is loaded though there is no room.
func TestMemory_countsWhatIsLoaded(t *testing.T) {
	m := &sharedMemory{most: 1 << 40}
	s, clock := clocked(t, weir.Config{Memory: m, Shards: 3, Limits: weir.Unlimited()})
	for range 5000 {
		mustPut(t, s, "k", text(1000))
	}
	var file bytes.Buffer
	require.NoError(t, s.Save(&file))
	small := &sharedMemory{most: 1000}
	loaded, err := weir.LoadStream(&file, weir.Config{Memory: small, Now: clock.Now, Limits: weir.Unlimited()})
	require.NoError(t, err)
	assert.InDelta(t, m.held.Load(), small.held.Load(), 1<<20, "but room to spare in blocks")
	assert.Greater(t, small.held.Load(), int64(5000*1000))
	_, err = loaded.PutRecord(t.Context(), "k", nil)
	require.ErrorIs(t, err, weir.ErrMemoryFull)
	clock.Advance(25 * time.Hour)
	loaded.Trim()
	assert.Less(t, small.held.Load(), int64(bytesOfStream+4*bytesOfShard))
}
