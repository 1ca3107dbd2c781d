package clienttest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

var reads = []test{
	{name: "reading begins at a position", reads: true, run: readsFromPositions},
	{name: "reading goes on at Continue", reads: true, run: readsOn},
	{name: "a batch has as many records as are asked for", run: readsByCount},
	{name: "records stay as they are", reads: true, run: readsWhatStays},
	{name: "a put wakes who waits", reads: true, run: readsNew},
	{name: "the end of a context loses nothing", reads: true, run: readsAfterTheContext},
	{name: "Close ends Next", reads: true, run: readsNoMore},
	{name: "readers are independent", run: readsApart},
	{name: "who polls too often is throttled", needs: []Capability{Limits}, run: readsTooOften},
	{name: "bad positions are refused", reads: true, run: readsFromNowhere},
	{name: "bad readings are refused", run: readsSomehow},
}

func readsFromPositions(st *stand) {
	st.open(1)
	st.put(20)
	time.Sleep(50 * time.Millisecond) // the others arrive at another time
	st.put(10)
	all := st.all(0)
	first, _ := st.collect(st.readAs(0, weir.TrimHorizon(), client.Reading{}), 30)
	arrival := first[20].ArrivalTime
	for _, c := range []struct {
		from weir.Position
		want []entry
	}{
		{weir.TrimHorizon(), all},
		{weir.Position{}.In(0), all},
		{weir.AtSequence(all[7].at), all[7:]},
		{weir.AfterSequence(all[7].at), all[8:]},
		{weir.AtSequence(st.shard(0).StartingSequenceNumber), all},
		{weir.AfterSequence(st.shard(0).StartingSequenceNumber), all},
		{weir.AtTime(arrival), all[20:]},
		{weir.AtTime(arrival.Add(-time.Hour)), all},
	} {
		r := st.read(0, c.from)
		records, _ := st.collect(r, len(c.want))
		st.same(c.want, records)
		require.NoError(st, r.Close())
	}
	r := st.read(0, weir.Latest())
	st.put(3)
	records, _ := st.collect(r, 3)
	st.same(st.all(0)[30:], records)
}

func readsOn(st *stand) {
	st.open(1)
	at := weir.TrimHorizon()
	var got []weir.Record
	for range 4 {
		st.put(10)
		r := st.read(0, at)
		records, next := st.collect(r, 1)
		require.NoError(st, r.Close())
		got, at = append(got, records...), next
	}
	for len(got) < 40 {
		r := st.read(0, at)
		records, next := st.collect(r, 1)
		require.NoError(st, r.Close())
		got, at = append(got, records...), next
	}
	st.same(st.all(0), got)
}

func readsByCount(st *stand) {
	st.open(1)
	st.put(20)
	ctx, cancel := st.brief()
	defer cancel()
	for _, as := range []client.Reading{{MaxRecords: 7}, {MaxRecords: 7, Polling: true}} {
		r, n := st.readAs(0, weir.TrimHorizon(), as), 0
		for n < 20 {
			b, err := st.next(ctx, r)
			require.NoError(st, err)
			assert.LessOrEqual(st, len(b.Records), 7)
			n += len(b.Records)
		}
		require.NoError(st, r.Close())
	}
}

func readsWhatStays(st *stand) {
	st.open(1)
	st.put(10)
	r := st.read(0, weir.TrimHorizon())
	records, _ := st.collect(r, 10)
	for range 3 {
		st.put(20)
	}
	more, _ := st.collect(r, 60)
	require.NoError(st, r.Close())
	st.same(st.all(0), append(records, more...))
}

func readsNew(st *stand) {
	st.open(1)
	ctx, cancel := st.brief()
	defer cancel()
	r := st.read(0, weir.Latest())
	for i := range 3 {
		next := st.nextBeside(ctx, r)
		st.settle()
		st.put(1)
		got := <-next
		require.NoError(st, got.err)
		require.Zero(st, got.batch.Shard)
		st.same(st.all(0)[i:], got.batch.Records)
		require.Zero(st, got.batch.Behind, "it is at the tip")
	}
}

