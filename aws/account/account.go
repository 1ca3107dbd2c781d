// Package account is one AWS account in one region: named streams over the
// engine, with every operation of the Kinesis API as a Go method. It knows
// ARNs, statuses, tags, policies, encryption settings, registered consumers,
// channels, queues, quotas and call rates, and words its errors as the service does. It
// speaks no HTTP; package kinesisserver does.
//
//	a, err := account.New(account.Config{})
//	_, err = a.CreateStream(ctx, &account.CreateStreamInput{
//		StreamName: account.Ptr("clicks"), ShardCount: account.Ptr(int32(4)),
//	})
//
// The zero [Config] is the service: a stream takes seconds to become ACTIVE,
// and a second DescribeLimits within a second is refused. [Instant] is the
// Config of an account that does not keep anybody waiting. What [New] makes ends
// with the process; [Open] keeps an account on disk.
//
// Statuses are decided from the clock at the moment of a call, and a change
// that fell due in between took effect when it was due. There is no goroutine,
// and no timer but within [Subscription.Next] and for a Sync, so an Account
// needs nothing in a testing/synctest bubble. All methods may be called by any
// number of goroutines at a time. Every error is an [*Error], but for a
// context's.
//
// What an operation is given is checked for what it means, not for its form:
// lengths and patterns of members are for a server to check, in the order and
// with the words of the service.
package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
)

// An Account is one account in one region.
type Account struct {
	config    Config // immutable; resolved
	partition string // immutable; of ARNs
	seal      [sealBytes]byte
	memory    *share       // immutable; what it takes beside its streams; nil without a bound
	disk      *disk        // immutable; nil for an account in memory
	told      atomic.Int64 // when Config.Failed was told last, Unix nanoseconds

	// streams holds every stream by its name, those that are CREATING or
	// DELETING too. The map is never changed: under mu it is replaced by
	// another one, so that nobody on the way of records waits for a lock.
	streams atomic.Pointer[map[string]*stream]

	// queues holds every queue by its id, likewise.
	queues atomic.Pointer[map[string]*workQueue]

	// mu guards what follows and what streams, consumers, channels and queues say
	// that it guards. Operations on settings hold it from beginning to end; those on
	// records take it only when a status has to change.
	mu         sync.Mutex
	channels   map[string]*channel // by id
	channelSeq uint64              // channels ever created
	queueSeq   uint64              // queues ever created
	commitment commitment
	rates      limiters
	deleted    deletedStreams
}

// New returns an account without streams. The error says which field of the
// Config is out of bounds, or is an [*Error] where Memory has no room for an
// account.
func New(c Config) (*Account, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	if a.config.Stream.WhenFull == weir.Spill {
		return nil, errors.New("Config.Stream.WhenFull: Spill is for accounts on disk, which Open opens")
	}
	if a.checkMemory("CreateStream"); !a.memory.Take(accountBytes) {
		return nil, a.memoryFull()
	}
	if m := a.config.Memory; m != nil {
		m.join(a)
	}
	return a, nil
}

// newAccount returns an account whose memory is not counted.
func newAccount(c Config) (*Account, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(c.ID + "/" + c.Region))
	a := &Account{config: c, partition: partitionOf(c.Region), memory: c.newShare(), channels: make(map[string]*channel)}
	copy(a.seal[:], sum[:])
	a.streams.Store(&map[string]*stream{})
	a.queues.Store(&map[string]*workQueue{})
	return a, nil
}

// Config returns the configuration with its defaults filled in.
func (a *Account) Config() Config { return a.config }

// Stream returns the engine's stream of a name, or nil if there is none or it
// is CREATING. What is done to it there has no part in the account's quotas.
func (a *Account) Stream(name string) *weir.Stream {
	if st := a.serving(name); st != nil {
		return st.engine
	}
	return nil
}

// Streams returns the engine's streams by name, those of which are left out
// that are CREATING.
func (a *Account) Streams() []*weir.Stream {
	c := &control{a: a, now: a.config.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []*weir.Stream
	for _, st := range c.sortedStreams() {
		if st.open.Load() {
			list = append(list, st.engine)
		}
	}
	return list
}

// A control is one operation of the control plane, those on settings, between
// its beginning and its end.
type control struct {
	a   *Account
	op  string
	now time.Time
	own bool    // of who arranges the account: no call rate counts it
	met *stream // that the operation addresses; nil if it was not found

	// Of an account on disk.
	after    []func()            // what is to be done when the operation is on disk
	replaces weir.SequenceNumber // what was remembered of the name of a new stream
}

// do runs an operation on settings: under the account's lock, at one reading of
// the clock, unless the account's call rate refuses it.
func do[In, Out any](ctx context.Context, a *Account, op string, in *In, f func(*control, *In) (*Out, error)) (*Out, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if in == nil {
		in = new(In)
	}
	c := &control{a: a, op: op, now: a.config.Now(), own: ctx.Value(withoutCallRates{}) != nil}
	full := a.checkMemory(op)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !c.own && !a.rates.allow(a.config.CallRates, op, perAccount, c.now) {
		return nil, errorf(CodeLimitExceeded, msgRateAccount, a.config.ID)
	}
	if err := c.checkToken(in); err != nil {
		return nil, err
	}
	if full != nil {
		return nil, full
	}
	out, err := f(c, in)
	if a.disk != nil {
		if bad := c.settled(err); bad != nil {
			out, err = nil, bad
		}
	}
	if c.met != nil {
		c.met.recountLocked()
	}
	return out, err
}

// stream returns the stream that an operation addresses, in the state that it
// has now, unless its call rate refuses the operation.
func (c *control) stream(name, arn *string) (*stream, error) {
	id, err := c.a.resolve(StreamRef{Name: value(name), ARN: value(arn)})
	if err != nil {
		return nil, err
	}
	st := c.lookUp(id)
	if st == nil {
		return nil, c.a.streamNotFound(id)
	}
	c.met = st
	if !c.own && !st.rates.allow(c.a.config.CallRates, c.op, perStream, c.now) {
		return nil, errorf(CodeLimitExceeded, msgRateStream, st.name, c.a.config.ID)
	}
	return st, nil
}

// active is stream for an operation that only an ACTIVE stream admits.
func (c *control) active(name, arn *string) (*stream, error) {
	st, err := c.stream(name, arn)
	if err != nil {
		return nil, err
	}
	return st, st.needActive()
}

// lookUp returns the stream of a name in the state that it has now, or nil.
func (c *control) lookUp(name string) *stream {
	st := (*c.a.streams.Load())[name]
	if st == nil {
		return nil
	}
	st.settleLocked(c.now)
	if st.gone {
		return nil
	}
	return st
}

// everyStream yields the streams in the state that they have now, in no order.
func (c *control) everyStream() iter.Seq[*stream] {
	return func(yield func(*stream) bool) {
		for _, st := range *c.a.streams.Load() {
			if st.settleLocked(c.now); !st.gone && !yield(st) {
				return
			}
		}
	}
}

// sortedStreams returns the streams by name in the state that they have now.
func (c *control) sortedStreams() []*stream {
	return slices.SortedFunc(c.everyStream(), func(x, y *stream) int { return strings.Compare(x.name, y.name) })
}

// setStreamLocked enters a stream under a name, or takes the name out if st is
// nil.
func (a *Account) setStreamLocked(name string, st *stream) {
	streams := maps.Clone(*a.streams.Load())
	if st == nil {
		delete(streams, name)
	} else {
		streams[name] = st
	}
	a.streams.Store(&streams)
}

// Ptr returns a pointer to a copy of v, for the optional members of inputs.
func Ptr[T any](v T) *T { return &v }

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
