package kinesisclient_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// A world is what a group lives in: a stream, which has a consumer "c", and a
// store. What a handler sees is the same in all of them.
type world struct {
	*testing.T
	stream  changeable
	fake    *kinesistest.Fake // nil where there is none
	reading client.Reading
	store   lease.Store
	real    bool // time is

	put map[string]int // records by key

	mu   sync.Mutex // guards what follows
	got  []delivery
	news chan struct{} // closed at the next delivery
}

// A changeable is a stream whose shards can be changed.
type changeable interface {
	client.Stream
	client.Resharder
	client.Registrar
}

// A delivery is a record as a worker was given it.
type delivery struct {
	worker, key string
	number      int
}

// groupScenarios are what holds for groups in all worlds.
var groupScenarios = []struct {
	name    string
	virtual bool // takes long
	run     func(w *world)
}{
	{"each record once, in order, through splits and merges", false, throughReshards},
	{"goes on where it stood", false, restarts},
	{"hands shards over without repeating", false, handsOver},
	{"says which position is older than retention", true, findsExpired},
	{"goes on behind what has expired, if that is asked for", true, skipsExpired},
	{"loses nothing behind a slow handler", true, worksSlowly},
}

// TestGroup runs a group over the stream of the engine and over that of the
// service, in the ways that there are to read them.
func TestGroup(t *testing.T) {
	for name, as := range map[string]client.Reading{"pushed": {}, "polling": {Polling: true}, "fan-out": {Consumer: "c"}} {
		runGroups(t, "embedded, "+name, as, newEmbedded)
	}
	for name, as := range map[string]client.Reading{"polling": {}, "one poll a call": {Polling: true}, "fan-out": {Consumer: "c"}} {
		runGroups(t, "service, "+name, as, newService)
	}
}

func runGroups(t *testing.T, name string, as client.Reading, open func(w *world)) {
	for _, s := range groupScenarios {
		t.Run(name+"/"+s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { inWorld(t, as, open, s.run) })
		})
	}
}

// The same over sockets, in the time that it takes.
func TestGroup_overHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	runServed(t, newServed)
}

// And with leases in DynamoDB Local, which aws/clients/run leases starts.
func TestGroup_overDynamoDB(t *testing.T) {
	endpoint := os.Getenv("WEIR_DYNAMODB")
	if endpoint == "" {
		t.Skip("needs a DynamoDB: aws/clients/run leases starts one")
	}
	tables := dynamodb.New(dynamodb.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: anybody})
	runServed(t, func(w *world) {
		newServed(w)
		var err error
		w.store, err = dynamolease.Open(w.Context(), tables, "group-"+rand.Text())
		require.NoError(w, err)
	})
}

func runServed(t *testing.T, open func(w *world)) {
	for name, as := range map[string]client.Reading{"polling": {}, "fan-out": {Consumer: "c"}} {
		for _, s := range groupScenarios {
			if s.virtual {
				continue
			}
			t.Run(name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				inWorld(t, as, open, s.run)
			})
		}
	}
}

func inWorld(t *testing.T, as client.Reading, open, run func(w *world)) {
	w := &world{T: t, reading: as, store: new(lease.Memory), put: make(map[string]int), news: make(chan struct{})}
	open(w)
	require.NoError(t, w.stream.RegisterConsumer(t.Context(), "c"))
	run(w)
}

func newEmbedded(w *world) {
	s, err := weir.NewStream("orders", weir.Config{Shards: 2})
	require.NoError(w, err)
	w.stream = client.Embedded(s)
}

func newService(w *world) {
	w.fake = kinesistest.New(w.T, kinesistest.Stream("orders", 2))
	w.stream = stream(w.T, w.fake)
}

// newServed opens a stream of the handler of weir serve.
func newServed(w *world) {
	server, err := kinesisserver.New(kinesisserver.Config{Accounts: instant()})
	require.NoError(w, err)
	listening := httptest.NewServer(server.Handler())
	w.Cleanup(listening.Close)
	c := kinesis.New(kinesis.Options{
		BaseEndpoint: &listening.URL, Region: "us-east-1", Credentials: anybody, Retryer: aws.NopRetryer{},
	})
	_, err = c.CreateStream(w.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(2)})
	require.NoError(w, err)
	w.stream, err = kinesisclient.New(c, "orders")
	require.NoError(w, err)
	w.real = true
}

const keys = 12

// produce puts n records of each key: their data say which of the key they are.
func (w *world) produce(n int) {
	w.Helper()
	for range n {
		var entries []weir.Entry
		for k := range keys {
			key := fmt.Sprint("key-", k)
			entries = append(entries, weir.Entry{PartitionKey: key, Data: fmt.Appendf(nil, "%s %d", key, w.put[key])})
			w.put[key]++
		}
		results, err := w.stream.PutRecords(w.Context(), entries)
		require.NoError(w, err)
		for _, r := range results {
			require.NoError(w, r.Err)
		}
	}
}

