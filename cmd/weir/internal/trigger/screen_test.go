package trigger_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/eventsource"
)

var some = eventsource.Metrics{
	PolledEventCount: 1204, FilteredOutEventCount: 4, InvokedEventCount: 1300, FailedInvokeEventCount: 100, DroppedEventCount: 1,
	OnFailureDestinationDeliveredEventCount: 2, DestinationDeliveryFailures: 5, Invocations: 14, Errors: 3, Throttles: 6, Retries: 2,
	Duration: 130 * time.Millisecond, MaxDuration: 40 * time.Millisecond, ConcurrentExecutions: 1, IteratorAge: 2 * time.Second, MaxIteratorAge: 9 * time.Second,
	Shards: []eventsource.ShardMetrics{{Shard: 7, Behind: 1200, HeldBytes: 2048, Lanes: 4, Busy: 2, Failing: 1}},
}

func TestLines(t *testing.T) {
	assert.Equal(t, []string{
		"orders → http://f/   1m2s",
		"records  1,204 read, 4 filtered out, 1,300 given (100 in batches that failed), 3 given up, 5 reports not delivered",
		"batches  14 given, 2 repeated, 3 ended in an error, 6 not begun, 1 under way; 10ms each, 40ms at most",
		"age      2s, 9s at most",
		"shard                  lanes  busy  failing   behind       held",
		"shardId-000000000007       4     2        1    1,200    2.0 KiB",
	}, trigger.Lines("orders → http://f/", 62*time.Second+time.Millisecond, some))
	assert.Equal(t, "no shard is this worker's yet", trigger.Lines("", 0, eventsource.Metrics{})[4])
	many := eventsource.Metrics{Shards: make([]eventsource.ShardMetrics, 20)}
	lines := trigger.Lines("", 0, many)
	assert.Len(t, lines, 14)
	assert.Equal(t, "and 12 shards more", lines[13])
}

func TestLine(t *testing.T) {
	assert.Equal(t, "records 0 read, 0 given; batches 0 given; age 0s, 0s at most", trigger.Line(eventsource.Metrics{}))
	assert.True(t, strings.HasSuffix(trigger.Line(some), "age 2s, 9s at most; 1 lane failing"), trigger.Line(some))
}

// Where there is no terminal a line is written when there is something new.
func TestScreen_writesLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := trigger.NewScreen(&out, &out)
		var m eventsource.Metrics
		var mu sync.Mutex // guards m
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			s.Watch(ctx, "orders", func() eventsource.Metrics {
				mu.Lock()
				defer mu.Unlock()
				return m
			})
		})
		time.Sleep(35 * time.Second)
		mu.Lock()
		m.PolledEventCount = 3
		mu.Unlock()
		time.Sleep(10 * time.Second)
		cancel()
		watching.Wait()
		assert.Equal(t, "orders: records 0 read, 0 given; batches 0 given; age 0s, 0s at most\n"+
			"orders: records 3 read, 0 given; batches 0 given; age 0s, 0s at most\n", out.String())
	})
}

// A page is what a screen shows: what was written, and the lines below it.
type page struct {
	bytes.Buffer
	lines string
}

func (p *page) Show(lines []string) { p.lines = strings.Join(lines, ",") }

// What is written stands above the lines, which are not there while it is in the
// middle of one.
func TestScreen_writesAboveTheLines(t *testing.T) {
	var p page
	s := trigger.NewScreenOn(&p, &p)
	s.Show([]string{"a", "b"})
	for _, step := range []struct{ text, want string }{{"one\n", "a,b"}, {"tw", ""}, {"o", ""}, {"\n", "c"}} {
		_, err := s.Write([]byte(step.text))
		require.NoError(t, err)
		assert.Equal(t, step.want, p.lines, "behind %q", step.text)
		s.Show([]string{"c"})
		assert.Equal(t, strings.HasSuffix(step.text, "\n"), p.lines == "c", "behind %q", step.text)
		if p.lines != "" {
			s.Show([]string{"a", "b"})
		}
	}
	assert.Equal(t, "one\ntwo\n", p.String())
	assert.Equal(t, s, s.Errors())
}

// A command inherits a file; what is none is written by one at a time.
func TestScreen_errors(t *testing.T) {
	var out bytes.Buffer
	assert.Equal(t, os.Stderr, trigger.NewScreen(&out, os.Stderr).Errors())
	assert.NotEqual(t, &out, trigger.NewScreen(&out, &out).Errors())
}
