package goals_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

func consoleGoals() []goal {
	return []goal{
		{"C1", "console, first page with 1,000 busy shards, processor time, ms", 50, 10, false, pageTime},
		{"C2", "puts at 200,000/s, watched ÷ unwatched, time inside of them, unqueued", 1.02, 0, true, watchedPuts},
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

// watchers is by how many C2 is watched at once. Each costs a part of that:
// what one costs is less than what a neighbour of the machine does, and could
// not be told from it.
const watchers = 20

// watchedPuts puts in batches at a steady rate, watched and not watched in
// turn, in many short windows. What watches are consoles of their own, each of
// which makes out the overview and the hot keys once a second, as it does for
// the script of a page that is looked at. What is measured is the time inside
// of the puts, locks that they wait for included, without that in which their
// thread was ready to run and others had the processors: who these are depends
// on the machine.
func watchedPuts(tb testing.TB) (s sample) {
	w := watched{tb: tb, looks: make(chan http.Handler, watchers)}
	w.stream = newStream(tb, 200, weir.Config{Limits: weir.Unlimited(), Settings: weir.Settings{Retention: live}})
	for range watchers {
		w.consoles = append(w.consoles, console.Handler(w.stream))
	}
	for i := range 500 {
		w.entries = append(w.entries, weir.Entry{PartitionKey: keys[i*7%keyCount], Data: make([]byte, 100)})
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var watching sync.WaitGroup
	watching.Go(w.watch)
	defer watching.Wait()
	defer close(w.looks)
	for range 4 {
		w.window(true)
	}
	for range rounds {
		s.add(w.round())
	}
	return s
}

// watched is a stream with a producer, and consoles that watch it.
type watched struct {
	tb       testing.TB
	stream   *weir.Stream
	entries  []weir.Entry
	consoles []http.Handler
	turn     int
	looks    chan http.Handler // those whose turn it is
}

// watch makes out the pages of one console after the other.
func (w *watched) watch() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for h := range w.looks {
		ask(w.tb, h, "stream?name=bench")
		ask(w.tb, h, "keys?name=bench")
	}
}

// round returns the nanoseconds of a record with a watcher and without. Their
// ratio is the median of those of neighbouring windows.
func (w *watched) round() (with, without float64) {
	var ratios, base []float64
	for pair := range 9 {
		var one, other float64
		if pair%2 == 0 {
			one, other = w.window(true), w.window(false)
		} else {
			other, one = w.window(false), w.window(true)
		}
		ratios, base = append(ratios, one/other), append(base, other)
	}
	without = median(base)
	return without * (1 + (median(ratios)-1)/watchers), without
}

// window puts for a quarter of a second, and returns the nanoseconds of a
// record. Looks are as far from each other as they are over a second.
func (w *watched) window(watch bool) float64 {
	const batches, aSecond = 100, 400
	var took time.Duration
	begin := time.Now()
	for i := range batches {
		if watch && i%(aSecond/watchers) == 0 {
			w.looks <- w.consoles[w.turn%watchers]
			w.turn++
		}
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / aSecond)))
		queued, at := queuedTime(w.tb), time.Now()
		_, err := w.stream.PutRecords(context.Background(), w.entries)
		took += time.Since(at) - (queuedTime(w.tb) - queued)
		require.NoError(w.tb, err)
	}
	return float64(took.Nanoseconds()) / float64(batches*len(w.entries))
}
