package kinesistest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// serve answers a request: it writes it down, does what the faults say, and has
// the server do the rest.
func (k *Fake) serve(w http.ResponseWriter, r *http.Request) {
	op := operationOf(r)
	if _, ok := shapes[op]; !ok || r.Method != http.MethodPost {
		k.inner().ServeHTTP(w, r)
		return
	}
	slot, inProcess := r.Context().Value(callKey{}).(*callSlot)
	if !inProcess {
		slot = new(callSlot)
		var err error
		if slot.body, err = readAll(r); err != nil {
			panic(http.ErrAbortHandler)
		}
		k.takeTurn(op, slot.body)
	}
	c := k.begin(op, message{slot.body, r.Header.Get("Content-Type") == contentCBOR})
	defer k.end(c)
	slot.call = c
	if err := k.skewed(r); err != nil {
		k.fail(w, c, err)
		return
	}
	if effect := k.effects(c); effect != nil {
		k.perform(w, r, c, effect)
		return
	}
	if op == "SubscribeToShard" {
		k.pass(&eventWriter{ResponseWriter: w, fake: k, call: c, ctx: r.Context()}, r, c, c.request)
		return
	}
	k.reply(w, r, c)
}

// readAll returns the body of a request.
func readAll(r *http.Request) ([]byte, error) {
	if r.ContentLength <= 0 || r.ContentLength > 1<<20 {
		return io.ReadAll(r.Body)
	}
	b := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, b)
	return b, err
}

// pass has the server answer a call whose request is changed to m.
func (k *Fake) pass(w http.ResponseWriter, r *http.Request, c *Call, m message) {
	now := k.Now()
	k.mu.Lock()
	if c.effects++; c.effects == 1 {
		c.effectAt = now
	}
	k.mu.Unlock()
	if c.Op == "GetRecords" && k.config.PageRecords > 0 {
		m = m.limited(k.config.PageRecords)
	}
	own := *r
	own.Body, own.ContentLength = io.NopCloser(bytes.NewReader(m.body)), int64(len(m.body))
	k.inner().ServeHTTP(w, &own)
}

// ask returns the server's answer to a call whose request is changed to m, and
// notes what it says.
func (k *Fake) ask(r *http.Request, c *Call, m message) *answer {
	a := &answer{header: make(http.Header, 8), status: http.StatusOK}
	k.pass(a, r, c, m)
	c.answered(a)
	return a
}

// answered notes what the server said.
func (c *Call) answered(a *answer) {
	m := message{a.body, c.request.cbor}
	if a.status == http.StatusOK {
		c.response = m
		c.failed(nil)
		return
	}
	e := &CallError{Status: a.status, Code: cmp.Or(m.text("__type", false), fmt.Sprint("status ", a.status))}
	if e.Message = m.text("message", false); e.Message == "" {
		e.Message = m.text("Message", false)
	}
	c.failed(e)
}

// failed notes why the call failed. A subscription can be looked at meanwhile.
func (c *Call) failed(err error) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.Err = err
}

// faulted notes a fault that was applied.
func (c *Call) faulted(text string) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.faultedLocked(text)
}

func (c *Call) faultedLocked(text string) {
	if c.Fault != "" {
		text = c.Fault + "; " + text
	}
	c.Fault = text
}

// write sends an answer.
func (k *Fake) write(w http.ResponseWriter, c *Call, a *answer) {
	if k.config.ClientSkew != 0 {
		a.header.Set("Date", k.date())
	}
	if own, ok := w.(*answer); ok {
		*own = *a // nobody else holds on to it
		return
	}
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	w.WriteHeader(a.status)
	w.Write(a.arrives())
}

// fail sends an error of the service.
func (k *Fake) fail(w http.ResponseWriter, c *Call, err error) {
	f := c.failure(err)
	c.failed(&CallError{f.status, f.code, f.message})
	a := &answer{header: make(http.Header, 4), status: f.status}
	said := map[string]string{"__type": f.code}
	if f.message != "" {
		said["message"] = f.message
	}
	if c.request.cbor {
		a.body, _ = cbor.Marshal(said)
		a.header.Set("Content-Type", contentCBOR)
	} else {
		a.body, _ = json.Marshal(said)
		a.header.Set("Content-Type", contentJSON)
	}
	a.header.Set("X-Amzn-Requestid", "injected-"+strconv.Itoa(c.N))
	a.header.Set("Date", k.Now().UTC().Format(http.TimeFormat))
	k.write(w, c, a)
}

// An eventWriter passes an event stream on, frame by frame.
type eventWriter struct {
	http.ResponseWriter
	fake   *Fake
	call   *Call
	ctx    context.Context
	effect *effect // nil if nothing is to happen

	status  int
	frame   []byte
	frames  int
	aborted bool // the connection is to break
}

func (w *eventWriter) WriteHeader(status int) {
	w.status = status
	if w.fake.config.ClientSkew != 0 {
		w.Header().Set("Date", w.fake.date())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *eventWriter) Write(b []byte) (int, error) {
	w.frame = append(w.frame, b...)
	if w.status >= 300 { // an error, in one piece
		w.call.answered(&answer{status: w.status, body: bytes.Clone(w.frame)})
		return w.ResponseWriter.Write(b)
	}
	return len(b), nil
}

// FlushError ends a frame. The first frame is the initial response.
func (w *eventWriter) FlushError() error {
	frame := w.frame
	w.frame = w.frame[:0]
	w.frames++
	events := w.frames - 1
	if w.effect != nil && w.effect.kind == actSilent && events > w.effect.after {
		return nil
	}
	if events > 0 {
		w.fake.eventSent(w.call, frame)
	}
	repeat := 1
	if w.effect != nil && events > 0 {
		var err error
		if repeat, err = w.effect.beforeEvent(w, frame, events); err != nil {
			return err
		}
	}
	for range repeat {
		if _, err := w.ResponseWriter.Write(frame); err != nil {
			return err
		}
	}
	if w.effect != nil && w.effect.endsAfter(events) {
		if err := w.effect.endStream(w); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// exception writes an exception into the stream.
func (w *eventWriter) exception(err error) {
	f := w.call.failure(err)
	f.code = inStream(f.code)
	w.call.failed(&CallError{f.status, f.code, f.message})
	payload, _ := json.Marshal(map[string]string{"message": f.message})
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(":message-type", eventstream.StringValue("exception"))
	m.Headers.Set(":exception-type", eventstream.StringValue(f.code))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	eventstream.NewEncoder().Encode(w.ResponseWriter, m)
	http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap gives [http.ResponseController] the rest.
func (w *eventWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
