package kinesisclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// A form is in which of the protocol's two forms an endpoint is put to. It is
// CBOR until something speaks against it: an endpoint that does not know it
// refuses such a call as a whole, which is then made again in JSON, and so are
// all that follow. The zero value does not know the endpoint.
type form struct{ now atomic.Int32 }

const (
	formUnknown int32 = iota // CBOR, to see
	formCBOR                 // it was taken
	formDoubted              // JSON, to see whether CBOR made the last call fail
	formJSON                 // for good
)

func (f *form) isCBOR() bool {
	now := f.now.Load()
	return now == formUnknown || now == formCBOR
}

// learn takes in how a call went, and reports whether it is to be made again, in
// JSON: nothing was stored, because the endpoint did not understand.
func (f *form) learn(c *put, err error) (again bool) {
	now := f.now.Load()
	switch {
	case c.cbor && c.misunderstood(err):
		return true
	case now == formJSON:
	case !c.cbor:
		f.decide(formDoubted, c)
	case c.attempt.status == http.StatusOK || c.attempt.cbor:
		f.now.Store(formCBOR)
	case c.attempt.failed():
		// Whether records were stored nobody knows, so that whoever made the call
		// decides whether to make it again.
		f.now.CompareAndSwap(formUnknown, formDoubted)
	}
	return false
}

// learnAgain takes in how a call went that was made again.
func (f *form) learnAgain(c *put, err error) {
	if now := f.now.Load(); now != formJSON && !c.misunderstood(err) {
		f.decide(now, c)
	}
}

// decide ends a doubt by a call in JSON: if that was answered it is JSON.
func (f *form) decide(now int32, c *put) {
	switch {
	case !c.attempt.failed() && c.attempt.status != 0:
		f.now.CompareAndSwap(now, formJSON)
	case now == formDoubted:
		f.now.CompareAndSwap(now, formUnknown) // it was not CBOR
	}
}

// tellForm tells that puts are in another form than they were.
func (s *Stream) tellForm(was, now int32, c *put) {
	switch {
	case now == formJSON:
		s.log.Info("puts are in JSON from now on: the endpoint does not take CBOR")
	case now == formDoubted && was == formUnknown:
		s.log.Warn("the first put failed, so the next one is in JSON", "status", c.attempt.status)
	}
}

// misunderstood reports whether an endpoint says that it does not know what a
// call is about.
func (c *put) misunderstood(err error) bool {
	if err == nil {
		return false
	}
	switch code := codeOf(err); code {
	case codeSerialization, codeUnknown:
		return !c.attempt.cbor // who says so in CBOR has another reason
	case "", "UnknownError": // what is no answer of the protocol
		switch c.attempt.status {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusNotAcceptable, http.StatusUnprocessableEntity, http.StatusNotImplemented:
			return true
		}
	}
	return c.attempt.status == http.StatusUnsupportedMediaType
}

// An attempt is what came of sending a request. The zero value has not been sent.
type attempt struct {
	status int  // 0 if there was no answer
	cbor   bool // the answer is in CBOR
	broken bool // there was none, though the endpoint was reached
}

// failed reports whether the endpoint broke down over a request, for all that one
// can tell.
func (a attempt) failed() bool {
	return a.broken || a.status >= http.StatusInternalServerError && !a.cbor
}

// attempted returns what came of a request.
func attempted(r *http.Response, err error) attempt {
	if err == nil {
		return attempt{status: r.StatusCode, cbor: isCBOR(r.Header)}
	}
	var op *net.OpError
	dialled := errors.As(err, &op) && op.Op == "dial"
	return attempt{broken: !dialled && !errors.Is(err, context.Canceled)}
}

// isCBOR reports whether a body is in CBOR, by its headers.
func isCBOR(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "application/x-amz-cbor")
}

// isWatched reports whether a client has parts by others that may look at what
// is put, or change it.
func isWatched(o *kinesis.Options) bool {
	i := &o.Interceptors
	return len(o.APIOptions) > 0 || len(i.BeforeExecution)+len(i.BeforeSerialization)+len(i.AfterSerialization)+
		len(i.BeforeRetryLoop)+len(i.BeforeAttempt)+len(i.BeforeSigning)+len(i.AfterSigning)+len(i.BeforeTransmit)+
		len(i.AfterTransmit)+len(i.BeforeDeserialization)+len(i.AfterDeserialization)+len(i.AfterAttempt)+len(i.AfterExecution) > 0
}
