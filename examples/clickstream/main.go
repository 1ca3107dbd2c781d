// Command clickstream is a shop whose visitors are shown what others looked at
// who looked at the same. Clicks go through a stream into a session of each
// visitor, and each click changes what the browsers of those whom it concerns
// are shown, by server-sent events.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

//go:embed page.html
var page []byte

// A shop knows what each visitor looked at, as long as the visitor's session
// goes on.
type shop struct {
	stream   *weir.Stream
	mu       sync.Mutex
	sessions map[string]map[string]int64 // how often each item, by visitor
	change   chan struct{}               // closed when there is another click
}

func main() {
	addr := flag.String("addr", "localhost:8080", "where the shop is")
	flag.Parse()
	stream, err := weir.NewStream("clicks", weir.Config{Shards: 4})
	if err != nil {
		log.Fatal(err)
	}
	s := &shop{stream: stream, sessions: map[string]map[string]int64{}, change: make(chan struct{})}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.HandleFunc("POST /click", s.click)
	http.HandleFunc("GET /suggestions", s.suggestions)
	go func() { log.Fatal(s.run(context.Background())) }()
	fmt.Printf("open http://%s in a browser\n", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

// run puts clicks of a crowd, and takes in sessions until ctx ends. Each click
// gives an early result of its visitor's session, which ends after half an hour
// without one.
func (s *shop) run(ctx context.Context) error {
	for i := range 30 {
		kit := [][]string{{"tent", "sleeping bag", "lantern"}, {"stove", "pot", "lighter"}, {"boots", "socks", "map"}}[i%3]
		for _, item := range kit[:2+i/15] {
			if _, err := s.stream.PutRecordWait(ctx, fmt.Sprint("crowd-", i), []byte(item)); ctx.Err() != nil {
				return nil // it is to end, as sessions end below
			} else if err != nil {
				return err
			}
		}
	}
	sessions, err := window.New(window.Config[string, map[string]int64, map[string]int64]{
		Read: window.One(func(r *weir.Record) (window.Event[string], error) {
			return window.Event[string]{Value: string(r.Data)}, nil // of the record's key, at its arrival
		}),
		Windows:    window.Session(30*time.Minute, window.Tally(func(item string) string { return item }, 50)),
		EarlyCount: 1,
		Idle:       time.Second, IdleClock: true, // sessions end though nobody clicks any more
		Handler: s.take,
		Group:   consumer.Config{Name: "sessions", Streams: []client.Stream{client.Embedded(s.stream)}, Store: new(lease.Memory)},
	})
	if err != nil {
		return err
	}
	return sessions.Run(ctx)
}

// take takes in what sessions have come to.
func (s *shop) take(_ context.Context, results []window.Result[map[string]int64]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		if s.sessions[r.Key] = r.Value; r.Kind == window.Final {
			delete(s.sessions, r.Key)
		}
	}
	close(s.change)
	s.change = make(chan struct{})
	return nil
}

// suggest returns what those looked at most who looked at something that the
// visitor looked at, and a channel that is closed when that may be something
// else.
func (s *shop) suggest(visitor string) (items []string, change <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, votes := s.sessions[visitor], map[string]int{}
	for _, theirs := range s.sessions {
		common := 0
		for item := range mine {
			common += int(min(theirs[item], 1))
		}
		for item := range theirs {
			if votes[item] += common; mine[item] > 0 || votes[item] == 0 {
				delete(votes, item)
			}
		}
	}
	items = slices.AppendSeq([]string{}, maps.Keys(votes))
	slices.SortFunc(items, func(a, b string) int { return cmp.Or(votes[b]-votes[a], cmp.Compare(a, b)) })
	return items[:min(len(items), 3)], s.change
}

// click puts a click into the stream, by its visitor.
func (s *shop) click(w http.ResponseWriter, r *http.Request) {
	visitor, item := r.FormValue("user"), r.FormValue("item")
	if max(len(visitor), len(item)) > 100 || visitor == "" || item == "" {
		http.Error(w, "a click has a user and an item, of 1 to 100 bytes", http.StatusBadRequest)
	} else if _, err := s.stream.PutRecordWait(r.Context(), visitor, []byte(item)); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// suggestions sends what is suggested to a visitor, now and whenever that
// changes.
func (s *shop) suggestions(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for sent := ""; r.Context().Err() == nil; {
		items, change := s.suggest(r.FormValue("user"))
		if text, _ := json.Marshal(items); string(text) != sent {
			sent = string(text)
			fmt.Fprintf(w, "data: %s\n\n", text)
			http.NewResponseController(w).Flush()
		}
		select {
		case <-change:
		case <-r.Context().Done():
		}
	}
}
