package account

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/queue"
)

// The service's bounds of queues.
const (
	DefaultVisibilityTimeout = 30 * time.Second
	MaxVisibilityTimeout     = 12 * time.Hour
	DefaultMaxReceives       = 6
	MaxMaxReceives           = 1000

	maxListedQueues = 100 // of one ListQueues
)

// A workQueue is a queue over an on-demand stream: the engine's, and what the
// service knows of it besides.
type workQueue struct {
	st      *stream // immutable, likewise down to start
	id      string
	arn     string
	name    string
	order   int64 // of creation in the account
	created time.Time
	start   queueStart

	// What the way of records reads. It is written under Account.mu.
	due     atomic.Int64 // when status changes by itself, Unix nanoseconds; 0: it does not
	serving atomic.Bool  // it is ACTIVE or UPDATING

	engine *queue.Queue // immutable
	rates  queueRates
	empty  atomic.Int64 // receives that returned nothing
	memory queueMemory

	// The rest is guarded by Account.mu.
	status string
	began  time.Time       // where it began; zero until it has been ACTIVE
	attrs  queueAttributes // as described
	held   queueAttributes // as they hold: others than attrs while it is UPDATING
	tags   map[string]string
	policy string
}

// A queueStart is where a queue begins. It is plain data, so that it can be
// saved.
type queueStart struct {
	Type string    `json:"type"`
	At   time.Time `json:"at,omitzero"` // with AT_TIMESTAMP
}

// queueAttributes are the settings of a queue that can change. They are plain
// data, so that they can be saved.
type queueAttributes struct {
	Visibility  int32 `json:"visibility"`   // seconds
	MaxReceives int32 `json:"max_receives"` // 0: no record is ever dead
}

// queueByID returns a queue, or nil.
func (a *Account) queueByID(id string) *workQueue { return (*a.queues.Load())[id] }

// setQueueLocked enters a queue under its id, or takes it out.
func (a *Account) setQueueLocked(q *workQueue, there bool) {
	queues := maps.Clone(*a.queues.Load())
	if there {
		queues[q.id] = q
	} else {
		delete(queues, q.id)
	}
	a.queues.Store(&queues)
}

// settleQueues carries out what has fallen due.
func (c *control) settleQueues() {
	for _, q := range *c.a.queues.Load() {
		q.settleLocked(c.now)
	}
}

// settleLocked carries out what has fallen due.
func (q *workQueue) settleLocked(now time.Time) {
	due := q.due.Load()
	if due == 0 || now.UnixNano() < due {
		return
	}
	a := q.st.a
	a.disk.touch(q.st)
	switch q.status {
	case StatusDeleting:
		q.status = ""
		a.setQueueLocked(q, false)
	default:
		if q.status == StatusCreating {
			q.began = q.beginning(time.Unix(0, due))
		}
		q.held = q.attrs
		q.status = StatusActive
		q.tune()
		q.serving.Store(true)
	}
	q.due.Store(0) // last: who sees it sees the change
}

// beginning returns where the queue begins that becomes ACTIVE now. What is
// earlier than the stream's records begins with these.
func (q *workQueue) beginning(now time.Time) time.Time {
	if q.start.Type == IteratorLatest {
		return q.created
	}
	horizon := now.Add(-q.st.engine.Settings().Retention)
	if horizon.Before(q.st.created) {
		horizon = q.st.created
	}
	if q.start.Type == IteratorAtTimestamp && q.start.At.After(horizon) {
		return q.start.At
	}
	return horizon.UTC().Truncate(time.Millisecond)
}

// begin sets a status that changes by itself.
func (q *workQueue) begin(c *control, status string) {
	q.status = status
	q.due.Store(c.now.Round(0).Add(c.a.config.Delays.Queue).UnixNano())
	if c.a.disk == nil { // else when it is noted
		q.settleLocked(c.now)
	}
}

// allQueues returns the queues in the order of their creation.
func (c *control) allQueues() []*workQueue {
	c.settleQueues()
	return slices.SortedFunc(maps.Values(*c.a.queues.Load()), func(x, y *workQueue) int { return cmp.Compare(x.order, y.order) })
}

// queuesOf returns the queues of a stream.
func (c *control) queuesOf(st *stream) []*workQueue {
	return slices.DeleteFunc(c.allQueues(), func(q *workQueue) bool { return q.st != st })
}

