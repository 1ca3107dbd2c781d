// Command logmetrics makes metrics of logs: what CloudWatch Logs sends to a
// stream is taken apart, requests are counted by minute, log stream and status,
// and the counts are written as Prometheus reads them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/events/cwlogs"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

var begin = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

type seconds = window.Spread[float64] // that the requests of a window took

func main() {
	listen := flag.String("listen", "", "address to serve /metrics at, such as localhost:9400, after printing them")
	flag.Parse()
	table := &window.Memory[seconds]{}
	if err := run(context.Background(), os.Stdout, table, rand.New(rand.NewPCG(1, 0))); err != nil {
		log.Fatal(err)
	}
	if *listen != "" {
		http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { write(w, table, begin.Add(3*time.Minute)) })
		log.Fatal(http.ListenAndServe(*listen, nil))
	}
}

// run puts messages into a stream, counts what is in them, and prints each
// minute.
func run(ctx context.Context, w io.Writer, table *window.Memory[seconds], random *rand.Rand) error {
	s, err := weir.NewStream("logs", weir.Config{Shards: 2, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	messages, left := messages(random)
	for _, m := range messages {
		data, err := cwlogs.Encode(m)
		if err != nil {
			return err
		}
		if _, err := s.PutRecord(ctx, m.LogStream, data); err != nil { // as with distribution ByLogStream
			return err
		}
	}
	if err := s.EndWrites(ctx); err != nil { // so that the last minute is complete, too
		return err
	}
	windows, err := window.New(window.Config[float64, seconds, seconds]{
		Windows: window.Tumbling(time.Minute, window.Stats(func(took float64) float64 { return took })),
		Bound:   10 * time.Second, // how much earlier than others before it a log event may be
		Read:    read,
		Group:   consumer.Config{Name: "metrics", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	if err != nil {
		return err
	}
	for r, err := range windows.Results(ctx) {
		if err != nil {
			return err
		}
		if err := table.Upsert(ctx, []window.Result[seconds]{r}); err != nil {
			return err
		}
		if left -= r.Records; left == 0 {
			break
		}
	}
	for minute := 1; minute <= 3; minute++ {
		write(w, table, begin.Add(time.Duration(minute)*time.Minute))
	}
	return nil
}

// read takes the requests out of a record. Of control messages there are none.
func read(r *weir.Record, events []window.Event[float64]) ([]window.Event[float64], error) {
	m, err := cwlogs.Decode(r.Data, 0)
	if err != nil || !m.IsData() {
		return events, err
	}
	for _, e := range m.Events {
		var method, path string
		var status int
		var took float64
		if n, _ := fmt.Sscan(e.Message, &method, &path, &status, &took); n == 4 { // other lines are no requests
			key := fmt.Sprintf(`log_stream=%q,status="%d"`, m.LogStream, status)
			events = append(events, window.Event[float64]{Key: key, Time: e.Time, Value: took})
		}
	}
	return events, nil
}

// write writes the metrics of the minute that ends at a time, in the text
// format of Prometheus.
func write(w io.Writer, table *window.Memory[seconds], end time.Time) {
	rows := table.Rows(func(r window.Result[seconds]) bool { return r.Window.End.Equal(end) })
	for _, metric := range []struct {
		name, help string
		value      func(seconds) float64
	}{
		{"log_requests", "Requests in a minute.", func(s seconds) float64 { return float64(s.Count) }},
		{"log_request_seconds_mean", "How long requests took.", func(s seconds) float64 { return s.Sum / float64(s.Count) }},
		{"log_request_seconds_max", "How long the slowest request took.", func(s seconds) float64 { return s.Max }},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s gauge\n", metric.name, metric.help)
		for _, r := range rows {
			fmt.Fprintf(w, "%s{%s} %.4g %d\n", metric.name, r.Key, metric.value(r.Value), end.UnixMilli())
		}
	}
}

// messages makes what CloudWatch Logs sends, a probe and three minutes of two
// streams, and says how many requests are in it.
func messages(random *rand.Rand) (list []cwlogs.Message, requests int64) {
	list = []cwlogs.Message{{LogStream: "app-1", Type: cwlogs.Control}}
	for at := begin; at.Before(begin.Add(3 * time.Minute)); at = at.Add(10 * time.Second) {
		for _, stream := range []string{"app-1", "app-2"} {
			m := cwlogs.Message{Owner: "123456789012", LogGroup: "/shop", LogStream: stream, Type: cwlogs.Data}
			m.Events = []cwlogs.Event{{Time: at, Message: "a line that is no request"}}
			for range 4 + random.IntN(10) {
				m.Events = append(m.Events, cwlogs.Event{
					ID: fmt.Sprint(random.Uint32()), Time: at.Add(time.Duration(random.IntN(10000)) * time.Millisecond),
					Message: fmt.Sprintf("GET /item/%d %d %.3f", random.IntN(100), []int{200, 200, 200, 404, 500}[random.IntN(5)], random.ExpFloat64()/10),
				})
				requests++
			}
			list = append(list, m)
		}
	}
	return list, requests
}
