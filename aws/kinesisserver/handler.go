package kinesisserver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// targetPrefix begins the X-Amz-Target of all operations.
const targetPrefix = "Kinesis_20131202."

// The headers of responses, in their canonical form.
const (
	headerRequestID  = "X-Amzn-Requestid"
	headerExtendedID = "X-Amz-Id-2"
	headerTarget     = "X-Amz-Target"
)

// exposedHeaders is what scripts of other origins may read.
const exposedHeaders = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"

// serveHTTP answers one request.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, ownPath) {
		s.serveOwn(w, r)
		return
	}
	start := time.Now()
	x := &exchange{server: s, ctx: r.Context(), w: w, http1: r.ProtoMajor == 1, status: http.StatusOK}
	s.metrics.begin()
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			s.recovered(x, r, p)
		}
		x.giveOut()
		s.budget.end(&x.flight)
		x.leave()
		took := time.Since(start)
		s.metrics.end(x, took)
		s.logExchange(x, r, took)
		if p == http.ErrAbortHandler {
			panic(p) // net/http's way to break a connection, which a wrapper may use
		}
	}()
	s.serve(x, r)
}

// recovered answers a request whose handling panicked.
func (s *Server) recovered(x *exchange, r *http.Request, p any) {
	s.metrics.panics.Inc()
	if s.config.Log != nil {
		s.config.Log.ErrorContext(r.Context(), "panic", "request", x.id, "target", r.Header.Get(headerTarget),
			"panic", p, "stack", string(debug.Stack()))
	}
	if x.streamed {
		x.code = errInternal.code
		return
	}
	if x.protocol == protocolNone {
		x.protocol = protocolJSON
	}
	x.out = x.out[:0]
	x.fail(errInternal)
}

