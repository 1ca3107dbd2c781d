package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	golambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
)

const oneRecord = `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k","sequenceNumber":"12","data":"aGk=",` +
	`"approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:12",` +
	`"eventName":"aws:kinesis:record","invokeIdentityArn":"r","awsRegion":"us-east-1","eventSourceARN":"s"}]}`

// Every form of handler that lambda.Start takes is called, and gets the event.
func TestHandler_takesWhatStartTakes(t *testing.T) {
	data := func(e events.KinesisEvent) string { return string(e.Records[0].Kinesis.Data) }
	partial := events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{{ItemIdentifier: "12"}}}
	const partialJSON = `{"batchItemFailures":[{"itemIdentifier":"12"}]}`
	saw := ""
	for _, row := range []struct {
		what    string
		handler any
		want    string
	}{
		{"nothing", func() { saw = "called" }, "null"},
		{"an error", func() error { saw = "called"; return nil }, "null"},
		{"an event", func(e events.KinesisEvent) { saw = data(e) }, "null"},
		{"an event, an error", func(e events.KinesisEvent) error { saw = data(e); return nil }, "null"},
		{"an event, an answer", func(e events.KinesisEvent) (events.KinesisEventResponse, error) { saw = data(e); return partial, nil }, partialJSON},
		{"a context", func(context.Context) { saw = "called" }, "null"},
		{"a context, an event", func(_ context.Context, e events.KinesisEvent) { saw = data(e) }, "null"},
		{"a context, an event, an error", func(_ context.Context, e events.KinesisEvent) error { saw = data(e); return nil }, "null"},
		{"all", func(_ context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error) {
			saw = data(e)
			return partial, nil
		}, partialJSON},
		{"a pointer", func(e *events.KinesisEvent) (*events.KinesisEventResponse, error) {
			saw = data(*e)
			return &partial, nil
		}, partialJSON},
		{"a window", func(e events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
			saw = data(e.KinesisEvent)
			var r events.KinesisTimeWindowEventResponse
			r.State = map[string]string{"n": "1"}
			return r, nil
		}, `{"state":{"n":"1"},"batchItemFailures":null}`},
		{"any", func(e any) (any, error) { saw = fmt.Sprint(len(e.(map[string]any)["Records"].([]any))); return e, nil }, oneRecord},
		{"JSON", func(e json.RawMessage) (json.RawMessage, error) { saw = "called"; return e, nil }, oneRecord},
		{"a reader", func(json.RawMessage) (io.Reader, error) { saw = "called"; return strings.NewReader("text"), nil }, "text"},
		{"a Handler", raw(func(_ context.Context, b []byte) ([]byte, error) { saw = "called"; return b, nil }), oneRecord},
		{"what NewHandler made", golambda.NewHandler(func(e events.KinesisEvent) error { saw = data(e); return nil }), "null"},
	} {
		t.Run(row.what, func(t *testing.T) {
			f, err := lambda.Handler(row.handler, lambda.HandlerConfig{})
			require.NoError(t, err)
			saw = ""
			answer, err := f(t.Context(), []byte(oneRecord))
			require.NoError(t, err)
			assert.NotEmpty(t, saw)
			if json.Valid(answer) {
				assert.JSONEq(t, row.want, string(answer))
			} else {
				assert.Equal(t, row.want, string(answer))
			}
		})
	}
}

// raw is a Handler of the caller's own.
type raw func(context.Context, []byte) ([]byte, error)

func (f raw) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// What lambda.Start would not take is refused at once: all that NewHandler says
// at each invocation, and nothing else.
func TestHandler_refusesWhatStartRefuses(t *testing.T) {
	var none func() error
	for _, row := range []struct {
		handler any
		want    string
	}{
		{nil, "handler: is nil"},
		{none, "handler: is a nil func() error"},
		{(*events.KinesisEvent)(nil), "handler: is a nil *events.KinesisEvent"},
		{"text", "handler: is a string: want a function"},
		{func(_, _, _ string) {}, "takes 3 arguments"},
		{func(string, context.Context) {}, "the first, a string, is not a context.Context"},
		{func(io.Reader) {}, "takes a io.Reader, which is an interface but not context.Context"},
		{func(io.Reader, string) {}, "the first, a io.Reader, is not a context.Context"},
		{func(any, string) {}, "the first, a interface {}, is not a context.Context"},
		{func() string { return "" }, "returns a string last, which is no error"},
		{func() (int, string) { return 0, "" }, "returns a string last, which is no error"},
		{func() (string, string, error) { return "", "", nil }, "returns 3 values"},
	} {
		_, err := lambda.Handler(row.handler, lambda.HandlerConfig{})
		require.ErrorIs(t, err, weir.ErrInvalidArgument, "%T", row.handler)
		assert.ErrorContains(t, err, row.want)
		if _, isFunc := row.handler.(func() error); isFunc {
			continue // NewHandler panics when it calls it
		}
		_, err = golambda.NewHandler(row.handler).Invoke(t.Context(), []byte(`""`))
		assert.Error(t, err, "%T", row.handler)
	}
	for _, d := range []time.Duration{-1, lambda.MaxTimeout + 1} {
		_, err := lambda.Handler(func() {}, lambda.HandlerConfig{Timeout: d})
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.ErrorContains(t, err, fmt.Sprintf("Timeout: %v is not 0 to 15m0s", d))
	}
}

func TestHandler_givesAContextAsTheServiceDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		var left time.Duration
		handle := func(ctx context.Context) error {
			lc, ok := lambdacontext.FromContext(ctx)
			require.True(t, ok)
			assert.Equal(t, "arn:aws:lambda:eu-west-1:123456789012:function:f", lc.InvokedFunctionArn)
			ids = append(ids, lc.AwsRequestID)
			at, ok := ctx.Deadline()
			require.True(t, ok)
			left = time.Until(at)
			return nil
		}
		call := func(ctx context.Context, timeout time.Duration) {
			f, err := lambda.Handler(handle, lambda.HandlerConfig{FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:f", Timeout: timeout})
			require.NoError(t, err)
			_, err = f(ctx, []byte(oneRecord))
			require.NoError(t, err)
		}
		call(t.Context(), 0)
		assert.Equal(t, 15*time.Minute, left)
		call(t.Context(), time.Second)
		assert.Equal(t, time.Second, left)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		call(ctx, time.Second)
		assert.Equal(t, 10*time.Millisecond, left)
		assert.Regexp(t, regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`), ids[0])
		assert.NotEqual(t, ids[0], ids[1])
	})
}

func TestHandler_whatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("cannot sell that")
		for _, row := range []struct {
			handler any
			event   string
			want    error
		}{
			{func() error { return cause }, oneRecord, cause},
			{func() error { time.Sleep(time.Second + 1); return nil }, oneRecord, context.DeadlineExceeded},
			{func() error { time.Sleep(time.Second - 1); return nil }, oneRecord, nil},
			{func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, oneRecord, context.DeadlineExceeded},
			{func(events.KinesisEvent) error { return nil }, `{"Records":1}`, new(json.UnmarshalTypeError)},
		} {
			f, err := lambda.Handler(row.handler, lambda.HandlerConfig{Timeout: time.Second})
			require.NoError(t, err)
			answer, err := f(t.Context(), []byte(row.event))
			var format *json.UnmarshalTypeError
			switch {
			case row.want == nil:
				assert.NoError(t, err)
				continue
			case errors.As(row.want, &format):
				assert.ErrorAs(t, err, &format)
			default:
				assert.ErrorIs(t, err, row.want)
			}
			assert.Nil(t, answer)
		}
	})
}

// A Handler of aws-lambda-go answers in a buffer that its next call overwrites.
// Lanes call at the same time, and each must have its own answer.
func TestHandler_answersOfCallsAtATimeAreTheirOwn(t *testing.T) {
	echo := func(n int) (string, error) { return strings.Repeat(strconv.Itoa(n%10), 100+n%7), nil }
	for _, handler := range []any{echo, golambda.NewHandler(echo)} {
		f, err := lambda.Handler(handler, lambda.HandlerConfig{})
		require.NoError(t, err)
		one, err := f(t.Context(), []byte("1"))
		require.NoError(t, err)
		for n := range 10 {
			_, err := f(t.Context(), []byte(strconv.Itoa(n)))
			require.NoError(t, err)
			require.Equal(t, strconv.Quote(strings.Repeat("1", 101)), string(one))
		}
		var callers sync.WaitGroup
		for n := range 8 {
			callers.Go(func() {
				want, _ := json.Marshal(strings.Repeat(strconv.Itoa(n), 100+n%7))
				for range 300 {
					answer, err := f(t.Context(), []byte(strconv.Itoa(n)))
					if err != nil || !bytes.Equal(want, answer) {
						assert.NoError(t, err)
						assert.Equal(t, string(want), string(answer))
						return
					}
				}
			})
		}
		callers.Wait()
	}
}
