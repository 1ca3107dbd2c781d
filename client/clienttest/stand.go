package clienttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A stand is one test's stream, and what was put to it.
type stand struct {
	*testing.T
	kit    kit
	as     client.Reading
	stream client.Stream
	number int                      // of the next record
	stored map[weir.ShardID][]entry // what was put, by shard and in order
}

// An entry is a record as it was put.
type entry struct {
	key  string
	data string
	at   weir.SequenceNumber
}

// begin says how the test reads.
func (st *stand) begin(as client.Reading) { st.as = as }

// open makes the stream.
func (st *stand) open(shards int) {
	st.Helper()
	st.stream = st.kit.open(st.T, shards)
	st.stored = make(map[weir.ShardID][]entry)
	if st.as.Consumer != "" {
		require.NoError(st, st.stream.(client.Registrar).RegisterConsumer(st.Context(), st.as.Consumer))
	}
}

// brief bounds what should not take long.
func (st *stand) brief() (context.Context, context.CancelFunc) {
	return context.WithTimeout(st.Context(), 30*time.Second)
}

// settle gives goroutines the time to begin to wait.
func (st *stand) settle() { time.Sleep(100 * time.Millisecond) }

// entries returns n records of a few keys, which no other call returns.
func (st *stand) entries(n int) []weir.Entry {
	list := make([]weir.Entry, n)
	for i := range list {
		st.number++
		list[i] = weir.Entry{PartitionKey: fmt.Sprintf("key-%d", st.number%19), Data: fmt.Appendf(nil, "%06d", st.number)}
	}
	return list
}

// put puts n records, of which none may be refused.
func (st *stand) put(n int) {
	st.Helper()
	list := st.entries(n)
	results, err := st.stream.PutRecords(st.Context(), list)
	require.NoError(st, err)
	require.Len(st, results, n)
	for i, r := range results {
		require.NoError(st, r.Err)
		st.note(list[i], r.Placed)
	}
}

// note notes that a record was stored.
func (st *stand) note(e weir.Entry, at weir.Placed) {
	st.stored[at.ShardID] = append(st.stored[at.ShardID], entry{e.PartitionKey, string(e.Data), at.SequenceNumber})
}

// read returns a reader.
func (st *stand) read(shard weir.ShardID, from weir.Position) client.Reader {
	st.Helper()
	return st.readAs(shard, from, st.as)
}

func (st *stand) readAs(shard weir.ShardID, from weir.Position, as client.Reading) client.Reader {
	st.Helper()
	r, err := st.tryRead(shard, from, as)
	require.NoError(st, err)
	return r
}

// tryRead begins to read. It waits where that was done too often.
func (st *stand) tryRead(shard weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	for {
		r, err := st.stream.Read(st.Context(), shard, from, as)
		if err == nil {
			st.Cleanup(func() { _ = r.Close() })
			return r, nil
		}
		if !errors.Is(err, weir.ErrThroughputExceeded) {
			return nil, err
		}
		time.Sleep(time.Second)
	}
}

// next returns the next batch. What a limit refuses is tried again.
func (st *stand) next(ctx context.Context, r client.Reader) (weir.Batch, error) {
	for {
		b, err := r.Next(ctx)
		if !errors.Is(err, weir.ErrThroughputExceeded) {
			return b, err
		}
	}
}

// collect returns the next n records, and where reading goes on.
func (st *stand) collect(r client.Reader, n int) (records []weir.Record, at weir.Position) {
	st.Helper()
	ctx, cancel := st.brief()
	defer cancel()
	for len(records) < n {
		b, err := st.next(ctx, r)
		require.NoError(st, err, "after %d of %d records", len(records), n)
		records, at = append(records, b.Records...), b.Continue
	}
	return records, at
}

// toEnd returns the records up to the end of a closed shard, and its last
// batch.
func (st *stand) toEnd(r client.Reader) (records []weir.Record, last weir.Batch) {
	st.Helper()
	ctx, cancel := st.brief()
	defer cancel()
	for !last.Last {
		var err error
		last, err = st.next(ctx, r)
		require.NoError(st, err, "after %d records", len(records))
		records = append(records, last.Records...)
	}
	for range 2 {
		_, err := r.Next(ctx)
		require.Equal(st, io.EOF, err, "behind the last batch")
	}
	return records, last
}

// all returns what was stored in a shard, in order.
func (st *stand) all(shard weir.ShardID) []entry { return st.stored[shard] }

// same fails the test unless records are those that were put.
func (st *stand) same(want []entry, records []weir.Record) {
	st.Helper()
	var got []entry
	for _, r := range records {
		got = append(got, entry{r.PartitionKey, string(r.Data), r.SequenceNumber})
		require.False(st, r.ArrivalTime.IsZero())
	}
	require.Equal(st, want, got)
}

// shard returns one of the shards.
func (st *stand) shard(id weir.ShardID) weir.Shard {
	st.Helper()
	shards, err := st.stream.Shards(st.Context())
	require.NoError(st, err)
	i := slices.IndexFunc(shards, func(s weir.Shard) bool { return s.ID == id })
	require.GreaterOrEqual(st, i, 0, "%s is listed", id)
	return shards[i]
}

// openShards returns the shards that are open, by range.
func (st *stand) openShards() []weir.Shard {
	st.Helper()
	shards, err := st.stream.Shards(st.Context())
	require.NoError(st, err)
	shards = slices.DeleteFunc(shards, func(s weir.Shard) bool { return !s.IsOpen() })
	slices.SortFunc(shards, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	return shards
}

func (st *stand) split(shard weir.ShardID) {
	st.Helper()
	require.NoError(st, st.stream.(client.Resharder).SplitShard(st.Context(), shard, weir.HashKey{}))
}

// An outcome is what one Next returned.
type outcome struct {
	batch weir.Batch
	err   error
}

// nextBeside calls Next in a goroutine until it returns records or an error.
func (st *stand) nextBeside(ctx context.Context, r client.Reader) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		for {
			b, err := st.next(ctx, r)
			if err != nil || len(b.Records) > 0 || b.Last {
				done <- outcome{b, err}
				return
			}
		}
	}()
	return done
}
