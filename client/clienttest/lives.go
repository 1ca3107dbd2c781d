package clienttest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

var lives = []test{
	{name: "readers outlive iterators and subscriptions", needs: []Capability{Bubble}, reads: true, run: livesLong},
	{name: "readers outlive them before their first batch", needs: []Capability{Bubble}, reads: true, run: livesLongUnread},
	{name: "shards vanish", needs: []Capability{Bubble, Resharding}, reads: true, run: livesNoMore},
	{name: "consumers are registered", needs: []Capability{FanOut}, run: livesRegistered},
	{name: "consumers are limited", needs: []Capability{FanOut, Limits}, run: livesLimited},
	{name: "a consumer has one reader of a shard", needs: []Capability{Bubble, FanOut}, run: livesTakenOver},
}

// livesLong waits longer than an iterator and a subscription live, in and
// between calls of Next.
func livesLong(st *stand) {
	st.open(1)
	ctx := st.Context()
	r := st.read(0, weir.TrimHorizon())
	read := 0
	for range 4 {
		st.put(3)
		records, _ := st.collect(r, 3)
		st.same(st.all(0)[read:], records)
		read += 3
		time.Sleep(7 * time.Minute)
		st.put(2)
		records, _ = st.collect(r, 2)
		st.same(st.all(0)[read:], records)
		read += 2
		next := st.nextBeside(ctx, r)
		time.Sleep(7 * time.Minute)
		st.put(1)
		got := <-next
		require.NoError(st, got.err)
		st.same(st.all(0)[read:], got.batch.Records)
		read++
	}
}

func livesLongUnread(st *stand) {
	st.open(1)
	st.put(3)
	time.Sleep(10 * time.Millisecond)
	r := st.read(0, weir.Latest())
	time.Sleep(7 * time.Minute)
	st.put(3)
	time.Sleep(7 * time.Minute)
	records, _ := st.collect(r, 3)
	st.same(st.all(0)[3:], records)
}

func livesNoMore(st *stand) {
	st.open(1)
	st.put(3)
	r := st.read(0, weir.TrimHorizon())
	st.split(0)
	time.Sleep(25 * time.Hour)
	_, err := st.tryRead(0, weir.TrimHorizon(), st.as)
	require.ErrorIs(st, err, weir.ErrShardNotFound)
	// Who reads it meanwhile learns that, or that it has ended, maybe after
	// what was on its way.
	ctx, cancel := st.brief()
	defer cancel()
	for {
		b, err := st.next(ctx, r)
		if err != nil {
			require.ErrorIs(st, err, weir.ErrShardNotFound)
			return
		}
		if b.Last {
			require.Len(st, b.Children, 2)
			return
		}
	}
}

func livesRegistered(st *stand) {
	st.open(1)
	registrar := st.stream.(client.Registrar)
	ctx, as := st.Context(), client.Reading{Consumer: "billing"}
	_, err := st.tryRead(0, weir.TrimHorizon(), as)
	assert.ErrorIs(st, err, weir.ErrConsumerNotFound)
	assert.ErrorIs(st, registrar.DeregisterConsumer(ctx, as.Consumer), weir.ErrConsumerNotFound)

	require.NoError(st, registrar.RegisterConsumer(ctx, as.Consumer))
	assert.ErrorIs(st, registrar.RegisterConsumer(ctx, as.Consumer), weir.ErrConsumerExists)
	assert.ErrorIs(st, registrar.RegisterConsumer(ctx, "not/a/name"), weir.ErrInvalidArgument)

	r := st.readAs(0, weir.TrimHorizon(), as)
	st.put(1)
	_, _ = st.collect(r, 1)
	next := st.nextBeside(ctx, r)
	st.settle()
	require.NoError(st, registrar.DeregisterConsumer(ctx, as.Consumer))
	assert.ErrorIs(st, (<-next).err, weir.ErrConsumerNotFound)
	_, err = st.tryRead(0, weir.TrimHorizon(), as)
	assert.ErrorIs(st, err, weir.ErrConsumerNotFound)
}

func livesLimited(st *stand) {
	st.open(1)
	registrar := st.stream.(client.Registrar)
	for i := range 20 {
		require.NoError(st, registrar.RegisterConsumer(st.Context(), fmt.Sprintf("consumer-%d", i)))
	}
	assert.ErrorIs(st, registrar.RegisterConsumer(st.Context(), "one-more"), weir.ErrLimitExceeded)
}

func livesTakenOver(st *stand) {
	st.as = client.Reading{Consumer: "kit"}
	st.open(1)
	ctx, cancel := st.brief()
	defer cancel()
	first := st.read(0, weir.TrimHorizon())
	next := st.nextBeside(ctx, first)
	begin := time.Now()
	second := st.read(0, weir.TrimHorizon())
	assert.Less(st, time.Since(begin), 10*time.Second, "Read waits, and takes over")
	assert.ErrorIs(st, (<-next).err, weir.ErrSubscriptionTakenOver)
	st.put(2)
	records, _ := st.collect(second, 2)
	st.same(st.all(0), records)
}
