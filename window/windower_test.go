package window_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

type counting = window.Config[*weir.Record, int64, int64]

// minute counts records by key and minute of arrival.
func minute() window.Windows[*weir.Record, int64, int64] {
	return window.Tumbling(time.Minute, window.Count[*weir.Record]())
}

func newStream(t *testing.T, name string, shards int) *weir.Stream {
	s, err := weir.NewStream(name, weir.Config{Shards: shards, Limits: weir.Unlimited()})
	require.NoError(t, err)
	return s
}

func groupOf(s *weir.Stream, store lease.Store) consumer.Config {
	return consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: store}
}

func put(t *testing.T, s *weir.Stream, keys ...string) {
	for _, k := range keys {
		_, err := s.PutRecord(t.Context(), k, []byte("data"))
		require.NoError(t, err)
	}
}

// A page is results as they came.
type page struct {
	mu    sync.Mutex
	lines []string
}

func (p *page) handle(_ context.Context, results []window.Result[int64]) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range results {
		p.lines = append(p.lines, fmt.Sprintf("%s %s %v %d", r.Key, r.Window.Start.Format("15:04:05"), r.Kind, r.Value))
	}
	return nil
}

func (p *page) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

// running runs a windower until the test ends it.
func running[V, A, R any](t *testing.T, c window.Config[V, A, R]) (w *window.Windower[V, A, R], end func() error) {
	w, err := window.New(c)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, func() error { stop(); return <-done }
}

func TestNew_saysAllThatIsWrong(t *testing.T) {
	good := counting{Windows: minute(), Group: groupOf(newStream(t, "s", 1), new(lease.Memory))}
	_, err := window.New(good)
	require.NoError(t, err)
	count := window.Count[*weir.Record]()
	for _, c := range []struct {
		change func(*counting)
		says   string
	}{
		{func(c *counting) { c.Windows = window.Windows[*weir.Record, int64, int64]{} }, "Windows: are none"},
		{func(c *counting) { c.Windows = window.Tumbling(0, count) }, "Windows.size: 0s is not 1ms to 8784h0m0s"},
		{func(c *counting) { c.Windows = window.Tumbling(-time.Second, count) }, "Windows.size: -1s is not 1ms"},
		{func(c *counting) { c.Windows = window.Tumbling(time.Millisecond+1, count) }, "Windows.size: 1.000001ms is not whole milliseconds"},
		{func(c *counting) { c.Windows = window.Tumbling[*weir.Record, int64, int64](time.Second, nil) }, "Windows: have no aggregator"},
		{func(c *counting) { c.Windows = window.Sliding(time.Minute, 0, count) }, "Windows.slide: 0s is not 1ms"},
		{func(c *counting) { c.Windows = window.Sliding(1001*time.Millisecond, time.Millisecond, count) }, "Windows.slide: 1ms puts a record into 1001 windows of 1.001s; at most 1000"},
		{func(c *counting) { c.Windows = window.Session(367*24*time.Hour, count) }, "Windows.gap: 8808h0m0s is not 1ms to 8784h0m0s"},
		{func(c *counting) { c.Windows = window.SessionBy(nil, count) }, "Windows.gap: is nil"},
		{func(c *counting) { c.Windows = window.Counted(0, count) }, "Windows.count: 0 records are not 1 to 1000000000"},
		{func(c *counting) { c.Windows = minute().Offset(time.Minute) }, "Windows.offset: 1m0s is not within 1m0s of zero"},
		{func(c *counting) { c.Windows = window.Session(time.Second, count).Offset(1) }, "Windows.offset: is set, but session 1s offset 1ns windows have none"},
		{func(c *counting) { c.Bound = -time.Second }, "Bound: -1s is not 0s to 8784h0m0s"},
		{func(c *counting) { c.Lateness = -time.Second }, "Lateness: -1s is not 0s"},
		{func(c *counting) { c.Lateness = 1 }, "Lateness: 1ns is not whole milliseconds"},
		{func(c *counting) { c.Idle = time.Millisecond }, "Idle: 1ms is not 10ms to 24h0m0s"},
		{func(c *counting) { c.IdleClock = true }, "IdleClock: is set, but no shard is ever idle"},
		{func(c *counting) { c.EarlyCount = -1 }, "EarlyCount: -1 records are less than 0"},
		{func(c *counting) { c.EarlyEvery = 25 * time.Hour }, "EarlyEvery: 25h0m0s is not 10ms to 24h0m0s"},
		{func(c *counting) { c.Windows = window.Counted(2, count); c.Lateness = time.Second }, "Lateness: is set, but counted windows do not end by time"},
		{func(c *counting) { c.Group.Streams = nil }, "Streams"},
		{func(c *counting) { c.Group.Bisect = true }, "Group.Bisect: is set, but it is for the windows to set"},
		{func(c *counting) { c.Group.OnError = consumer.Skip }, "Group.OnError: is set"},
		{func(c *counting) { c.Group.CheckpointEvery = 2 * time.Hour }, "Group.CheckpointEvery: 2h0m0s is above 1h0m0s"},
	} {
		bad := good
		c.change(&bad)
		_, err := window.New(bad)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, c.says)
		assert.ErrorContains(t, err, c.says)
	}
	_, err = window.New(window.Config[string, int64, int64]{Windows: window.Tumbling(time.Minute, window.Count[string]()), Group: good.Group})
	require.ErrorContains(t, err, "Read: is nil, and the values are string: only *weir.Record need not be read")
	type own struct{ n int }
	_, err = window.New(window.Config[*weir.Record, own, int]{
		Windows: window.Tumbling(time.Minute, window.Of(func(*own, *weir.Record) {}, func(o own) int { return o.n })), Group: good.Group,
	})
	require.ErrorContains(t, err, "Windows.aggregator: accumulators are kept as JSON, and window_test.own.n is not exported")
	w, err := window.New(good)
	require.NoError(t, err)
	require.ErrorContains(t, w.Run(t.Context()), "Handler: is nil")
	var none context.Context
	require.ErrorContains(t, w.Run(none), "context: is nil")
}

