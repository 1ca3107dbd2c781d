package kinesisserver

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// eventWriteTimeout is how long a subscriber may take to accept one event.
const eventWriteTimeout = 30 * time.Second

// subscribe is SubscribeToShard: a response that goes on for minutes. Its
// events are JSON whatever the request was, as the service's.
func subscribe(x *exchange) error {
	in := new(account.SubscribeToShardInput)
	bind(&x.value, x.op.input, in)
	ctx, leave, err := x.server.subscriptions.join(x.ctx)
	if err != nil {
		return err
	}
	defer leave()
	sub, err := x.account.SubscribeToShard(ctx, in)
	if err != nil {
		return err
	}
	defer sub.Close()
	x.outlast()
	w := newEventWriter(x)
	defer w.limit() // what net/http writes at the end
	if err := w.initial(); err != nil {
		return err
	}
	for {
		err := w.next(ctx, sub)
		switch {
		case err == io.EOF:
			return nil
		case ctx.Err() != nil: // the client has gone, or the server goes
			return nil
		case w.failed != nil:
			return w.failed
		case err != nil:
			w.exception(toWire(err))
			return err
		}
	}
}

// An eventWriter writes an event stream, each frame flushed at once.
type eventWriter struct {
	x       *exchange
	control *http.ResponseController
	timeout time.Duration // for each frame
	failed  error         // why nothing can be written any more
}

// newEventWriter begins the response. The time-outs that keep ordinary requests
// short do not hold for it: each frame has one of its own.
func newEventWriter(x *exchange) *eventWriter {
	w := &eventWriter{x: x, control: http.NewResponseController(x.w), timeout: eventWriteTimeout}
	w.control.SetReadDeadline(time.Time{}) // not supported in process, and not needed there
	x.letClientFinish()
	x.streamed = true
	x.w.Header()["Content-Type"] = []string{contentTypeEvents}
	x.w.WriteHeader(http.StatusOK)
	return w
}

// initial writes the frame that clients wait for before they return from the
// call.
func (w *eventWriter) initial() error {
	return w.frame("event", ":event-type", "initial-response", []byte("{}"))
}

// maxEventBytes is more than the records of an event take and what is made of
// them.
const maxEventBytes = 8 << 20

// next waits for an event and writes it. What an event takes is counted from
// before its records are read until the client has it, or many subscriptions
// that catch up would hold one each: those that find no room wait for it.
func (w *eventWriter) next(ctx context.Context, sub *account.Subscription) error {
	if err := sub.Wait(ctx); err != nil {
		return err
	}
	x, b := w.x, &w.x.server.budget
	f := &x.flight
	if err := b.wait(ctx, f, &b.large, maxEventBytes); err != nil {
		return err
	}
	payload := takeBuffer(&firstBuffers)
	defer func() {
		if w.failed == nil { // else HTTP/2 may still be reading it
			giveBody(payload)
		}
		b.give(f, f.large, f.small-requestBytes)
	}()
	event, err := w.read(sub, payload)
	if err != nil || !event {
		return err
	}
	// Small ones are not to wait for large ones that are under way.
	if n := int64(cap(*payload)); n <= maxFirstBytes {
		b.give(f, f.large, 0)
		if err := b.wait(ctx, f, &b.small, maxFirstBytes); err != nil {
			return err
		}
	} else if n < f.large {
		b.give(f, f.large-n, 0)
	}
	w.failed = w.event(*payload)
	return w.failed
}

// event writes an event of a payload.
func (w *eventWriter) event(payload []byte) error {
	return w.frame("event", ":event-type", "SubscribeToShardEvent", payload)
}

// read reads the event that is due, if one is, and makes out its payload.
func (w *eventWriter) read(sub *account.Subscription, payload *[]byte) (bool, error) {
	w.x.server.reading <- struct{}{}
	defer func() { <-w.x.server.reading }()
	e, err := sub.TryNext()
	if e == nil || err != nil {
		return false, err
	}
	*payload = appendEvent((*payload)[:0], e)
	return true, nil
}

