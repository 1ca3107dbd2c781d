package kinesisserver

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/weirstream/weir/aws/account"
)

// A wireError is an error as it goes over the wire. The errors of operations
// come from package account; those of the framework around them are here.
type wireError struct {
	status  int
	code    string
	message string
	capital bool // the member is Message instead of message
}

func (e *wireError) Error() string { return e.code + ": " + e.message }

// The errors of the framework that have no variable part.
var (
	errUnknownOperation = &wireError{status: http.StatusBadRequest, code: "UnknownOperationException"}
	errSerialization    = &wireError{status: http.StatusBadRequest, code: "SerializationException"}
	errInternal         = &wireError{status: http.StatusInternalServerError, code: "InternalFailure"}
	errUnavailable      = &wireError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
		message: "The server is shutting down."}
	errTooBusy = &wireError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
		message: "Other requests and answers under way hold as many bytes as all may: the bound is a setting of the server."}
	errMissingToken = &wireError{status: http.StatusBadRequest, code: "MissingAuthenticationTokenException",
		message: "Missing Authentication Token"}
	errTwoSignatures = &wireError{status: http.StatusBadRequest, code: "InvalidSignatureException",
		message: "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}
)

// badRequest is an error of the framework with a message.
func badRequest(code, message string) *wireError {
	return &wireError{status: http.StatusBadRequest, code: code, message: message}
}

// clip shortens what a client sent, to be told back: an error must not cost
// what the request does once more, and logs keep it.
func clip(s string) string {
	const most = 200
	return clipTo(s, most)
}

// clipTo shortens a text to so many bytes.
func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// toWire returns an error of any kind as it goes over the wire.
func toWire(err error) *wireError {
	if wire, ok := err.(*wireError); ok {
		return wire
	}
	if wrong, ok := err.(serializationError); ok {
		return &wireError{status: http.StatusBadRequest, code: errSerialization.code, message: string(wrong), capital: true}
	}
	var failed *account.Error
	if errors.As(err, &failed) {
		status := failed.HTTPStatus
		if status < 400 {
			status = http.StatusBadRequest
		}
		code := failed.Code
		if code == account.CodeInternalFailure {
			code = errInternal.code // the model's name is not what the service sends
		}
		return &wireError{status: status, code: code, message: failed.Message}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errUnavailable
	}
	return errInternal
}

// appendError appends the body of an error.
func (p protocol) appendError(dst []byte, e *wireError) []byte {
	member := "message"
	if e.capital {
		member = "Message"
	}
	if p == protocolCBOR {
		w := cborWriter{dst}
		writeError(&w, e, member)
		return w.b
	}
	w := jsonWriter{b: dst}
	writeError(&w, e, member)
	return w.b
}

func writeError(w writer, e *wireError, member string) {
	n := 1
	if e.message != "" {
		n++
	}
	w.beginMap(n)
	w.name("__type")
	w.text(e.code)
	if e.message != "" {
		w.name(member)
		w.text(e.message)
	}
	w.endMap()
}
