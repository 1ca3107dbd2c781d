package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/producer"
)

// Tracing carries the context of the span that puts a record to the span that
// processes it. The zero value is ready, and must be set up alike on both sides.
//
//	t := telemetry.Tracing{}
//	outcome, err := t.Put(ctx, p, entry)                                     // a span "send orders"
//	…
//	c.Handler, c.Expand = t.Handler(handler), t.Expand                       // a span "process orders" with links
//
// A record is not changed if there is no span to carry, or none that is sampled.
type Tracing struct {
	// Provider makes the tracer. Nil means OpenTelemetry's global one.
	Provider trace.TracerProvider
	// Propagator says what is carried. Nil means a W3C trace context: traceparent
	// and tracestate.
	Propagator propagation.TextMapPropagator
	// Carrier says where in a record. Nil means [Tags].
	Carrier Carrier
}

// scope is the name of the tracer.
const scope = "github.com/weirstream/weir/telemetry"

func (t Tracing) tracer() trace.Tracer {
	provider := t.Provider
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	return provider.Tracer(scope)
}

func (t Tracing) propagator() propagation.TextMapPropagator {
	if t.Propagator == nil {
		return propagation.TraceContext{}
	}
	return t.Propagator
}

func (t Tracing) carrier() Carrier {
	if t.Carrier == nil {
		return Tags{}
	}
	return t.Carrier
}

// Inject returns an entry that carries the span of a context, for those who put
// without a [producer.Producer]. e's data is not changed.
func (t Tracing) Inject(ctx context.Context, e weir.Entry) (weir.Entry, error) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return e, nil
	}
	fields := propagation.MapCarrier{}
	t.propagator().Inject(ctx, fields)
	if len(fields) == 0 {
		return e, nil
	}
	return t.carrier().Wrap(e, fields)
}

// Put is [producer.Producer.Put] within a span, which the record carries.
func (t Tracing) Put(ctx context.Context, p *producer.Producer, e weir.Entry) (producer.Outcome, error) {
	told := make(chan producer.Outcome, 1)
	if err := t.PutAsync(ctx, p, e, func(o producer.Outcome) { told <- o }); err != nil {
		return producer.Outcome{}, err
	}
	select {
	case o := <-told:
		return o, o.Err
	case <-ctx.Done():
		return producer.Outcome{}, context.Cause(ctx)
	}
}

// PutAsync is [producer.Producer.PutAsync] within a span, which the record
// carries unless there is no room for it beside the data: no put fails because
// it is traced. It ends when the outcome is told.
func (t Tracing) PutAsync(ctx context.Context, p *producer.Producer, e weir.Entry, done func(producer.Outcome)) error {
	stream := p.Metrics().Stream
	spanned, span := t.tracer().Start(ctx, "send "+stream, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(messaging(stream, "send")...))
	told := func(o producer.Outcome) {
		if o.Err != nil {
			o.Err = withKey(o.Err, e.PartitionKey) // that of an aggregate is another one
			fail(span, withoutKey(o.Err))
		} else {
			span.SetAttributes(attribute.String("messaging.destination.partition.id", o.ShardID.String()),
				attribute.String("messaging.message.id", o.SequenceNumber.String()))
		}
		span.End()
		if done != nil {
			done(o)
		}
	}
	carrying, err := t.Inject(spanned, e)
	if err == nil {
		err = p.PutAsync(ctx, carrying, told)
	}
	if errors.Is(err, weir.ErrInvalidArgument) { // it may be what is carried that is too large
		span.AddEvent("not carried: " + err.Error())
		err = p.PutAsync(ctx, e, told)
	}
	if err != nil {
		fail(span, err)
		span.End()
	}
	return err
}

// withKey returns an error of a producer with the partition key of the record.
func withKey(err error, key string) error {
	var given *producer.Error
	if !errors.As(err, &given) {
		return err
	}
	own := *given
	own.Key = key
	return &own
}

// withoutKey returns an error of a producer without the partition key of the
// record: spans go to others, who need not know whose record it is.
func withoutKey(err error) error {
	var given *producer.Error
	if !errors.As(err, &given) {
		return err
	}
	shown := fmt.Errorf("not stored within %v, attempts: %d", given.Took, given.Attempts)
	for _, why := range given.Unwrap() {
		shown = fmt.Errorf("%w: %w", shown, why)
	}
	return shown
}

// messaging returns attributes by OpenTelemetry's conventions for messaging.
func messaging(stream, operation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "weir"), attribute.String("messaging.destination.name", stream),
		attribute.String("messaging.operation.name", operation), attribute.String("messaging.operation.type", operation),
	}
}

func fail(span trace.Span, err error) {
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}

// maxLinks is how many records of a batch a span links to.
const maxLinks = 128

// Handler returns a handler that processes each batch within a span, which links
// to those that put its records, up to 128 of them. next gets the records as they
// were before [Tracing.Inject]; what is given to [consumer.Config.DeadLetter]
// still carries: see [Tracing.Unwrap].
func (t Tracing) Handler(next consumer.Handler) consumer.Handler {
	tracer := t.tracer()
	return func(ctx context.Context, b *consumer.Batch) error {
		carried := b.Records
		defer func() { b.Records = carried }() // it may be called again with them
		records, links := t.unwrapAll(carried)
		b.Records = records
		ctx, span := tracer.Start(ctx, "process "+b.Stream, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
			trace.WithAttributes(append(messaging(b.Stream, "process"),
				attribute.String("messaging.destination.partition.id", b.Shard.String()),
				attribute.Int("messaging.batch.message_count", len(records)))...))
		defer span.End()
		err := next(ctx, b)
		if err != nil {
			fail(span, err)
		}
		return err
	}
}

// unwrapAll returns records without what they carry, and links to that.
func (t Tracing) unwrapAll(carried []weir.Record) (records []weir.Record, links []trace.Link) {
	records = carried
	cloned := false
	for i := range carried {
		r, of, carries := t.unwrap(carried[i])
		if !carries {
			continue
		}
		if !cloned {
			records, cloned = slices.Clone(carried), true
		}
		records[i] = r // also if what it carries is no span that can be linked to
		if of.IsValid() && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: of, Attributes: []attribute.KeyValue{
				attribute.String("messaging.message.id", r.SequenceNumber.String())}})
		}
	}
	return records, links
}

// Unwrap returns a record as it was before [Tracing.Inject], and the context of
// the span that put it: not valid if it carries none.
func (t Tracing) Unwrap(r weir.Record) (weir.Record, trace.SpanContext) {
	plain, of, _ := t.unwrap(r)
	return plain, of
}

// unwrap is Unwrap, and says whether the record carried anything, be it no span.
func (t Tracing) unwrap(r weir.Record) (plain weir.Record, of trace.SpanContext, carries bool) {
	plain, fields := t.carrier().Unwrap(r)
	if fields == nil {
		return r, trace.SpanContext{}, false
	}
	ctx := t.propagator().Extract(context.Background(), propagation.MapCarrier(fields))
	return plain, trace.SpanContextFromContext(ctx), true
}

// Expand is for [consumer.Config.Expand]: what a carrier of its own keeps of the
// aggregates of the Kinesis Producer Library, in which records travel, is lost
// otherwise. A carrier that keeps its fields in the data needs none.
func (t Tracing) Expand(within weir.HashKeyRange, records []weir.Record) ([]weir.Record, []uint64, error) {
	e, ok := t.carrier().(Expander)
	if !ok {
		return nil, nil, errors.New("telemetry: the carrier keeps its fields in the data, and needs no Expand")
	}
	return e.Expand(within, records)
}
