package kinesisserver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
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
	switch r.URL.Path {
	case healthPath, metricsPath:
		s.serveOwn(w, r)
		return
	}
	start := time.Now()
	c := &call{server: s, ctx: r.Context(), w: w, status: http.StatusOK}
	out := takeBuffer()
	c.out = *out
	s.metrics.begin()
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			s.recovered(c, r, p)
		}
		if *out = c.out; !c.torn {
			giveBuffer(out)
		}
		s.metrics.end(c, time.Since(start))
		s.logCall(c, r, time.Since(start))
		if p == http.ErrAbortHandler {
			panic(p) // net/http's way to break a connection, which a wrapper may use
		}
	}()
	s.serve(c, r)
}

// recovered answers a request whose handling panicked.
func (s *Server) recovered(c *call, r *http.Request, p any) {
	s.metrics.panics.Inc()
	if s.config.Log != nil {
		s.config.Log.ErrorContext(r.Context(), "panic", "request", c.id, "target", r.Header.Get(headerTarget),
			"panic", p, "stack", string(debug.Stack()))
	}
	if c.streamed {
		c.code = errInternal.code
		return
	}
	if c.protocol == protocolNone {
		c.protocol = protocolJSON
	}
	c.out = c.out[:0]
	c.fail(errInternal)
}

// serve answers what is no request of an operation, and reads the body of what
// may be one.
func (s *Server) serve(c *call, r *http.Request) {
	h := c.w.Header()
	c.id = requestID()
	h[headerRequestID] = []string{c.id}
	h["Date"] = []string{s.now().UTC().Format(http.TimeFormat)}
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			c.preflight(r)
			return
		}
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
	h[headerExtendedID] = []string{extendedID()}
	if r.Method != http.MethodPost {
		c.deny()
		return
	}
	body := takeBuffer()
	defer giveBuffer(body)
	var err error
	if *body, err = readBody(*body, r, s.config.MaxBodyBytes); err != nil {
		c.unread(err)
		return
	}
	c.body = *body
	s.answer(c, r)
}

// preflight answers a browser that asks whether it may call.
func (c *call) preflight(r *http.Request) {
	h := c.w.Header()
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
	c.write(http.StatusOK, "")
}

// deny answers what cannot be a request of an operation.
func (c *call) deny() {
	c.code = "AccessDeniedException"
	c.out = append(c.out, "<AccessDeniedException>\n"+
		"  <Message>Unable to determine service/operation name to be authorized</Message>\n"+
		"</AccessDeniedException>\n"...)
	c.write(http.StatusForbidden, "")
}

// errTooLarge says that a body is larger than it may be.
var errTooLarge = errors.New("body too large")

// readBody reads a request's body into b.
func readBody(b []byte, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return b, errTooLarge
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, bodyRoom(len(b), r.ContentLength))
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return b, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// bodyRoom returns how much to make room for after n bytes of a body: no more
// than a client that announces a large one has earned by sending.
func bodyRoom(n int, announced int64) int {
	const most = 1 << 20
	if left := announced + 1 - int64(n); left > 0 { // the one is for the read that finds the end
		return int(min(left, int64(max(n, most))))
	}
	return max(n, 4096)
}

// unread answers a request whose body could not be read.
func (c *call) unread(err error) {
	c.w.Header().Set("Connection", "close")
	if errors.Is(err, errTooLarge) {
		c.code = "RequestEntityTooLarge"
		c.write(http.StatusRequestEntityTooLarge, "")
		return
	}
	c.code = "RequestTimeout"
	c.write(http.StatusRequestTimeout, "")
}

