package kinesisclient

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/smithy-go"

	"github.com/weirstream/weir"
)

// The service's names of what is told apart here.
const (
	codeExpiredIterator = "ExpiredIteratorException"
	codeInUse           = "ResourceInUseException"
	codeInvalid         = "InvalidArgumentException"
	codeLimit           = "LimitExceededException"
	codeNotFound        = "ResourceNotFoundException"
	codeSerialization   = "SerializationException"
	codeThrottling      = "ThrottlingException"
	codeThroughput      = "ProvisionedThroughputExceededException"
	codeUnknown         = "UnknownOperationException"
	codeValidation      = "ValidationException"
)

var errNilContext = invalid("context", "is nil")

func invalid(field, reason string) error { return &weir.ArgumentError{Field: field, Reason: reason} }

// codeOf returns the service's name of an error; empty if it is none of its.
func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// textOf returns the service's words for an error.
func textOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorMessage()
	}
	return err.Error()
}

// refused returns why a call failed, as package client words it: err in any
// case, and with it what it stands for.
func (s *Stream) refused(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = fmt.Errorf("stream %s: %s: %w", s.name, what, err)
	if params := (*smithy.InvalidParamsError)(nil); errors.As(err, &params) {
		return both(weir.ErrInvalidArgument, err) // the SDK's own word on an argument
	}
	switch codeOf(err) {
	case codeThroughput, codeThrottling:
		return both(s.limitError(weir.QuotaReadCalls, textOf(err)), err)
	case codeLimit:
		return both(weir.ErrLimitExceeded, err)
	case codeInvalid, codeValidation:
		return both(weir.ErrInvalidArgument, err)
	case codeNotFound:
		if shardInText.MatchString(textOf(err)) {
			return both(weir.ErrShardNotFound, err)
		}
	}
	return err
}

// putRefused is refused for calls that put, which have no limits but of
// throughput.
func (s *Stream) putRefused(ctx context.Context, what string, err error) error {
	switch codeOf(err) {
	case codeThroughput, codeThrottling, codeLimit:
		return both(s.limitError(weir.QuotaWriteBytes, textOf(err)), err)
	default:
		return s.refused(ctx, what, err)
	}
}

// consumerRefused is refused for calls that name a consumer.
func (s *Stream) consumerRefused(ctx context.Context, what, consumer string, err error) error {
	what += " consumer " + consumer
	refused := s.refused(ctx, what, err)
	switch {
	case ctx.Err() != nil || errors.Is(refused, weir.ErrShardNotFound):
		return refused
	case codeOf(err) == codeNotFound:
		return both(weir.ErrConsumerNotFound, refused)
	case codeOf(err) == codeInUse:
		return both(weir.ErrConsumerExists, refused)
	}
	return refused
}

// A recordError is why the service did not store a record of a call, as the call
// answered.
type recordError struct{ stream, code, text string }

func (e *recordError) Error() string { return "stream " + e.stream + ": " + e.code + ": " + e.text }

// ErrorCode and ErrorMessage are what the SDK's errors have.
func (e *recordError) ErrorCode() string    { return e.code }
func (e *recordError) ErrorMessage() string { return e.text }

// A meaning is an error of the service and what it stands for. It says what the
// service says.
type meaning struct{ is, err error }

func both(is, err error) error { return &meaning{is, err} }

func (e *meaning) Error() string { return e.err.Error() }

func (e *meaning) Unwrap() []error { return []error{e.is, e.err} }

var shardInText = regexp.MustCompile(`shardId-\d+`)

// limitError returns the limit that refused something; the service's words name
// the shard, if any.
func (s *Stream) limitError(quota weir.Quota, text string) error {
	shard, err := weir.ParseShardID(shardInText.FindString(text))
	if err != nil {
		return fmt.Errorf("stream %s: %w: %s", s.name, weir.ErrThroughputExceeded, text)
	}
	return &weir.LimitError{Quota: quota, Stream: s.name, Shard: shard, RetryAfter: time.Second}
}