// appendEvent appends the payload of an event.
func appendEvent(dst []byte, e *account.SubscribeToShardEvent) []byte {
	dst = appendJSONRecords(append(dst, '{'), e.Records, e.EncryptionTypes)
	if e.ContinuationSequenceNumber != "" {
		dst = append(dst, `,"ContinuationSequenceNumber":`...)
		dst = appendJSONText(dst, e.ContinuationSequenceNumber)
	}
	return appendJSONRest(dst, e.MillisBehindLatest, e.ChildShards)
}

// exception writes an error that ends the stream.
func (w *eventWriter) exception(e *wireError) {
	code := e.code
	if code == errInternal.code {
		code = account.CodeInternalFailure // the only form that the model has in a stream
	}
	b := append([]byte(nil), `{"message":`...)
	b = append(appendJSONText(b, e.message), '}')
	w.frame("exception", ":exception-type", code, b) // a client that has gone needs no error
}

// limit begins the time that the client has to accept what is written.
func (w *eventWriter) limit() {
	w.control.SetWriteDeadline(time.Now().Add(w.timeout)) // not supported in process
}

// frame writes one message of the stream. Between two frames there is no time
// limit: HTTP/2 ends a stream at its deadline even if nothing is being written.
func (w *eventWriter) frame(kind, header, value string, payload []byte) error {
	w.limit()
	head, end := frameAround(payload, ":message-type", kind, header, value, ":content-type", "application/json")
	for _, part := range [...][]byte{head, payload, end} {
		if err := w.x.send(part); err != nil {
			return err
		}
	}
	if err := w.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) { // without a buffer
		return err
	}
	w.control.SetWriteDeadline(time.Time{})
	return nil
}

// frameAround returns what a message of the stream has before its payload and
// behind it, with headers that are texts, each after its name. The payload is
// not copied, for it may be large.
func frameAround(payload []byte, headers ...string) (head, end []byte) {
	const prelude, crc, isText = 12, 4, 7
	head = make([]byte, prelude, 128)
	for i := 0; i < len(headers); i += 2 {
		name, value := headers[i], headers[i+1]
		head = append(append(head, byte(len(name))), name...)
		head = binary.BigEndian.AppendUint16(append(head, isText), uint16(len(value)))
		head = append(head, value...)
	}
	binary.BigEndian.PutUint32(head, uint32(len(head)+len(payload)+crc))
	binary.BigEndian.PutUint32(head[4:], uint32(len(head)-prelude))
	binary.BigEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
	sum := crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, payload)
	return head, binary.BigEndian.AppendUint32(nil, sum)
}

// errTooManySubscriptions refuses a subscription beyond the server's bound.
var errTooManySubscriptions = badRequest("LimitExceededException", "This endpoint has as many open subscriptions as it may.")

// errClosing ends subscriptions when the server shuts down.
var errClosing = errors.New("server is shutting down")

// subscriptions are those that are open.
type subscriptions struct {
	most    int64
	open    atomic.Int64
	closing context.Context
	close   context.CancelCauseFunc
}

func newSubscriptions(most int) *subscriptions {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &subscriptions{most: int64(most), closing: ctx, close: cancel}
}

// join counts a subscription, unless there are too many, and returns a context
// that ends with ctx or when the server shuts down.
func (s *subscriptions) join(ctx context.Context) (context.Context, func(), error) {
	if s.closing.Err() != nil {
		return nil, nil, errUnavailable
	}
	if open := s.open.Add(1); s.most > 0 && open > s.most {
		s.open.Add(-1)
		return nil, nil, errTooManySubscriptions
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.closing, func() { cancel(errClosing) })
	return ctx, func() { stop(); cancel(nil); s.open.Add(-1) }, nil
}
