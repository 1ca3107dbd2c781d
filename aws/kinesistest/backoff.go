package kinesistest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
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

// The bounds of the SDK's first back-off, which double with each attempt.
const (
	backOffBase         = 50 * time.Millisecond
	backOffBaseThrottle = time.Second
)

// throttles tells the errors that the SDK takes for throttling.
var throttles = retry.IsErrorThrottles(retry.DefaultThrottles)

// backOff returns how long to wait after a failed attempt, the first being 1:
// as the SDK does, anything up to a bound that doubles and is longer for
// throttling.
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
	base := backOffBase
	if throttles.IsErrorThrottle(err).Bool() {
		base = backOffBaseThrottle
	}
	most := min(base<<min(max(attempt-1, 0), 10), retry.DefaultMaxBackoff)
	return time.Duration(chance(k.seed, about, n) * float64(most))
}
