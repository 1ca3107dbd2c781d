package kinesistest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// A Fake is Kinesis for one test: an account in a region, and what the test
// wants to know of it and do to it. All methods may be called by any number of
// goroutines at a time.
type Fake struct {
	t       testing.TB
	config  Config
	clock   *clock
	account *account.Account
	seed    uint64
	label   string // of the goroutines that the test started; empty in a bubble
	bodies  bodies
	ended   atomic.Bool
	lateBy  atomic.Int64 // calls after the end

	serverOnce sync.Once
	handler    http.Handler
	client     func() *kinesis.Client

	turns *turns // nil without chaos, or outside a bubble

	watched, watchedSoon atomic.Bool // whether somebody looks for a standstill

	mu       sync.Mutex // guards what follows; never held while waiting or calling back
	calls    []*Call    // those that are over, and subscriptions
	running  map[*Call]struct{}
	number   int // calls begun
	faults   []*Fault
	logs     []*streamLog
	readers  map[string]*readerState // by the iterators that continue them
	chains   []*readerState
	backOffs map[string]uint64 // of the clients, by what they were about
	watch    *time.Timer       // nil while nobody can put records past the fake
	idle     int               // looks of watch since somebody could
	chaos    *chaos            // nil without
	events   []chaosEvent
	reshards []doneReshard
	checkers []*Checker
	listener *listener // nil until Server
}

// New returns a fake for a test, which ends with it. The test fails if it
// leaves anything behind: an event stream that is not closed, a response that
// was not read, a call that has no answer yet and, outside a bubble, a
// goroutine that it started. When the test fails, the latest calls are logged.
func New(t testing.TB, opts ...Option) *Fake {
	t.Helper()
	c, err := optionsOf(opts)
	if err != nil {
		t.Fatalf("kinesistest: New: %v", err)
	}
	c = c.withDefaults()
	k := &Fake{t: t, config: c, clock: newClock(c.Start), seed: c.Seed}
	if k.seed == 0 {
		k.seed = rand.Uint64()>>11 | 1
	}
	k.client = sync.OnceValue(func() *kinesis.Client { return kinesis.NewFromConfig(k.Config()) })
	if k.account, err = account.New(c.account(k.clock)); err != nil {
		t.Fatalf("kinesistest: %v", err)
	}
	began := k.Now().Add(-c.Delays.Create - max(c.Delays.Consumer, c.Delays.Queue))
	for _, s := range c.Streams {
		if _, err := k.create(s, began); err != nil {
			t.Fatalf("kinesistest: stream %q: %v", s.Name, err)
		}
	}
	if err := c.check(); err != nil {
		t.Fatalf("kinesistest: %v", err)
	}
	if c.Chaos.any() {
		k.chaos = newChaos(k.seed, c.Chaos, k.Now())
		if k.clock.virtual() {
			k.turns = &turns{seed: k.seed}
		}
	}
	k.clock.before = k.drain
	k.labelGoroutines()
	t.Cleanup(k.finish)
	return k
}

// arranging is the context of what the test does itself: the call rates are
// those of the code under test. It is never changed.
var arranging = account.WithoutCallRates(context.Background())