// Without Idle the last window waits for a record; with it and IdleClock it is
// complete soon after its end.
func TestWindower_idleShardFollowsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		var waits, follows page
		c := counting{Windows: minute(), Handler: waits.handle, Group: groupOf(s, new(lease.Memory))}
		_, end := running(t, c)
		c.Idle, c.IdleClock, c.Handler, c.Group.Store = 5*time.Second, true, follows.handle, new(lease.Memory)
		w, endToo := running(t, c)
		put(t, s, "a", "b", "a")
		time.Sleep(time.Minute + 4*time.Second)
		require.Empty(t, follows.take())
		time.Sleep(6 * time.Second)
		require.Equal(t, []string{"a 00:00:00 final 2", "b 00:00:00 final 1"}, follows.take())
		time.Sleep(time.Second)
		kept := w.Metrics().Checkpoints
		time.Sleep(time.Hour)
		require.Equal(t, kept, w.Metrics().Checkpoints, "where no window is open there is nothing to keep")
		put(t, s, "a")
		time.Sleep(time.Second)
		require.Equal(t, []string{"a 00:00:00 final 2", "b 00:00:00 final 1"}, waits.take(), "a record came")
		require.NoError(t, end())
		require.NoError(t, endToo())
	})
}

// An idle shard follows those of the worker that are not.
func TestWindower_idleShardFollowsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 2)
		var p page
		c := counting{Windows: minute(), Handler: p.handle, Idle: 5 * time.Second, Group: groupOf(s, new(lease.Memory))}
		w, end := running(t, c)
		low, high := "a", "b"
		for i := 0; s.Shards()[0].HashKeyRange.Contains(weir.HashPartitionKey(low)) == s.Shards()[0].HashKeyRange.Contains(weir.HashPartitionKey(high)); i++ {
			high = fmt.Sprint("b", i)
		}
		put(t, s, low, high)
		for range 70 {
			time.Sleep(time.Second)
			put(t, s, low)
		}
		require.ElementsMatch(t, []string{low + " 00:00:00 final 60", high + " 00:00:00 final 1"}, p.take())
		time.Sleep(time.Hour)
		require.Empty(t, p.take(), "when all are idle it stays")
		for _, sh := range w.Metrics().Shards {
			require.True(t, sh.Idle)
			require.False(t, sh.Watermark.IsZero())
		}
		require.NoError(t, end())
	})
}

