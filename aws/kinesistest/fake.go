package kinesistest

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// A Fake is Kinesis for one test: an account in a region, and what the test wants
// to know of it and do to it. All methods may be called by any number of
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

	mu       sync.Mutex // guards what follows; never held while waiting or calling back
	calls    []*Call    // those that are over, and subscriptions
	running  map[*Call]struct{}
	number   int // calls begun
	faults   []*Fault
	logs     []*streamLog
	readers  map[string]*readerState // by the iterators that continue them
	chains   []*readerState
	chaos    *chaos // nil without
	events   []chaosEvent
	checkers []*Checker
	listener *listener // nil until Server
}

// New returns a fake for a test, which ends with it. The test fails if it leaves
// anything behind: an event stream that is not closed, a response that was not
// read, a call that has no answer yet and, outside a bubble, a goroutine that it
// started. When the test fails, the latest calls are logged.
func New(t testing.TB, opts ...Option) *Fake {
	t.Helper()
	var c Config
	for _, o := range opts {
		o.set(&c)
	}
	c = c.withDefaults()
	k := &Fake{t: t, config: c, clock: newClock(c.Start), seed: c.Seed}
	if k.seed == 0 {
		k.seed = rand.Uint64()>>11 | 1
	}
	k.client = sync.OnceValue(func() *kinesis.Client { return kinesis.NewFromConfig(k.Config()) })
	var err error
	if k.account, err = account.New(c.account(k.clock.now)); err != nil {
		t.Fatalf("kinesistest: %v", err)
	}
	for _, s := range c.Streams {
		if err := k.create(s); err != nil {
			t.Fatalf("kinesistest: stream %q: %v", s.Name, err)
		}
	}
	if c.Chaos.any() {
		k.chaos = newChaos(k.seed, c.Chaos, k.Now())
	}
	k.labelGoroutines()
	t.Cleanup(k.finish)
	return k
}

// create creates a stream, whatever the delays are.
func (k *Fake) create(s StreamSpec) error {
	ctx := context.Background()
	in := &account.CreateStreamInput{StreamName: &s.Name, ShardCount: account.Ptr(int32(max(1, s.Shards)))}
	if s.OnDemand {
		in.ShardCount, in.StreamModeDetails = nil, &account.StreamModeDetails{StreamMode: account.Ptr(account.ModeOnDemand)}
	}
	if _, err := k.account.CreateStream(ctx, in); err != nil {
		return err
	}
	if s.Retention > 0 && s.Retention != weir.DefaultRetention {
		hours := int32(s.Retention / time.Hour)
		if _, err := k.account.IncreaseStreamRetentionPeriod(ctx, &account.IncreaseStreamRetentionPeriodInput{
			StreamName: &s.Name, RetentionPeriodHours: &hours,
		}); err != nil {
			return err
		}
	}
	for _, name := range s.Consumers {
		arn := k.StreamARN(s.Name)
		if _, err := k.account.RegisterStreamConsumer(ctx, &account.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &name}); err != nil {
			return err
		}
	}
	return nil
}

// Seed returns where all chance of this fake comes from.
func (k *Fake) Seed() uint64 { return k.seed }

// Client returns a client of the SDK whose requests the fake answers, without a
// socket and in the fake's time. It is the genuine one: it signs, retries, waits
// and reads event streams as in production. There is one for each fake; with
// options it is another one.
func (k *Fake) Client(options ...func(*kinesis.Options)) *kinesis.Client {
	if len(options) == 0 {
		return k.client()
	}
	return kinesis.NewFromConfig(k.Config(), options...)
}

// Config returns an SDK configuration of which any client of Kinesis can be made.
// It has dummy credentials, the fake as HTTP client, and the SDK's standard
// retryer, whose back-off takes its jitter from the fake's seed.
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

// Transport returns what carries requests to the fake, for HTTP clients other than
// the SDK's. It ignores the host.
func (k *Fake) Transport() http.RoundTripper { return transport{k} }

// retryer returns the SDK's standard retryer with a back-off that depends on the
// seed, the attempt and how many delays there were before, and, where the clock
// stands still, moves it.
func (k *Fake) retryer() aws.Retryer {
	backoff := retry.NewExponentialJitterBackoff(retry.DefaultMaxBackoff)
	var delays atomic.Uint64
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			if _, err := backoff.BackoffDelay(attempt, err); err != nil {
				return 0, err
			}
			most := min(time.Second<<min(attempt, 10), retry.DefaultMaxBackoff)
			d := time.Duration(chance(k.seed, "back-off", delays.Add(1)) * float64(most))
			if k.clock.still {
				k.Advance(d)
				return 0, nil
			}
			return d, nil
		})
	})
}

// chance returns a number from 0 to 1 that depends on its arguments alone.
func chance(seed uint64, what string, n uint64) float64 {
	h := fnv.New64a()
	h.Write([]byte(what))
	return rand.New(rand.NewPCG(seed^h.Sum64(), n)).Float64()
}

// Account returns the account behind the fake. What is done through it is no call
// and meets no fault.
func (k *Fake) Account() *account.Account { return k.account }

// Stream returns the engine's stream of a name, for arranging and asserting
// directly; nil if there is none. What is done to it is no call.
func (k *Fake) Stream(name string) *weir.Stream { return k.account.Stream(name) }

// need is Stream for a stream that must be there.
func (k *Fake) need(name string) *weir.Stream {
	k.t.Helper()
	s := k.Stream(name)
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
	ctx := context.Background()
	d, err := k.account.DescribeStreamConsumer(ctx, &account.DescribeStreamConsumerInput{StreamARN: &arn, ConsumerName: &consumer})
	if err == nil {
		return d.ConsumerDescription.ConsumerARN
	}
	r, err := k.account.RegisterStreamConsumer(ctx, &account.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &consumer})
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
// and languages. It cannot be used in a bubble, where time would stand still while
// a socket is waited for.
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
	if c.Op == "PutRecord" || c.Op == "PutRecords" {
		k.drain()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c.Took = k.Now().Sub(c.At)
	delete(k.running, c)
	k.followLocked(c)
	if c.Op != "SubscribeToShard" {
		k.keepLocked(c)
	}
}

func (k *Fake) keepLocked(c *Call) {
	if len(k.calls) >= 2*k.config.KeepCalls {
		k.calls = append([]*Call(nil), k.calls[len(k.calls)-k.config.KeepCalls:]...)
	}
	k.calls = append(k.calls, c)
}
