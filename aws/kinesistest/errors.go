package kinesistest

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A Code is an error of the service by its name. It is an error, for
// [Fault.With]; the message is the service's own or one like it. To choose the
// message give With an error of the SDK's types package instead.
type Code string

// The errors of the service.
const (
	AccessDenied         Code = account.CodeAccessDenied
	ExpiredIterator      Code = account.CodeExpiredIterator
	ExpiredNextToken     Code = account.CodeExpiredNextToken
	InternalFailure      Code = account.CodeInternalFailure // status 500: clients try again
	InvalidArgument      Code = account.CodeInvalidArgument
	KMSAccessDenied      Code = "KMSAccessDeniedException"
	KMSDisabled          Code = "KMSDisabledException"
	KMSInvalidState      Code = "KMSInvalidStateException"
	KMSNotFound          Code = "KMSNotFoundException"
	KMSOptInRequired     Code = "KMSOptInRequired"
	KMSThrottling        Code = "KMSThrottlingException"
	LimitExceeded        Code = account.CodeLimitExceeded
	ThroughputExceeded   Code = account.CodeThroughputExceeded
	ResourceInUse        Code = account.CodeResourceInUse
	ResourceNotFound     Code = account.CodeResourceNotFound
	ServiceUnavailable   Code = "ServiceUnavailable" // status 503: clients try again
	Throttling           Code = account.CodeThrottling
	UnrecognizedClient   Code = "UnrecognizedClientException"
	ExpiredToken         Code = "ExpiredTokenException"
	Validation           Code = account.CodeValidation
	DryRunOperation      Code = account.CodeDryRun
	UnknownOperation     Code = "UnknownOperationException"
	SerializationProblem Code = "SerializationException"
)

// Error returns the code.
func (c Code) Error() string { return string(c) }

// A failure is an error as it goes over the wire.
type failure struct {
	status        int
	code, message string
}

// message returns what the service says with a code about a call, or that it
// was injected.
func (c *Call) message(code Code) string {
	id := c.fake.config.AccountID
	switch code {
	case ThroughputExceeded:
		return fmt.Sprintf("Rate exceeded for shard %s in stream %s under account %s.", max(c.Shard, 0), c.Stream, id)
	case LimitExceeded:
		return fmt.Sprintf("Rate exceeded for stream %s under account %s.", c.Stream, id)
	case ResourceNotFound:
		return fmt.Sprintf("Stream %s under account %s not found.", c.Stream, id)
	case ExpiredIterator:
		const form = "Mon Jan 02 15:04:05 MST 2006"
		lifetime := weir.ServiceLimits().IteratorLifetime
		issued := c.At.UTC().Add(-lifetime - time.Second)
		return fmt.Sprintf("Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			issued.Format(form), c.At.UTC().Format(form), lifetime.Milliseconds())
	case InternalFailure:
		return "Internal service failure."
	case Throttling:
		return "Rate exceeded"
	case ExpiredToken:
		return "The security token included in the request is expired"
	case UnrecognizedClient:
		return "The security token included in the request is invalid."
	}
	return "Injected by a fault of the test."
}

// failure returns how an error of a call goes over the wire. One that is no
// error of the service is an internal failure.
func (c *Call) failure(err error) failure {
	var code Code
	var own *account.Error
	var api smithy.APIError
	switch {
	case errors.As(err, &code):
		return failure{statusOf(string(code)), string(code), c.message(code)}
	case errors.As(err, &own):
		return failure{max(own.HTTPStatus, http.StatusBadRequest), own.Code, own.Message}
	case errors.As(err, &api):
		return failure{statusOf(api.ErrorCode()), api.ErrorCode(), api.ErrorMessage()}
	default:
		return failure{http.StatusInternalServerError, string(InternalFailure), err.Error()}
	}
}

func statusOf(code string) int {
	switch Code(code) {
	case InternalFailure, "InternalFailure":
		return http.StatusInternalServerError
	case ServiceUnavailable, "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// throttled is how the service throttles an operation.
func throttled(op string) Code {
	switch op {
	case "PutRecord", "PutRecords", "GetRecords", "GetShardIterator":
		return ThroughputExceeded
	}
	return LimitExceeded
}
