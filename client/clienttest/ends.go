package clienttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/internal/lineage"
)

var ends = []test{
	{name: "a closed shard ends with its children", needs: []Capability{Resharding}, reads: true, run: endsWithChildren},
	{name: "the end of a shard wakes who waits", needs: []Capability{Resharding}, reads: true, run: endsWhileWaiting},
	{name: "parents come before children", needs: []Capability{Resharding}, reads: true, run: endsBeforeChildren},
	{name: "shards are changed", needs: []Capability{Resharding}, run: endsByResharding},
}

func endsWithChildren(st *stand) {
	st.open(1)
	st.put(20)
	st.split(0)
	want := st.all(0)
	for _, c := range []struct {
		from weir.Position
		want []entry
	}{
		{weir.TrimHorizon(), want}, {weir.AtSequence(want[15].at), want[15:]},
		{weir.AfterSequence(want[19].at), nil}, {weir.Latest(), nil},
	} {
		r := st.read(0, c.from)
		records, last := st.toEnd(r)
		st.same(c.want, records)
		require.Len(st, last.Children, 2)
		for _, child := range last.Children {
			require.Equal(st, []weir.ShardID{0}, child.Parents)
			require.Equal(st, st.shard(child.ID).HashKeyRange, child.HashKeyRange)
		}
		require.NoError(st, r.Close())
		// Who begins again behind the end learns the same.
		records, again := st.toEnd(st.read(0, last.Continue))
		require.Len(st, again.Children, 2)
		if len(c.want) > 0 { // else it may be known by the time only
			require.Empty(st, records)
		}
	}
}

func endsWhileWaiting(st *stand) {
	st.open(1)
	ctx, cancel := st.brief()
	defer cancel()
	r := st.read(0, weir.TrimHorizon())
	next := st.nextBeside(ctx, r)
	st.settle()
	st.split(0)
	got := <-next
	require.NoError(st, got.err)
	require.True(st, got.batch.Last)
	require.Len(st, got.batch.Children, 2)
}

// endsBeforeChildren reads what was put over splits and merges, each shard when
// its parents are read to their end, as their last batches say.
func endsBeforeChildren(st *stand) {
	st.open(2)
	reshard := st.stream.(client.Resharder)
	st.put(40)
	st.split(0)
	st.put(40)
	open := st.openShards()
	require.Len(st, open, 3)
	require.NoError(st, reshard.MergeShards(st.Context(), open[1].ID, open[2].ID))
	st.put(40)
	st.split(st.openShards()[1].ID)
	st.put(40)

	shards, err := st.stream.Shards(st.Context())
	require.NoError(st, err)
	closed := make(map[weir.ShardID]bool)
	var listing []lineage.Shard[weir.ShardID]
	for _, s := range shards {
		closed[s.ID] = !s.IsOpen()
		if len(s.Parents) == 0 { // the others are learned from last batches
			listing = append(listing, lineage.Shard[weir.ShardID]{ID: s.ID})
		}
	}
	walk := lineage.New(listing, lineage.Start[weir.ShardID]{})
	var due []weir.ShardID
	for id := range walk.Ready() {
		due = append(due, id)
	}
	last, read := make(map[string]string), 0
	for i := 0; i < len(due); i++ {
		r := st.read(due[i], weir.TrimHorizon())
		var records []weir.Record
		if closed[due[i]] {
			var end weir.Batch
			records, end = st.toEnd(r)
			next := make([]lineage.Shard[weir.ShardID], len(end.Children))
			for n, child := range end.Children {
				next[n] = lineage.Shard[weir.ShardID]{ID: child.ID, Parents: child.Parents}
			}
			due = append(due, walk.Ended(due[i], next...)...)
		} else {
			records, _ = st.collect(r, len(st.all(due[i])))
		}
		require.NoError(st, r.Close())
		for _, r := range records {
			require.Less(st, last[r.PartitionKey], string(r.Data), "the records of %s are in order", r.PartitionKey)
			last[r.PartitionKey] = string(r.Data)
		}
		read += len(records)
	}
	assert.Equal(st, 160, read)
	assert.Len(st, due, len(shards), "each shard is begun, once")
}

func endsByResharding(st *stand) {
	st.open(1)
	reshard := st.stream.(client.Resharder)
	whole := st.shard(0).HashKeyRange
	require.NoError(st, reshard.SplitShard(st.Context(), 0, weir.HashKey{Lo: 1 << 40}))
	open := st.openShards()
	require.Len(st, open, 2)
	assert.Equal(st, weir.HashKey{Lo: 1 << 40}, open[1].HashKeyRange.Start)
	require.NoError(st, reshard.MergeShards(st.Context(), open[0].ID, open[1].ID))
	open = st.openShards()
	require.Len(st, open, 1)
	assert.Equal(st, whole, open[0].HashKeyRange)
	assert.ElementsMatch(st, []weir.ShardID{1, 2}, open[0].Parents)
	require.NoError(st, reshard.Resize(st.Context(), 2))
	assert.Len(st, st.openShards(), 2)

	assert.ErrorIs(st, reshard.SplitShard(st.Context(), 99, weir.HashKey{}), weir.ErrShardNotFound)
	assert.ErrorIs(st, reshard.MergeShards(st.Context(), 99, 98), weir.ErrShardNotFound)
	st.put(1)
}
