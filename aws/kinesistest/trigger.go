package kinesistest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// A TriggerConfig says which function gets the records of which stream. Stream
// and Handler must be set.
type TriggerConfig struct {
	// Stream is the stream's name.
	Stream string
	// Settings are the event source mapping's. An empty StartingPosition means
	// TRIM_HORIZON, an empty EventSourceArn the stream's. The ARN of a consumer, as
	// [Fake.ConsumerARN] gives it, is read by SubscribeToShard, which is to be done
	// in bubbles only.
	Settings eventsource.Settings
	// Handler is what [lambda.Handler] takes, a handler of aws-lambda-go, or an
	// [eventsource.Function].
	Handler any
	// OnFailure takes what is given up; [Trigger.Failures] has it in any case. Nil
	// means that nothing else is done with it. As long as it fails nothing
	// advances, and nothing is among the failures.
	OnFailure eventsource.Destination
	// Timeout is how long the function may take. Zero means
	// [lambda.MaxTimeout], the most.
	Timeout time.Duration
	// Store keeps how far the trigger has come, for triggers that go on where one
	// before has stopped, or that share a stream. Nil means one of its own.
	Store lease.Store
	// Worker names the trigger among those that share a Store. Empty means
	// "trigger".
	Worker string
}

// A Trigger calls a function with the records of a stream, as Lambda's event
// source mapping does. It reads by the fake's client: its calls are in
// [Fake.Calls] and meet faults and chaos. All methods may be called by any
// number of goroutines at a time.
type Trigger struct {
	fake   *Fake
	config TriggerConfig
	source *eventsource.Source
	store  lease.Store
	begun  time.Time
	stop   context.CancelFunc
	ended  chan struct{} // closed when the source has
	err    error         // of the source; to be read when ended is closed

	mu          sync.Mutex // guards what follows
	invocations kept[Invocation]
	failures    kept[*eventsource.Failure]
}

// Trigger begins to call a handler with the records of a stream, until the test
// is over, or [Trigger.Stop]: see [TriggerConfig] for what it takes. In a bubble
// batching windows, retries, ages and tumbling windows take the bubble's time,
// which is none. Use [Fake.WaitFor] with [Trigger.Done], or time.Sleep, to let
// it work.
//
// Outside a bubble it works in real time, whatever [Fake.Advance] does, and
// cannot be used where the clock stands still.
func (k *Fake) Trigger(stream string, s eventsource.Settings, handler any) *Trigger {
	k.t.Helper()
	return k.StartTrigger(TriggerConfig{Stream: stream, Settings: s, Handler: handler})
}

