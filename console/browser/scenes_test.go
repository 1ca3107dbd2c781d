package browser

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// A scene is a console of streams that have been at work, and whose clock stands
// still unless it is moved.
type scene struct {
	t   *testing.T
	mu  sync.Mutex
	now time.Time

	streams []*weir.Stream
	status  map[string]string
	groups  []console.Group
	queues  []console.Queue
	url     string
}

func newScene(t *testing.T) *scene {
	return &scene{t: t, now: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), status: map[string]string{}}
}

func (sc *scene) clock() time.Time {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.now
}

func (sc *scene) pass(d time.Duration) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.now = sc.now.Add(d)
}

func (sc *scene) stream(name string, c weir.Config) *weir.Stream {
	c.Now = sc.clock
	s, err := weir.NewStream(name, c)
	require.NoError(sc.t, err)
	sc.streams = append(sc.streams, s)
	return s
}

func (sc *scene) setQueues(list ...console.Queue) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.queues = list
}

// Streams tells a status beside what console.Streams does.
func (sc *scene) source() console.Source {
	return statusSource{console.Streams(sc.streams...), sc.status}
}

type statusSource struct {
	console.Source
	status map[string]string
}

func (s statusSource) Can() bool { return true }

func (s statusSource) Streams(ctx context.Context) ([]console.Stream, error) {
	list, err := s.Source.Streams(ctx)
	for i := range list {
		list[i].Status = s.status[list[i].Name]
	}
	return list, err
}

func (s statusSource) Stream(ctx context.Context, at, name string) (console.Stream, error) {
	one, err := s.Source.Stream(ctx, at, name)
	one.Status = s.status[one.Name]
	return one, err
}

// serve shows the scene.
func (sc *scene) serve() string {
	sc.t.Helper()
	c, err := console.New(console.Config{
		Source: sc.source(), Now: sc.clock, API: true,
		Groups: func(context.Context) ([]console.Group, error) { return sc.groups, nil },
		Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
			sc.mu.Lock()
			defer sc.mu.Unlock()
			return sc.queues, nil
		},
		Price: func(u console.Use) console.Price {
			return console.Price{Amount: float64(u.OpenShards)*10.95 + float64(u.Records)/u.Period.Seconds()*0.0368, Currency: "USD", Plan: "provisioned, an estimate"}
		},
	})
	require.NoError(sc.t, err)
	mux := http.NewServeMux()
	mux.Handle("/_weir/", c)
	server := httptest.NewServer(mux)
	sc.t.Cleanup(server.Close)
	sc.url = server.URL + "/_weir/"
	return sc.url
}

// orders is an event of a shop, of about so many bytes.
func order(n int) []byte {
	return fmt.Appendf(nil, `{"kind":"order","id":%d,"customer":"c-%04d","amount":%d,"items":[{"sku":"A-%03d","count":%d}]}`, n, n*7919%5000, 100+n*37%9000, n%300, 1+n%4)
}

// put puts n records, most of them of evenly spread keys, some of a hot one.
func put(t *testing.T, s *weir.Stream, n, begin, hotOf int) {
	t.Helper()
	entries := make([]weir.Entry, 0, 500)
	flush := func() {
		_, err := s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
		entries = entries[:0]
	}
	for i := range n {
		key := fmt.Sprintf("customer-%d", (begin+i)*7919%4001)
		if hotOf > 0 && i%hotOf == 0 {
			key = "customer-1200"
		}
		entries = append(entries, weir.Entry{PartitionKey: key, Data: order(begin + i)})
		if len(entries) == cap(entries) {
			flush()
		}
	}
	if len(entries) > 0 {
		flush()
	}
}

// work puts for so many seconds what rate says of each.
func (sc *scene) work(s *weir.Stream, seconds, hotOf int, rate func(second int) int, then ...func()) {
	sc.t.Helper()
	begin := 0
	for second := range seconds {
		n := rate(second)
		for part := range 4 {
			put(sc.t, s, n/4, begin+part*n/4, hotOf)
			sc.pass(250 * time.Millisecond)
		}
		begin += n
		for _, do := range then {
			do()
		}
	}
}

// wave is a load that goes up and down, with bursts.
func wave(mean int) func(int) int {
	return func(second int) int {
		n := mean + mean/3*((second*second/90)%7-3)/3
		if second%53 < 3 && second > 20 {
			n += mean
		}
		return n
	}
}

