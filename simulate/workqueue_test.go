package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

func queued(rate float64, length time.Duration, q workload.Queue) workload.Workload {
	return workload.Workload{
		Duration: workload.Duration(length), Stream: workload.Stream{Mode: workload.OnDemandMode},
		Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: rate}}}, Queues: []workload.Queue{q},
	}
}

func runQueue(t *testing.T, w workload.Workload, step time.Duration) simulate.QueueResult {
	t.Helper()
	r, err := simulate.Run(t.Context(), simulate.Config{Workload: w, Step: step})
	require.NoError(t, err)
	require.Len(t, r.Queues, 1)
	assert.Equal(t, r.AcceptedRecords, r.OfferedRecords)
	q := r.Queues[0]
	assert.Equal(t, r.AcceptedRecords, q.AcknowledgedRecords+q.LagRecords+q.InFlightRecords+q.DeadRecords+q.ExpiredRecords, "each record is somewhere")
	again, err := simulate.Run(t.Context(), simulate.Config{Workload: w, Step: step})
	require.NoError(t, err)
	assert.Equal(t, r, again, "the same again")
	return q
}

// Ten a second that take 100 ms each keep one worker busy, and two half so.
func TestQueue_keepsUp(t *testing.T) {
	w := queued(10, 10*time.Minute, workload.Queue{Workers: 2, PerRecord: workload.Duration(100 * time.Millisecond)})
	q := runQueue(t, w, 0)
	assert.InDelta(t, 0.5, q.Utilisation, 0.01)
	assert.Less(t, q.MaxLagRecords, int64(2))
	assert.Equal(t, 100*time.Millisecond, q.MaxDone)
	assert.Zero(t, q.RedeliveredRecords+q.DeadRecords+q.LateRecords)
}

// Twice as many as the workers can do: half of them wait at the end.
func TestQueue_fallsBehind(t *testing.T) {
	w := queued(20, 10*time.Minute, workload.Queue{Workers: 1, PerRecord: workload.Duration(100 * time.Millisecond)})
	q := runQueue(t, w, 0)
	assert.InDelta(t, 1, q.Utilisation, 0.01)
	assert.InDelta(t, 6000, q.LagRecords, 20)
	assert.Equal(t, q.MaxLagRecords, q.LagRecords)
	assert.InDelta(t, (5 * time.Minute).Seconds(), q.MaxWait.Seconds(), 5)
}

// One in ten fails: it comes back when its time is over, and of a million two
// would be dead letters.
func TestQueue_failures(t *testing.T) {
	w := queued(50, 20*time.Minute, workload.Queue{Workers: 4, Failures: 0.1, MaxReceives: 2})
	q := runQueue(t, w, 0)
	assert.InDelta(t, 0.1, float64(q.RedeliveredRecords)/60_000, 0.01)
	assert.InDelta(t, 0.01, float64(q.DeadRecords)/60_000, 0.003)
	assert.Equal(t, 30*time.Second, q.MaxDone.Truncate(time.Second))
}

// Batches that take longer than the visibility are processed again and again.
func TestQueue_tooSlowForItsVisibility(t *testing.T) {
	w := queued(1, 10*time.Minute, workload.Queue{
		Workers: 10, PerBatch: workload.Duration(5 * time.Second), Visibility: workload.Duration(3 * time.Second), MaxReceives: 1000})
	q := runQueue(t, w, 0)
	assert.Positive(t, q.LateRecords)
	assert.Greater(t, q.RedeliveredRecords, q.AcknowledgedRecords/2)
}

// Records put together behave like those put one by one.
func TestQueue_inSteps(t *testing.T) {
	w := queued(200, 5*time.Minute, workload.Queue{Workers: 30, PerRecord: workload.Duration(100 * time.Millisecond)})
	one, many := runQueue(t, w, 0), runQueue(t, w, 100*time.Millisecond)
	assert.InEpsilon(t, one.AcknowledgedRecords, many.AcknowledgedRecords, 0.01)
	assert.InDelta(t, one.Utilisation, many.Utilisation, 0.02)
}
