package kinesisserver

import (
	"context"
	"net/http"
	"sync"

	"github.com/weirstream/weir/aws/account"
)

// A protocol is how bodies are written.
type protocol uint8

const (
	protocolNone protocol = iota // not one that is served
	protocolJSON
	protocolCBOR
	protocolOldJSON // application/json, which the service refuses in its own way
)

const (
	contentTypeJSON    = "application/x-amz-json-1.1"
	contentTypeCBOR    = "application/x-amz-cbor-1.1"
	contentTypeOldJSON = "application/json"
	contentTypeEvents  = "application/vnd.amazon.eventstream"
)

func (p protocol) contentType() string {
	switch p {
	case protocolJSON:
		return contentTypeJSON
	case protocolCBOR:
		return contentTypeCBOR
	case protocolOldJSON:
		return contentTypeOldJSON
	}
	return ""
}

// parse reads a body.
func (p protocol) parse(body []byte) (value, error) {
	if p == protocolCBOR {
		return parseCBOR(body)
	}
	return parseJSON(body)
}

// A call is one request of an operation on its way.
type call struct {
	server   *Server
	ctx      context.Context
	w        http.ResponseWriter
	account  *account.Account
	op       *operation // nil if the target names none
	protocol protocol
	body     []byte // valid until the call is over
	value    value  // of body, unless it was read directly
	out      []byte // the response's body
	streamed bool   // the response was written already
	torn     bool   // writing out failed: HTTP/2 may still be reading it, so it is not used again

	// For the log and the metrics.
	id         string // of the request
	status     int
	code       string // of the error, if any
	written    int64
	credential credential // that the request names
	scope      scope
	accessID   string
}

// respond makes out the response.
func (c *call) respond(out any) {
	c.out, _ = c.protocol.appendOutput(c.out, out)
}

// buffers are for bodies of requests and responses.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledBytes is how large a buffer may be to be used again.
const maxPooledBytes = 32 << 20

func takeBuffer() *[]byte { return buffers.Get().(*[]byte) }

func giveBuffer(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
