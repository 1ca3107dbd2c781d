package account

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir"
)

// maxListedConsumers is how many consumers one ListStreamConsumers returns.
const maxListedConsumers = 100

// A consumer is a registered consumer of a stream: the engine's of that name,
// and what the service knows of it besides. It is guarded by Account.mu.
type consumer struct {
	st      *stream
	name    string
	arn     string
	created time.Time // to the second, as in its ARN
	order   int64     // of registration on its stream
	status  string
	due     time.Time // when status changes by itself; zero: it does not
	tags    map[string]string
	policy  string
}

// settleConsumersLocked carries out what has fallen due.
func (st *stream) settleConsumersLocked(now time.Time) {
	for _, cons := range st.consumers {
		if cons.due.IsZero() || now.Before(cons.due) {
			continue
		}
		st.a.disk.touch(st)
		if cons.due = (time.Time{}); cons.status == StatusCreating {
			cons.status = StatusActive
		} else {
			cons.status = "" // gone
		}
	}
	st.consumers = slices.DeleteFunc(st.consumers, func(cons *consumer) bool { return cons.status == "" })
}

// beginLocked sets a status that changes by itself.
func (cons *consumer) beginLocked(now time.Time, status string) {
	cons.status, cons.due = status, now.Add(cons.st.a.config.Delays.Consumer)
	if cons.st.a.disk == nil { // else when it is noted
		cons.st.settleConsumersLocked(now)
	}
}

// deregisterAll deregisters the consumers of a stream that is deleted.
func (c *control) deregisterAll(st *stream) {
	for _, cons := range st.consumers {
		c.deregister(cons)
	}
	st.consumers = nil
}

// deregister has the engine deregister a consumer: there is one, or it is
// DELETING. What cannot be written of it is done when the name is registered
// again, or at the next start.
func (c *control) deregister(cons *consumer) {
	c.onceKept(func() { _ = cons.st.engine.DeregisterConsumer(context.Background(), cons.name) })
}

// RegisterStreamConsumer registers a consumer, with a throughput of its own, on
// an ACTIVE stream: 20 at most, queues included, or 50 with On-demand Advantage.
// It is CREATING and then ACTIVE; five of a stream may be CREATING at a time.
func (a *Account) RegisterStreamConsumer(ctx context.Context, in *RegisterStreamConsumerInput) (*RegisterStreamConsumerOutput, error) {
	return do(ctx, a, "RegisterStreamConsumer", in, registerStreamConsumer)
}