// serve answers what is no request of an operation, and reads the body of what
// may be one.
func (s *Server) serve(x *exchange, r *http.Request) {
	h := x.w.Header()
	x.id = requestID()
	h[headerRequestID] = []string{x.id}
	h["Date"] = []string{s.date.text(s.now())}
	origin := r.Header.Get("Origin")
	if err := s.guard.check(r.Host, origin); err != nil {
		x.forbid(r, err)
		return
	}
	if origin != "" && s.guard.allowsOrigin(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Vary", "Origin")
		if r.Method == http.MethodOptions {
			x.preflight(r)
			return
		}
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
	h[headerExtendedID] = []string{extendedID()}
	if r.Method != http.MethodPost {
		x.deny()
		return
	}
	limit := s.config.MaxBodyBytes
	if x.identity, x.refused = s.identify(r); x.refused != nil {
		limit = min(limit, maxForeignBytes)
	}
	if !s.budget.begin(&x.flight, x.ctx) {
		x.unread(r, errBusy)
		return
	}
	body, err := x.readBody(r, limit)
	x.request = body
	defer x.giveIn()
	if err != nil {
		x.unread(r, err)
		return
	}
	x.body, x.received = *body, len(*body)
	x.pooled = takeBuffer(&firstBuffers)
	x.out = *x.pooled
	s.answer(x, r)
}

// maxForeignBytes is how much of a body is read whose sender is refused anyway:
// enough to be told first what the service tells first.
const maxForeignBytes = 64 << 10

// giveIn gives back what the request's body was read into.
func (x *exchange) giveIn() {
	if x.request == nil {
		return
	}
	giveBody(x.request)
	x.request, x.body = nil, nil
}

// giveOut gives back what the response's body was made out in.
func (x *exchange) giveOut() {
	if x.pooled == nil || x.torn {
		return
	}
	*x.pooled = x.out
	giveBody(x.pooled)
	x.pooled, x.out = nil, nil
}

// outlast gives back what the exchange holds, because it is to last for
// minutes, and has no more use of it.
func (x *exchange) outlast() {
	x.giveIn()
	x.giveOut()
	f := &x.flight
	x.server.budget.give(f, f.large, f.small-requestBytes)
	x.value = value{}
}

// preflight answers a browser that asks whether it may call.
func (x *exchange) preflight(r *http.Request) {
	h := x.w.Header()
	for _, name := range []string{"Headers", "Method"} {
		asked := r.Header.Get("Access-Control-Request-" + name)
		if name == "Method" {
			name = "Methods"
		}
		if asked != "" {
			h.Set("Access-Control-Allow-"+name, asked)
		}
	}
	h.Set("Access-Control-Max-Age", "172800")
	x.write(http.StatusOK, "")
}

// forbid answers a request that the server does not take from whoever sent it.
// Its body is not read.
func (x *exchange) forbid(r *http.Request, err error) {
	x.protocol = protocolOf(r.Header.Get("Content-Type"))
	if x.protocol != protocolCBOR {
		x.protocol = protocolJSON
	}
	x.fail(toWire(err))
}

// deny answers what cannot be a request of an operation.
func (x *exchange) deny() {
	x.code = "AccessDeniedException"
	x.out = append(x.out, "<AccessDeniedException>\n"+
		"  <Message>Unable to determine service/operation name to be authorized</Message>\n"+
		"</AccessDeniedException>\n"...)
	x.write(http.StatusForbidden, "")
}

// unread answers a request whose body could not be read.
func (x *exchange) unread(r *http.Request, err error) {
	x.w.Header().Set("Connection", "close")
	if x.refused != nil && errors.Is(err, errTooLarge) {
		x.forbid(r, x.refused)
		return
	}
	if errors.Is(err, errBusy) {
		x.forbid(r, errTooBusy)
		return
	}
	if errors.Is(err, errTooLarge) {
		x.code = "RequestEntityTooLarge"
		x.write(http.StatusRequestEntityTooLarge, "")
		return
	}
	x.code = "RequestTimeout"
	x.write(http.StatusRequestTimeout, "")
}

// answer answers a request whose body is read, checking one thing after the
// other in the service's order.
func (s *Server) answer(x *exchange, r *http.Request) {
	x.protocol = protocolOf(r.Header.Get("Content-Type"))
	service, name := target(r.Header.Get(headerTarget))
	if service == targetPrefix {
		x.op = s.operations[name]
	}
	switch {
	case len(x.body) == 0:
		x.failEmpty()
	case x.protocol == protocolNone && (service == "" || name == ""):
		x.deny()
	case x.protocol == protocolNone:
		x.code = errUnknownOperation.code
		x.out = append(x.out, "<UnknownOperationException/>\n"...)
		x.write(http.StatusNotFound, "")
	case x.protocol == protocolOldJSON:
		x.failOld()
	default:
		x.credential = credentialOf(r)
		x.tenant = tenantOf(r.Host, x.credential)
		x.finish(s.execute(x, r))
	}
}

// target splits a target after its dot.
func target(header string) (service, name string) {
	i := strings.IndexByte(header, '.') + 1
	return header[:i], header[i:]
}

// failEmpty answers a request without a body: every operation wants one.
func (x *exchange) failEmpty() {
	if x.protocol != protocolJSON {
		x.protocol = protocolCBOR
	}
	if x.op == nil {
		x.fail(errUnknownOperation)
		return
	}
	x.fail(errSerialization)
}

// failOld answers application/json, which the service knows and never serves.
func (x *exchange) failOld() {
	status, code := http.StatusNotFound, errUnknownOperation.code
	if _, err := parseJSON(x.body); err != nil {
		status, code = http.StatusBadRequest, errSerialization.code
	}
	x.code = code
	x.out = append(x.out, `{"Output":{"__type":"com.amazon.coral.service#`+code+`"},"Version":"1.0"}`...)
	x.write(status, contentTypeOldJSON)
}

// execute runs the operation of a request.
func (s *Server) execute(x *exchange, r *http.Request) error {
	refused := s.authenticate(x, r)
	if x.op != nil && x.op.direct != nil && refused == nil {
		if err := s.enter(x); err != nil {
			return err
		}
		if done, err := x.op.direct(x); done {
			return err
		}
	}
	var err error
	x.value, err = x.protocol.parse(x.body)
	switch {
	case err != nil:
		return errSerialization
	case x.op == nil:
		return errUnknownOperation
	case refused != nil:
		return refused
	}
	if err := checkTypes(&x.value, x.op.input); err != nil {
		return err
	}
	if violated := validate(&x.value, x.op.input); violated != "" {
		return badRequest("ValidationException", violated)
	}
	if err := s.enter(x); err != nil {
		return err
	}
	return x.op.run(x)
}

// enter finds the account that a request is for.
func (s *Server) enter(x *exchange) (err error) {
	if x.entry != nil {
		return nil
	}
	if x.entry, err = s.config.Accounts.enter(x.tenant); err == nil {
		x.account = x.entry.Account
	}
	return err
}

// leave ends what enter began.
func (x *exchange) leave() {
	if x.entry != nil {
		x.entry.leave()
	}
}

// A dateText remembers the text of a Date header, which holds for a second. The
// zero value remembers none.
type dateText struct{ last atomic.Pointer[dateOfSecond] }

type dateOfSecond struct {
	unix int64
	text string
}

func (d *dateText) text(now time.Time) string {
	last := d.last.Load()
	if last == nil || last.unix != now.Unix() {
		last = &dateOfSecond{now.Unix(), now.UTC().Format(http.TimeFormat)}
		d.last.Store(last)
	}
	return last.text
}

// requestID returns a random UUID.
func requestID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// extendedID returns what the service sends as x-amz-id-2: base64 of 72 bytes
// that mean nothing to a client.
func extendedID() string {
	var b [72]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rand.Uint64())
	}
	return base64.StdEncoding.EncodeToString(b[:])
}