// shop is what the guide shows: a stream of eight shards under load, with readers
// of all kinds, beside others.
func shop(t *testing.T) *scene {
	sc := newScene(t)
	sc.stream("audit-log", weir.Config{Settings: weir.Settings{Retention: 7 * 24 * time.Hour}})
	clicks := sc.stream("clicks", weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}})
	s := sc.stream("orders", weir.Config{Shards: 8})
	reader, err := s.NewReader("search index", weir.TrimHorizon())
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	for _, name := range []string{"billing", "warehouse"} {
		_, err = s.RegisterConsumer(t.Context(), name)
		require.NoError(t, err)
	}
	sub, err := s.Subscribe(t.Context(), "billing", 2, weir.TrimHorizon())
	require.NoError(t, err)
	t.Cleanup(sub.Close)
	sc.work(clicks, 20, 0, func(int) int { return 400 })
	second, polled := 0, make(map[weir.ShardID]weir.Iterator)
	sc.work(s, 185, 7, wave(2600), func() {
		second++
		for range 6 + second/4%5 {
			_, err := reader.TryNext()
			require.NoError(t, err)
		}
		_, err := sub.Next(t.Context())
		require.NoError(t, err)
		sc.poll(s, weir.ShardID(second%4), polled)
	})
	sc.group(s, "fulfilment")
	sc.queues = []console.Queue{{
		Name: "invoices", ARN: "arn:aws:kinesis:us-east-1:000000000000:queue/q-1",
		Look: func(context.Context) (console.QueueState, error) {
			return console.QueueState{Visible: 12_480, InFlight: 96, Waiting: 12, Dead: 7, Oldest: 40 * time.Second, Shards: []console.QueueShard{{Shard: 1, Behind: 9120, Age: 40 * time.Second}, {Shard: 4, Behind: 3360, Age: 9 * time.Second}}}, nil
		},
		Restore: func(context.Context, int) (int, error) { return 7, nil },
	}}
	return sc
}

// poll reads a shard with GetRecords, on from where it was.
func (sc *scene) poll(s *weir.Stream, shard weir.ShardID, at map[weir.ShardID]weir.Iterator) {
	it, ok := at[shard]
	if !ok {
		var err error
		it, err = s.Iterator(sc.t.Context(), shard, weir.TrimHorizon())
		require.NoError(sc.t, err)
	}
	p, err := s.GetRecords(sc.t.Context(), it, 1200)
	require.NoError(sc.t, err)
	at[shard] = p.Next
}

// group adds a group of two workers that are behind by different times.
func (sc *scene) group(s *weir.Stream, name string) {
	store := new(lease.Memory)
	for i, sh := range s.Shards() {
		it, err := s.Iterator(sc.t.Context(), sh.ID, weir.AtTime(sc.clock().Add(-time.Duration(i*i)*time.Second)))
		require.NoError(sc.t, err)
		at := lease.TrimHorizon
		if p, err := s.AppendRecords(sc.t.Context(), nil, it, 1); err == nil && len(p.Records) == 1 {
			at = p.Records[0].SequenceNumber.String()
		}
		require.NoError(sc.t, store.Create(sc.t.Context(), lease.Lease{Key: sh.ID.String(), Stream: s.Name(), Owner: fmt.Sprint("worker-", 1+i%2), Checkpoint: lease.Checkpoint{Sequence: at}}))
	}
	sc.groups = append(sc.groups, console.Group{Name: name, Store: store})
}

// single is one shard that a burst overruns.
func single(t *testing.T) *scene {
	sc := newScene(t)
	s := sc.stream("payments", weir.Config{})
	sc.work(s, 185, 0, func(second int) int {
		if second > 150 && second < 163 {
			return 1400
		}
		return 300 + second%20*10
	})
	return sc
}

// thousand is a stream of a thousand shards.
func thousand(t *testing.T) *scene {
	sc := newScene(t)
	s := sc.stream("telemetry", weir.Config{Shards: 1000, Limits: weir.Limits{BatchRecords: -1}})
	sc.work(s, 70, 3, func(int) int { return 3000 })
	return sc
}

// reshard is a stream in the middle of being resharded.
func reshard(t *testing.T) *scene {
	sc := newScene(t)
	s := sc.stream("orders", weir.Config{Shards: 2, Limits: weir.Limits{ResizesPerDay: -1}})
	steps := []func(){
		func() { sc.resize(s, 4) }, func() { sc.splitAt(s, 0.1) }, func() { sc.splitAt(s, 0.9) }, func() { sc.resize(s, 8) }, func() { sc.resize(s, 4) }, func() { sc.splitAt(s, 0.6) },
	}
	for i, step := range steps {
		sc.work(s, 4, 0, func(int) int { return 400 })
		sc.pass([]time.Duration{5 * time.Hour, 4 * time.Hour, 90 * time.Minute, 20 * time.Minute, 3 * time.Minute, 40 * time.Second}[i])
		step()
	}
	sc.work(s, 40, 5, func(int) int { return 1500 })
	sc.status["orders"] = "UPDATING"
	return sc
}

func (sc *scene) resize(s *weir.Stream, n int) {
	_, err := s.Resize(sc.t.Context(), n)
	require.NoError(sc.t, err)
}

// splitAt splits the shard that has a part of the hash keys, there.
func (sc *scene) splitAt(s *weir.Stream, part float64) {
	n, _ := new(big.Float).Mul(big.NewFloat(part), new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), 128))).Int(nil)
	at, err := weir.ParseHashKey(n.String())
	require.NoError(sc.t, err)
	_, err = s.SplitShard(sc.t.Context(), s.ShardOfHashKey(at), at)
	require.NoError(sc.t, err)
}

// empty has a stream in which there is nothing.
func empty(t *testing.T) *scene {
	sc := newScene(t)
	sc.stream("orders", weir.Config{})
	return sc
}

// nothing has no streams.
func nothing(t *testing.T) *scene { return newScene(t) }