// create makes a stream as if it had been created at a time, ACTIVE by now, and
// returns the engine's.
func (k *Fake) create(s StreamSpec, at time.Time) (*weir.Stream, error) {
	if s.Shards < 0 || s.Shards > math.MaxInt32 || s.Retention%time.Hour != 0 {
		return nil, fmt.Errorf("StreamSpec: %d shards, retention %v: want none or more, and whole hours", s.Shards, s.Retention)
	}
	defer k.clock.held.Store(k.clock.held.Load())
	k.clock.held.Store(&at)
	in := &account.CreateStreamInput{StreamName: &s.Name, ShardCount: account.Ptr(int32(max(1, s.Shards)))}
	if s.OnDemand {
		in.ShardCount, in.StreamModeDetails = nil, &account.StreamModeDetails{StreamMode: account.Ptr(account.ModeOnDemand)}
	}
	if _, err := k.account.CreateStream(arranging, in); err != nil {
		return nil, err
	}
	if delay := k.config.Delays.Create; delay > 0 {
		active := at.Add(delay)
		k.clock.held.Store(&active)
		if _, err := k.account.DescribeStreamSummary(arranging, &account.DescribeStreamSummaryInput{StreamName: &s.Name}); err != nil {
			return nil, err
		}
	}
	if s.Retention != 0 && s.Retention != weir.ServiceLimits().MinRetention {
		hours := int32(s.Retention / time.Hour)
		if _, err := k.account.IncreaseStreamRetentionPeriod(arranging, &account.IncreaseStreamRetentionPeriodInput{
			StreamName: &s.Name, RetentionPeriodHours: &hours,
		}); err != nil {
			return nil, err
		}
	}
	return k.account.Stream(s.Name), k.register(s)
}

// register registers the consumers of a stream that is ACTIVE, and creates its
// queues.
func (k *Fake) register(s StreamSpec) error {
	for _, name := range s.Consumers {
		arn := k.StreamARN(s.Name)
		if _, err := k.account.RegisterStreamConsumer(arranging, &account.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &name}); err != nil {
			return err
		}
	}
	for _, name := range s.Queues {
		if _, err := k.createQueue(s.Name, name); err != nil {
			return err
		}
	}
	return nil
}

// Seed returns where all chance of this fake comes from.
func (k *Fake) Seed() uint64 { return k.seed }

// Client returns a client of the SDK whose requests the fake answers, without a
// socket and in the fake's time. It is the genuine one: it signs, retries,
// waits and reads event streams as in production. There is one for each fake;
// with options it is another one.
func (k *Fake) Client(options ...func(*kinesis.Options)) *kinesis.Client {
	if len(options) == 0 {
		return k.client()
	}
	return kinesis.NewFromConfig(k.Config(), options...)
}

// Config returns an SDK configuration of which any client of Kinesis can be
// made. It has dummy credentials, the fake as HTTP client, and the SDK's
// standard retryer, whose back-off takes its jitter from the fake's seed and no
// real time: outside a bubble it moves the fake's clock on instead of waiting,
// as [Fake.Advance] does. A retryer of the caller's own waits as it always
// does.
func (k *Fake) Config() aws.Config {
	return aws.Config{
		Region:       k.config.Region,
		Credentials:  credentials(k.config.AccountID),
		HTTPClient:   transport{k},
		BaseEndpoint: aws.String("http://kinesis." + k.config.Region + ".kinesistest.internal"),
		Retryer:      k.retryer,
	}
}

// credentials returns credentials that never change.
func credentials(key string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret", Source: "kinesistest"}, nil
	})
}

// Transport returns what carries requests to the fake, for HTTP clients other
// than the SDK's. It ignores the host.
func (k *Fake) Transport() http.RoundTripper { return transport{k} }

// Account returns the account behind the fake. What is done through it is no
// call and meets no fault.
func (k *Fake) Account() *account.Account {
	k.watchPuts()
	return k.account
}

// Stream returns the engine's stream of a name, for arranging and asserting
// directly; nil if there is none. What is done to it is no call. That the fake
// itself reads what is put counts in the stream's metrics: each record is
// outgoing once more than the readers under test were given it.
func (k *Fake) Stream(name string) *weir.Stream {
	k.watchPuts()
	return k.account.Stream(name)
}

// need is Stream for a stream that must be there.
func (k *Fake) need(name string) *weir.Stream {
	k.t.Helper()
	s := k.account.Stream(name)
	if s == nil {
		k.t.Fatalf("kinesistest: there is no stream %q", name)
	}
	return s
}

// StreamARN returns the ARN of a stream of the fake's account.
func (k *Fake) StreamARN(name string) string {
	return "arn:aws:kinesis:" + k.config.Region + ":" + k.config.AccountID + ":stream/" + name
}

