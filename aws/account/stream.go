package account

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
)

// A stream is a named stream of an account: the engine's, and what the service
// knows of it besides.
type stream struct {
	a       *Account // immutable, likewise down to memory
	name    string
	number  uint64 // of its directory; 0 in memory
	arn     string
	created time.Time // to the millisecond
	engine  *weir.Stream
	clock   *streamClock
	memory  *share // nil without a bound

	// What the way of records reads. It is written under Account.mu.
	due        atomic.Int64 // when change takes effect, Unix nanoseconds; 0: there is none
	open       atomic.Bool  // it has been ACTIVE
	encryption atomic.Pointer[encryption]

	waitMu  sync.Mutex                             // guards waiters; taken after Account.mu
	waiters map[context.Context]context.CancelFunc // subscriptions that wait for an event

	rateMu     sync.Mutex // guards what follows; taken after Account.mu
	dryRuns    limiters
	shardRates map[weir.ShardID]*limiters // of GetShardIterator

	// The rest is guarded by Account.mu.
	status     string
	gone       bool    // deleted, and no more in Account.streams
	change     *change // pending; nil when status is ACTIVE
	rates      limiters
	mode       string
	extra      int   // shards that a pending change will add, for the quota
	reserved   int64 // bytes that are counted for what a pending change will make
	counted    int64 // bytes that are counted for what follows
	tags       map[string]string
	policy     string
	metrics    []string // of enhanced monitoring, in the order of ShardMetrics
	switches   dayCount // of the mode
	encrypts   dayCount
	decrypts   dayCount
	warm       WarmThroughput
	consumers  []*consumer      // in the order of their registration
	registered int64            // consumers ever registered
	suffixes   map[string]int64 // by consumer name: the last second used in an ARN, until it has passed
}

// A streamClock is the clock of an engine's stream: the account's, but while a
// change is carried out, which may be long after it was due, the time it was
// due.
type streamClock struct {
	now  func() time.Time
	held atomic.Pointer[time.Time]
}

func (c *streamClock) read() time.Time {
	if held := c.held.Load(); held != nil {
		return *held
	}
	return c.now()
}

// beginLocked sets a status that changes by itself after a delay, with the
// effect of ch. A change that was pending is dropped.
func (st *stream) beginLocked(now time.Time, status string, delay time.Duration, ch change) {
	ch.At = now.Round(0).Add(delay) // by the wall clock, as due is
	st.status, st.change = status, &ch
	st.due.Store(ch.At.UnixNano())
	st.wakeWaiters()
	if st.a.disk == nil { // else when it is noted
		st.settleLocked(now)
	}
}

// retryEvery is how long it takes until a change is carried out again that could
// not be written down.
const retryEvery = time.Second

// settleLocked carries out what has fallen due.
func (st *stream) settleLocked(now time.Time) {
	if ch := st.change; ch != nil && now.UnixNano() >= st.due.Load() {
		st.clock.held.Store(&ch.At)
		err := st.carryOutLocked(ch)
		st.clock.held.Store(nil)
		if err != nil {
			_ = st.a.failed(err)
			st.due.Store(now.Add(retryEvery).UnixNano())
		} else {
			st.changedLocked()
		}
	}
	st.settleConsumersLocked(now)
}

// changedLocked ends a change that was carried out.
func (st *stream) changedLocked() {
	st.a.disk.touch(st)
	st.change, st.extra = nil, 0
	st.unreserve()
	st.status = StatusActive
	if !st.gone {
		st.open.Store(true)
	}
	st.due.Store(0) // last: who sees it sees the change
}

// needActive refuses an operation unless the stream is ACTIVE.
func (st *stream) needActive() error {
	if st.status == StatusActive {
		return nil
	}
	return errorf(CodeResourceInUse, msgNotActive, st.name, st.a.config.ID, st.status)
}

// needOpen refuses an operation while the stream is CREATING or DELETING.
func (st *stream) needOpen() error {
	if st.status == StatusUpdating {
		return nil
	}
	return st.needActive()
}

