package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
)

// The codes of errors: the names of the service's exceptions.
const (
	CodeAccessDenied       = "AccessDeniedException"
	CodeDryRun             = "DryRunOperationException"
	CodeExpiredIterator    = "ExpiredIteratorException"
	CodeExpiredNextToken   = "ExpiredNextTokenException"
	CodeInternalFailure    = "InternalFailureException"
	CodeInvalidArgument    = "InvalidArgumentException"
	CodeLimitExceeded      = "LimitExceededException"
	CodeThroughputExceeded = "ProvisionedThroughputExceededException"
	CodeResourceInUse      = "ResourceInUseException"
	CodeResourceNotFound   = "ResourceNotFoundException"
	CodeThrottling         = "ThrottlingException"
	CodeValidation         = "ValidationException"

	// CodeEntryFailure is how PutRecords words an internal failure of one
	// record.
	CodeEntryFailure = "InternalFailure"
)

// An Error is how an operation fails, in the service's words. Two of them match
// through [errors.Is] when their codes are equal.
type Error struct {
	Code       string // such as "ResourceNotFoundException"
	Message    string
	HTTPStatus int // 400, or 500 for internal failures
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// maxEchoBytes is how much of a text an error tells back: more than the longest
// name, number or iterator that the service takes.
const maxEchoBytes = 600

// errorf returns an [*Error] of status 400. Texts among args may be what a
// caller sent, so they are shortened.
func errorf(code, format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok && len(text) > maxEchoBytes {
			args[i] = strings.ToValidUTF8(text[:maxEchoBytes], "") + "…"
		}
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), HTTPStatus: http.StatusBadRequest}
}

func internalFailure() *Error {
	return &Error{Code: CodeInternalFailure, Message: msgInternalFailure, HTTPStatus: http.StatusInternalServerError}
}

// invalid returns a ValidationException for one member, as a server words it.
// rendered is the value as it is printed: null, or in single quotes.
func invalid(rendered, member, constraint string) error {
	return errorf(CodeValidation, msgValidation, rendered, member, constraint)
}

// missing returns a ValidationException for a required member that is absent.
func missing(member string) error { return invalid("null", member, "Member must not be null") }

func quoted(s string) string { return "'" + s + "'" }

func quotedNumber(n int32) string { return quoted(strconv.Itoa(int(n))) }

func (a *Account) streamNotFound(name string) error {
	return errorf(CodeResourceNotFound, msgStreamNotFound, name, a.config.ID)
}

// shardGone is how operations on records say that there is no such shard.
func (a *Account) shardGone(shard weir.ShardID, stream string) error {
	return errorf(CodeResourceNotFound, msgShardGone, shard, stream, a.config.ID)
}

// shardNotFound is how other operations say it; shard is an id as it was sent
// if it cannot be read, else as the service prints it.
func (a *Account) shardNotFound(shard, stream string) error {
	return errorf(CodeResourceNotFound, msgShardNotFound, shard, stream, a.config.ID)
}

// translate words an error of the engine as the service does where the words do
// not depend on the operation.
func (a *Account) translate(err error) error {
	var own *Error
	var limit *weir.LimitError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &limit):
		return errorf(CodeThroughputExceeded, msgRateShard, limit.Shard, limit.Stream, a.config.ID)
	case errors.Is(err, weir.ErrMemoryFull):
		return errorf(CodeThroughputExceeded, msgMemoryPut, a.config.ID)
	case errors.Is(err, weir.ErrInvalidArgument):
		return errorf(CodeInvalidArgument, msgInvalidArgument) // the engine's words are not for the wire
	default:
		return a.failed(err)
	}
}

// EntryError returns how the service words the error of one record of
// [Account.PutRecordsEntries]: its ErrorCode and ErrorMessage.
func (a *Account) EntryError(err error) (code, message string) {
	var limit *weir.LimitError
	if errors.As(err, &limit) {
		return CodeThroughputExceeded, fmt.Sprintf(msgRateShard, limit.Shard, limit.Stream, a.config.ID)
	}
	if errors.Is(err, weir.ErrMemoryFull) {
		return CodeThroughputExceeded, fmt.Sprintf(msgMemoryPut, a.config.ID)
	}
	_ = a.failed(err)
	return CodeEntryFailure, msgInternalFailure
}
