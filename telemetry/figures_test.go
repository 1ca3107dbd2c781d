package telemetry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/producer"
	"github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/telemetry"
	"github.com/weirstream/weir/window"
)

// manySources returns sources of every kind, of each several whose names are, or
// only seem to be, the same. Two that come from the same call are one source.
func manySources(t *testing.T) (sources []telemetry.Source) {
	var streams []*weir.Stream
	for _, name := range []string{"a", "b", "a"} {
		s, err := weir.NewStream(name, weir.Config{})
		require.NoError(t, err)
		streams = append(streams, s)
		sources = append(sources, telemetry.Stream(s), telemetry.StreamByShard(s))
	}
	group := func(name, worker string) consumer.Config {
		return consumer.Config{Name: name, Worker: worker, Streams: []client.Stream{client.Embedded(streams[0])}, Store: new(lease.Memory)}
	}
	for _, of := range [][2]string{{"g", "w"}, {"g", "w"}, {"g", "v"}, {"g/w", "x"}, {"g", "w/x"}, {"h\xff", "w"}, {"h\xfe", "w"}} {
		c := group(of[0], of[1])
		sink, err := delivery.NewDirectory(t.TempDir())
		require.NoError(t, err)
		d, err := delivery.New(delivery.Config{Sink: sink, Group: c})
		require.NoError(t, err)
		w, err := window.New(window.Config[*weir.Record, int64, int64]{
			Windows: window.Tumbling(time.Minute, window.Count[*weir.Record]()), Group: c,
			Handler: func(context.Context, []window.Result[int64]) error { return nil },
		})
		require.NoError(t, err)
		source, err := eventsource.New(eventsource.Config{
			Settings: eventsource.Settings{StartingPosition: "LATEST"}, Group: c,
			Function: func(context.Context, []byte) ([]byte, error) { return nil, nil },
		})
		require.NoError(t, err)
		c.Handler = func(context.Context, *consumer.Batch) error { return nil }
		g, err := consumer.New(c)
		require.NoError(t, err)
		sources = append(sources, telemetry.Group(g), telemetry.Delivery(of[0], d), telemetry.Windows(of[0], w), telemetry.Trigger(of[1], source))
	}
	for i, of := range []string{"p", "p", "p", "q\xff", "q\xfe"} {
		p, err := producer.New(producer.Config{Stream: client.Embedded(streams[min(i, 1)])})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) })
		sources = append(sources, telemetry.Producer(of, p))
	}
	for _, s := range streams[:2] {
		for _, name := range []string{"jobs", "more"} {
			q, err := queue.New(s, queue.Config{Name: name})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, q.Close()) })
			sources = append(sources, telemetry.Queue(q))
		}
	}
	return sources
}

// Two sources are refused together if, and only if, a scrape of both would fail.
func TestFigures_refusesWhatWouldFailTheScrape(t *testing.T) {
	sources := manySources(t)
	registryOf := func(s telemetry.Source) *prometheus.Registry {
		f := telemetry.NewFigures()
		require.NoError(t, f.Add(s))
		r := prometheus.NewRegistry()
		r.MustRegister(f.Collector())
		return r
	}
	refused := 0
	for i, a := range sources {
		for _, b := range sources[:i] {
			f := telemetry.NewFigures()
			err := f.Add(a, b)
			_, fails := prometheus.Gatherers{registryOf(a), registryOf(b)}.Gather()
			assert.Equal(t, fails != nil, err != nil, "%v and %v: %v, %v", a, b, err, fails)
			if err != nil {
				refused++
				require.ErrorIs(t, err, telemetry.ErrSource)
				assert.Empty(t, gather(t, f), "none is added")
			}
		}
	}
	assert.Greater(t, refused, 10)
}