func (w *world) sent() (n int) {
	for _, of := range w.put {
		n += of
	}
	return n
}

// handle returns a worker's handler.
func (w *world) handle(worker string) consumer.Handler {
	return func(_ context.Context, b *consumer.Batch) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range b.Records {
			d := delivery{worker: worker}
			if _, err := fmt.Sscan(string(r.Data), &d.key, &d.number); err != nil {
				return err
			}
			w.got = append(w.got, d)
		}
		close(w.news)
		w.news = make(chan struct{})
		return nil
	}
}

// await waits until so many records came.
func (w *world) await(n int) {
	w.Helper()
	patience := 4 * time.Hour
	if w.real {
		patience = time.Minute
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		w.mu.Lock()
		got, news := len(w.got), w.news
		w.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-news:
		case <-late.C:
			require.FailNow(w, "records are missing", "%d of %d came in %v", got, n, patience)
		}
	}
}

// verify sees to it that each record came, of its key in order the first time
// that it came, and no more than repeats of them again.
func (w *world) verify(repeats int) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make(map[string]int)
	again := 0
	for _, d := range w.got {
		switch {
		case d.number == next[d.key]:
			next[d.key]++
		case d.number < next[d.key]:
			again++
		default:
			assert.Fail(w, "out of order", "%s %d came before %d", d.key, d.number, next[d.key])
		}
	}
	assert.Equal(w, w.put, next)
	assert.LessOrEqual(w, again, repeats)
}

// workers returns how many records each worker was given.
func (w *world) workers() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := make(map[string]int)
	for _, d := range w.got {
		counts[d.worker]++
	}
	return counts
}

// A member is a worker that runs.
type member struct {
	*consumer.Group
	stop context.CancelFunc
	done chan struct{}
	err  error // when done is closed
}

// join runs a worker. changes may change its configuration.
func (w *world) join(name string, changes ...func(*consumer.Config)) *member {
	w.Helper()
	c := consumer.Config{
		Name: "test", Streams: []client.Stream{w.stream}, Store: w.store, Worker: name, Handler: w.handle(name), Reading: w.reading,
	}
	if w.real {
		c.Failover = 2 * time.Second
	}
	for _, change := range changes {
		change(&c)
	}
	g, err := consumer.New(c)
	require.NoError(w, err)
	ctx, stop := context.WithCancel(w.Context())
	m := &member{Group: g, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		m.err = g.Run(ctx)
	}()
	w.Cleanup(func() { m.end() })
	return m
}

// end ends a worker, and returns what its Run did.
func (m *member) end() error {
	m.stop()
	<-m.done
	return m.err
}

func throughReshards(w *world) {
	a, b := w.join("a"), w.join("b")
	w.produce(5)
	for _, shards := range []int{4, 3, 2, 1, 2} {
		require.NoError(w, w.stream.Resize(w.Context(), shards))
		w.produce(5)
	}
	w.await(w.sent())
	require.NoError(w, a.end())
	require.NoError(w, b.end())
	w.verify(0)
}

func restarts(w *world) {
	w.produce(5)
	first := w.join("first")
	w.await(w.sent())
	require.NoError(w, first.end())
	list, err := w.store.List(w.Context())
	require.NoError(w, err)
	for _, l := range list {
		assert.Empty(w, l.Owner)
	}
	require.NoError(w, w.stream.Resize(w.Context(), 1))
	w.produce(5)
	second := w.join("second")
	w.await(w.sent())
	require.NoError(w, second.end())
	w.verify(0)
	assert.Equal(w, map[string]int{"first": 5 * keys, "second": 5 * keys}, w.workers())
}

// While records come, a second worker joins and the first one leaves.
func handsOver(w *world) {
	w.produce(2)
	a := w.join("a")
	w.await(w.sent())
	b := w.join("b")
	for w.workers()["b"] == 0 { // until it has a shard
		w.produce(1)
		w.await(w.sent())
		if !w.real {
			time.Sleep(time.Second / 10) // puts have a limit in a second
		}
	}
	require.NoError(w, a.end())
	assert.Zero(w, a.Metrics().Lost)
	w.produce(2)
	w.await(w.sent())
	require.NoError(w, b.end())
	w.verify(0)
}

// expire stops a group, and lets records that it has not seen expire.
func (w *world) expire() {
	first := w.join("first")
	w.produce(2)
	w.await(w.sent())
	require.NoError(w, first.end())
	w.produce(2)
	time.Sleep(retention + time.Minute)
	w.produce(2)
}

