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
// call that fails makes the handler fail, which is called again.
func ToStream[R any](s client.Stream, encode func(Result[R]) (weir.Entry, error)) Handler[R] {
	if encode == nil {
		encode = asRow[R]
	}
	return func(ctx context.Context, results []Result[R]) error {
		if s == nil {
			return fmt.Errorf("window: %w", &weir.ArgumentError{Field: "stream", Reason: "is nil"})
		}
		var entries []weir.Entry
		size := 0
		for _, r := range results {
			e, err := encode(r)
			if err != nil {
				return fmt.Errorf("window: result %s: %w", r.ID(), err)
			}
			if len(entries) == maxEntries || len(entries) > 0 && size+e.Size() > maxEntryBytes {
				if err := putAll(ctx, s, entries); err != nil {
					return err
				}
				entries, size = entries[:0], 0
			}
			entries, size = append(entries, e), size+e.Size()
		}
		return putAll(ctx, s, entries)
	}
}

// putAll puts entries, and again those that were refused for throughput and all
// behind the first of them with the same key.
func putAll(ctx context.Context, s client.Stream, entries []weir.Entry) error {
	for pause := 10 * time.Millisecond; len(entries) > 0; pause = min(2*pause, time.Second) {
		results, err := s.PutRecords(ctx, entries)
		if err != nil && !errors.Is(err, weir.ErrThroughputExceeded) {
			return err
		}
		if err == nil {
			if entries, err = refused(entries, results); err != nil || len(entries) == 0 {
				return err
			}
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

// refused returns the entries that are to be put again.
func refused(entries []weir.Entry, results []weir.PutResult) (again []weir.Entry, err error) {
	keys := make(map[string]bool)
	for i, r := range results {
		switch {
		case errors.Is(r.Err, weir.ErrThroughputExceeded):
			keys[entries[i].PartitionKey] = true
		case r.Err != nil:
			return nil, r.Err
		}
		if keys[entries[i].PartitionKey] {
			again = append(again, entries[i])
		}
	}
	return again, nil
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
