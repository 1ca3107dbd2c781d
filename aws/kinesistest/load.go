package kinesistest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Load is records to be generated.
type Load struct {
	// Records is how many. Zero means 1,000.
	Records int
	// Keys is how many partition keys there are. Zero means 10.
	Keys int
	// Over is how long the load takes, at an even pace. Zero means no time at
	// all.
	Over time.Duration
	// Batch is how many records are put at a time. Zero means one, or 500 if
	// the load takes no time.
	Batch int
	// Data makes the data of the i-th record, from 0 on, which is the n-th of
	// its key. Nil means "key n".
	Data func(key string, i, n int) []byte
}

func (l Load) withDefaults() Load {
	l.Records = cmp.Or(l.Records, 1000)
	l.Keys = cmp.Or(l.Keys, 10)
	if l.Over == 0 {
		l.Batch = cmp.Or(l.Batch, weir.ServiceLimits().BatchRecords)
	}
	l.Batch = min(cmp.Or(l.Batch, 1), weir.ServiceLimits().BatchRecords)
	if l.Data == nil {
		l.Data = func(key string, _, n int) []byte { return fmt.Appendf(nil, "%s %d", key, n) }
	}
	return l
}

// Generate puts a load into a stream, through the engine, past faults. Its keys
// are key-0, key-1 and so on, in turns. It returns when all is stored or the
// test's context ends. Where a shard's limit is reached it waits for room or,
// outside a bubble, moves the fake's clock on until there is; each key keeps
// its order.
func (k *Fake) Generate(stream string, l Load) {
	k.t.Helper()
	if l.Records < 0 || l.Keys < 0 || l.Over < 0 || l.Batch < 0 {
		k.t.Fatalf("kinesistest: generate: %d records of %d keys over %v, %d at a time: none may be negative", l.Records, l.Keys, l.Over, l.Batch)
	}
	l = l.withDefaults()
	s, ctx := k.need(stream), k.t.Context()
	pause := l.Over * time.Duration(l.Batch) / time.Duration(l.Records)
	entries := make([]weir.Entry, 0, l.Batch)
	for i := 0; i < l.Records && ctx.Err() == nil; i += len(entries) {
		entries = entries[:0]
		for j := i; j < min(i+l.Batch, l.Records); j++ {
			key := fmt.Sprintf("key-%d", j%l.Keys)
			entries = append(entries, weir.Entry{PartitionKey: key, Data: l.Data(key, j, j/l.Keys)})
		}
		k.takeTurn(fmt.Sprint("generate ", stream, " ", i), nil)
		if n, err := k.putAll(ctx, s, entries); err != nil {
			if ctx.Err() == nil {
				k.t.Errorf("kinesistest: generate into %s: record %d: %v", stream, i+n, err)
			}
			return
		}
		if pause > 0 && k.clock.sleep(ctx, pause) != nil {
			return
		}
	}
}

// putAll puts entries in their order, each until it is stored, and returns how
// many were.
func (k *Fake) putAll(ctx context.Context, s *weir.Stream, entries []weir.Entry) (i int, _ error) {
	defer k.drain()
	for i < len(entries) {
		_, err := s.Put(ctx, entries[i])
		var limit *weir.LimitError
		switch {
		case errors.As(err, &limit):
			if err := k.skip(ctx, max(limit.RetryAfter, time.Millisecond)); err != nil {
				return i, err
			}
		case err != nil:
			return i, err
		default:
			i++
		}
	}
	return i, nil
}
