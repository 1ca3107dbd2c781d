package kinesisclient

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// plainBodies sends requests whose bodies can be read and closed, and no more.
// The SDK closes a body as soon as the answer begins; over HTTP/1.1 the
// transport then may still look whether the body has an end, and the SDK's
// WriteTo, unlike its Read, tells that as an error, for which the transport
// drops the connection in the middle of the answer. A fast endpoint meets that
// once in a hundred subscriptions.
type plainBodies struct{ kinesis.HTTPClient }

// plain makes a client send plain bodies.
func plain(o *kinesis.Options) { o.HTTPClient = plainBodies{o.HTTPClient} }

// Do sends a request. A put is told what came of it.
func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	out, err := c.HTTPClient.Do(r)
	if put := putOf(r.Context()); put != nil {
		put.attempt = attempted(out, err)
	}
	return out, err
}