// queue returns the queue of an ARN.
func (c *control) queue(text *string) (*workQueue, error) {
	if text == nil {
		return nil, missing("queueARN")
	}
	id, err := c.a.queueID(*text)
	if err != nil {
		return nil, err
	}
	c.settleQueues()
	if q := c.a.queueByID(id); q != nil {
		c.met = q.st
		return q, nil
	}
	return nil, errorf(CodeResourceNotFound, msgQueueNotFound, *text)
}

// queueID returns the id that an ARN names, "" for one of another account.
func (a *Account) queueID(text string) (string, error) {
	p, ok := parseARN(text)
	if !ok || p.kind != "queue" {
		return "", invalid(quoted(text), "queueARN", `Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:queue/\S+`)
	}
	if !a.local(p) {
		return "", nil
	}
	return p.name, nil
}

// CreateQueue creates a queue over an on-demand stream. It is CREATING and then
// ACTIVE; five of an account may be CREATING or DELETING at a time. Queues and
// registered consumers of a stream have one limit: 20 together, or 50 with
// On-demand Advantage.
func (a *Account) CreateQueue(ctx context.Context, in *CreateQueueInput) (*CreateQueueOutput, error) {
	return do(ctx, a, "CreateQueue", in, createQueue)
}

func createQueue(c *control, in *CreateQueueInput) (*CreateQueueOutput, error) {
	start, attrs, err := checkNewQueue(in)
	if err != nil {
		return nil, err
	}
	st, err := c.stream(nil, in.StreamConfigurationList[0].StreamARN)
	if err != nil {
		return nil, err
	}
	if err := c.checkQueue(st, *in.QueueName); err != nil {
		return nil, err
	}
	if err := c.checkNewTags("queue "+*in.QueueName, "queue", nil, in.Tags); err != nil {
		return nil, err
	}
	c.a.queueSeq++
	q := &workQueue{
		st: st, name: *in.QueueName, order: int64(c.a.queueSeq), created: c.now.UTC().Truncate(time.Millisecond),
		start: start, attrs: attrs, held: attrs, tags: addTags(nil, in.Tags),
	}
	q.id = c.newQueueID()
	q.arn = c.a.arnOf("queue/" + q.id)
	if err := q.open(c); err != nil {
		return nil, err
	}
	c.a.setQueueLocked(q, true)
	q.status = StatusCreating
	out := &CreateQueueOutput{QueueDescription: q.describe()} // CREATING, however short the delay
	q.begin(c, StatusCreating)
	return out, nil
}

// checkNewQueue checks what a new queue is to be.
func checkNewQueue(in *CreateQueueInput) (start queueStart, attrs queueAttributes, err error) {
	const list = "streamConfigurationList"
	switch n := len(in.StreamConfigurationList); {
	case in.QueueName == nil:
		return start, attrs, missing("queueName")
	case in.StreamConfigurationList == nil:
		return start, attrs, missing(list)
	case n < 1:
		return start, attrs, errorf(CodeValidation, msgValidationUnshown, list, "Member must have length greater than or equal to 1")
	case n > 1:
		return start, attrs, errorf(CodeValidation, msgValidationUnshown, list, "Member must have length less than or equal to 1")
	}
	source := in.StreamConfigurationList[0]
	if source.StreamARN == nil {
		return start, attrs, missing(list + ".1.member.streamARN")
	}
	if start, err = startOf(source.StartingPosition, list+".1.member.startingPosition"); err != nil {
		return start, attrs, err
	}
	attrs = queueAttributes{int32(DefaultVisibilityTimeout / time.Second), DefaultMaxReceives}
	return start, attrs, attrs.change(in.QueueAttributes)
}

// startOf reads a starting position.
func startOf(p *QueueStartingPosition, member string) (queueStart, error) {
	if p == nil {
		return queueStart{Type: IteratorLatest}, nil
	}
	switch kind := value(p.Type); {
	case p.Type == nil:
		return queueStart{}, missing(member + ".type")
	case kind == IteratorAtTimestamp && p.Timestamp == nil:
		return queueStart{}, missing(member + ".timestamp")
	case kind == IteratorAtTimestamp:
		return queueStart{kind, p.Timestamp.UTC()}, nil
	case kind != IteratorLatest && kind != IteratorTrimHorizon:
		return queueStart{}, invalid(quoted(kind), member+".type", "Member must satisfy enum value set: [TRIM_HORIZON, LATEST, AT_TIMESTAMP]")
	case p.Timestamp != nil:
		return queueStart{}, errorf(CodeValidation, msgQueueTimestamp, kind)
	default:
		return queueStart{Type: kind}, nil
	}
}