// answer answers a request whose body is read, checking one thing after the
// other in the service's order.
func (s *Server) answer(c *call, r *http.Request) {
	c.protocol = protocolOf(r.Header.Get("Content-Type"))
	service, name := target(r.Header.Get(headerTarget))
	if service == targetPrefix {
		c.op = s.operations[name]
	}
	switch {
	case len(c.body) == 0:
		c.failEmpty()
	case c.protocol == protocolNone && (service == "" || name == ""):
		c.deny()
	case c.protocol == protocolNone:
		c.code = errUnknownOperation.code
		c.out = append(c.out, "<UnknownOperationException/>\n"...)
		c.write(http.StatusNotFound, "")
	case c.protocol == protocolOldJSON:
		c.failOld()
	default:
		c.credential = credentialOf(r)
		c.scope = scopeOf(r.Host, c.credential)
		c.finish(s.execute(c, r))
	}
}

// protocolOf returns the protocol that a content type stands for, parameters
// such as a character set aside.
func protocolOf(contentType string) protocol {
	contentType, _, _ = strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(contentType)) {
	case contentTypeJSON:
		return protocolJSON
	case contentTypeCBOR:
		return protocolCBOR
	case contentTypeOldJSON:
		return protocolOldJSON
	}
	return protocolNone
}

// target splits a target after its dot.
func target(header string) (service, name string) {
	i := strings.IndexByte(header, '.') + 1
	return header[:i], header[i:]
}

// failEmpty answers a request without a body: every operation wants one.
func (c *call) failEmpty() {
	if c.protocol != protocolJSON {
		c.protocol = protocolCBOR
	}
	if c.op == nil {
		c.fail(errUnknownOperation)
		return
	}
	c.fail(errSerialization)
}

// failOld answers application/json, which the service knows and never serves.
func (c *call) failOld() {
	status, code := http.StatusNotFound, errUnknownOperation.code
	if _, err := parseJSON(c.body); err != nil {
		status, code = http.StatusBadRequest, errSerialization.code
	}
	c.code = code
	c.out = append(c.out, `{"Output":{"__type":"com.amazon.coral.service#`+code+`"},"Version":"1.0"}`...)
	c.write(status, contentTypeOldJSON)
}

// execute runs the operation of a call.
func (s *Server) execute(c *call, r *http.Request) error {
	refused := s.authenticate(c, r)
	if c.op != nil && c.op.direct != nil && refused == nil {
		if err := s.enter(c); err != nil {
			return err
		}
		if done, err := c.op.direct(c); done {
			return err
		}
	}
	var err error
	c.value, err = c.protocol.parse(c.body)
	switch {
	case err != nil:
		return errSerialization
	case c.op == nil:
		return errUnknownOperation
	case refused != nil:
		return refused
	}
	if err := checkTypes(&c.value, c.op.input); err != nil {
		return err
	}
	if violated := validate(&c.value, c.op.input); violated != "" {
		return badRequest("ValidationException", violated)
	}
	if err := s.enter(c); err != nil {
		return err
	}
	return c.op.run(c)
}

// enter finds the account that a call is for.
func (s *Server) enter(c *call) (err error) {
	c.account, err = s.config.Accounts.Account(c.scope.account, c.scope.region)
	return err
}

// finish writes the response of an operation.
func (c *call) finish(err error) {
	switch {
	case c.streamed:
		if err != nil {
			c.code = toWire(err).code
		}
	case err != nil:
		c.out = c.out[:0]
		c.fail(toWire(err))
	default:
		c.write(http.StatusOK, c.protocol.contentType())
	}
}

// fail writes an error in the protocol of the request.
func (c *call) fail(e *wireError) {
	c.code = e.code
	c.out = c.protocol.appendError(c.out, e)
	c.write(e.status, c.protocol.contentType())
}

// write writes the response.
func (c *call) write(status int, contentType string) {
	h := c.w.Header()
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	} else {
		h["Content-Type"] = nil // or net/http guesses one
	}
	h["Content-Length"] = []string{itoa(len(c.out))}
	c.status, c.streamed = status, true
	c.w.WriteHeader(status)
	n, err := c.w.Write(c.out) // a client that has gone needs no answer
	c.torn = err != nil
	c.written += int64(n)
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
