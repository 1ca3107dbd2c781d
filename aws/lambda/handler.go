package lambda

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
)

// MaxTimeout is how long a function may take on the service.
const MaxTimeout = 15 * time.Minute

// DefaultFunctionARN is what handlers see as the ARN of the function if nobody
// says another.
const DefaultFunctionARN = "arn:aws:lambda:us-east-1:000000000000:function:function"

// A HandlerConfig says what a handler sees of the service. The zero value works.
type HandlerConfig struct {
	// FunctionARN is the InvokedFunctionArn of the handler's context. Empty means
	// [DefaultFunctionARN].
	FunctionARN string
	// Timeout is how long an invocation may take, up to [MaxTimeout], which zero
	// means. It is the deadline of the handler's context, unless the context that
	// the event source gives ends earlier. An invocation that returns after it has
	// failed; one that does not return at all is waited for, as no goroutine can be
	// ended from outside.
	Timeout time.Duration
}

// Handler returns a function that calls a handler of aws-lambda-go: all that
// lambda.Start takes, such as
//
//	func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error)
//	func(context.Context, events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error)
//	func(events.KinesisEvent) error
//
// or a lambda.Handler. It is called in this process, by several goroutines at a
// time if several shards or lanes are processed; only what lambda.NewHandler
// made is called by one at a time, for it answers in memory that calls share.
// Its context has a deadline and a lambdacontext with a request id of its own.
//
// The error matches [weir.ErrInvalidArgument] if lambda.Start would not take the
// handler, or if a setting is out of bounds. An error of the handler, and a
// panic, is a failed invocation.
func Handler(handler any, c HandlerConfig) (eventsource.Function, error) {
	if err := checkHandler(handler); err != nil {
		return nil, err
	}
	timeout, err := timeoutOf(c.Timeout)
	if err != nil {
		return nil, err
	}
	invoke := invoker(handler)
	arn := cmp.Or(c.FunctionARN, DefaultFunctionARN)
	return func(ctx context.Context, event []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		lc := &lambdacontext.LambdaContext{AwsRequestID: requestID(), InvokedFunctionArn: arn}
		answer, err := invoke(lambdacontext.NewContext(ctx, lc), event)
		if err == nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return answer, err
	}, nil
}

// made is the type of what lambda.NewHandler makes.
var made = reflect.TypeOf(lambda.NewHandler(func() {}))

// invoker returns what calls a handler. A lambda.Handler that lambda.NewHandler
// made answers in a buffer that its next call may overwrite, so the answer is
// copied before that can begin.
func invoker(handler any) func(context.Context, []byte) ([]byte, error) {
	if reflect.TypeOf(handler) == made {
		var mu sync.Mutex // held during a call
		h := handler.(lambda.Handler)
		return func(ctx context.Context, event []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			answer, err := h.Invoke(ctx, event)
			return bytes.Clone(answer), err
		}
	}
	if h, ok := handler.(lambda.Handler); ok {
		return h.Invoke
	}
	idle := sync.Pool{New: func() any { return lambda.NewHandler(handler) }}
	return func(ctx context.Context, event []byte) ([]byte, error) {
		h := idle.Get().(lambda.Handler)
		answer, err := h.Invoke(ctx, event)
		answer = bytes.Clone(answer)
		idle.Put(h)
		return answer, err
	}
}

// checkHandler says what lambda.NewHandler would say at each invocation.
func checkHandler(handler any) error {
	if handler == nil {
		return invalid("handler", "is nil")
	}
	v := reflect.ValueOf(handler)
	switch v.Kind() {
	case reflect.Func, reflect.Pointer, reflect.Map, reflect.Interface:
		if v.IsNil() {
			return invalid("handler", "is a nil %v", v.Type())
		}
	}
	if _, ok := handler.(lambda.Handler); ok {
		return nil
	}
	if v.Kind() != reflect.Func {
		return invalid("handler", "is a %v: want a function, or a lambda.Handler", v.Type())
	}
	return checkSignature(v.Type())
}

func checkSignature(f reflect.Type) error {
	contextType, errorType := reflect.TypeFor[context.Context](), reflect.TypeFor[error]()
	same := func(t reflect.Type) bool {
		return t.Kind() == reflect.Interface && t.Implements(contextType) && contextType.Implements(t)
	}
	switch in := f.NumIn(); {
	case in > 2:
		return invalid("handler", "takes %d arguments; at most a context and an event are allowed", in)
	case in == 2 && !same(f.In(0)):
		return invalid("handler", "takes two arguments, but the first, a %v, is not a context.Context", f.In(0))
	case in == 1 && f.In(0).Kind() == reflect.Interface && f.In(0).NumMethod() > 0 && !same(f.In(0)):
		return invalid("handler", "takes a %v, which is an interface but not context.Context", f.In(0))
	}
	switch out := f.NumOut(); {
	case out > 2:
		return invalid("handler", "returns %d values; at most an answer and an error are allowed", out)
	case out > 0 && !f.Out(out-1).Implements(errorType):
		return invalid("handler", "returns a %v last, which is no error", f.Out(out-1))
	}
	return nil
}

// timeoutOf returns what a Timeout means.
func timeoutOf(d time.Duration) (time.Duration, error) {
	if d < 0 || d > MaxTimeout {
		return 0, invalid("Timeout", "%v is not 0 to %v", d, MaxTimeout)
	}
	return cmp.Or(d, MaxTimeout), nil
}

// tooLate returns the error of an invocation that was stopped at the end of ctx.
func tooLate(ctx context.Context, after time.Duration) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return fmt.Errorf("no answer after %v: %w", after.Round(time.Millisecond), context.DeadlineExceeded)
}

func invalid(field, format string, args ...any) error {
	return fmt.Errorf("lambda: %w", &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// requestID returns a random UUID.
func requestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
