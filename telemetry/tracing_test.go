package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/producer"
	"github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/telemetry"
)

// A traced is a stream whose puts and batches are traced.
type traced struct {
	telemetry.Tracing
	spans  *tracetest.SpanRecorder
	stream *weir.Stream
}

func newTraced(t *testing.T, c telemetry.Carrier) *traced {
	s, err := weir.NewStream("orders", weir.Config{Shards: 2, Limits: weir.Unlimited()})
	require.NoError(t, err)
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	return &traced{telemetry.Tracing{Provider: provider, Carrier: c}, spans, s}
}

// process runs a group until its handler has had n records, and returns them.
func (s *traced) process(t *testing.T, n int, expand bool, fail func(b *consumer.Batch) error) (got []string) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	records := make(chan string, n)
	c := consumer.Config{Name: "audit", Streams: []client.Stream{client.Embedded(s.stream)}, Store: new(lease.Memory), Backoff: 1}
	c.Handler = s.Handler(func(ctx context.Context, b *consumer.Batch) error {
		if !trace.SpanFromContext(ctx).SpanContext().IsValid() {
			return errors.New("there is no span")
		}
		if err := fail(b); err != nil {
			return err
		}
		for _, r := range b.Records {
			records <- r.PartitionKey + " " + string(r.Data)
		}
		return nil
	})
	if expand {
		c.Expand = s.Expand
	}
	g, err := consumer.New(c)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for range n {
		got = append(got, <-records)
	}
	stop()
	require.NoError(t, <-done)
	slices.Sort(got)
	return got
}

func never(*consumer.Batch) error { return nil }

// The span of a batch links to those that put its records, and the handler gets
// these as they were put.
func TestTracing_linksPutToProcess(t *testing.T) {
	for _, c := range []producer.Config{{}, {Aggregate: true}} {
		for name, carrier := range map[string]telemetry.Carrier{"tags": nil, "envelope": telemetry.Envelope{}} {
			t.Run(fmt.Sprintf("%s/aggregate=%t", name, c.Aggregate), func(t *testing.T) {
				s := newTraced(t, carrier)
				c := c
				c.Stream = client.Embedded(s.stream)
				p, err := producer.New(c)
				require.NoError(t, err)
				defer p.Close(t.Context())
				const n = 20
				var want []string
				for i := range n {
					e := weir.Entry{PartitionKey: fmt.Sprint("key ", i%5), Data: []byte(fmt.Sprint("data ", i))}
					want = append(want, e.PartitionKey+" "+string(e.Data))
					require.NoError(t, s.PutAsync(t.Context(), p, e, nil))
				}
				require.NoError(t, p.Flush(t.Context()))
				slices.Sort(want)
				assert.Equal(t, want, s.process(t, n, carrier == nil, never))

				sent := make(map[trace.SpanID]bool)
				linked := make(map[trace.SpanID]bool)
				for _, span := range s.spans.Ended() {
					switch span.Name() {
					case "send orders":
						assert.Equal(t, trace.SpanKindProducer, span.SpanKind())
						sent[span.SpanContext().SpanID()] = true
					case "process orders":
						assert.Equal(t, trace.SpanKindConsumer, span.SpanKind())
						for _, l := range span.Links() {
							linked[l.SpanContext.SpanID()] = true
						}
					}
				}
				assert.Len(t, sent, n)
				assert.Equal(t, sent, linked)
			})
		}
	}
}

// Whoever does not trace reads records that carry tags as they were put.
func TestTags_areNothingToOthers(t *testing.T) {
	s := newTraced(t, nil)
	ctx, span := s.Provider.Tracer("test").Start(t.Context(), "caller")
	defer span.End()
	e, err := s.Inject(ctx, weir.Entry{PartitionKey: "key", Data: []byte("data")})
	require.NoError(t, err)
	at, err := s.stream.Put(ctx, e)
	require.NoError(t, err)
	want := weir.HashPartitionKey("key")
	for _, shard := range s.stream.Shards() {
		if shard.HashKeyRange.Contains(want) {
			assert.Equal(t, shard.ID, at.ShardID, "it is in the shard of its key")
		}
	}
	c := consumer.Config{Name: "plain", Streams: []client.Stream{client.Embedded(s.stream)}, Store: new(lease.Memory)}
	g, err := consumer.New(c)
	require.NoError(t, err)
	for b, err := range g.Batches(t.Context()) {
		require.NoError(t, err)
		require.Len(t, b.Records, 1)
		assert.Equal(t, "key", b.Records[0].PartitionKey)
		assert.Equal(t, "data", string(b.Records[0].Data))
		break
	}
}

