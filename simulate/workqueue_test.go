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

// Its seconds add up to the result, the warm-up left out, and at the end of each
// every record is somewhere. Nobody is busy for longer than a second has.
func TestQueue_seconds(t *testing.T) {
	for _, row := range []struct {
		workers int
		step    time.Duration
	}{{5, 0}, {5, 100 * time.Millisecond}, {20, 0}} {
		workers, step := row.workers, row.step
		w := queued(60, 5*time.Minute, workload.Queue{Workers: workers, PerRecord: workload.Duration(90 * time.Millisecond),
			PerBatch: workload.Duration(700 * time.Millisecond), Failures: 0.2, MaxReceives: 2, Visibility: workload.Duration(10 * time.Second)})
		w.WarmUp = workload.Duration(20 * time.Second)
		w.Stream.Limits.None, w.Stream.Mode, w.Stream.Retention = true, "", workload.Duration(30*time.Second)
		sum := simulate.QueueResult{Name: "queue-1", Workers: workers}
		var accepted, acknowledged, lost, dead, most int64
		r, err := simulate.Run(t.Context(), simulate.Config{Workload: w, Step: step, Each: func(s *simulate.Second) {
			require.Len(t, s.Queues, 1)
			q := s.Clone().Queues[0]
			accepted += s.AcceptedRecords
			acknowledged += q.AcknowledgedRecords
			lost += q.LostRecords
			dead = max(dead, q.DeadRecords)
			assert.Equal(t, accepted, acknowledged+q.LagRecords+q.InFlightRecords+q.DeadRecords+lost, "at second %v", s.At)
			assert.LessOrEqual(t, q.Busy, time.Duration(workers)*time.Second)
			assert.LessOrEqual(t, q.MaxWait, 30*time.Second)
			sum.LagRecords, sum.InFlightRecords, sum.DeadRecords, sum.ExpiredRecords = q.LagRecords, q.InFlightRecords, q.DeadRecords, lost
			if s.WarmUp {
				return
			}
			sum.Receives += q.Receives
			sum.ReceivedRecords += q.ReceivedRecords
			sum.ReceivedBytes += q.ReceivedBytes
			sum.RedeliveredRecords += q.RedeliveredRecords
			sum.AcknowledgedRecords += q.AcknowledgedRecords
			sum.LateRecords += q.LateRecords
			sum.Busy += q.Busy
			sum.MaxWait, sum.MaxDone = max(sum.MaxWait, q.MaxWait), max(sum.MaxDone, q.MaxDone)
			most = max(most, q.LagRecords)
		}})
		require.NoError(t, err)
		got := r.Queues[0]
		assert.Equal(t, most, got.MaxLagRecords)
		sum.MaxLagRecords, sum.MaxLagAt, sum.Utilisation = got.MaxLagRecords, got.MaxLagAt, got.Utilisation
		sum.MeanWait, sum.P99Wait, sum.MeanDone, sum.P99Done = got.MeanWait, got.P99Wait, got.MeanDone, got.P99Done
		assert.Equal(t, sum, got)
		if assert.InDelta(t, float64(got.Busy)/float64(time.Duration(workers)*280*time.Second), got.Utilisation, 1e-9); workers == 5 {
			assert.Greater(t, lost, int64(1000), "they are too few, and what waits longest expires")
			continue
		}
		assert.Greater(t, dead, int64(10))
		assert.Greater(t, got.RedeliveredRecords, int64(1000))
	}
}
