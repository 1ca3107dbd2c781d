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
		`{"item": "shoes", "at": "2024-11-29T12:00:01Z"}`,
		`{"item": "hats", "at": "2024-11-29T12:00:40Z"}`,
		`{"item": "shoes", "at": "2024-11-29T12:00:59Z"}`,
		`{"item": "shoes", "at": "2024-11-29T12:01:00Z"}`,
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
	// hats 2024-11-29T12:00:00Z/2024-11-29T12:01:00Z final: 1
	// shoes 2024-11-29T12:00:00Z/2024-11-29T12:01:00Z final: 2
	// shoes 2024-11-29T12:01:00Z/2024-11-29T12:02:00Z final: 1
}

// A table keeps the last result of each window. Sessions of visits, which end
// when nothing is heard of a visitor for half an hour, are put into one, late
// clicks included.
func ExampleToTable() {
	stream := filled(
		`{"item": "ann", "at": "2024-11-29T12:00:00Z"}`,
		`{"item": "ann", "at": "2024-11-29T12:20:00Z"}`,
		`{"item": "ann", "at": "2024-11-29T14:00:00Z"}`,
		`{"item": "ann", "at": "2024-11-29T12:45:00Z"}`, // late
	)
	type visit struct{ At time.Time }
	var table window.Memory[int64]
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	keep := window.ToTable(&table)
	w, err := window.New(window.Config[visit, int64, int64]{
		Windows: window.Session(30*time.Minute, window.Count[visit]()),
		Read: window.One(func(r *weir.Record) (e window.Event[visit], err error) {
			err = json.Unmarshal(r.Data, &e.Value)
			e.Time = e.Value.At
			return e, err
		}),
		Lateness: 2 * time.Hour,
		Handler: func(ctx context.Context, results []window.Result[int64]) error {
			for _, r := range results {
				fmt.Println(r)
				if r.Window.Start.Hour() == 14 {
					stop() // the last one, when the stream has ended
				}
			}
			return keep(ctx, results)
		},
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(stream)}, Store: new(lease.Memory)},
	})
	if err == nil {
		err = w.Run(ctx)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println("In the table:")
	for _, r := range table.Rows(nil) {
		fmt.Println(r.Key, r.Value, "clicks in", r.Window.End.Sub(r.Window.Start)-30*time.Minute)
	}
	// Output:
	// ann 2024-11-29T12:00:00Z/2024-11-29T12:50:00Z final: 2
	// ann 2024-11-29T12:00:00Z/2024-11-29T12:50:00Z gone
	// ann 2024-11-29T12:00:00Z/2024-11-29T13:15:00Z late: 3
	// ann 2024-11-29T14:00:00Z/2024-11-29T14:30:00Z final: 1
	// In the table:
	// ann 3 clicks in 45m0s
	// ann 1 clicks in 0s
}

// Sales of the last ten minutes, every five.
func ExampleSliding() {
	stream := filled(
		`{"item": "shoes", "price": 90, "at": "2024-11-29T12:01:00Z"}`,
		`{"item": "shoes", "price": 60, "at": "2024-11-29T12:06:00Z"}`,
		`{"item": "shoes", "price": 75, "at": "2024-11-29T12:11:00Z"}`,
	)
	type sale struct {
		Price float64
		At    time.Time
	}
	w, err := window.New(window.Config[sale, window.Spread[float64], window.Spread[float64]]{
		Windows: window.Sliding(10*time.Minute, 5*time.Minute, window.Stats(func(s sale) float64 { return s.Price })),
		Read: window.One(func(r *weir.Record) (e window.Event[sale], err error) {
			err = json.Unmarshal(r.Data, &e.Value)
			e.Time = e.Value.At
			return e, err
		}),
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(stream)}, Store: new(lease.Memory)},
	})
	if err != nil {
		panic(err)
	}
	for r, err := range w.Results(context.Background()) {
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s to %s: %d sold, %.0f each\n", r.Window.Start.Format("15:04"), r.Window.End.Format("15:04"), r.Value.Count, r.Value.Mean())
		if r.Window.End.Minute() == 20 {
			break
		}
	}
	// Output:
	// 11:55 to 12:05: 1 sold, 90 each
	// 12:00 to 12:10: 2 sold, 75 each
	// 12:05 to 12:15: 2 sold, 68 each
	// 12:10 to 12:20: 1 sold, 75 each
}