// change changes what is given of attributes.
func (q *queueAttributes) change(a *QueueAttributes) error {
	const member = "queueAttributes."
	if a == nil {
		return nil
	}
	if v := a.VisibilityTimeoutSeconds; v != nil {
		if err := checkRange(*v, member+"visibilityTimeoutSeconds", 0, int32(MaxVisibilityTimeout/time.Second)); err != nil {
			return err
		}
		q.Visibility = *v
	}
	d := a.DeadLetterConfiguration
	if d == nil {
		return nil
	}
	const letters = member + "deadLetterConfiguration."
	if d.MaxReceiveCount != nil {
		if err := checkRange(*d.MaxReceiveCount, letters+"maxReceiveCount", 1, MaxMaxReceives); err != nil {
			return err
		}
	}
	switch kind := value(d.TargetType); {
	case d.TargetType == nil:
		return missing(letters + "targetType")
	case kind == DeadLettersNone:
		q.MaxReceives = 0
	case kind != DeadLettersBuiltIn:
		return invalid(quoted(kind), letters+"targetType", "Member must satisfy enum value set: [BUILT_IN, NONE]")
	case d.MaxReceiveCount == nil:
		return missing(letters + "maxReceiveCount")
	default:
		q.MaxReceives = *d.MaxReceiveCount
	}
	return nil
}

// checkRange refuses a number that is out of bounds, which are inclusive.
func checkRange(n int32, member string, least, most int32) error {
	switch {
	case n < least:
		return invalid(quotedNumber(n), member, "Member must have value greater than or equal to "+strconv.Itoa(int(least)))
	case n > most:
		return invalid(quotedNumber(n), member, "Member must have value less than or equal to "+strconv.Itoa(int(most)))
	default:
		return nil
	}
}

// checkQueue checks whether a stream may have one more queue.
func (c *control) checkQueue(st *stream, name string) error {
	id := c.a.config.ID
	if st.status == StatusCreating || st.status == StatusDeleting {
		return errorf(CodeResourceInUse, msgNotActive, st.name, id, st.status)
	}
	if st.mode != ModeOnDemand {
		return errorf(CodeValidation, msgQueueOnDemand, st.name, id)
	}
	changing := 0
	for _, q := range c.allQueues() {
		if q.name == name {
			return errorf(CodeResourceInUse, msgQueueExists, name, id)
		}
		if q.status == StatusCreating || q.status == StatusDeleting {
			changing++
		}
	}
	if most := c.a.config.Quotas.ChangingQueues; changing >= most {
		return errorf(CodeLimitExceeded, msgQueueChanging, id, most)
	}
	if most := c.registeredLimit(); len(st.consumers)+len(c.queuesOf(st)) >= most {
		return errorf(CodeLimitExceeded, msgConsumerLimit, st.name, id, most)
	}
	return nil
}

// newQueueID returns an id that looks random, is the same in every run, and can
// be a label of a host's name.
func (c *control) newQueueID() string {
	const length, digits = 23, "abcdefghijklmnopqrstuvwxyz0123456789"
	sum := sha256.Sum256(fmt.Appendf(c.a.seal[:len(c.a.seal):len(c.a.seal)], "queue %d %d", c.a.queueSeq, c.now.UnixNano()))
	id := make([]byte, length)
	for i := range id {
		id[i] = digits[int(sum[i])%len(digits)]
	}
	return string(id[:20]) + "-" + string(id[20:])
}

// UpdateQueue changes attributes of an ACTIVE queue; those that are not given
// stay. It is UPDATING meanwhile, and goes on delivering: what is received after
// that is hidden for the new time.
func (a *Account) UpdateQueue(ctx context.Context, in *UpdateQueueInput) (*UpdateQueueOutput, error) {
	return do(ctx, a, "UpdateQueue", in, updateQueue)
}

func updateQueue(c *control, in *UpdateQueueInput) (*UpdateQueueOutput, error) {
	if in.QueueARN != nil && in.QueueAttributes == nil {
		return nil, missing("queueAttributes")
	}
	q, err := c.queue(in.QueueARN)
	if err != nil {
		return nil, err
	}
	if q.status != StatusActive {
		return nil, errorf(CodeResourceInUse, msgQueueNotActive, q.name, c.a.config.ID, q.status)
	}
	attrs := q.attrs
	if err := attrs.change(in.QueueAttributes); err != nil {
		return nil, err
	}
	q.attrs, q.status = attrs, StatusUpdating
	out := &UpdateQueueOutput{QueueDescription: q.describe()}
	q.begin(c, StatusUpdating)
	return out, nil
}