func TestFigures_saysWhatIsThereTwice(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	c := consumer.Config{Name: "audit", Worker: "one", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)}
	sink, err := delivery.NewDirectory(t.TempDir())
	require.NoError(t, err)
	d, err := delivery.New(delivery.Config{Sink: sink, Group: c})
	require.NoError(t, err)
	c.Handler = func(context.Context, *consumer.Batch) error { return nil }
	g, err := consumer.New(c)
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.Delivery("lake", d)))
	require.EqualError(t, f.Add(telemetry.Group(g)),
		`telemetry source: worker "one" of the group "audit" is there already: delivery "lake" has its figures`)
	require.EqualError(t, f.Add(telemetry.Delivery("pond", d)),
		`telemetry source: delivery "pond" has figures of the worker "one" of the group "audit", and so has delivery "lake"`)
	require.EqualError(t, f.Add(telemetry.Delivery("lake", d)), `telemetry source: delivery "lake" is there already`)
	f.Remove(telemetry.Delivery("lake", d))
	require.NoError(t, f.Add(telemetry.Group(g)))
	require.EqualError(t, f.Add(telemetry.Group(g)), `telemetry source: worker "one" of the group "audit" is there already`)
}

// Names of readers that differ only in what is no UTF-8 are one label.
func TestStream_readersThatReadAlikeAreOne(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	for _, name := range []string{"tail\xff", "tail\xfe"} {
		r, err := s.NewReader(name, weir.TrimHorizon())
		require.NoError(t, err)
		defer r.Close()
	}
	_, err = s.PutRecord(t.Context(), "k", []byte("data"))
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.Stream(s)))
	assert.EqualValues(t, 2, gather(t, f)["weir_reader_records_behind{reader=tail\uFFFD,stream=orders}"])
}

// A counter does not fall for as long as its series is there, whatever ends
// meanwhile: a reader beside another one of its name, a consumer, a shard whose
// records have expired.
func TestFigures_countersNeverFall(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, err := weir.NewStream("orders", weir.Config{Shards: 4, Now: func() time.Time { return now }})
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.StreamByShard(s)))
	counters := make(map[string]bool)
	for _, one := range telemetry.Catalog() {
		counters[one.Prometheus()] = one.Kind == telemetry.Counter
	}
	before, compared := gather(t, f), 0
	step := func(did string, err error) {
		t.Helper()
		require.NoError(t, err, did)
		after := gather(t, f)
		for series, v := range after {
			was, there := before[series]
			if name, _, _ := strings.Cut(series, "{"); there && counters[name] {
				assert.GreaterOrEqual(t, v, was, "%s: %s", did, series)
				compared++
			}
		}
		before = after
	}
	var readers []*weir.Reader
	for range 2 {
		r, err := s.NewReader("tail", weir.TrimHorizon())
		step("a reader is opened", err)
		readers = append(readers, r)
	}
	_, err = s.RegisterConsumer(t.Context(), "billing")
	step("a consumer is registered", err)
	for i := range 100 {
		_, err = s.PutRecord(t.Context(), fmt.Sprint(i), []byte("data"))
		require.NoError(t, err)
	}
	for _, r := range readers {
		_, err := r.NextBatch(t.Context(), 10, 0)
		step("a reader reads", err)
	}
	assert.EqualValues(t, 20, before["weir_reader_records{reader=tail,stream=orders}"])
	readers[0].Close()
	step("one of two readers is closed", nil)
	assert.EqualValues(t, 10, before["weir_reader_records{reader=tail,stream=orders}"])
	_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	step("a shard is split", err)
	_, err = s.MergeShards(t.Context(), 1, 2)
	step("shards are merged", err)
	now = now.Add(25 * time.Hour)
	step("a day passes", nil)
	now = now.Add(25 * time.Hour)
	step("another day passes", nil)
	assert.EqualValues(t, 4, before["weir_stream_shards{stream=orders}"], "closed ones have vanished")
	assert.EqualValues(t, 100, before["weir_stream_incoming_records_total{stream=orders}"])
	readers[1].Close()
	step("the other one is closed", nil)
	assert.Greater(t, compared, 100)
}

func TestFigures_changeWhileTheyAreScraped(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{Shards: 10})
	require.NoError(t, err)
	f := telemetry.NewFigures()
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for range 500 {
			assert.NoError(t, f.Add(telemetry.StreamByShard(s)))
			f.Remove(telemetry.StreamByShard(s))
		}
	}()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Collector())
	for there := true; there; {
		list, err := registry.Gather()
		require.NoError(t, err)
		if len(list) > 0 {
			assert.Greater(t, len(list), 20, "all of a source, or nothing")
		}
		select {
		case <-changed:
			there = false
		default:
		}
	}
}
