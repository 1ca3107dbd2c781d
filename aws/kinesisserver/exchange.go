package kinesisserver

import (
	"context"
	"net/http"
	"strconv"

	"github.com/weirstream/weir/aws/account"
)

// An exchange is one request and its response, on the way through the server.
type exchange struct {
	server   *Server
	ctx      context.Context
	w        http.ResponseWriter
	http1    bool   // the request came over HTTP/1.1
	entry    *entry // of account; nil until it is looked up
	account  *account.Account
	op       *operation // nil if the target names none
	protocol protocol
	request  *[]byte // what body is in; nil once it is given back
	body     []byte  // valid until then
	value    value   // of body, unless it was read directly
	out      []byte  // the response's body
	pooled   *[]byte // what out began as, once the request is read; nil once it is given back
	flight   flight  // what it holds of the server's budget
	expected int64   // bytes of flight that were counted for the response before it was made out
	streamed bool    // the response was written already
	torn     bool    // writing out failed: HTTP/2 may still be reading it, so it is not used again

	// For the log and the metrics.
	id         string // of the request
	status     int
	code       string // of the error, if any
	received   int
	written    int64
	credential credential // that the request names
	tenant     tenant
	accessID   string

	// If the server has credentials.
	identity *identity
	refused  error // why there is none that is known
}

// respond makes out the response.
func (x *exchange) respond(out any) {
	x.out, _ = x.protocol.appendOutput(x.out, out)
}

// finish writes the response of an operation.
func (x *exchange) finish(err error) {
	switch {
	case x.streamed:
		if err != nil {
			x.code = toWire(err).code
		}
	case err != nil:
		x.out = x.out[:0]
		x.fail(toWire(err))
	case !x.holdOut():
		x.out = x.out[:0]
		x.fail(errTooBusy)
	default:
		x.write(http.StatusOK, x.protocol.contentType())
	}
}

// fail writes an error in the protocol of the request.
func (x *exchange) fail(e *wireError) {
	x.code = e.code
	x.out = x.protocol.appendError(x.out, e)
	x.write(e.status, x.protocol.contentType())
}

// heldByClient is how much of a response net/http's client has read when it
// hands it over, its headers included.
const heldByClient = 4 << 10

// letClientFinish lets a client on this machine find out that its request has
// no more body, before a response begins that it will have to read on for. The
// SDK for Go closes the body when the response begins, and tells net/http who
// looks for more of it later that this failed. Then net/http closes the
// connection, and the SDK puts the batch again. The client has nothing left to
// do but to look; but over HTTP/1.1 it may have been interrupted by this very
// program, to which its last write gave something to do. Where other programs keep the
// processors busy these get their turn too, of some milliseconds: so only what is
// worth it waits, batches and subscriptions. Who reads may read again.
func (x *exchange) letClientFinish() {
	if x.http1 {
		x.server.yield()
	}
}

// write writes the response.
func (x *exchange) write(status int, contentType string) {
	if len(x.out) > heldByClient/2 && x.op != nil && x.op.name == "PutRecords" {
		x.letClientFinish()
	}
	h := x.w.Header()
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	} else {
		h["Content-Type"] = nil // or net/http guesses one
	}
	h["Content-Length"] = []string{strconv.Itoa(len(x.out))}
	x.status, x.streamed = status, true
	x.w.WriteHeader(status)
	x.torn = x.send(x.out) != nil // a client that has gone needs no answer
}

// send writes bytes, a part at a time, so that it is known whether the client
// takes them.
func (x *exchange) send(b []byte) error {
	defer x.waits(false)
	for {
		x.waits(true)
		n, err := x.w.Write(b[:min(len(b), partBytes)])
		x.written += int64(n)
		if b = b[n:]; err != nil || len(b) == 0 {
			return err
		}
	}
}