// DeleteQueue deletes a queue with its tags and its policy. It is DELETING for a
// while, but delivers nothing any more; the stream stays as it is.
func (a *Account) DeleteQueue(ctx context.Context, in *DeleteQueueInput) (*DeleteQueueOutput, error) {
	return do(ctx, a, "DeleteQueue", in, func(c *control, in *DeleteQueueInput) (*DeleteQueueOutput, error) {
		q, err := c.queue(in.QueueARN)
		if err != nil {
			return nil, err
		}
		if q.status != StatusDeleting {
			c.onceKept(q.shut)
			q.begin(c, StatusDeleting)
		}
		return &DeleteQueueOutput{}, nil
	})
}

// DescribeQueue describes a queue.
func (a *Account) DescribeQueue(ctx context.Context, in *DescribeQueueInput) (*DescribeQueueOutput, error) {
	return do(ctx, a, "DescribeQueue", in, func(c *control, in *DescribeQueueInput) (*DescribeQueueOutput, error) {
		q, err := c.queue(in.QueueARN)
		if err != nil {
			return nil, err
		}
		return &DescribeQueueOutput{QueueDescription: q.describe()}, nil
	})
}

// ListQueues lists the queues by name, in whatever state they are, all or those
// of the streams of StreamFilter, 100 at most. NextToken continues a list of the
// same filter for 300 s.
func (a *Account) ListQueues(ctx context.Context, in *ListQueuesInput) (*ListQueuesOutput, error) {
	return do(ctx, a, "ListQueues", in, listQueues)
}

func listQueues(c *control, in *ListQueuesInput) (*ListQueuesOutput, error) {
	limit, err := pageSize("maxResults", in.MaxResults, maxListedQueues)
	if err != nil {
		return nil, err
	}
	token := pageToken{Kind: tokenOfQueues, Filtered: filterSum(in.StreamFilter)}
	if in.NextToken != nil {
		given, err := c.openToken(*in.NextToken, tokenOfQueues)
		if err != nil {
			return nil, err
		}
		if given.Filtered != token.Filtered {
			return nil, errorf(CodeInvalidArgument, msgBadToken)
		}
		token = given
	}
	out := &ListQueuesOutput{QueueSummaries: []QueueSummary{}}
	list := c.allQueues()
	slices.SortFunc(list, func(x, y *workQueue) int { return cmp.Compare(x.name, y.name) })
	for _, q := range list {
		if q.name <= token.After || !q.st.chosen(in.StreamFilter) {
			continue
		}
		if len(out.QueueSummaries) == limit {
			out.NextToken = c.sealToken(token)
			break
		}
		out.QueueSummaries = append(out.QueueSummaries, QueueSummary{
			QueueName: q.name, QueueARN: q.arn, QueueStatus: q.status, QueueCreationTimestamp: q.created,
			Streams: []QueueStream{{StreamARN: q.st.arn, StreamCreationTimestamp: q.st.created}},
		})
		token.After = q.name
	}
	return out, nil
}

// filterSum returns what tells a filter from others in a token; "" for none.
func filterSum(filter []StreamFilter) string {
	if len(filter) == 0 {
		return ""
	}
	var all []byte
	for _, f := range filter {
		all = append(all, value(f.StreamARN)...)
		if f.StreamCreationTimestamp != nil {
			all = fmt.Appendf(all, " %d", f.StreamCreationTimestamp.UnixMilli())
		}
		all = append(all, '\n')
	}
	sum := sha256.Sum256(all)
	return fmt.Sprintf("%x", sum[:8])
}

func (q *workQueue) describe() QueueDescription {
	start := &QueueStartingPosition{Type: Ptr(q.start.Type)}
	switch {
	case !q.began.IsZero():
		start.Timestamp = Ptr(q.began)
	case !q.start.At.IsZero():
		start.Timestamp = Ptr(q.start.At)
	}
	letters := &DeadLetterConfiguration{TargetType: Ptr(DeadLettersNone)}
	if q.attrs.MaxReceives > 0 {
		letters = &DeadLetterConfiguration{TargetType: Ptr(DeadLettersBuiltIn), MaxReceiveCount: Ptr(q.attrs.MaxReceives)}
	}
	return QueueDescription{
		QueueName: q.name, QueueARN: q.arn, QueueStatus: q.status, QueueCreationTimestamp: q.created,
		StreamConfigurationList: []QueueStreamConfiguration{{StreamARN: Ptr(q.st.arn), StartingPosition: start}},
		QueueAttributes:         QueueAttributes{Ptr(q.attrs.Visibility), letters},
	}
}
