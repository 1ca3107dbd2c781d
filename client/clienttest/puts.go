package clienttest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

var puts = []test{
	{name: "puts keep the order of a key", run: putsInOrder},
	{name: "a put of one record", needs: []Capability{SinglePuts}, run: putsOne},
	{name: "data may be empty", run: putsEmpty},
	{name: "an explicit hash key decides the shard", run: putsByHashKey},
	{name: "a limit refuses some records of a call", needs: []Capability{Limits}, run: putsInPart},
	{name: "a bad call stores nothing", run: putsNothing},
	{name: "a context that has ended stores nothing", run: putsAfterTheEnd},
}

func putsInOrder(st *stand) {
	st.open(4)
	for range 10 {
		st.put(20)
	}
	total := 0
	for _, shard := range st.openShards() {
		want := st.all(shard.ID)
		total += len(want)
		for i, e := range want {
			assert.Equal(st, shard.ID, e.at.Shard())
			assert.True(st, shard.HashKeyRange.Contains(weir.HashPartitionKey(e.key)), "%s lies in %s", e.key, shard.ID)
			if i > 0 {
				assert.Positive(st, e.at.Compare(want[i-1].at), "numbers rise")
			}
		}
		records, _ := st.collect(st.read(shard.ID, weir.TrimHorizon()), len(want))
		st.same(want, records)
	}
	assert.Equal(st, 200, total)
}

func putsOne(st *stand) {
	st.open(1)
	e := st.entries(1)[0]
	at, err := st.stream.(client.Putter).PutRecord(st.Context(), e.PartitionKey, e.Data)
	require.NoError(st, err)
	st.note(e, at)
	records, _ := st.collect(st.read(0, weir.TrimHorizon()), 1)
	st.same(st.all(0), records)

	_, err = st.stream.(client.Putter).PutRecord(st.Context(), "", nil)
	assert.ErrorIs(st, err, weir.ErrInvalidArgument)
}

func putsEmpty(st *stand) {
	st.open(1)
	list := []weir.Entry{{PartitionKey: "nil"}, {PartitionKey: "none", Data: []byte{}}}
	results, err := st.stream.PutRecords(st.Context(), list)
	require.NoError(st, err)
	for i, r := range results {
		require.NoError(st, r.Err)
		st.note(list[i], r.Placed)
	}
	records, _ := st.collect(st.read(0, weir.TrimHorizon()), 2)
	st.same(st.all(0), records)
}

func putsByHashKey(st *stand) {
	st.open(4)
	for _, shard := range st.openShards() {
		list := st.entries(1)
		list[0].ExplicitHashKey = &shard.HashKeyRange.End
		results, err := st.stream.PutRecords(st.Context(), list)
		require.NoError(st, err)
		require.NoError(st, results[0].Err)
		assert.Equal(st, shard.ID, results[0].ShardID)
	}
}

// putsInPart puts 1,200 records at once, of which a shard takes 1,000.
func putsInPart(st *stand) {
	st.open(1)
	refused := 0
	for range 3 {
		list := st.entries(400)
		results, err := st.stream.PutRecords(st.Context(), list)
		require.NoError(st, err)
		require.Len(st, results, len(list))
		for i, r := range results {
			if r.Err == nil {
				st.note(list[i], r.Placed)
				continue
			}
			refused++
			require.ErrorIs(st, r.Err, weir.ErrThroughputExceeded)
			var limit *weir.LimitError
			require.ErrorAs(st, r.Err, &limit)
			require.Zero(st, limit.Shard)
			require.Positive(st, limit.RetryAfter)
		}
	}
	assert.Positive(st, refused)
	records, _ := st.collect(st.read(0, weir.TrimHorizon()), len(st.all(0)))
	st.same(st.all(0), records)
	time.Sleep(time.Second)
	st.put(1)
}

func putsNothing(st *stand) {
	st.open(1)
	good := weir.Entry{PartitionKey: "k", Data: []byte("d")}
	for name, list := range map[string][]weir.Entry{
		"no records":   {},
		"501 records":  st.entries(501),
		"no key":       {good, {Data: []byte("d")}},
		"a long key":   {good, {PartitionKey: strings.Repeat("k", 257)}},
		"a big record": {good, {PartitionKey: "k", Data: make([]byte, 11<<20)}},
	} {
		results, err := st.stream.PutRecords(st.Context(), list)
		assert.ErrorIs(st, err, weir.ErrInvalidArgument, name)
		assert.Empty(st, results, name)
	}
	st.put(1)
	records, _ := st.collect(st.read(0, weir.TrimHorizon()), 1)
	st.same(st.all(0), records)
}

func putsAfterTheEnd(st *stand) {
	st.open(1)
	ctx, cancel := context.WithCancel(st.Context())
	cancel()
	_, err := st.stream.PutRecords(ctx, st.entries(1))
	assert.ErrorIs(st, err, context.Canceled)
	_, err = st.stream.Shards(ctx)
	assert.ErrorIs(st, err, context.Canceled)
	_, err = st.stream.Read(ctx, 0, weir.TrimHorizon(), client.Reading{})
	assert.ErrorIs(st, err, context.Canceled)
	st.put(1)
	records, _ := st.collect(st.read(0, weir.TrimHorizon()), 1)
	st.same(st.all(0), records)
}
