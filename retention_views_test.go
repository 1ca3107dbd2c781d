package weir_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// Where blocks are large enough to be views of the files, what is read and held
// and saved of them is what was put, also when the files are gone.
func TestSpill_viewsAreWhatWasPut(t *testing.T) {
	t.Cleanup(weir.SetFileBytes(1 << 20))
	s := &spilled{t: t, disk: journaltest.New(), clock: newClock()}
	s.c = weir.Config{
		Shards: 2, Limits: weir.Unlimited(), Now: s.clock.Now, Sync: weir.SyncNever, MaxBytes: 2 << 20, WhenFull: weir.Spill,
	}
	s.open()
	const n = 3000
	for i := range n {
		s.put(i)
	}
	require.Greater(t, s.Snapshot().Storage.RecordsOnDisk, int64(n))
	var held [2][]weir.Record
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		held[r.ShardID()] = append(held[r.ShardID()], r)
	}
	var saved bytes.Buffer
	require.NoError(t, s.Save(&saved))
	now := s.clock.Now()
	s.clock.Advance(24 * time.Hour)
	for i := n; i < 2*n; i++ {
		s.put(i)
	}
	s.Trim()
	loaded, err := weir.LoadStream(&saved, weir.Config{Now: func() time.Time { return now }})
	require.NoError(t, err)
	for shard := range weir.ShardID(2) {
		assert.Len(t, readable(t, s.Stream, shard), n)
		assert.True(t, assert.ObjectsAreEqual(firsts(shard, n), dataOf(held[shard])), "shard %d", shard)
		assert.True(t, assert.ObjectsAreEqual(firsts(shard, n), readable(t, loaded, shard)), "shard %d, saved", shard)
		for i, r := range held[shard] {
			require.Equal(t, "k", r.PartitionKey)
			require.EqualValues(t, i+1, r.SequenceNumber.Index())
			require.Equal(t, epoch.Add(time.Duration(i)*time.Millisecond), r.ArrivalTime)
			require.Len(t, r.Data, cap(r.Data))
		}
	}
	assert.NoError(t, weir.CheckInvariants(s.Stream))
	require.NoError(t, s.Close())
}

// Of shards that take no more nothing stays in memory, or a stream that is
// resharded often would have more of these in it than MaxBytes.
func TestSpill_closedShardsLeaveMemory(t *testing.T) {
	s := newSpilled(t, 2, 1)
	check := func(what string) {
		st := s.Snapshot().Storage
		require.LessOrEqual(t, st.BytesInMemory+st.RecordsInMemory*weir.RecordOverheadBytes, int64(spillBytes), what)
	}
	for n := range 60 {
		for i := range 5 {
			s.put(i)
			check("while it is put")
		}
		_, err := s.Resize(t.Context(), 2+(n+1)%2)
		require.NoError(t, err)
	}
	want := allDataOf(t, s.Stream)
	check("while it is read")
	require.Greater(t, len(want), 4*spillBytes/1000)
	require.NoError(t, weir.CheckInvariants(s.Stream))
	require.NoError(t, s.Close())
	s.open()
	check("when it is opened again")
	assert.Equal(t, want, allDataOf(t, s.Stream))
}