func readsAfterTheContext(st *stand) {
	st.open(1)
	r := st.read(0, weir.Latest())
	for i := range 3 {
		ctx, cancel := context.WithCancel(st.Context())
		next := st.nextBeside(ctx, r)
		st.settle()
		cancel()
		require.ErrorIs(st, (<-next).err, context.Canceled)
		_, err := r.Next(ctx)
		require.ErrorIs(st, err, context.Canceled)
		st.put(2)
		records, _ := st.collect(r, 2)
		st.same(st.all(0)[2*i:], records)
	}
}

func readsNoMore(st *stand) {
	st.open(1)
	ctx, cancel := st.brief()
	defer cancel()
	r := st.read(0, weir.Latest())
	next := st.nextBeside(ctx, r)
	st.settle()
	require.NoError(st, r.Close())
	require.ErrorIs(st, (<-next).err, weir.ErrClosed)
	require.NoError(st, r.Close())
	_, err := r.Next(ctx)
	require.ErrorIs(st, err, weir.ErrClosed)
}

func readsApart(st *stand) {
	st.open(1)
	ctx, cancel := st.brief()
	defer cancel()
	st.put(10)
	late := st.read(0, weir.TrimHorizon())
	for range 3 {
		early := st.read(0, weir.TrimHorizon())
		records, _ := st.collect(early, 10)
		st.same(st.all(0), records)
		next := st.nextBeside(ctx, early)
		st.settle()
		require.NoError(st, early.Close())
		require.ErrorIs(st, (<-next).err, weir.ErrClosed)
	}
	records, _ := st.collect(late, 10)
	st.same(st.all(0), records)
}

func readsTooOften(st *stand) {
	st.open(1)
	r := st.readAs(0, weir.TrimHorizon(), client.Reading{Polling: true, Interval: -1})
	refused := 0
	for range 10 {
		if _, err := r.Next(st.Context()); err != nil {
			require.ErrorIs(st, err, weir.ErrThroughputExceeded)
			var limit *weir.LimitError
			require.ErrorAs(st, err, &limit)
			refused++
		}
	}
	assert.Positive(st, refused, "a shard can be read five times a second")
	st.put(5)
	time.Sleep(time.Second)
	records, _ := st.collect(r, 5)
	st.same(st.all(0), records)
}

func readsFromNowhere(st *stand) {
	st.open(2)
	st.put(20)
	other := st.all(1)[0].at
	foreign, err := weir.ParseSequenceNumber("49590338271490256608559692538361571095921575989136588898")
	require.NoError(st, err)
	for name, c := range map[string]struct {
		from weir.Position
		want error
	}{
		"of another shard":       {weir.AtSequence(other), weir.ErrInvalidSequenceNumber},
		"after another shard's":  {weir.AfterSequence(other), weir.ErrInvalidSequenceNumber},
		"of another stream":      {weir.AtSequence(foreign), weir.ErrInvalidSequenceNumber},
		"in the future":          {weir.AtTime(time.Now().Add(time.Hour)), weir.ErrInvalidArgument},
		"in another shard":       {weir.TrimHorizon().In(1), weir.ErrInvalidArgument},
		"to the tip":             {weir.TrimHorizon().ToTip(), weir.ErrInvalidArgument},
		"strict":                 {weir.Latest().Strict(), weir.ErrInvalidArgument},
		"saved by another means": {weir.Resume(weir.Positions{st.all(0)[0].at}, weir.Latest()), weir.ErrInvalidArgument},
	} {
		_, err := st.tryRead(0, c.from, st.as)
		require.ErrorIs(st, err, c.want, name)
	}
	_, err = st.tryRead(99, weir.TrimHorizon(), st.as)
	require.ErrorIs(st, err, weir.ErrShardNotFound)
}

func readsSomehow(st *stand) {
	st.open(1)
	for name, as := range map[string]client.Reading{
		"polling as a consumer": {Consumer: "c", Polling: true},
		"few as a consumer":     {Consumer: "c", MaxRecords: 1},
		"less than nothing":     {MaxRecords: -1},
		"too many":              {Polling: true, MaxRecords: 10_001},
	} {
		_, err := st.stream.Read(st.Context(), 0, weir.TrimHorizon(), as)
		assert.ErrorIs(st, err, weir.ErrInvalidArgument, name)
	}
}
