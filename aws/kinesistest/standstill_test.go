package kinesistest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// hangs says to a test that it is the one that hangs.
const hangs = "KINESISTEST_HANGS"

// A mutex that is held over a call under chaos stops a bubble for good, which
// cannot be helped; the program ends with the reason instead of hanging until
// its timeout.
func TestStandstill(t *testing.T) {
	if os.Getenv(hangs) != "" {
		holdAMutexOverCalls(t)
		return
	}
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStandstill$", "-test.timeout=1m")
	child.Env = append(os.Environ(), hangs+"=1")
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	for _, want := range []string{"kinesistest: test TestStandstill hangs", "do not hold a mutex over one", "[sync.Mutex.Lock", "standstill_test.go:", "kinesistest.(*turns).take"} {
		assert.Contains(t, string(out), want)
	}
	assert.NotContains(t, string(out), "timed out")
}

func holdAMutexOverCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Chaos(1, kinesistest.Rough()))
		c := k.Client()
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for range 3 {
					mu.Lock()
					c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
}

// An event stream that is left open under the test's own context keeps a bubble
// from ending, which cannot be helped either; the reason comes before the
// runtime's panic about a deadlock. So it does in a test that fails on its way to
// the Close.
func TestLeak_eventStreamInABubble(t *testing.T) {
	const fails, failsWithout = "fails", "fails without the test's context"
	if how := os.Getenv(hangs); how != "" {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("a", 1))
			k.Put("a", "x", "1")
			if arn := k.ConsumerARN("a", "billing"); how == failsWithout {
				_, err := k.Client().SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
					ConsumerARN: &arn, ShardId: aws.String("0"), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
				})
				require.NoError(t, err)
			} else {
				subscribe(t, k, "a", "billing", 0)
			}
			time.Sleep(time.Second)
			require.NotContains(t, how, fails)
		})
		return
	}
	t.Parallel()
	for _, how := range []string{"passes", fails, failsWithout} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLeak_eventStreamInABubble$", "-test.timeout=1m")
		child.Env = append(os.Environ(), hangs+"="+how)
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		told, rest, found := strings.Cut(string(out), "panic: deadlock")
		require.True(t, found, "then the message need not speak of it: %s", out)
		assert.NotEmpty(t, rest)
		assert.Contains(t, told, "leak: an event stream of SubscribeToShard was not closed before the test was over")
		assert.Contains(t, told, "SubscribeToShard a/0 for billing")
		assert.Equal(t, how != "passes", strings.Contains(told, "should not contain"), told)
	}
}

// Who reads slowly, and closes the stream when it has ended, left nothing.
func TestLeak_slowReaderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		s := subscribe(t, k, "a", "billing", 0)
		go func() {
			defer s.Close()
			for range s.Events() {
				time.Sleep(1500 * time.Millisecond)
			}
		}()
		time.Sleep(time.Millisecond) // it has the first event
		k.Put("a", "x", "1")         // and the second waits for it
		time.Sleep(time.Second)
	})
}