// A batch that failed links again, and has its records as they were put again.
func TestTracing_retriesLinkAgain(t *testing.T) {
	s := newTraced(t, telemetry.Envelope{})
	ctx, span := s.Provider.Tracer("test").Start(t.Context(), "caller")
	e, err := s.Inject(ctx, weir.Entry{PartitionKey: "key", Data: []byte("data")})
	require.NoError(t, err)
	span.End()
	_, err = s.stream.Put(ctx, e)
	require.NoError(t, err)
	var attempts []string
	got := s.process(t, 1, false, func(b *consumer.Batch) error {
		attempts = append(attempts, string(b.Records[0].Data))
		if b.Attempt < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	assert.Equal(t, []string{"key data"}, got)
	assert.Equal(t, []string{"data", "data", "data"}, attempts)
	var failed int
	for _, ended := range s.spans.Ended() {
		if ended.Name() != "process orders" {
			continue
		}
		require.Len(t, ended.Links(), 1)
		assert.Equal(t, span.SpanContext().SpanID(), ended.Links()[0].SpanContext.SpanID())
		assert.Equal(t, span.SpanContext().TraceID(), ended.Links()[0].SpanContext.TraceID())
		if ended.Status().Code == codes.Error {
			failed++
		}
	}
	assert.Equal(t, 2, failed)
}

// What is not sampled, and where there is no span, nothing is carried.
func TestTracing_carriesOnlyWhatIsSampled(t *testing.T) {
	e := weir.Entry{PartitionKey: "key", Data: []byte("data")}
	got, err := telemetry.Tracing{}.Inject(t.Context(), e)
	require.NoError(t, err)
	assert.Equal(t, e, got)
	never := telemetry.Tracing{Provider: sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))}
	ctx, span := never.Provider.Tracer("test").Start(t.Context(), "caller")
	defer span.End()
	got, err = never.Inject(ctx, e)
	require.NoError(t, err)
	assert.Equal(t, e, got)
}

func TestTracing_aPutThatIsRefusedFailsItsSpan(t *testing.T) {
	s := newTraced(t, nil)
	p, err := producer.New(producer.Config{Stream: client.Embedded(s.stream)})
	require.NoError(t, err)
	defer p.Close(t.Context())
	_, err = s.Put(t.Context(), p, weir.Entry{})
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.Len(t, s.spans.Ended(), 1)
	assert.Equal(t, codes.Error, s.spans.Ended()[0].Status().Code)
	o, err := s.Put(t.Context(), p, weir.Entry{PartitionKey: "key"})
	require.NoError(t, err)
	assert.False(t, o.SequenceNumber.IsZero())
}

func TestTracing_expandIsForCarriersThatNeedIt(t *testing.T) {
	_, _, err := telemetry.Tracing{Carrier: telemetry.Envelope{}}.Expand(weir.HashKeyRange{}, nil)
	require.ErrorContains(t, err, "needs no Expand")
}

// An envelope is believed only if it is whole.
func FuzzEnvelope_unwrap(f *testing.F) {
	sealed, err := telemetry.Envelope{}.Wrap(weir.Entry{Data: []byte("data")}, map[string]string{"traceparent": "00-1", "b": ""})
	require.NoError(f, err)
	f.Add(sealed.Data)
	for i := range sealed.Data {
		f.Add(sealed.Data[:i])
	}
	f.Add([]byte("weir\x00env1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, fields := telemetry.Envelope{}.Unwrap(weir.Record{Data: data})
		if fields == nil {
			require.Equal(t, data, r.Data)
			return
		}
		require.LessOrEqual(t, len(fields), 64)
		require.True(t, strings.HasSuffix(string(data), string(r.Data)))
		again, err := telemetry.Envelope{}.Wrap(weir.Entry{Data: r.Data}, fields)
		require.NoError(t, err)
		back, same := telemetry.Envelope{}.Unwrap(weir.Record{Data: again.Data})
		require.Equal(t, fields, same)
		require.Equal(t, string(r.Data), string(back.Data))
	})
}