// serving returns the stream of a name for an operation on records: nil if
// there is none or it has not been ACTIVE yet.
func (a *Account) serving(name string) *stream {
	st := (*a.streams.Load())[name]
	if st == nil {
		return nil
	}
	if due := st.due.Load(); due != 0 {
		if now := a.config.Now(); now.UnixNano() >= due {
			a.mu.Lock()
			st.settleLocked(now)
			a.noteLocked()
			gone := st.gone
			a.mu.Unlock()
			if gone {
				return nil
			}
		}
	}
	if !st.open.Load() {
		return nil
	}
	return st
}

// CreateStream creates a stream, which is CREATING and then ACTIVE. Without
// StreamModeDetails it is PROVISIONED if there is a ShardCount, else ON_DEMAND. A
// PROVISIONED stream needs a ShardCount; an ON_DEMAND one begins with four shards
// whatever ShardCount says.
func (a *Account) CreateStream(ctx context.Context, in *CreateStreamInput) (*CreateStreamOutput, error) {
	return do(ctx, a, "CreateStream", in, createStream)
}

func createStream(c *control, in *CreateStreamInput) (*CreateStreamOutput, error) {
	if in.StreamName == nil {
		return nil, missing("streamName")
	}
	if c.lookUp(*in.StreamName) != nil {
		return nil, errorf(CodeResourceInUse, msgStreamExists, *in.StreamName, c.a.config.ID)
	}
	config, err := c.checkCreate(in)
	if err != nil {
		return nil, err
	}
	st := &stream{
		a: c.a, name: *in.StreamName, arn: c.a.arnOf("stream/" + *in.StreamName),
		created: c.now.UTC().Truncate(time.Millisecond),
		clock:   &streamClock{now: c.a.config.Now}, mode: modeName(config.Mode),
		tags: addTags(nil, in.Tags), suffixes: make(map[string]int64), memory: c.a.config.newShare(),
	}
	if st.memory != nil { // or the interface would not be nil
		config.Memory = st.memory
	}
	config.Now, config.After = st.clock.read, c.a.deleted.after[st.name]
	if _, err := config.Resolved(); err != nil {
		return nil, c.badStream(config.Shards, err)
	}
	st.clock.held.Store(&c.now)
	st.engine, err = c.a.newEngine(st, config)
	st.clock.held.Store(nil)
	switch {
	case errors.Is(err, weir.ErrMemoryFull):
		return nil, c.a.memoryFull()
	case errors.Is(err, weir.ErrInvalidArgument): // of all that it is made of only the name was not looked at
		return nil, invalid(quoted(*in.StreamName), "streamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	case errors.As(err, new(*Error)):
		return nil, err
	case err != nil:
		return nil, c.a.failed(err)
	}
	c.replaces = c.a.deleted.drop(st.name) // the new stream's numbers are greater
	st.warm = WarmThroughput{int32(config.WarmThroughput), int32(config.WarmThroughput)}
	c.a.setStreamLocked(st.name, st)
	c.met = st
	st.beginLocked(c.now, StatusCreating, c.a.config.Delays.Create, change{})
	return &CreateStreamOutput{}, nil
}

// badStream words why the engine refused a new stream.
func (c *control) badStream(shards int, err error) error {
	var over *weir.LimitError
	if errors.As(err, &over) && over.Quota == weir.QuotaShards {
		used, _ := c.inUse()
		return errorf(CodeLimitExceeded, msgShardLimit, c.a.config.ID, c.a.config.Region, used, over.Most, shards)
	}
	return c.a.translate(err)
}

// checkCreate checks what a new stream is to be, and returns the engine's
// configuration for it.
func (c *control) checkCreate(in *CreateStreamInput) (weir.Config, error) {
	config := c.a.config.Stream
	if err := c.checkCreating(); err != nil {
		return config, err
	}
	if kib := in.MaxRecordSizeInKiB; kib != nil {
		if err := checkRecordSize(*kib); err != nil {
			return config, err
		}
		config.Limits.RecordBytes = int(*kib) * 1024
	}
	if err := c.checkNewTags("stream "+*in.StreamName, "stream", nil, in.Tags); err != nil {
		return config, err
	}
	mode := ModeProvisioned
	switch {
	case in.StreamModeDetails != nil:
		mode = value(in.StreamModeDetails.StreamMode)
	case in.ShardCount == nil:
		mode = ModeOnDemand
	}
	switch mode {
	case ModeProvisioned:
		return config, c.checkProvisioned(&config, in)
	case ModeOnDemand:
		return config, c.checkOnDemand(&config, in)
	default:
		return config, badMode(mode)
	}
}

func badMode(mode string) error {
	return invalid(quoted(mode), "streamModeDetails.streamMode", "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")
}

// checkCreating checks how many streams are CREATING.
func (c *control) checkCreating() error {
	most := c.a.config.Quotas.CreatingStreams
	if most == lifted {
		return nil
	}
	creating := 0
	for st := range c.everyStream() {
		if st.status == StatusCreating {
			creating++
		}
	}
	if creating >= most {
		return errorf(CodeLimitExceeded, msgCreatingLimit, c.a.config.ID, most)
	}
	return nil
}

func (c *control) checkProvisioned(config *weir.Config, in *CreateStreamInput) error {
	switch {
	case in.ShardCount == nil:
		return missing("shardCount")
	case *in.ShardCount < 1:
		return invalid(quotedNumber(*in.ShardCount), "shardCount", "Member must have value greater than or equal to 1")
	case value(in.RecordDistributionStrategy) == DistributionAuto:
		return errorf(CodeInvalidArgument, msgAutoProvisioned)
	case in.WarmThroughputMiBps != nil:
		return errorf(CodeInvalidArgument, msgWarmOnDemand)
	}
	config.Shards = int(*in.ShardCount)
	return c.needShards(config.Shards)
}

func (c *control) checkOnDemand(config *weir.Config, in *CreateStreamInput) error {
	if err := c.needOnDemandStream(); err != nil {
		return err
	}
	config.Mode = weir.OnDemand
	switch value(in.RecordDistributionStrategy) {
	case "", DistributionUserKey:
	case DistributionAuto:
		config.Distribution = weir.DistributeAuto
	default:
		return badDistribution(*in.RecordDistributionStrategy)
	}
	if in.WarmThroughputMiBps == nil {
		return nil
	}
	config.WarmThroughput = int(*in.WarmThroughputMiBps)
	return c.checkWarm(*in.StreamName, *in.WarmThroughputMiBps)
}

// DeleteStream deletes a stream with its shards, tags and policy. It is
// DELETING for a while, and then every operation says that there is no such
// stream. A stream with consumers is deleted only if EnforceConsumerDeletion
// says so; one with channels or queues is not.
func (a *Account) DeleteStream(ctx context.Context, in *DeleteStreamInput) (*DeleteStreamOutput, error) {
	return do(ctx, a, "DeleteStream", in, deleteStream)
}

func deleteStream(c *control, in *DeleteStreamInput) (*DeleteStreamOutput, error) {
	st, err := c.stream(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	switch {
	case st.status == StatusDeleting:
		return &DeleteStreamOutput{}, nil
	case len(st.consumers) > 0 && !value(in.EnforceConsumerDeletion):
		return nil, errorf(CodeResourceInUse, msgHasConsumers, st.arn, st.name)
	case len(c.channelsOf(st)) > 0:
		return nil, errorf(CodeResourceInUse, msgHasChannels, st.arn)
	case len(c.queuesOf(st)) > 0:
		return nil, errorf(CodeResourceInUse, msgHasQueues, st.arn)
	}
	c.deregisterAll(st)
	st.beginLocked(c.now, StatusDeleting, c.a.config.Delays.Delete, change{What: effectDelete})
	return &DeleteStreamOutput{}, nil
}

// checkCreated refuses a creation time that is not the stream's: it means an
// earlier stream of that name. A time without fraction is compared to the
// second, because clients print it so.
func (st *stream) checkCreated(at *time.Time) error {
	if at == nil || at.UnixMilli() == st.created.UnixMilli() ||
		at.UnixMilli()%1000 == 0 && at.Unix() == st.created.Unix() {
		return nil
	}
	return errorf(CodeResourceNotFound, msgCreatedMismatch, st.name, st.a.config.ID, at.Unix())
}

func (c *control) needProvisioned(st *stream) error {
	if st.mode == ModeProvisioned {
		return nil
	}
	return errorf(CodeValidation, msgOnDemandMode, st.name, c.a.config.ID)
}
