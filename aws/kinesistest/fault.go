package kinesistest

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
)

// A Fault is something that goes wrong with calls that match it. [Fake.Fail]
// makes one; methods that say which calls come first, then one that says what
// happens, from which on it is in force:
//
//	k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.ExpiredIterator)
//
// Each call is offered to the faults in the order in which they were declared.
// The first one that applies takes it, and those after it do not see it;
// latency alone takes nothing. Without Nth, Times or Probability a fault
// applies to every call that matches, until Stop.
//
// One fault does one thing, and each method is called once: what is said twice
// fails the test at once, because the first would be forgotten. A fault of a
// stream, shard or consumer that there never was, or that the operation cannot
// be about, fails it as well.
//
// The attempts of a client are calls: what happens three times may be over
// before the code under test hears of it.
type Fault struct {
	fake  *Fake
	index int
	where string // file and line of the declaration

	mu      sync.Mutex // guards what follows
	spec    faultSpec
	matched int
	applied int
	stopped bool
	known   bool              // a call was of the fault's stream, shard and consumer
	said    map[string]bool   // methods that were called
	seen    map[string]uint64 // calls by what they are about, for chance
}

// A faultSpec says which calls, and what happens to them.
type faultSpec struct {
	op, stream, consumer, queue string

	shard       weir.ShardID // -1: any
	nth         []int
	times       int // 0: any number
	probability float64
	seed        uint64
	from, until time.Time // zero: any
	when        func(*Call) bool
	do          func(*Call) error
	latency     [2]time.Duration
	action      action
	required    bool
}

// An actionKind is what happens.
type actionKind int

const (
	actNothing actionKind = iota
	actFail
	actThrottleRecords
	actResetBefore
	actResetAfter
	actCut
	actException
	actDuplicate
	actSilent
	actEdit
	actEmptyPage
	actCutBody
)

// An action is what happens, in detail.
type action struct {
	kind  actionKind
	err   error
	which func(int, types.PutRecordsRequestEntry) bool
	index []int // what which chooses, if it is known
	after int   // events
	edit  func(*Call, message) message
}