func findsExpired(w *world) {
	w.expire()
	second := w.join("second")
	<-second.done
	var gone *consumer.ExpiredError
	require.ErrorAs(w, second.err, &gone)
	require.ErrorIs(w, second.err, weir.ErrRecordsLost)
	assert.Equal(w, "orders", gone.Stream)
	assert.NotEmpty(w, gone.Position.Sequence)
	assert.Positive(w, gone.Lost)
	assert.False(w, gone.Horizon.IsZero())
	assert.Empty(w, w.workers()["second"])
}

func skipsExpired(w *world) {
	w.expire()
	second := w.join("second", func(c *consumer.Config) { c.Expired = consumer.ContinueExpired })
	w.await(w.sent() - 2*keys)
	require.NoError(w, second.end())
	assert.EqualValues(w, 2*keys, second.Metrics().LostRecords)
}

// Iterators and subscriptions live for five minutes, less than a slow handler's
// call takes.
func worksSlowly(w *world) {
	a := w.join("a", func(c *consumer.Config) {
		handle := c.Handler
		c.Handler = func(ctx context.Context, b *consumer.Batch) error {
			time.Sleep(20 * time.Minute)
			return handle(ctx, b)
		}
	})
	for range 3 {
		w.produce(2)
		time.Sleep(10 * time.Minute)
	}
	require.NoError(w, w.stream.Resize(w.Context(), 3))
	w.produce(1)
	w.await(w.sent())
	require.NoError(w, a.end())
	w.verify(0)
}

// Whatever goes wrong with calls and connections, and however the shards change
// meanwhile, a group loses nothing and keeps the order of each key.
func TestGroup_losesNothingWhenCallsFail(t *testing.T) {
	for name, as := range map[string]client.Reading{"polling": {}, "fan-out": {Consumer: "c"}} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/seed=%d", name, seed+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					inWorld(t, as, func(w *world) {
						chaos := kinesistest.Rough()
						chaos.Duplicate = 0 // is the producer's
						w.fake = kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 2, Consumers: []string{"c"}},
							kinesistest.Chaos(seed+1, chaos))
						w.stream = calmStream{stream(t, w.fake), w.fake}
					}, func(w *world) {
						a, b := w.join("a"), w.join("b")
						for range 40 {
							w.produce(1)
							time.Sleep(time.Minute)
						}
						require.NoError(w, a.end())
						w.produce(5)
						w.await(w.sent())
						require.NoError(w, b.end())
						w.verify(0)
					})
				})
			})
		}
	}
}

// A calmStream is one whose puts nothing happens to.
type calmStream struct {
	*kinesisclient.Stream
	fake *kinesistest.Fake
}

func (s calmStream) RegisterConsumer(context.Context, string) error { return nil }

func (s calmStream) PutRecords(_ context.Context, entries []weir.Entry) (results []weir.PutResult, err error) {
	for _, e := range entries {
		results = append(results, weir.PutResult{Placed: s.fake.Put("orders", e.PartitionKey, string(e.Data))})
	}
	return results, nil
}

// Throttles and iterators that expire cost time, and nothing else; they are
// counted.
func TestGroup_throttledAndExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inWorld(t, client.Reading{}, newService, func(w *world) {
			w.fake.Fail("GetRecords").Nth(2, 3, 7, 8, 9).Throttle().Required()
			w.fake.Fail("GetRecords").Nth(5, 12).With(kinesistest.ExpiredIterator).Required()
			w.fake.Fail("GetShardIterator").Nth(3).Throttle().Required()
			w.fake.Fail("ListShards").Nth(2).Throttle()
			a := w.join("a")
			for range 20 {
				w.produce(1)
				time.Sleep(2 * time.Second)
			}
			w.await(w.sent())
			require.NoError(w, a.end())
			w.verify(0)
			assert.GreaterOrEqual(w, a.Metrics().Throttled, int64(5))
			assert.Zero(w, a.Metrics().LostRecords)
		})
	})
}

// A stream that is not there is an error that names it, after a bounded time.
func TestGroup_ofNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t)
		g, err := consumer.New(consumer.Config{
			Name: "test", Streams: []client.Stream{stream(t, k)}, Store: new(lease.Memory), StartWithin: time.Minute,
			Handler: func(context.Context, *consumer.Batch) error { return nil },
		})
		require.NoError(t, err)
		begin := time.Now()
		err = g.Run(t.Context())
		require.Error(t, err)
		assert.True(t, strings.Contains(err.Error(), "stream orders") && strings.Contains(err.Error(), "ResourceNotFoundException"), err.Error())
		assert.LessOrEqual(t, time.Since(begin), 2*time.Minute)
	})
}