// An aggregate of several records is not one that carries.
func TestTags_leaveAggregatesOfOthersAlone(t *testing.T) {
	var b aggregate.Builder
	for _, key := range []string{"a", "b"} {
		require.NoError(t, b.Add(weir.Entry{PartitionKey: key, Data: []byte("data")}, aggregate.Tag{Key: "traceparent", Value: "x"}))
	}
	e := b.Entry(nil)
	same, err := telemetry.Tags{}.Wrap(e, map[string]string{"traceparent": "y"})
	require.NoError(t, err)
	assert.Equal(t, e, same)
	r, fields := telemetry.Tags{}.Unwrap(weir.Record{Data: e.Data})
	assert.Nil(t, fields)
	assert.Equal(t, e.Data, r.Data)
}

// What a record carries that is no span is left out too: tags that somebody else
// has given it, a context that cannot be read, and nothing where the data only
// looks like an envelope.
func TestTracing_handlersGetRecordsAsTheyWerePut(t *testing.T) {
	tagged := func(data, key, value string) weir.Entry {
		var b aggregate.Builder
		require.NoError(t, b.Add(weir.Entry{PartitionKey: "key", Data: []byte(data)}, aggregate.Tag{Key: key, Value: value}))
		return b.Entry(nil)
	}
	sealed := func(data string) weir.Entry {
		e, err := telemetry.Envelope{}.Wrap(weir.Entry{PartitionKey: "key", Data: []byte(data)}, map[string]string{"traceparent": "garbage"})
		require.NoError(t, err)
		return e
	}
	put := func(s *traced, entries ...weir.Entry) {
		for _, e := range entries {
			_, err := s.stream.Put(t.Context(), e)
			require.NoError(t, err)
		}
	}
	s := newTraced(t, nil)
	put(s, tagged("1", "color", "red"), tagged("2", "traceparent", "garbage"), sealed("3"), weir.Entry{PartitionKey: "key", Data: []byte("4")})
	assert.Equal(t, []string{"key 1", "key 2", "key 4", "key " + string(sealed("3").Data)}, s.process(t, 4, true, never))
	s = newTraced(t, telemetry.Envelope{})
	put(s, sealed("1"), weir.Entry{PartitionKey: "key", Data: []byte("2")})
	assert.Equal(t, []string{"key 1", "key 2"}, s.process(t, 2, false, never))
	for _, span := range s.spans.Ended() {
		assert.Empty(t, span.Links())
	}
}

// A record that is as large as it may be is put without the span.
func TestTracing_whatHasNoRoomIsNotCarried(t *testing.T) {
	for _, carrier := range []telemetry.Carrier{telemetry.Tags{}, telemetry.Envelope{}} {
		s := newTraced(t, carrier)
		for _, most := range []int{1 << 20, weir.MaxRecordBytes} {
			p, err := producer.New(producer.Config{Stream: client.Embedded(s.stream), RecordBytes: most})
			require.NoError(t, err)
			const key = "key"
			data := make([]byte, most-len(key))
			_, err = s.Put(t.Context(), p, weir.Entry{PartitionKey: key, Data: data})
			require.NoError(t, err, "%T", carrier)
			_, err = s.Put(t.Context(), p, weir.Entry{PartitionKey: key, Data: make([]byte, len(data)+1)})
			require.ErrorIs(t, err, producer.ErrTooLarge)
			require.ErrorContains(t, err, fmt.Sprintf("have %d bytes; at most %d are allowed", most+1, most), "it is told of the record, not of what it carries")
			require.NoError(t, p.Close(t.Context()))
		}
		assert.EqualValues(t, 2, s.stream.Snapshot().Total.IncomingRecords)
		require.Len(t, s.spans.Ended(), 4)
		assert.Contains(t, s.spans.Ended()[0].Events()[0].Name, "not carried: ")
		assert.Equal(t, codes.Unset, s.spans.Ended()[0].Status().Code)
	}
}