// ConsumerARN returns the ARN of a registered consumer, registering it first if
// there is none of that name.
func (k *Fake) ConsumerARN(stream, consumer string) string {
	k.t.Helper()
	arn := k.StreamARN(stream)
	d, err := k.account.DescribeStreamConsumer(arranging, &account.DescribeStreamConsumerInput{StreamARN: &arn, ConsumerName: &consumer})
	if err == nil {
		return d.ConsumerDescription.ConsumerARN
	}
	r, err := k.account.RegisterStreamConsumer(arranging, &account.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &consumer})
	if err != nil {
		k.t.Fatalf("kinesistest: consumer %q of stream %q: %v", consumer, stream, err)
	}
	return r.Consumer.ConsumerARN
}

// inner returns the wire server's handler. It is made when first needed.
func (k *Fake) inner() http.Handler {
	k.serverOnce.Do(func() {
		s, err := kinesisserver.New(kinesisserver.Config{
			Accounts: kinesisserver.NewRegistry(kinesisserver.RegistryConfig{
				AccountID: k.config.AccountID, Region: k.config.Region,
				Open: func(string, string) (*account.Account, error) { return k.account, nil },
			}),
			Now: k.clock.now,
		})
		if err != nil {
			panic(err) // nothing of the configuration is the user's
		}
		k.handler = s.Handler()
	})
	return k.handler
}

// A listener is the fake on a port.
type listener struct {
	url    string
	server *http.Server
	done   chan struct{}
}

// Server returns the URL of the fake on a port of loopback, for other processes
// and languages. It cannot be used in a bubble, where time would stand still
// while a socket is waited for.
func (k *Fake) Server() string {
	k.t.Helper()
	if k.clock.bubble {
		k.t.Fatalf("kinesistest: Server needs a test outside of synctest bubbles: sockets stop a bubble's clock")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			k.t.Fatalf("kinesistest: %v", err)
		}
		k.listener = k.listen(l)
	}
	return k.listener.url
}

func (k *Fake) listen(l net.Listener) *listener {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	own := &listener{
		url: "http://" + l.Addr().String(), done: make(chan struct{}),
		server: &http.Server{Handler: http.HandlerFunc(k.serve), Protocols: &protocols, ReadHeaderTimeout: time.Minute},
	}
	go func() {
		defer close(own.done)
		if err := own.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			k.t.Errorf("kinesistest: server: %v", err)
		}
	}()
	return own
}

// begin notes that a call begins.
func (k *Fake) begin(op string, m message) *Call {
	c := &Call{fake: k, Op: op, At: k.Now(), request: m}
	c.locate()
	k.mu.Lock()
	k.number++
	c.N = k.number
	if k.running == nil {
		k.running = make(map[*Call]struct{})
		k.readers = make(map[string]*readerState)
	}
	k.running[c] = struct{}{}
	if op == "SubscribeToShard" {
		k.keepLocked(c)
	}
	k.mu.Unlock()
	return c
}

// end notes that a call is over.
func (k *Fake) end(c *Call) {
	took := k.Now().Sub(c.At)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch c.Op {
	case "PutRecord", "PutRecords", "SplitShard", "MergeShards", "UpdateShardCount", "DeleteStream":
		k.drainLocked(c.Stream)
	}
	c.Took, c.over = took, true
	delete(k.running, c)
	k.followLocked(c)
	if c.Op != "SubscribeToShard" {
		k.keepLocked(c)
	}
}

// keepLocked remembers a call in its place, which is that of its beginning.
func (k *Fake) keepLocked(c *Call) {
	if len(k.calls) >= 2*k.config.KeepCalls {
		k.calls = append([]*Call(nil), k.calls[len(k.calls)-k.config.KeepCalls:]...)
	}
	i := len(k.calls)
	for i > 0 && k.calls[i-1].N > c.N {
		i--
	}
	k.calls = slices.Insert(k.calls, i, c)
}