// Fail declares a fault of an operation, such as "GetRecords"; "" means any.
func (k *Fake) Fail(op string) *Fault {
	k.t.Helper()
	if _, ok := shapes[op]; !ok && op != "" {
		k.t.Fatalf("kinesistest: Fail: there is no operation %q", op)
	}
	f := &Fault{fake: k, spec: faultSpec{op: op, shard: -1, probability: 1}}
	if _, file, line, ok := runtime.Caller(1); ok {
		f.where = fmt.Sprintf("%s:%d", filepath.Base(file), line)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f.index = len(k.faults)
	f.spec.required = k.config.RequireFaults
	k.faults = append(k.faults, f)
	return f
}

// say changes the fault's spec by a method, which may be called once.
func (f *Fault) say(method string, with func(*faultSpec)) *Fault {
	f.fake.t.Helper()
	f.mu.Lock()
	again := f.said[method]
	if !again {
		if f.said == nil {
			f.said = make(map[string]bool)
		}
		f.said[method] = true
		with(&f.spec)
	}
	f.mu.Unlock()
	if again {
		f.fake.t.Fatalf("kinesistest: %s was called already of the fault declared at %s, which is: %v", method, f.where, f)
	}
	return f
}

// about fails the test if the fault's operation has none of some members, by
// which alone its calls could be about what.
func (f *Fault) about(what string, members ...string) {
	f.fake.t.Helper()
	if f.spec.op == "" {
		return
	}
	in := shapes[f.spec.op].input
	for _, name := range members {
		if _, ok := in.FieldByName(name); ok {
			return
		}
	}
	f.fake.t.Fatalf("kinesistest: no %s says which %s it is about: the fault would never apply", f.spec.op, what)
}

// Stream narrows the fault to a stream.
func (f *Fault) Stream(name string) *Fault {
	f.fake.t.Helper()
	f.about("stream", "StreamName", "StreamARN", "ConsumerARN", "ResourceARN", "ShardIterator", "QueueARN", "QueueName")
	return f.say("Stream", func(s *faultSpec) { s.stream = name })
}

// Shard narrows the fault to a shard, by its number. A PutRecords is about all
// shards that its records go to.
func (f *Fault) Shard(n int) *Fault {
	f.fake.t.Helper()
	if n < 0 {
		f.fake.t.Fatalf("kinesistest: Shard(%d): shards are numbered from 0", n)
	}
	f.about("shard", "ShardId", "ShardToSplit", "ShardToMerge", "ShardIterator", "PartitionKey", "Records")
	return f.say("Shard", func(s *faultSpec) { s.shard = weir.ShardID(n) })
}

// Consumer narrows the fault to a registered consumer.
func (f *Fault) Consumer(name string) *Fault {
	f.fake.t.Helper()
	f.about("consumer", "ConsumerARN", "ConsumerName", "ResourceARN")
	return f.say("Consumer", func(s *faultSpec) { s.consumer = name })
}

// Queue narrows the fault to a queue, by its name.
func (f *Fault) Queue(name string) *Fault {
	f.fake.t.Helper()
	f.about("queue", "QueueARN", "QueueName", "ResourceARN")
	return f.say("Queue", func(s *faultSpec) { s.queue = name })
}

// When narrows the fault to calls for which when returns true. It may look at
// the decoded request with [InputOf].
func (f *Fault) When(when func(*Call) bool) *Fault {
	f.fake.t.Helper()
	if when == nil {
		f.fake.t.Fatalf("kinesistest: When(nil): want a function")
	}
	return f.say("When", func(s *faultSpec) { s.when = when })
}

// For narrows the fault to the time from now on, for d.
func (f *Fault) For(d time.Duration) *Fault {
	f.fake.t.Helper()
	if d <= 0 {
		f.fake.t.Fatalf("kinesistest: For(%v): want more than none", d)
	}
	now := f.fake.Now()
	return f.say("For", func(s *faultSpec) { s.from, s.until = now, now.Add(d) })
}

// Nth makes the fault apply to certain calls only of those that match: the
// first is 1.
func (f *Fault) Nth(n ...int) *Fault {
	f.fake.t.Helper()
	if len(n) == 0 || slices.Min(n) < 1 {
		f.fake.t.Fatalf("kinesistest: Nth%v: calls are counted from 1", n)
	}
	return f.say("Nth", func(s *faultSpec) { s.nth = slices.Clone(n) })
}

// Times makes the fault apply n times at most.
func (f *Fault) Times(n int) *Fault {
	f.fake.t.Helper()
	if n < 1 {
		f.fake.t.Fatalf("kinesistest: Times(%d): want 1 or more", n)
	}
	return f.say("Times", func(s *faultSpec) { s.times = n })
}

// Probability makes the fault apply by chance, 0 to 1. What decides is the seed
// and the call's number among those of the same operation, stream, shard and
// consumer, so that goroutines may take turns in any order. With no seed it is
// the fake's.
func (f *Fault) Probability(p float64, seed ...uint64) *Fault {
	f.fake.t.Helper()
	if !(p >= 0 && p <= 1) {
		f.fake.t.Fatalf("kinesistest: Probability(%v): want 0 to 1", p)
	}
	return f.say("Probability", func(s *faultSpec) {
		s.probability, s.seed = p, f.fake.seed
		if len(seed) > 0 {
			s.seed = seed[0]
		}
	})
}

// Required makes the test fail at its end if the fault did not apply: once, or
// as often as Nth and Times say.
func (f *Fault) Required() *Fault {
	f.fake.t.Helper()
	return f.say("Required", func(s *faultSpec) { s.required = true })
}

// With makes the call fail with an error: a [Code], an error of the SDK's types
// package or an account.Error; any other is an internal failure that says what
// it says. The operation has no effect.
func (f *Fault) With(err error) *Fault {
	f.fake.t.Helper()
	if err == nil {
		f.fake.t.Fatalf("kinesistest: With(nil): want an error")
	}
	return f.act(action{kind: actFail, err: err})
}

// Throttle makes the call fail the way the service throttles the operation.
func (f *Fault) Throttle() *Fault { return f.act(action{kind: actFail}) }

// ThrottleRecords throttles records of PutRecords: those of the given indexes
// or, if none are given, those that go to the fault's shard, or all. The others
// are stored. So it does with the entries of the operations on a queue's records
// that have some, such as AcknowledgeQueueRecords.
func (f *Fault) ThrottleRecords(index ...int) *Fault {
	f.fake.t.Helper()
	return f.act(recordsOf(index, nil))
}

// recordsOf is what happens to the records of some indexes; to all if there are
// none.
func recordsOf(index []int, err error) action {
	a := action{kind: actThrottleRecords, err: err}
	if len(index) > 0 {
		a.index = slices.Clone(index)
		a.which = func(i int, _ types.PutRecordsRequestEntry) bool { return slices.Contains(a.index, i) }
	}
	return a
}

// FailRecords makes records of PutRecords fail with an error, as With does for
// calls: those of the given indexes or, if none are given, those that go to the
// fault's shard, or all. The others are stored. It is for the entries of a queue's
// operations as well, as ThrottleRecords is.
func (f *Fault) FailRecords(err error, index ...int) *Fault {
	f.fake.t.Helper()
	if err == nil {
		f.fake.t.Fatalf("kinesistest: FailRecords(nil): want an error")
	}
	return f.act(recordsOf(index, err))
}

// FailRecordsIf makes the records of PutRecords fail for which which returns
// true, as FailRecords does.
func (f *Fault) FailRecordsIf(err error, which func(index int, entry types.PutRecordsRequestEntry) bool) *Fault {
	f.fake.t.Helper()
	if err == nil || which == nil {
		f.fake.t.Fatalf("kinesistest: FailRecordsIf(%v): want an error and a function", err)
	}
	return f.act(action{kind: actThrottleRecords, which: which, err: err})
}

// ThrottleRecordsIf throttles the records of PutRecords for which which returns
// true. The others are stored.
func (f *Fault) ThrottleRecordsIf(which func(index int, entry types.PutRecordsRequestEntry) bool) *Fault {
	f.fake.t.Helper()
	return f.act(action{kind: actThrottleRecords, which: which})
}

// Latency delays the call, before it has an effect: by d or, with a second
// duration, by something from d to that. It may go together with what else
// happens.
func (f *Fault) Latency(d time.Duration, to ...time.Duration) *Fault {
	f.fake.t.Helper()
	most := slices.Max(append(slices.Clone(to), d))
	if d < 0 || most == 0 {
		f.fake.t.Fatalf("kinesistest: Latency(%v): want more than none", d)
	}
	return f.say("Latency", func(s *faultSpec) { s.latency = [2]time.Duration{d, most} })
}

// ResetBefore breaks the connection before the call has an effect.
func (f *Fault) ResetBefore() *Fault { return f.act(action{kind: actResetBefore}) }

// ResetAfter breaks the connection after the call has had its effect: a record
// is stored, and nobody is told.
func (f *Fault) ResetAfter() *Fault { return f.act(action{kind: actResetAfter}) }

// CutStream breaks the connection of a SubscribeToShard after so many events.
func (f *Fault) CutStream(events int) *Fault {
	f.fake.t.Helper()
	return f.act(action{kind: actCut, after: events})
}

// FallSilent leaves a SubscribeToShard open after so many events and sends no
// more, not even the end of its five minutes: until the client goes.
func (f *Fault) FallSilent(events int) *Fault {
	f.fake.t.Helper()
	return f.act(action{kind: actSilent, after: events})
}

// InStreamException ends a SubscribeToShard with an exception in the event
// stream after so many events.
func (f *Fault) InStreamException(events int, err error) *Fault {
	f.fake.t.Helper()
	if err == nil {
		f.fake.t.Fatalf("kinesistest: InStreamException(%d, nil): want an error", events)
	}
	return f.act(action{kind: actException, after: events, err: err})
}

// Duplicate makes things happen twice. A put is stored twice. A GetRecords
// answers with a next iterator that gives the same records again. A
// SubscribeToShard sends each event with records twice.
func (f *Fault) Duplicate() *Fault { return f.act(action{kind: actDuplicate}) }

// Do calls do, which may look at the decoded request with [InputOf]. If it
// returns an error the call fails with it, else it goes on as if there were no
// fault.
func (f *Fault) Do(do func(*Call) error) *Fault {
	f.fake.t.Helper()
	if do == nil {
		f.fake.t.Fatalf("kinesistest: Do(nil): want a function")
	}
	return f.say("Do", func(s *faultSpec) { s.do = do })
}

func (f *Fault) act(a action) *Fault {
	f.fake.t.Helper()
	if a.after < 0 {
		f.fake.t.Fatalf("kinesistest: after %d events: want none or more", a.after)
	}
	if f.said["what happens"] {
		f.fake.t.Fatalf("kinesistest: %v: declare another fault for: %v", f, a)
	}
	f.say("what happens", func(s *faultSpec) { s.action = a })
	wants := map[actionKind]string{actThrottleRecords: "PutRecords", actCut: "SubscribeToShard", actException: "SubscribeToShard",
		actSilent: "SubscribeToShard", actEmptyPage: "GetRecords"}
	entries := a.kind == actThrottleRecords && isOfEntries(f.spec.op)
	if op := wants[a.kind]; op != "" && f.spec.op != op && !entries {
		f.fake.t.Fatalf("kinesistest: %v is for %s, not for %q", f, op, f.spec.op)
	}
	return f
}

// Stop ends the fault.
func (f *Fault) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
}