// The span goes through a queue: with a delivery's record, tags are taken off and
// the context is known.
func TestTracing_throughAQueue(t *testing.T) {
	for _, carrier := range []telemetry.Carrier{telemetry.Tags{}, telemetry.Envelope{}} {
		s := newTraced(t, carrier)
		q, err := queue.New(s.stream, queue.Config{Name: "jobs"})
		require.NoError(t, err)
		defer q.Close()
		p, err := producer.New(producer.Config{Stream: client.Embedded(s.stream)})
		require.NoError(t, err)
		defer p.Close(t.Context())
		_, err = s.Put(t.Context(), p, weir.Entry{PartitionKey: "key", Data: []byte("data")})
		require.NoError(t, err)
		list, err := q.Receive(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, list, 1)
		r, of := s.Unwrap(list[0].Record)
		assert.Equal(t, "data", string(r.Data))
		assert.Equal(t, s.spans.Ended()[0].SpanContext().SpanID(), of.SpanID(), "%T", carrier)
		require.NoError(t, list[0].Ack(t.Context()))
	}
}

// A transform takes an envelope off, and knows the span; a group reads tags as if
// there were none.
func TestTracing_throughADelivery(t *testing.T) {
	for _, carrier := range []telemetry.Carrier{telemetry.Tags{}, telemetry.Envelope{}} {
		s := newTraced(t, carrier)
		p, err := producer.New(producer.Config{Stream: client.Embedded(s.stream)})
		require.NoError(t, err)
		defer p.Close(t.Context())
		_, err = s.Put(t.Context(), p, weir.Entry{PartitionKey: "key", Data: []byte("data")})
		require.NoError(t, err)
		delivered, linked := make(chan string, 1), make(chan trace.SpanContext, 1)
		d, err := delivery.New(delivery.Config{
			Group:    consumer.Config{Streams: []client.Stream{client.Embedded(s.stream)}, Store: new(lease.Memory)},
			Interval: -1,
			Transform: delivery.TransformFunc(func(_ context.Context, records []delivery.Record) ([]delivery.Result, error) {
				plain, of := s.Unwrap(records[0].Record)
				linked <- of
				return []delivery.Result{{Data: plain.Data}}, nil
			}),
			Sink: delivery.SinkFunc(func(_ context.Context, o *delivery.Object) error {
				delivered <- string(o.Body)
				return nil
			}),
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		assert.Equal(t, "data", <-delivered)
		of := <-linked
		if carrier == (telemetry.Envelope{}) {
			assert.Equal(t, s.spans.Ended()[0].SpanContext().SpanID(), of.SpanID())
		} else {
			assert.False(t, of.IsValid(), "the delivery's group has taken the aggregate apart")
		}
		stop()
		require.NoError(t, <-done)
	}
}

// Spans go to others: they do not say whose record could not be put.
func TestTracing_spansHaveNoKeysAndNoData(t *testing.T) {
	s := newTraced(t, nil)
	p, err := producer.New(producer.Config{Stream: client.Embedded(s.stream)})
	require.NoError(t, err)
	defer p.Close(t.Context())
	const key, data = "whose it is", "what it says"
	e := weir.Entry{PartitionKey: key, Data: []byte(data)}
	_, err = s.Put(t.Context(), p, e)
	require.NoError(t, err)
	s.process(t, 1, true, never)
	require.NoError(t, s.stream.EndWrites(t.Context()))
	_, err = s.Put(t.Context(), p, e)
	require.ErrorContains(t, err, key, "its caller is told")
	spans := s.spans.Ended()
	require.Len(t, spans, 3)
	assert.Contains(t, spans[2].Status().Description, "attempts: 1")
	for _, span := range spans {
		text := fmt.Sprint(span.Name(), span.Status(), span.Attributes(), span.Events(), span.Links())
		assert.NotContains(t, text, key)
		assert.NotContains(t, text, data)
	}
}
