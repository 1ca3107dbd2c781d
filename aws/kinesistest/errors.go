package kinesistest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A Code is an error of the service by the name that it has on the wire. It is
// an error, for [Fault.With]; the message is in the service's words where they
// are known, else in those of its documentation. To choose the message give With
// an error of the SDK's types package instead.
//
// The model calls an internal failure InternalFailureException, the wire does so
// in event streams only. So the SDK has no type for what [InternalFailure] makes
// of other calls: it is a smithy.APIError of that code. An error of either name
// arrives under the one that the service would send.
type Code string

// The errors of the service.
const (
	AccessDenied         Code = account.CodeAccessDenied
	ExpiredIterator      Code = account.CodeExpiredIterator
	ExpiredNextToken     Code = account.CodeExpiredNextToken
	InternalFailure      Code = account.CodeEntryFailure // status 500: clients try again
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

// message returns what the service says with a code about a call. Two codes come
// without a word, as they do there.
func (c *Call) message(code Code) string {
	id := c.fake.config.AccountID
	if words, ok := documented[code]; ok {
		return words
	}
	switch code {
	case AccessDenied:
		return fmt.Sprintf("User: arn:aws:iam::%s:user/kinesistest is not authorized to perform: kinesis:%s on resource: %s because no identity-based policy allows the kinesis:%[2]s action",
			id, c.Op, cmp.Or(c.arn(), "*"))
	case ThroughputExceeded:
		return fmt.Sprintf("Rate exceeded for shard %s in stream %s under account %s.", max(c.Shard, 0), c.Stream, id)
	case LimitExceeded:
		if c.Stream == "" {
			return fmt.Sprintf("Rate exceeded for account %s.", id)
		}
		return fmt.Sprintf("Rate exceeded for stream %s under account %s.", c.Stream, id)
	case ResourceNotFound:
		if c.Queue != "" {
			return fmt.Sprintf("Queue %s not found.", c.request.text("QueueARN", false))
		}
		if c.Op == "GetShardIterator" || c.Op == "GetRecords" {
			return fmt.Sprintf("Shard %s in stream %s under account %s does not exist", max(c.Shard, 0), c.Stream, id)
		}
		return fmt.Sprintf("Stream %s under account %s not found.", c.Stream, id)
	case ResourceInUse:
		switch c.Op {
		case "CreateStream":
			return fmt.Sprintf("Stream %s under account %s already exists.", c.Stream, id)
		case "SubscribeToShard":
			return fmt.Sprintf("Another active subscription exists for this consumer: %s:%s:%s:%s", id, c.Stream, max(c.Shard, 0), c.Consumer)
		}
		return fmt.Sprintf("Stream %s under account %s not ACTIVE, instead in state UPDATING", c.Stream, id)
	case InvalidArgument:
		return c.invalidArgument()
	case Validation:
		return c.invalidMember()
	case ExpiredIterator:
		const form = "Mon Jan 02 15:04:05 MST 2006"
		lifetime := weir.ServiceLimits().IteratorLifetime
		issued := c.At.UTC().Add(-lifetime - time.Second)
		return fmt.Sprintf("Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			issued.Format(form), c.At.UTC().Format(form), lifetime.Milliseconds())
	}
	return ""
}

// documented are the words of codes that say the same of all calls: the
// service's, where somebody has seen them, and those of its documentation. The
// table is never changed.
var documented = map[Code]string{
	InternalFailure:    "Internal service failure.",
	Throttling:         "Rate exceeded",
	ExpiredToken:       "The security token included in the request is expired",
	UnrecognizedClient: "The security token included in the request is invalid.",
	DryRunOperation:    "Request would have succeeded, but DryRun flag is set.",

	ExpiredNextToken:   "The pagination token passed to the operation is expired.",
	KMSAccessDenied:    "The ciphertext references a key that doesn't exist or that you don't have access to.",
	KMSDisabled:        "The request was rejected because the specified KMS key isn't enabled.",
	KMSInvalidState:    "The request was rejected because the state of the specified resource isn't valid for this request.",
	KMSNotFound:        "The request was rejected because the specified entity or resource can't be found.",
	KMSOptInRequired:   "The AWS access key ID needs a subscription for the service.",
	KMSThrottling:      "The request was denied due to request throttling.",
	ServiceUnavailable: "The request has failed due to a temporary failure of the server.",
}

// arn returns the ARN of the stream that the call is about, or "".
func (c *Call) arn() string {
	if c.Stream == "" {
		return ""
	}
	return c.fake.StreamARN(c.Stream)
}

// invalidArgument returns what the service says of an argument that the
// operation is often refused for.
func (c *Call) invalidArgument() string {
	id, shard := c.fake.config.AccountID, max(c.Shard, 0)
	switch c.Op {
	case "GetRecords":
		return "Invalid ShardIterator."
	case "GetShardIterator":
		return fmt.Sprintf("StartingSequenceNumber 0 used in GetShardIterator on shard %s in stream %s under account %s is invalid.", shard, c.Stream, id)
	case "PutRecord", "PutRecords":
		return "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456"
	}
	return "A specified parameter exceeds its restrictions, is not supported, or can't be used."
}

// invalidMember returns what the service says of a member that is missing.
func (c *Call) invalidMember() string {
	in := shapes[c.Op].input
	for _, name := range []string{"ShardIterator", "StreamName", "StreamARN", "ConsumerARN", "ResourceARN", "ChannelARN", "QueueARN", "QueueName"} {
		if _, ok := in.FieldByName(name); ok {
			return fmt.Sprintf("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null",
				strings.ToLower(name[:1])+name[1:])
		}
	}
	return "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
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
		return failure{max(own.HTTPStatus, http.StatusBadRequest), onTheWire(own.Code), own.Message}
	case errors.As(err, &api):
		return failure{statusOf(api.ErrorCode()), onTheWire(api.ErrorCode()), api.ErrorMessage()}
	default:
		return failure{http.StatusInternalServerError, string(InternalFailure), err.Error()}
	}
}

// onTheWire returns the name that a code of the model has on the wire.
func onTheWire(code string) string {
	if code == account.CodeInternalFailure {
		return string(InternalFailure)
	}
	return code
}

// inStream returns the name that a code has in an event stream, where there are
// those of the model only.
func inStream(code string) string {
	if code == string(InternalFailure) {
		return account.CodeInternalFailure
	}
	return code
}

func statusOf(code string) int {
	switch Code(code) {
	case InternalFailure, account.CodeInternalFailure:
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
	if isOfRecords(op) {
		return Throttling
	}
	return LimitExceeded
}