func registerStreamConsumer(c *control, in *RegisterStreamConsumerInput) (*RegisterStreamConsumerOutput, error) {
	if in.ConsumerName == nil {
		return nil, missing("consumerName")
	}
	st, err := c.active(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	name := *in.ConsumerName
	if err := c.checkRegister(st, name); err != nil {
		return nil, err
	}
	if err := c.checkNewTags("consumer "+name, "consumer", nil, in.Tags); err != nil {
		return nil, err
	}
	if err := st.registerEngine(name); err != nil {
		if errors.Is(err, weir.ErrInvalidArgument) {
			return nil, invalid(quoted(name), "consumerName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
		}
		return nil, c.a.translate(err)
	}
	second := c.now.Unix()
	maps.DeleteFunc(st.suffixes, func(_ string, last int64) bool { return last < second })
	if last, ok := st.suffixes[name]; ok {
		second = max(second, last+1) // a consumer that is registered again has another ARN
	}
	st.suffixes[name] = second
	st.registered++
	cons := &consumer{
		st: st, name: name, created: time.Unix(second, 0).UTC(), order: st.registered, tags: addTags(nil, in.Tags),
	}
	cons.arn = st.consumerARN(name, cons.created)
	st.consumers = append(st.consumers, cons)
	out := &RegisterStreamConsumerOutput{}
	cons.status = StatusCreating
	out.Consumer = cons.row() // CREATING, however short the delay
	cons.beginLocked(c.now, StatusCreating)
	return out, nil
}

// registerEngine registers a consumer with the engine, where one may be left that
// could not be deregistered.
func (st *stream) registerEngine(name string) error {
	_, err := st.engine.RegisterConsumer(context.Background(), name)
	if errors.Is(err, weir.ErrConsumerExists) {
		if err = st.engine.DeregisterConsumer(context.Background(), name); err == nil {
			_, err = st.engine.RegisterConsumer(context.Background(), name)
		}
	}
	return err
}

// consumerARN returns the ARN of a consumer, which tells those of one name
// apart by the second of their registration.
func (st *stream) consumerARN(name string, created time.Time) string {
	return st.arn + "/consumer/" + name + ":" + strconv.FormatInt(created.Unix(), 10)
}

// checkRegister checks whether a stream may have one more consumer.
func (c *control) checkRegister(st *stream, name string) error {
	id := c.a.config.ID
	creating := 0
	for _, cons := range st.consumers {
		if cons.name == name {
			return errorf(CodeResourceInUse, msgConsumerExists, name, st.name, id)
		}
		if cons.status == StatusCreating {
			creating++
		}
	}
	if most := c.registeredLimit(); len(st.consumers)+len(c.queuesOf(st)) >= most {
		return errorf(CodeLimitExceeded, msgConsumerLimit, st.name, id, most)
	}
	if most := c.a.config.Quotas.CreatingConsumers; creating >= most {
		return errorf(CodeLimitExceeded, msgConsumerCreating, st.name, id, most)
	}
	return nil
}

// registeredLimit returns how many consumers and queues a stream may have
// together.
func (c *control) registeredLimit() int {
	service := DefaultConsumers
	if c.advantage() {
		service = DefaultConsumersAdvanced
	}
	return setOr(c.a.config.Quotas.Consumers, service, lifted)
}

// DeregisterStreamConsumer removes a consumer. It is DELETING for a while; its
// subscriptions end at once.
func (a *Account) DeregisterStreamConsumer(ctx context.Context, in *DeregisterStreamConsumerInput) (*DeregisterStreamConsumerOutput, error) {
	return do(ctx, a, "DeregisterStreamConsumer", in, func(c *control, in *DeregisterStreamConsumerInput) (*DeregisterStreamConsumerOutput, error) {
		cons, err := c.consumer(in.StreamARN, in.ConsumerName, in.ConsumerARN)
		if err != nil {
			return nil, err
		}
		if cons.status != StatusDeleting {
			c.deregister(cons)
			cons.beginLocked(c.now, StatusDeleting)
		}
		return &DeregisterStreamConsumerOutput{}, nil
	})
}

// DescribeStreamConsumer describes a consumer.
func (a *Account) DescribeStreamConsumer(ctx context.Context, in *DescribeStreamConsumerInput) (*DescribeStreamConsumerOutput, error) {
	return do(ctx, a, "DescribeStreamConsumer", in, func(c *control, in *DescribeStreamConsumerInput) (*DescribeStreamConsumerOutput, error) {
		cons, err := c.consumer(in.StreamARN, in.ConsumerName, in.ConsumerARN)
		if err != nil {
			return nil, err
		}
		return &DescribeStreamConsumerOutput{ConsumerDescription: ConsumerDescription{
			ConsumerName: cons.name, ConsumerARN: cons.arn, ConsumerStatus: cons.status,
			ConsumerCreationTimestamp: cons.created, StreamARN: cons.st.arn,
		}}, nil
	})
}

// ListStreamConsumers lists the consumers of a stream in the order of their
// registration, 100 at most. NextToken continues a list for 300 s.
func (a *Account) ListStreamConsumers(ctx context.Context, in *ListStreamConsumersInput) (*ListStreamConsumersOutput, error) {
	return do(ctx, a, "ListStreamConsumers", in, listStreamConsumers)
}

func listStreamConsumers(c *control, in *ListStreamConsumersInput) (*ListStreamConsumersOutput, error) {
	limit, err := pageSize("maxResults", in.MaxResults, maxListedConsumers)
	if err != nil {
		return nil, err
	}
	st, err := c.stream(nil, in.StreamARN)
	if err != nil {
		return nil, err
	}
	if err := st.checkCreated(in.StreamCreationTimestamp); err != nil {
		return nil, err
	}
	token := pageToken{Kind: tokenOfConsumers, Stream: st.name, Created: st.created.UnixMilli()}
	if in.NextToken != nil {
		given, err := c.openToken(*in.NextToken, tokenOfConsumers)
		if err != nil {
			return nil, err
		}
		if given.Stream != token.Stream || given.Created != token.Created {
			return nil, errorf(CodeInvalidArgument, msgBadToken)
		}
		token = given
	}
	out := &ListStreamConsumersOutput{Consumers: []Consumer{}}
	for _, cons := range st.consumers {
		if cons.order <= token.Order {
			continue
		}
		if len(out.Consumers) == limit {
			out.NextToken = c.sealToken(token)
			return out, nil
		}
		out.Consumers = append(out.Consumers, cons.row())
		token.Order = cons.order
	}
	return out, nil
}

func (cons *consumer) row() Consumer {
	return Consumer{
		ConsumerName: cons.name, ConsumerARN: cons.arn, ConsumerStatus: cons.status,
		ConsumerCreationTimestamp: cons.created,
	}
}

// consumer returns the consumer that an operation addresses: by its ARN, by its
// stream's ARN and its name, or by all three if they agree.
func (c *control) consumer(streamARN, name, consumerARN *string) (*consumer, error) {
	if consumerARN == nil {
		if streamARN == nil || name == nil {
			return nil, errorf(CodeInvalidArgument, msgConsumerAddress)
		}
		st, err := c.stream(nil, streamARN)
		if err != nil {
			return nil, err
		}
		if cons := st.consumerLocked(*name); cons != nil {
			return cons, nil
		}
		return nil, errorf(CodeResourceNotFound, msgConsumerNotFound, *name, c.a.config.ID)
	}
	p, ok := parseARN(*consumerARN)
	if !ok || p.kind != "consumer" {
		return nil, errorf(CodeInvalidArgument, msgBadARN, *consumerARN)
	}
	if name != nil && *name != p.consumerName() || streamARN != nil && *streamARN != p.streamARN(*consumerARN) {
		return nil, errorf(CodeInvalidArgument, msgConsumerMismatch, *consumerARN)
	}
	return c.consumerByARN(*consumerARN, p)
}

// consumerByARN returns the consumer of an ARN, of which p is the parts.
func (c *control) consumerByARN(text string, p arn) (*consumer, error) {
	st, err := c.stream(nil, Ptr(p.streamARN(text)))
	if err != nil {
		return nil, err
	}
	cons := st.consumerLocked(p.consumerName())
	if cons == nil || cons.arn != text {
		return nil, errorf(CodeResourceNotFound, msgConsumerNotFound, text, c.a.config.ID)
	}
	return cons, nil
}

// consumerLocked returns the consumer of a name, or nil.
func (st *stream) consumerLocked(name string) *consumer {
	for _, cons := range st.consumers {
		if cons.name == name {
			return cons
		}
	}
	return nil
}
