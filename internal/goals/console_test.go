package goals_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

func consoleGoals() []goal {
	return []goal{
		{"C1", "console, first page with 1,000 busy shards, processor time, ms", 50, 10, false, pageTime},
		{"C2", "puts at 200,000/s, watched ÷ unwatched, time inside them", 1.02, 0, true, watchedPuts},
	}
}

// ask asks a console for a page.
func ask(tb testing.TB, h http.Handler, page string) {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/"+page, nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(tb, http.StatusOK, w.Code)
}

// pageTime measures the longest of three pages' times, each the first that is
// asked of a console: the list, the overview and the shards.
func pageTime(tb testing.TB) (s sample) {
	stream := newStream(tb, 1000, weir.Config{})
	batchWork(tb, stream, 100)(200_000)
	for range rounds {
		var most time.Duration
		for _, page := range []string{"", "stream?name=bench", "shards?name=bench"} {
			h := console.Handler(stream)
			begin := processorTime(tb)
			ask(tb, h, page)
			most = max(most, processorTime(tb)-begin)
		}
		s.ratios = append(s.ratios, most.Seconds()*1000)
	}
	return s
}

// watchedPuts puts in batches at a steady rate: for two seconds with the
// overview and the hot keys asked for once a second each, as pages do that are
// looked at, and for two without, in turn.
func watchedPuts(tb testing.TB) (s sample) {
	stream := newStream(tb, 200, weir.Config{Limits: weir.Unlimited(), Settings: weir.Settings{Retention: live}})
	h := console.Handler(stream)
	entries := make([]weir.Entry, 500)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: keys[i*7%keyCount], Data: make([]byte, 100)}
	}
	inside := func(seconds int, watch bool) (total time.Duration) {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil && watch {
				ask(tb, h, "stream?name=bench")
				ask(tb, h, "keys?name=bench")
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		}()
		begin := time.Now()
		for i := range seconds * 400 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / 400)))
			at := time.Now()
			_, err := stream.PutRecords(ctx, entries)
			total += time.Since(at)
			require.NoError(tb, err)
		}
		stop()
		<-done
		return total
	}
	inside(1, true)
	for round := range rounds {
		var with, without time.Duration
		if round%2 == 0 {
			with, without = inside(2, true), inside(2, false)
		} else {
			without, with = inside(2, false), inside(2, true)
		}
		s.add(float64(with)/400_000, float64(without)/400_000)
	}
	return s
}