// While a shard cannot be read, or its results not be handed over, the clock
// does not make it idle: its records would be late when they come.
func TestWindower_isNotIdleWhileItIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		var p page
		down := true
		c := counting{Windows: window.Tumbling(time.Second, window.Count[*weir.Record]()), Idle: time.Second, IdleClock: true, Group: groupOf(s, new(lease.Memory))}
		c.Group.MaxRecords = 1
		c.Handler = func(ctx context.Context, results []window.Result[int64]) error {
			p.mu.Lock()
			isDown := down
			p.mu.Unlock()
			if isDown {
				return errors.New("the sink is down")
			}
			return p.handle(ctx, results)
		}
		c.Aside = func(_ context.Context, list []window.Rejected[*weir.Record]) error {
			t.Error(list[0].Err)
			return nil
		}
		w, end := running(t, c)
		for range 5 {
			put(t, s, "a")
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		p.mu.Lock()
		down = false
		p.mu.Unlock()
		time.Sleep(time.Minute)
		require.Len(t, p.take(), 5)
		require.Greater(t, w.Metrics().Failures, int64(50))
		require.NoError(t, end())
	})
}

// Early results come by count and by the clock, late ones within the lateness.
func TestWindower_earlyAndLateResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		var p page
		c := counting{Windows: minute(), Handler: p.handle, EarlyEvery: 10 * time.Second, EarlyCount: 3, Group: groupOf(s, new(lease.Memory))}
		_, end := running(t, c)
		time.Sleep(time.Second)
		put(t, s, "a", "b")
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, []string{"a 00:00:00 early 1", "b 00:00:00 early 1"}, p.take())
		time.Sleep(30 * time.Second)
		require.Empty(t, p.take(), "nothing has changed")
		put(t, s, "a", "a")
		time.Sleep(time.Millisecond)
		require.Equal(t, []string{"a 00:00:00 early 3"}, p.take())
		time.Sleep(15 * time.Second)
		require.Empty(t, p.take())
		require.NoError(t, end())
	})
}

// A shard whose windows have no room ends the run, which says so; with snapshots
// it goes on, here or elsewhere.
func TestWindower_stateWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newStream(t, "s", 1), new(lease.Memory)
		for i := range 300 {
			put(t, s, fmt.Sprintf("key-%d", i))
		}
		var p page
		c := counting{Windows: minute(), Handler: p.handle, Group: groupOf(s, store)}
		run := func() (w *window.Windower[*weir.Record, int64, int64], end func() error) {
			w, err := window.New(c)
			require.NoError(t, err)
			window.SetRoom(w, 400)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- w.Run(ctx) }()
			return w, func() error { stop(); return <-done }
		}
		_, end := run()
		time.Sleep(10 * time.Second)
		err := end()
		var full *window.StateError
		require.ErrorAs(t, err, &full)
		require.ErrorIs(t, err, window.ErrState)
		require.Equal(t, []any{"s", weir.ShardID(0), 300, 400}, []any{full.Stream, full.Shard, full.Windows, full.Limit})
		require.ErrorContains(t, err, fmt.Sprintf("%d bytes of 300 open windows are above 400; there should be fewer keys a shard, shorter windows, or Config.Snapshots", full.Bytes))

		dir, err := window.OpenDir(t.TempDir())
		require.NoError(t, err)
		c.Snapshots = dir
		_, end = run()
		time.Sleep(time.Minute)
		require.NoError(t, end())
		names, err := dir.List(t.Context())
		require.NoError(t, err)
		require.Len(t, names, 1)
		put(t, s, "key-1")
		w, end := run()
		time.Sleep(time.Minute)
		require.Len(t, p.take(), 300)
		require.NoError(t, end())
		require.EqualValues(t, 1, w.Metrics().Records, "the others were in the snapshot")

		c.Snapshots = nil
		c.Windows = minute().Offset(time.Second)
		_, end = running(t, c)
		time.Sleep(time.Second)
		require.ErrorContains(t, end(), `state: it is of windows "tumbling 1m0s", these are "tumbling 1m0s offset 1s"`)
	})
}

// Snapshots of a stream whose name goes on behind that of another one are not
// taken for what a crash has left of the other one's.
func TestWindower_snapshotsOfTwoStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := []client.Stream{}
		for _, name := range []string{"s", "s-b"} {
			s := newStream(t, name, 1)
			for i := range 300 {
				put(t, s, fmt.Sprintf("key-%d", i))
			}
			streams = append(streams, client.Embedded(s))
		}
		dir, err := window.OpenDir(t.TempDir())
		require.NoError(t, err)
		var p page
		c := counting{Windows: minute(), Handler: p.handle, Snapshots: dir, Group: groupOf(newStream(t, "none", 1), new(lease.Memory))}
		c.Group.Streams = streams
		for range 3 {
			w, err := window.New(c)
			require.NoError(t, err)
			window.SetRoom(w, 400)
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			require.NoError(t, w.Run(ctx))
			stop()
			names, err := dir.List(t.Context())
			require.NoError(t, err)
			require.Len(t, names, 2)
		}
	})
}

