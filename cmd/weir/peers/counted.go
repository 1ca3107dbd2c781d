package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// countedNs is what a record takes that is counted by its key in a window of a
// minute.
const countedNs measure = "counted_ns"

// A counter counts all n records that the log holds by key and minute, and
// returns how many that were and when it had the first.
type counter interface {
	count(n int) (counted int, begun time.Time, err error)
}

// measureCounted fills a log, and has it counted once.
func measureCounted(p peer, c config, in *input) (map[measure]float64, error) {
	n := c.scaled(p.counts.batch, in.size)
	var took time.Duration
	total := 0
	for total == 0 || took < c.atLeast() {
		l, err := p.open(in.room(n))
		if err != nil {
			return nil, err
		}
		count, ok := l.(counter)
		if !ok {
			l.close()
			return nil, nil
		}
		if err = fill(l, n, in.records); err != nil {
			l.close()
			return nil, err
		}
		runtime.GC()
		counted, begun, err := count.count(n)
		took += time.Since(begun)
		l.close()
		if err != nil {
			return nil, err
		}
		if counted != n {
			return nil, fmt.Errorf("counted %d records of %d", counted, n)
		}
		total += n
	}
	return map[measure]float64{countedNs: float64(took) / float64(total)}, nil
}

// count is package window, by the time of arrival. Its windows are completed by
// the stream's end. What it takes to begin is counted as well.
func (l *weirLog) count(n int) (counted int, begun time.Time, err error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := l.stream.EndWrites(ctx); err != nil {
		return 0, begun, err
	}
	w, err := window.New(window.Config[*weir.Record, int64, int64]{
		Windows: window.Tumbling(time.Minute, window.Count[*weir.Record]()),
		Group:   consumer.Config{Streams: []client.Stream{client.Embedded(l.stream)}, Store: new(lease.Memory)},
	})
	if err != nil {
		return 0, begun, err
	}
	begun = time.Now()
	for r, err := range w.Results(ctx) {
		if err != nil {
			return counted, begun, err
		}
		if counted += int(r.Value); counted == n {
			break
		}
	}
	return counted, begun, nil
}

// count is a loop written by hand: gochannel has no windows. It goes by the time
// at which it has a message, for messages have none.
func (l *watermillLog) count(n int) (counted int, begun time.Time, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages, err := l.channel.Subscribe(ctx, watermillTopic)
	if err != nil {
		return 0, begun, err
	}
	windows := make(map[int64]map[string]int)
	for range n {
		m := <-messages
		now := time.Now()
		if begun.IsZero() {
			begun = now
		}
		minute := now.Unix() / 60
		counts := windows[minute]
		if counts == nil {
			counts = make(map[string]int)
			windows[minute] = counts
		}
		counts[m.UUID]++
		m.Ack()
	}
	for _, counts := range windows {
		for _, k := range counts {
			counted += k
		}
	}
	return counted, begun, nil
}
