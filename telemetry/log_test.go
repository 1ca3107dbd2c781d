package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/producer"
	"github.com/weirstream/weir/queue"
)

// A message is a row of the table of docs/telemetry.md.
type message struct {
	of, text, level string
	attributes      []string // those that are always there
}

// messages returns what docs/telemetry.md says that is logged.
func messages(t *testing.T) (list []message) {
	text, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ([^|`]+) \\| (error|warning|info|debug) \\| ([^|]*)\\|$").FindAllStringSubmatch(string(text), -1)
	for _, r := range rows {
		m := message{of: r[1], text: r[2], level: map[string]string{"error": "Error", "warning": "Warn", "info": "Info", "debug": "Debug"}[r[3]]}
		always, _, _ := strings.Cut(strings.TrimSpace(r[4]), ";")
		if always == "the same" {
			m.attributes = list[len(list)-1].attributes
		} else if always != "" {
			m.attributes = strings.Split(always, ", ")
		}
		list = append(list, m)
	}
	require.Greater(t, len(list), 40)
	return list
}

// A recording keeps what is logged to its handlers.
type recording struct {
	mu   sync.Mutex
	list []recorded
	text bytes.Buffer // all of it
}

type recorded struct {
	of, text, level string
	attributes      map[string]slog.Value
}

// of returns a logger for a package.
func (r *recording) of(name string) *slog.Logger {
	return slog.New(&recorder{r, name, nil})
}

type recorder struct {
	to   *recording
	of   string
	with []slog.Attr
}

func (*recorder) Enabled(context.Context, slog.Level) bool { return true }
func (h *recorder) WithGroup(string) slog.Handler          { panic("nobody uses groups") }
func (h *recorder) WithAttrs(a []slog.Attr) slog.Handler {
	return &recorder{h.to, h.of, append(slices.Clip(h.with), a...)}
}

func (h *recorder) Handle(ctx context.Context, r slog.Record) error {
	h.to.mu.Lock()
	defer h.to.mu.Unlock()
	levels := map[slog.Level]string{slog.LevelError: "Error", slog.LevelWarn: "Warn", slog.LevelInfo: "Info", slog.LevelDebug: "Debug"}
	one := recorded{h.of, r.Message, levels[r.Level], make(map[string]slog.Value)}
	add := func(a slog.Attr) bool {
		one.attributes[a.Key] = a.Value
		return true
	}
	for _, a := range h.with {
		add(a)
	}
	r.Attrs(add)
	h.to.list = append(h.to.list, one)
	return slog.NewTextHandler(&h.to.text, nil).WithAttrs(h.with).Handle(ctx, r)
}

// said returns what was logged, "package: message" as the documentation has it.
// Each is at the level, and with the attributes, that are documented.
func (r *recording) said(t *testing.T, documented []message) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := make(map[string]bool)
	optional := []string{"group", "worker", "err", "first", "stack", "of", "by", "left out"}
	for _, one := range r.list {
		i := slices.IndexFunc(documented, func(m message) bool {
			// A group logs for what stands on it.
			return (m.of == one.of || m.of == "consumer" && (one.of == "delivery" || one.of == "eventsource")) && strings.HasPrefix(one.text, m.text)
		})
		if !assert.GreaterOrEqual(t, i, 0, "%s: %s is not documented", one.of, one.text) {
			continue
		}
		m := documented[i]
		said[m.of+": "+m.text] = true
		assert.Equal(t, m.level, one.level, m.text)
		names := slices.Collect(maps.Keys(one.attributes))
		for _, name := range names {
			if !slices.Contains(optional, name) {
				assert.Contains(t, m.attributes, name, "%s: %s: not documented", m.of, m.text)
			}
		}
		if one.attributes["left out"].Any() != nil && one.attributes["err"].Any() == nil {
			continue // what was owed at the end, which has those of all
		}
		for _, name := range m.attributes {
			if !strings.Contains(name, " or ") {
				assert.Contains(t, names, name, "%s: %s", m.of, m.text)
			}
		}
	}
	return slices.Sorted(maps.Keys(said))
}

// What records have must not be in any log.
const (
	secretKey  = "a-key-that-is-nobodys-business"
	secretData = "data-that-is-nobodys-business"
)

var errBroken = errors.New("broken")

// A troubled stream fails as streams elsewhere do.
type troubled struct {
	client.Stream
	mapless bool // cannot list its shards
	short   bool // forgets results
}

func (s *troubled) Shards(ctx context.Context) ([]weir.Shard, error) {
	if s.mapless {
		return nil, errBroken
	}
	return s.Stream.Shards(ctx)
}

func (s *troubled) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	results, err := s.Stream.PutRecords(ctx, entries)
	if s.short {
		results = nil
	}
	return results, err
}

// What goes wrong is logged as docs/telemetry.md has it, by message, level and
// attributes, and without keys or data of records.
func TestLog_ofFailures(t *testing.T) {
	documented := messages(t)
	for name, c := range map[string]struct {
		run  func(t *testing.T, r *recording, s *weir.Stream)
		want []string
	}{
		"group": {groupFails, []string{
			"consumer: handler failed", "consumer: lease released", "consumer: lease taken", "consumer: records skipped",
			"consumer: the handler does not return", "consumer: user records of aggregates discarded",
		}},
		"group that stops": {groupStops, []string{
			"consumer: handler failed", "consumer: lease released", "consumer: lease taken", "consumer: the group ends",
		}},
		"event source": {functionFails, []string{
			"consumer: lease released", "consumer: lease taken", "eventsource: failure not delivered", "eventsource: function failed",
		}},
		"delivery": {deliveryFails, []string{
			"consumer: lease released", "consumer: lease taken", "delivery: object not delivered", "delivery: transform failed",
		}},
		"producer": {producerFails, []string{
			"producer: a call was answered with a wrong number of results", "producer: cannot list the shards",
		}},
		"queue": {queueFails, []string{
			"queue: dead letters restored", "queue: handler failed", "queue: records became dead letters",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := new(recording), streamtest.New(t, "orders", 2)
				c.run(t, r, s)
				assert.Equal(t, c.want, r.said(t, documented))
				assert.NotContains(t, r.text.String(), secretKey)
				assert.NotContains(t, r.text.String(), secretData)
			})
		})
	}
}

func putSecrets(t *testing.T, s *weir.Stream, n int) {
	for range n {
		_, err := s.PutRecord(t.Context(), secretKey, []byte(secretData))
		require.NoError(t, err)
	}
}

func groupOf(r *recording, of string, s *weir.Stream) consumer.Config {
	return consumer.Config{
		Name: "audit", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory), Logger: r.of(of), Worker: "w",
	}
}

func groupFails(t *testing.T, r *recording, s *weir.Stream) {
	putSecrets(t, s, 10)
	var b aggregate.Builder
	for i := range 40 { // some of which are of the other shard
		b.AddUnchecked(fmt.Sprint(secretKey, i), "", []byte(secretData))
	}
	_, err := s.PutRecord(t.Context(), aggregate.OuterKey, b.Append(nil))
	require.NoError(t, err)
	c := groupOf(r, "consumer", s)
	c.OnError, c.MaxRecords = consumer.Skip, 1
	n := 0
	c.Handler = func(context.Context, *consumer.Batch) error {
		switch n++; n {
		case 1:
			time.Sleep(2 * time.Minute)
		case 2:
			panic("a bug")
		}
		return errBroken
	}
	g, err := consumer.New(c)
	require.NoError(t, err)
	running := streamtest.Run(t, g.Run)
	streamtest.Pass(5 * time.Minute)
	require.NoError(t, running.End())
	assert.EqualValues(t, 10, g.Metrics().Skipped)
}

func groupStops(t *testing.T, r *recording, s *weir.Stream) {
	putSecrets(t, s, 1)
	c := groupOf(r, "consumer", s)
	c.OnError, c.Handler = consumer.Stop, func(context.Context, *consumer.Batch) error { return errBroken }
	g, err := consumer.New(c)
	require.NoError(t, err)
	assert.ErrorIs(t, g.Run(t.Context()), errBroken)
}

func functionFails(t *testing.T, r *recording, s *weir.Stream) {
	putSecrets(t, s, 3)
	never := 0
	f, err := eventsource.New(eventsource.Config{
		Settings:  eventsource.Settings{StartingPosition: "TRIM_HORIZON", MaximumRetryAttempts: &never},
		Function:  func(context.Context, []byte) ([]byte, error) { return nil, errBroken },
		OnFailure: eventsource.DestinationFunc(func(context.Context, *eventsource.Failure) error { return errBroken }),
		Group:     groupOf(r, "eventsource", s),
	})
	require.NoError(t, err)
	running := streamtest.Run(t, f.Run)
	streamtest.Pass(time.Minute)
	require.NoError(t, running.End())
}

func deliveryFails(t *testing.T, r *recording, s *weir.Stream) {
	putSecrets(t, s, 3)
	transforms, sinks := 0, 0
	d, err := delivery.New(delivery.Config{
		Group: groupOf(r, "delivery", s), Interval: -1,
		Sink: sinkFunc(func() error {
			if sinks++; sinks < 3 {
				return errBroken
			}
			return nil
		}),
		Transform: delivery.TransformFunc(func(_ context.Context, list []delivery.Record) ([]delivery.Result, error) {
			if transforms++; transforms < 3 {
				return nil, errBroken
			}
			results := make([]delivery.Result, len(list))
			for i := range list {
				results[i].Data = list[i].Data
			}
			return results, nil
		}),
	})
	require.NoError(t, err)
	running := streamtest.Run(t, d.Run)
	streamtest.Pass(time.Hour)
	require.NoError(t, running.End())
}

type sinkFunc func() error

func (f sinkFunc) Deliver(context.Context, *delivery.Object) error { return f() }

func producerFails(t *testing.T, r *recording, s *weir.Stream) {
	p, err := producer.New(producer.Config{
		Stream: &troubled{Stream: client.Embedded(s), mapless: true, short: true}, Logger: r.of("producer"), TTL: time.Second, Aggregate: true,
	})
	require.NoError(t, err)
	require.NoError(t, p.PutAsync(t.Context(), weir.Entry{PartitionKey: secretKey, Data: []byte(secretData)}, nil))
	require.NoError(t, p.Flush(t.Context()))
	streamtest.Pass(time.Minute)
	require.NoError(t, p.Close(t.Context()))
}

func queueFails(t *testing.T, r *recording, s *weir.Stream) {
	putSecrets(t, s, 1)
	q, err := queue.New(s, queue.Config{Name: "jobs", Logger: r.of("queue"), Settings: queue.Settings{MaxReceives: 1}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	assert.ErrorIs(t, q.Process(ctx, 1, func(context.Context, queue.Delivery) error { return errBroken }), context.DeadlineExceeded)
	dead, err := q.DeadLetters().TryReceive(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	_, err = q.DeadLetters().Restore(t.Context(), dead[0].Receipt)
	require.NoError(t, err)
	require.NoError(t, q.Close())
}
