package kinesistest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// The SDK waits anything up to a bound that doubles with each attempt: from one
// second if it was throttled, from 50 ms after other errors.
func TestFake_backsOffAsTheSDK(t *testing.T) {
	for _, tt := range []struct {
		code  kinesistest.Code
		times int
		most  time.Duration
	}{
		{kinesistest.LimitExceeded, 1, time.Second},
		{kinesistest.ThroughputExceeded, 2, 3 * time.Second},
		{kinesistest.InternalFailure, 1, 50 * time.Millisecond},
		{kinesistest.ServiceUnavailable, 2, 150 * time.Millisecond},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			var longest time.Duration
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					k := kinesistest.New(t)
					k.Fail("ListStreams").Times(tt.times).With(tt.code)
					before := time.Now()
					_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
					require.NoError(t, err)
					longest = max(longest, time.Since(before))
				})
			}
			assert.LessOrEqual(t, longest, tt.most)
			assert.Greater(t, longest, tt.most/2)
		})
	}
}
