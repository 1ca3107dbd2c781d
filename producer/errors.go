package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// The conditions that a caller may want to tell apart, beside
// [weir.ErrThroughputExceeded], [weir.ErrInvalidArgument] and whatever else the
// stream says of the last attempt. A producer that was closed gives
// [weir.ErrClosed].
var (
	// ErrExpired says that a record could not be delivered within [Config.TTL]. A
	// call that was given up may yet store it.
	ErrExpired = errors.New("expired")
	// ErrTooLarge says that a record is larger than [Config.RecordBytes]. It was
	// not taken in.
	ErrTooLarge = errors.New("too large")
	// ErrFull says that there was no room within [Config.MaxBytes], and that
	// [Config.RefuseFull] is set. The record was not taken in.
	ErrFull = errors.New("the buffer is full")
	// ErrMismatch says that a call was answered with another number of results
	// than it had records: nobody knows what was stored, and nothing of it is put
	// again.
	ErrMismatch = client.ErrMismatch

	errWrongShard = errors.New("the aggregate landed in a shard where its records do not all belong")
)

// An Error says why a record was not delivered. It matches the reason, such as
// [ErrExpired], and what the last attempt's error matches.
type Error struct {
	Stream   string
	Key      string // the record's partition key
	Attempts int    // how many there were
	Took     time.Duration
	// Reason is why it was given up: [ErrExpired], [weir.ErrClosed], or nil if the
	// last attempt's error is reason enough.
	Reason error
	// Last is the last attempt's error; nil if there was none.
	Last error
}

// Error returns all that is known.
func (e *Error) Error() string {
	attempts := "attempts"
	if e.Attempts == 1 {
		attempts = "attempt"
	}
	text := fmt.Sprintf("stream %s: record of key %.64q, %d %s in %v", e.Stream, e.Key, e.Attempts, attempts, e.Took)
	if e.Reason != nil {
		text += ": " + e.Reason.Error()
	}
	if e.Last != nil {
		text += ": " + e.Last.Error()
	}
	return text
}

// Unwrap returns the reason and the last attempt's error.
func (e *Error) Unwrap() (list []error) {
	for _, err := range []error{e.Reason, e.Last} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// errorOf returns the error of a record that is given up.
func (m *machine) errorOf(r *record, reason error) error {
	e := &Error{Stream: m.c.stream, Key: r.key, Attempts: int(r.tries), Took: m.now - r.arrived, Reason: reason}
	if t := r.trouble(); len(t.attempts) > 0 {
		e.Last = t.attempts[len(t.attempts)-1].err
	}
	return e
}

// An errorClass says what becomes of a record.
type errorClass int

const (
	transient errorClass = iota // it is put again: what nobody knows better, too
	throttled                   // it is put again, more slowly
	refused                     // it would not help
)

// classify returns the class of an error of a stream.
func classify(err error) errorClass {
	switch {
	case errors.Is(err, weir.ErrThroughputExceeded), errors.Is(err, weir.ErrLimitExceeded):
		return throttled
	case errors.Is(err, ErrMismatch), errors.Is(err, weir.ErrInvalidArgument), errors.Is(err, weir.ErrClosed):
		return refused
	}
	return classOfCode[serviceCode(err)]
}

// classOfCode is by the service's names of errors.
var classOfCode = map[string]errorClass{
	"ProvisionedThroughputExceededException": throttled,
	"ThrottlingException":                    throttled,
	"LimitExceededException":                 throttled,
	"KMSThrottlingException":                 throttled,

	"ValidationException":                 refused,
	"InvalidArgumentException":            refused,
	"SerializationException":              refused,
	"ResourceNotFoundException":           refused,
	"AccessDeniedException":               refused,
	"UnrecognizedClientException":         refused,
	"InvalidSignatureException":           refused,
	"IncompleteSignature":                 refused,
	"IncompleteSignatureException":        refused,
	"MissingAuthenticationToken":          refused,
	"MissingAuthenticationTokenException": refused,
	"InvalidClientTokenId":                refused,
	"OptInRequired":                       refused,
	"NotAuthorized":                       refused,
	"UnknownOperationException":           refused,
	"KMSAccessDeniedException":            refused,
	"KMSDisabledException":                refused,
	"KMSInvalidStateException":            refused,
	"KMSNotFoundException":                refused,
	"KMSOptInRequired":                    refused,
}

// serviceCode returns the service's name of an error, if it is one of its: what
// the SDK's errors have.
func serviceCode(err error) string {
	var e interface{ ErrorCode() string }
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// codeOf returns the name of an error.
func codeOf(err error) string {
	if code := serviceCode(err); code != "" {
		return code
	}
	for _, named := range []struct {
		err  error
		code string
	}{
		{weir.ErrThroughputExceeded, "ProvisionedThroughputExceededException"},
		{weir.ErrLimitExceeded, "LimitExceededException"},
		{weir.ErrInvalidArgument, "InvalidArgumentException"},
		{weir.ErrMemoryFull, "MemoryFull"},
		{weir.ErrStorage, "Storage"},
		{weir.ErrClosed, "Closed"},
		{ErrMismatch, "RecordCountMismatch"},
		{context.DeadlineExceeded, "Timeout"},
		{context.Canceled, "Canceled"},
	} {
		if errors.Is(err, named.err) {
			return named.code
		}
	}
	return "Error"
}