// A loop that is left has the result in which it was left again.
func TestWindower_resultsAsALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newStream(t, "s", 1), new(lease.Memory)
		put(t, s, "a", "b", "c")
		time.Sleep(time.Minute)
		put(t, s, "a")
		w, err := window.New(counting{Windows: minute(), Group: groupOf(s, store)})
		require.NoError(t, err)
		var got []string
		for range 2 {
			for r, err := range w.Results(t.Context()) {
				require.NoError(t, err)
				got = append(got, r.Key)
				if r.Key == "b" {
					break
				}
			}
		}
		require.Equal(t, []string{"a", "b", "a", "b"}, got)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		for r, err := range w.Results(ctx) {
			require.NoError(t, err)
			got = append(got, r.Key)
		}
		require.Equal(t, []string{"a", "b", "c"}, got[4:])
		var none context.Context
		for r, err := range w.Results(none) {
			require.ErrorIs(t, err, weir.ErrInvalidArgument)
			require.Zero(t, r)
		}
	})
}

// What a stream without children ends with is complete.
func TestWindower_endOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 2)
		put(t, s, "a", "b", "c")
		var p page
		_, end := running(t, counting{Windows: minute(), Handler: p.handle, Group: groupOf(s, new(lease.Memory))})
		_, err := s.Resize(t.Context(), 3)
		require.NoError(t, err)
		put(t, s, "a", "b", "c")
		time.Sleep(time.Second)
		require.Empty(t, p.take())
		require.NoError(t, s.EndWrites(t.Context()))
		time.Sleep(time.Second)
		got := p.take()
		slices.Sort(got)
		require.Equal(t, []string{"a 00:00:00 final 2", "b 00:00:00 final 2", "c 00:00:00 final 2"}, got)
		require.NoError(t, end())
	})
}

// What is kept after a clean end goes on at another worker without repetition.
func TestWindower_goesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newStream(t, "s", 2), new(lease.Memory)
		var p page
		c := counting{Windows: minute(), Handler: p.handle, Group: groupOf(s, store)}
		_, end := running(t, c)
		put(t, s, "a", "b")
		time.Sleep(time.Second / 2)
		require.NoError(t, end())
		w, end := running(t, c)
		put(t, s, "a")
		time.Sleep(time.Minute)
		put(t, s, "a", "b")
		time.Sleep(time.Second)
		got := p.take()
		slices.Sort(got)
		require.Equal(t, []string{"a 00:00:00 final 2", "b 00:00:00 final 1"}, got)
		require.EqualValues(t, 3, w.Metrics().Records)
		require.NoError(t, end())
		ended, err := window.New(c)
		require.NoError(t, err)
		require.Empty(t, ended.Metrics().Shards)
	})
}

// Windows of very many keys are found to have no room long before a checkpoint
// is due.
func TestWindower_memoryIsBoundedBetweenCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		for i := range 200_000 {
			put(t, s, fmt.Sprintf("%x", i*7919))
		}
		c := counting{Windows: minute(), Handler: new(page).handle, Group: groupOf(s, new(lease.Memory))}
		c.Group.CheckpointEvery = time.Hour
		w, end := running(t, c)
		time.Sleep(time.Second)
		require.ErrorIs(t, end(), window.ErrState)
		require.Less(t, w.Metrics().Records, int64(190_000))
	})
}

// A key that does not follow from the partition key is told where it is seen in
// two shards. One shard may have any keys, and children those of their parents.
func TestWindower_tellsOfAKeyInTwoShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for shards, want := range map[int]int64{1: 0, 2: 1} {
			s := newStream(t, "s", shards)
			var log strings.Builder
			c := counting{Windows: minute(), Handler: new(page).handle, Group: groupOf(s, new(lease.Memory))}
			c.Read = func(r *weir.Record, events []window.Event[*weir.Record]) ([]window.Event[*weir.Record], error) {
				return append(events, window.Event[*weir.Record]{Key: "all", Value: r}), nil
			}
			c.Group.Logger = slog.New(slog.NewTextHandler(&log, nil))
			w, end := running(t, c)
			for i := range 20 {
				put(t, s, fmt.Sprint(i))
			}
			time.Sleep(time.Second)
			assert.Equal(t, want, w.Metrics().Scattered)
			assert.EqualValues(t, want, strings.Count(log.String(), "a key is in two shards"))
			require.NoError(t, end())
		}
	})
}

