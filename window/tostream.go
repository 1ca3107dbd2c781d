package window

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// What a call of PutRecords has room for.
const (
	maxEntries    = 500
	maxEntryBytes = 4 << 20
)

// ToStream returns a [Config.Handler] that puts results into a stream, as encode
// makes records of them; nil means with the result's key and as JSON, a [Row].
// Those of a key keep their order. After a crash some come again: whoever reads
// them tells them by [Result.ID].
//
// A record that is refused for throughput is put again after those before it; a
// call that fails makes the handler fail, which is called again. What encode
// returns an error for, and what the stream never takes, because its key is
// empty or too long or its data too large, goes to [Config.Aside], as a
// [*ResultError].
func ToStream[R any](s client.Stream, encode func(Result[R]) (weir.Entry, error)) Handler[R] {
	if encode == nil {
		encode = asRow[R]
	}
	return func(ctx context.Context, results []Result[R]) error {
		if s == nil {
			return fmt.Errorf("window: %w", &weir.ArgumentError{Field: "stream", Reason: "is nil"})
		}
		p := putting{stream: s, refused: make(map[int]error)}
		for i, r := range results {
			e, err := encode(r)
			if err != nil {
				p.refused[i] = err
				continue
			}
			if err := p.add(ctx, e, i); err != nil {
				return err
			}
		}
		if err := p.flush(ctx); err != nil {
			return err
		}
		if len(p.refused) > 0 {
			return &RefusedError{Results: p.refused}
		}
		return nil
	}
}

// A putting is how results are put: some at a time, in their order.
type putting struct {
	stream  client.Stream
	entries []weir.Entry  // of the next call
	of      []int         // their results
	size    int           // in bytes
	refused map[int]error // results that the stream never takes
}

// add puts an entry with the next ones, when there are enough for a call.
func (p *putting) add(ctx context.Context, e weir.Entry, result int) error {
	if n := len(p.entries); n == maxEntries || n > 0 && p.size+e.Size() > maxEntryBytes {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	p.entries, p.of, p.size = append(p.entries, e), append(p.of, result), p.size+e.Size()
	return nil
}

// flush puts what was added.
func (p *putting) flush(ctx context.Context) error {
	err := p.put(ctx, p.entries, p.of)
	p.entries, p.of, p.size = p.entries[:0], p.of[:0], 0
	return err
}

// put puts entries, and again those that were refused for throughput and all
// behind the first of them with the same key.
func (p *putting) put(ctx context.Context, entries []weir.Entry, of []int) error {
	for pause := 10 * time.Millisecond; len(entries) > 0; pause = min(2*pause, time.Second) {
		results, err := p.stream.PutRecords(ctx, entries)
		switch {
		case err == nil && len(results) != len(entries):
			return fmt.Errorf("window: stream %s: %d outcomes for %d records", p.stream.Name(), len(results), len(entries))
		case err == nil:
			if entries, of, err = p.left(entries, of, results); err != nil || len(entries) == 0 {
				return err
			}
		case errors.Is(err, weir.ErrInvalidArgument):
			return p.putHalves(ctx, entries, of, err)
		case !errors.Is(err, weir.ErrThroughputExceeded):
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	return nil
}

// putHalves puts entries of a call that was refused as a whole because of some of
// them, and notes which those are.
func (p *putting) putHalves(ctx context.Context, entries []weir.Entry, of []int, why error) error {
	if len(entries) == 1 {
		p.refused[of[0]] = why
		return nil
	}
	middle := len(entries) / 2
	if err := p.put(ctx, entries[:middle], of[:middle]); err != nil {
		return err
	}
	return p.put(ctx, entries[middle:], of[middle:])
}

// left returns the entries that are to be put again.
func (p *putting) left(entries []weir.Entry, of []int, results []weir.PutResult) (again []weir.Entry, ofAgain []int, err error) {
	keys := make(map[string]bool)
	for i, r := range results {
		switch {
		case errors.Is(r.Err, weir.ErrThroughputExceeded):
			keys[entries[i].PartitionKey] = true
		case errors.Is(r.Err, weir.ErrInvalidArgument):
			p.refused[of[i]] = r.Err
			continue
		case r.Err != nil:
			return nil, nil, r.Err
		}
		if keys[entries[i].PartitionKey] {
			again, ofAgain = append(again, entries[i]), append(ofAgain, of[i])
		}
	}
	return again, ofAgain, nil
}

// A Row is a result as [ToStream] puts it.
type Row[R any] struct {
	ID       string    `json:"id"` // [Result.ID]
	Key      string    `json:"key"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Kind     string    `json:"kind"`
	Records  int64     `json:"records"`
	Revision int       `json:"revision"`
	Value    R         `json:"value"`
}

func asRow[R any](r Result[R]) (weir.Entry, error) {
	data, err := json.Marshal(Row[R]{r.ID(), r.Key, r.Window.Start, r.Window.End, r.Kind.String(), r.Records, r.Revision, r.Value})
	return weir.Entry{PartitionKey: r.Key, Data: data}, err
}