// StartTrigger is [Fake.Trigger] with all that can be said.
func (k *Fake) StartTrigger(c TriggerConfig) *Trigger {
	k.t.Helper()
	k.need(c.Stream)
	if k.clock.still {
		k.t.Fatalf("kinesistest: Trigger needs a bubble, or a clock that runs: it waits by package time")
	}
	tr := &Trigger{fake: k, config: c, store: c.Store, begun: k.Now(), ended: make(chan struct{})}
	tr.invocations.most, tr.failures.most = k.config.KeepCalls, k.config.KeepCalls
	if tr.store == nil {
		tr.store = new(lease.Memory)
	}
	if err := tr.open(); err != nil {
		k.t.Fatalf("kinesistest: Trigger of %s: %v", c.Stream, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	tr.stop = stop
	go tr.run(ctx)
	k.t.Cleanup(func() { tr.Stop() })
	if k.clock.bubble {
		k.comeToRest() // so that LATEST means now
	}
	return tr
}

// open makes the source.
func (tr *Trigger) open() error {
	k, c := tr.fake, &tr.config
	if c.Settings.StartingPosition == "" && c.Settings.StartingPositionTimestamp.IsZero() {
		c.Settings.StartingPosition = eventsource.TrimHorizon
	}
	c.Settings.EventSourceArn = cmp.Or(c.Settings.EventSourceArn, k.StreamARN(c.Stream))
	function, err := tr.function()
	if err != nil {
		return err
	}
	stream, err := kinesisclient.New(k.Client(), c.Stream)
	if err != nil {
		return err
	}
	_, registered, _ := strings.Cut(c.Settings.EventSourceArn, "/consumer/")
	consumerName, _, _ := strings.Cut(registered, ":")
	tr.source, err = eventsource.New(eventsource.Config{
		Settings: c.Settings, Role: k.role(), Timeout: c.Timeout,
		Function: tr.noted(function), OnFailure: eventsource.DestinationFunc(tr.giveUp),
		Group: consumer.Config{
			Streams: []client.Stream{stream}, Store: tr.store, Worker: cmp.Or(c.Worker, "trigger"), Expired: consumer.ContinueExpired,
			Reading: client.Reading{Consumer: consumerName}, Random: rand.NewPCG(k.seed, 0),
			Logger: slog.New(slog.NewTextHandler(k.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		},
	})
	return err
}

// function returns what the handler does as a function.
func (tr *Trigger) function() (eventsource.Function, error) {
	if f, ok := tr.config.Handler.(eventsource.Function); ok && f != nil {
		return f, nil
	}
	return lambda.Handler(tr.config.Handler, lambda.HandlerConfig{FunctionARN: functionARN(tr.config.Settings.FunctionName), Timeout: tr.config.Timeout})
}

// functionARN returns a function's name if it is an ARN.
func functionARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return ""
}

func (tr *Trigger) run(ctx context.Context) {
	defer close(tr.ended)
	if tr.err = tr.source.Run(ctx); tr.err != nil {
		tr.fake.t.Errorf("kinesistest: Trigger of %s: %v", tr.config.Stream, tr.err)
	}
}

// Stop ends the trigger, and waits until what is under way has come to its end.
// It returns why the trigger ended before; the test has failed then. The end of
// the test stops it as well.
func (tr *Trigger) Stop() error {
	tr.stop()
	<-tr.ended
	return tr.err
}

// Done reports whether the position is behind every record that is to be
// processed: all that were put are processed, match no filter, or are given up.
// It is kept once a second, so Done comes after the last answer. The final
// invocation of the window that is open is yet to come.
func (tr *Trigger) Done() bool {
	leases, err := tr.store.List(context.Background())
	if err != nil {
		return false
	}
	at := make(map[string]lease.Checkpoint, len(leases))
	for _, l := range leases {
		at[l.Key] = l.Checkpoint
	}
	last := make(map[weir.ShardID]weir.SequenceNumber)
	for _, r := range tr.fake.Records(tr.config.Stream) {
		if !r.ArrivalTime.Before(tr.first()) {
			last[r.ShardID()] = r.SequenceNumber
		}
	}
	for shard, number := range last {
		kept, known := at[shard.String()]
		if kept.IsEnded() || !known && tr.succeeded(shard, at) {
			continue
		}
		reached, err := weir.ParseSequenceNumber(kept.Sequence)
		if err != nil || reached.Compare(number) < 0 {
			return false
		}
	}
	return true
}

// succeeded reports whether a shard without a lease has had one: the lease of a
// shard that has been processed to its end is deleted when its children, or
// theirs, have leases.
func (tr *Trigger) succeeded(shard weir.ShardID, at map[string]lease.Checkpoint) bool {
	for _, s := range tr.fake.account.Stream(tr.config.Stream).Shards() {
		if !slices.Contains(s.Parents, shard) {
			continue
		}
		if _, known := at[s.ID.String()]; known || tr.succeeded(s.ID, at) {
			return true
		}
	}
	return false
}

// first returns from when on records are to be processed.
func (tr *Trigger) first() time.Time {
	switch s := tr.config.Settings; s.StartingPosition {
	case eventsource.AtTimestamp:
		return s.StartingPositionTimestamp
	case eventsource.Latest:
		return tr.begun.Truncate(time.Millisecond)
	}
	return time.Time{}
}

// Metrics returns what the trigger has done, by the names of the service.
func (tr *Trigger) Metrics() eventsource.Metrics { return tr.source.Metrics() }

// An Invocation is one call of the function.
type Invocation struct {
	// At is when it was called, Took how long that took.
	At   time.Time
	Took time.Duration
	// Payload is the event, Answer what the function returned.
	Payload, Answer []byte
	// Err is its error; nil if it answered, whatever it answered. It is
	// [ErrNoReturn] after a panic, which the test's log has in full.
	Err error
}

// ErrNoReturn is the error of an invocation that panicked, or ended its
// goroutine, as a test's FailNow does.
var ErrNoReturn = errors.New("the function has not returned")

// Event returns the event. Outside windows only its records are set.
func (i Invocation) Event() (e events.KinesisTimeWindowEvent) {
	_ = json.Unmarshal(i.Payload, &e) // it is the event source's own
	return e
}

// Data returns the data of the records that the function was given.
func (i Invocation) Data() []string {
	list := []string{}
	for _, r := range i.Event().Records {
		list = append(list, string(r.Kinesis.Data))
	}
	return list
}

// Invocations returns the calls of the function that have come to their end, in
// that order: the latest [Config.KeepCalls], and not more than 64 MiB of events
// and answers.
func (tr *Trigger) Invocations() []Invocation {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.invocations.list()
}

// Failures returns what was given up, in that order, with the same bounds. What
// else the document says is the service's; [eventsource.Failure].Event is what
// the function got last.
func (tr *Trigger) Failures() []*eventsource.Failure {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.failures.list()
}

// noted notes the calls of a function.
func (tr *Trigger) noted(f eventsource.Function) eventsource.Function {
	return func(ctx context.Context, event []byte) (answer []byte, err error) {
		call := Invocation{At: tr.fake.Now(), Payload: event, Err: ErrNoReturn}
		returned := false
		defer func() {
			if returned {
				call.Answer, call.Err = answer, err
			}
			call.Took = tr.fake.Now().Sub(call.At)
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.invocations.add(call, len(event)+len(answer))
		}()
		answer, err = f(ctx, event)
		returned = true
		return answer, err
	}
}

// giveUp takes what is given up.
func (tr *Trigger) giveUp(ctx context.Context, f *eventsource.Failure) error {
	if d := tr.config.OnFailure; d != nil {
		if err := d.Deliver(ctx, f); err != nil {
			return err
		}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failures.add(f, len(f.Event))
	return nil
}

// SawEvent tells that the consumer, a function, saw records of an event, in this
// order: all of e.Records, or each when it has been processed.
func (c *Checker) SawEvent(records ...events.KinesisEventRecord) {
	for _, r := range records {
		c.SawNumber(r.Kinesis.PartitionKey, r.Kinesis.SequenceNumber)
	}
}

// maxKept is how much is kept of what a trigger has done, in bytes.
const maxKept = 64 << 20

// kept are the latest things of a kind.
type kept[T any] struct {
	most  int
	items []T
	sizes []int
	bytes int
}

func (k *kept[T]) add(item T, size int) {
	k.items, k.sizes, k.bytes = append(k.items, item), append(k.sizes, size), k.bytes+size
	old := 0
	for len(k.items)-old > k.most || k.bytes > maxKept && len(k.items)-old > 1 {
		k.bytes -= k.sizes[old]
		old++
	}
	if old > 0 {
		clear(k.items[:old]) // the memory is reused when the slice next grows
		k.items, k.sizes = k.items[old:], k.sizes[old:]
	}
}

func (k *kept[T]) list() []T { return append([]T(nil), k.items...) }