// A nameless store does not keep the names of streams, as a table of the Kinesis
// Client Library for one stream does not.
type nameless struct{ *lease.Memory }

func (s nameless) List(ctx context.Context) ([]lease.Lease, error) {
	list, err := s.Memory.List(ctx)
	for i := range list {
		list[i].Stream = ""
	}
	return list, err
}

// Children find what their parents left, in a group of several streams and where
// leases have no streams.
func TestWindower_childrenFindTheirParents(t *testing.T) {
	for name, c := range map[string]struct {
		store   lease.Store
		streams []string
	}{
		"leases without streams": {nameless{new(lease.Memory)}, []string{"s"}},
		"several streams":        {new(lease.Memory), []string{"s", "t"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p page
				conf := counting{Windows: minute(), Handler: p.handle, Group: groupOf(newStream(t, "s", 1), c.store)}
				conf.Group.Streams = nil
				var streams []*weir.Stream
				for _, name := range c.streams {
					s := newStream(t, name, 1)
					streams, conf.Group.Streams = append(streams, s), append(conf.Group.Streams, client.Embedded(s))
				}
				_, end := running(t, conf)
				var want []string
				for _, shards := range []int{3, 1, 2} {
					for _, s := range streams {
						put(t, s, "a", "b")
						_, err := s.Resize(t.Context(), shards)
						require.NoError(t, err)
					}
					time.Sleep(time.Second)
				}
				for _, s := range streams {
					require.NoError(t, s.EndWrites(t.Context()))
					want = append(want, "a 00:00:00 final 3", "b 00:00:00 final 3")
				}
				time.Sleep(10 * time.Second)
				require.ElementsMatch(t, want, p.take())
				require.NoError(t, end())
			})
		})
	}
}

// What is set aside may be kept: it shares no memory with the batch.
func TestWindower_asideMayBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, "s", 1)
		var mu sync.Mutex
		var late []window.Rejected[*weir.Record]
		c := counting{Windows: window.Tumbling(time.Second, window.Count[*weir.Record]()), Handler: new(page).handle, Group: groupOf(s, new(lease.Memory))}
		c.Idle, c.IdleClock = 10*time.Millisecond, true
		c.Read = func(r *weir.Record, events []window.Event[*weir.Record]) ([]window.Event[*weir.Record], error) {
			if r.PartitionKey == "unreadable" {
				return nil, errors.New("it cannot be read")
			}
			return append(events, window.Event[*weir.Record]{Time: r.ArrivalTime.Add(-time.Hour), Value: r}), nil
		}
		c.Aside = func(_ context.Context, list []window.Rejected[*weir.Record]) error {
			mu.Lock()
			defer mu.Unlock()
			late = append(late, list...)
			return nil
		}
		w, end := running(t, c)
		put(t, s, "first") // makes the shard known; it is completed by the clock
		time.Sleep(time.Minute)
		put(t, s, "a", "unreadable", "b")
		time.Sleep(time.Second)
		put(t, s, "unreadable", "unreadable", "unreadable")
		time.Sleep(time.Second)
		require.NoError(t, end())
		var got []string
		for _, r := range late[:3] {
			got = append(got, r.Record.PartitionKey+" "+fmt.Sprint(errors.Is(r.Err, window.ErrLate)))
		}
		require.Equal(t, []string{"a true", "unreadable false", "b true"}, got)
		require.Equal(t, []string{"a", "a"}, []string{late[0].Event.Key, late[0].Event.Value.PartitionKey})
		require.ErrorContains(t, late[0].Err, "late: its time is 1999-12-31 23:01:00 +0000 UTC, the watermark 1999-12-31 23:59:")
		m := w.Metrics()
		require.Equal(t, []int64{7, 3, 2, 4, 1}, []int64{m.Records, m.Events, m.Late, m.Rejected, m.Final})
	})
}