// Applied returns how many times the fault applied.
func (f *Fault) Applied() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

// String returns the fault in words.
func (f *Fault) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spec.String()
}

func (s faultSpec) String() string {
	var b strings.Builder
	b.WriteString(cmp.Or(s.op, "any call"))
	add := func(yes bool, format string, args ...any) {
		if yes {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	add(s.stream != "", "of %s", s.stream)
	add(s.shard >= 0, "on shard %d", s.shard)
	add(s.consumer != "", "for %s", s.consumer)
	add(s.queue != "", "of queue %s", s.queue)
	add(len(s.nth) > 0, "number %v", s.nth)
	add(s.times > 0, "×%d", s.times)
	add(s.probability < 1, "by chance %v, seed %d", s.probability, s.seed)
	add(!s.until.IsZero(), "until %s", clockTime(s.until))
	add(s.when != nil, "when a function says so")
	switch {
	case s.latency[0] < s.latency[1]:
		add(true, "latency %v to %v", s.latency[0], s.latency[1])
	case s.latency[1] > 0:
		add(true, "latency %v", s.latency[1])
	}
	add(s.do != nil, "do")
	add(s.action.kind != actNothing, "%v", s.action)
	return strings.TrimSpace(b.String())
}

func (a action) String() string {
	switch a.kind {
	case actFail:
		if a.err == nil {
			return "throttle"
		}
		return shorten(a.err.Error(), 60)
	case actThrottleRecords:
		text := "throttle records"
		if len(a.index) > 0 {
			text += fmt.Sprintf(" %v", a.index)
		}
		if a.err != nil {
			text += " with " + shorten(a.err.Error(), 60)
		}
		return text
	case actSilent:
		return fmt.Sprintf("silent after %d events", a.after)
	case actResetBefore:
		return "reset before the effect"
	case actResetAfter:
		return "reset after the effect"
	case actCut:
		return fmt.Sprintf("cut after %d events", a.after)
	case actException:
		return fmt.Sprintf("%v in the stream after %d events", a.err, a.after)
	case actDuplicate:
		return "duplicate"
	case actEdit:
		return "edited"
	case actEmptyPage:
		return "empty page"
	case actCutBody:
		return "body cut"
	}
	return ""
}
