package window_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// filled returns a stream with clicks, of which no more will come.
func filled(clicks ...string) *weir.Stream {
	s, err := weir.NewStream("clicks", weir.Config{})
	if err != nil {
		panic(err)
	}
	for _, c := range clicks {
		var click struct{ Item string }
		if err := json.Unmarshal([]byte(c), &click); err != nil {
			panic(err)
		}
		if _, err := s.PutRecord(context.Background(), click.Item, []byte(c)); err != nil {
			panic(err)
		}
	}
	s.EndWrites(context.Background())
	return s
}

// Clicks on items are counted by the minute in which they happened.
func Example() {
	stream := filled(
		`{"item": "shoes", "at": "2026-11-29T12:00:01Z"}`,
		`{"item": "hats", "at": "2026-11-29T12:00:40Z"}`,
		`{"item": "shoes", "at": "2026-11-29T12:00:59Z"}`,
		`{"item": "shoes", "at": "2026-11-29T12:01:00Z"}`,
	)
	type click struct {
		Item string
		At   time.Time
	}
	w, err := window.New(window.Config[click, int64, int64]{
		Windows: window.Tumbling(time.Minute, window.Count[click]()),
		Read: window.One(func(r *weir.Record) (e window.Event[click], err error) {
			err = json.Unmarshal(r.Data, &e.Value)
			e.Key, e.Time = e.Value.Item, e.Value.At
			return e, err
		}),
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(stream)}, Store: new(lease.Memory)},
	})
	if err != nil {
		panic(err)
	}
	left := 3
	for r, err := range w.Results(context.Background()) {
		if err != nil {
			panic(err)
		}
		fmt.Println(r)
		if left--; left == 0 {
			break
		}
	}
	// Output:
	// hats 2026-11-29T12:00:00Z/2026-11-29T12:01:00Z final: 1
	// shoes 2026-11-29T12:00:00Z/2026-11-29T12:01:00Z final: 2
	// shoes 2026-11-29T12:01:00Z/2026-11-29T12:02:00Z final: 1
}
