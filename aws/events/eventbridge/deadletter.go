package eventbridge

import (
	"context"
	"errors"
	"strconv"

	"github.com/weirstream/weir"
)

// A DeadLetter is an event that could not be delivered, and why.
type DeadLetter struct {
	Event              []byte // as it came
	RuleARN, TargetARN string
	// ErrorCode is THROTTLING, INVALID_PARAMETER, INVALID_JSON, TIMEOUT,
	// NO_RESOURCE, NO_PERMISSIONS, INTERNAL_ERROR or ERROR_FROM_TARGET;
	// ErrorMessage the error's text.
	ErrorCode, ErrorMessage string
	// ExhaustedRetryCondition is MaximumRetryAttempts or MaximumEventAgeInSeconds,
	// or empty if trying again could not help.
	ExhaustedRetryCondition string
	RetryAttempts           int
}

// Attributes returns the attributes of the message that EventBridge makes of
// it; the message's body is Event.
func (d DeadLetter) Attributes() map[string]string {
	a := map[string]string{
		"RULE_ARN": d.RuleARN, "TARGET_ARN": d.TargetARN, "ERROR_CODE": d.ErrorCode, "ERROR_MESSAGE": d.ErrorMessage,
		"RETRY_ATTEMPTS": strconv.Itoa(d.RetryAttempts),
	}
	if d.ExhaustedRetryCondition != "" {
		a["EXHAUSTED_RETRY_CONDITION"] = d.ExhaustedRetryCondition
	}
	return a
}

// What trying again does not help.
const (
	invalidParameter = "INVALID_PARAMETER"
	noPermissions    = "NO_PERMISSIONS"
	noResource       = "NO_RESOURCE"
)

// code returns what dead letters call an error of a stream.
func code(err error) string {
	var service interface{ ErrorCode() string } // as the SDK's errors are
	if errors.As(err, &service) {
		switch service.ErrorCode() {
		case "ResourceNotFoundException":
			return noResource
		case "AccessDeniedException":
			return noPermissions
		}
	}
	switch {
	case errors.Is(err, weir.ErrThroughputExceeded), errors.Is(err, weir.ErrLimitExceeded), errors.Is(err, weir.ErrMemoryFull):
		return "THROTTLING"
	case errors.Is(err, weir.ErrInvalidArgument):
		return invalidParameter
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "TIMEOUT"
	case errors.Is(err, weir.ErrClosed):
		return noResource
	case errors.Is(err, weir.ErrStorage):
		return "INTERNAL_ERROR"
	}
	return "ERROR_FROM_TARGET"
}
