package eventbridge_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/eventbridge"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
)

// A target puts to a stream of the service as it does to the engine's: with the
// SDK, whose calls and records fail now and then.
func TestTarget_putsToTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("events", 2))
		k.Fail("PutRecords").Nth(1).ThrottleRecords(0, 7).Required()
		s, err := kinesisclient.New(k.Client(), "events")
		require.NoError(t, err)
		r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: s, InputPath: "$.id", PartitionKeyPath: "$.detail.task"})
		var events [][]byte
		want := map[string]bool{}
		for i := range 20 {
			events = append(events, task(fmt.Sprint(i), fmt.Sprint("task-", i%5)))
			want[fmt.Sprintf("task-%d %q", i%5, fmt.Sprint(i))] = true
		}
		require.NoError(t, r.Send(t.Context(), events...))
		for _, record := range k.Records("events") {
			delete(want, record.PartitionKey+" "+string(record.Data))
		}
		assert.Empty(t, want)
		assert.Equal(t, eventbridge.TargetMetrics{ID: "a", Delivered: 20, Retries: 2}, r.Metrics().Targets[0])
	})
}

// A stream that is not there is no reason to try for a day.
func TestTarget_aStreamThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t)
		s, err := kinesisclient.New(k.Client(), "events")
		require.NoError(t, err)
		var dead letters
		r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: s, DeadLetter: dead.take})
		require.NoError(t, r.Send(t.Context(), task("1", "a")))
		require.Len(t, dead.list, 1)
		assert.Equal(t, "NO_RESOURCE", dead.list[0].ErrorCode)
		assert.Contains(t, dead.list[0].ErrorMessage, "ResourceNotFoundException")
		assert.Zero(t, dead.list[0].RetryAttempts)
		assert.Empty(t, dead.list[0].ExhaustedRetryCondition)
	})
}
