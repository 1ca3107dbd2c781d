package kinesistest

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// retryer returns the SDK's standard retryer with a back-off that depends on
// the seed, the attempt, what the call was about that failed, and how many
// back-offs there were about that; not on which client or goroutine it was.
func (k *Fake) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			d := k.backOff(attempt, err)
			if k.clock.virtual() {
				k.watchTime(false)
				return d, nil
			}
			k.Advance(d)
			return 0, nil
		})
	})
}

// backOff returns how long to wait after a failed attempt, the first being 1:
// as the SDK does, anything up to a bound that doubles.
func (k *Fake) backOff(attempt int, err error) time.Duration {
	about := "back-off"
	if c := callOf(err); c != nil {
		about += " " + c.about()
	}
	k.mu.Lock()
	if k.backOffs == nil {
		k.backOffs = make(map[string]uint64)
	}
	k.backOffs[about]++
	n := k.backOffs[about]
	k.mu.Unlock()
	most := min(time.Second<<min(attempt, 10), retry.DefaultMaxBackoff)
	return time.Duration(chance(k.seed, about, n) * float64(most))
}

// A callKey is the key of a request's context under which its *callSlot is.
type callKey struct{}

// A callSlot is what [transport] knows of a request that it carries.
type callSlot struct {
	body []byte
	call *Call // when it has begun
}

// callOf returns the call that an error of the SDK is about, or nil.
func callOf(err error) *Call {
	var broken *brokenError
	if errors.As(err, &broken) {
		return broken.call
	}
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil || answered.Response.Request == nil {
		return nil
	}
	if slot, ok := answered.Response.Request.Context().Value(callKey{}).(*callSlot); ok {
		return slot.call
	}
	return nil
}

// A brokenError is a connection that broke during a call.
type brokenError struct {
	cause error
	call  *Call
}

func (e *brokenError) Error() string { return fmt.Sprint(e.cause) }
func (e *brokenError) Unwrap() error { return e.cause }

// Timeout is what net/http asks of errors.
func (e *brokenError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.cause, &t) && t.Timeout()
}
