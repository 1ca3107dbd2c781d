package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/workload"
)

// queued is a hundred records a second for five seconds, and a queue.
func queued(q workload.Queue) workload.Workload {
	w := steady(100)
	w.Queues = []workload.Queue{q}
	return w
}

// one returns the only queue of a result.
func one(t *testing.T, r *bench.Result) bench.QueueResult {
	require.Len(t, r.Queues, 1)
	return r.Queues[0]
}

// Twenty workers that take 100 ms for a record are half busy with a hundred a second.
func TestRun_queue(t *testing.T) {
	res := run(t, queued(workload.Queue{Name: "jobs", Workers: 20, Batch: 1, PerRecord: workload.Duration(100 * time.Millisecond)}), nil)
	q := one(t, res)
	assert.Equal(t, "jobs", q.Name)
	assert.EqualValues(t, []int64{500, 500, 500, 0, 0, 0, 0}, []int64{q.Receives, q.Received, q.Acknowledged, q.Redelivered, q.Late, q.Waiting, q.Dead})
	assert.EqualValues(t, res.Bytes, q.Bytes)
	assert.EqualValues(t, []int64{500, 500, 500}, []int64{q.Wait.Count, q.Done.Count, q.AcknowledgeCall.Count})
	assert.Zero(t, q.Wait.Max)
	assert.Equal(t, 100*time.Millisecond, q.Done.Min)
	assert.Equal(t, 100*time.Millisecond, q.Done.Max)
	assert.InDelta(t, 5.09, res.Total, 0.001, "it ends with the last record")
	assert.InDelta(t, 500*0.1/(20*5.09), q.Utilisation, 0.001)
	assert.InDelta(t, 500/5.09, q.PerSecond, 0.1)
	var acknowledged int64
	for _, p := range res.Timeline {
		acknowledged += p.Acknowledged
		assert.LessOrEqual(t, p.Waiting, int64(11))
	}
	assert.EqualValues(t, 500, acknowledged)
}

// Five workers do half of it: the last record waits five seconds, or nobody waits
// for it.
func TestRun_queueFallsBehind(t *testing.T) {
	w := queued(workload.Queue{Workers: 5, Batch: 1, PerRecord: workload.Duration(100 * time.Millisecond)})
	res := run(t, w, nil)
	q := one(t, res)
	assert.EqualValues(t, []int64{500, 0}, []int64{q.Acknowledged, q.Waiting})
	assert.InDelta(t, 10, res.Total, 0.1)
	assert.InDelta(t, 5, q.Wait.Max.Seconds(), 0.1)
	assert.InDelta(t, 1, q.Utilisation, 0.01)

	res = run(t, w, func(c *bench.Config) { c.Drain = -1 })
	q = one(t, res)
	assert.InDelta(t, 250, q.Acknowledged, 10)
	assert.EqualValues(t, 500, q.Acknowledged+q.Waiting)
	m, err := bench.FindMetric("queue.waiting")
	require.NoError(t, err)
	v, ok := m.Of(res)
	assert.True(t, ok)
	assert.EqualValues(t, q.Waiting, v)
}

// What fails comes back after its visibility, and is dead after its last receive;
// then nothing is left to be waited for.
func TestRun_queueFailures(t *testing.T) {
	res := run(t, queued(workload.Queue{Workers: 20, Failures: 1, MaxReceives: 2, Visibility: workload.Duration(time.Second)}), nil)
	q := one(t, res)
	assert.EqualValues(t, []int64{1000, 500, 0, 500, 0}, []int64{q.Received, q.Redelivered, q.Acknowledged, q.Dead, q.Waiting})
	assert.InDelta(t, 7, res.Total, 0.3)

	res = run(t, queued(workload.Queue{Workers: 20, Failures: 0.2, Visibility: workload.Duration(time.Second)}), nil)
	q = one(t, res)
	assert.EqualValues(t, []int64{500, 0}, []int64{q.Acknowledged + q.Dead, q.Waiting})
	assert.InDelta(t, 125, q.Redelivered, 40, "a fifth, a fifth of that, and so on")
}

// Who takes longer than the visibility works in vain.
func TestRun_queueTooSlowForItsVisibility(t *testing.T) {
	w := queued(workload.Queue{Workers: 20, Batch: 1, MaxReceives: 1000, PerRecord: workload.Duration(3 * time.Second), Visibility: workload.Duration(time.Second)})
	w.Records = 5
	q := one(t, run(t, w, nil))
	assert.Positive(t, q.Late)
	assert.GreaterOrEqual(t, q.Redelivered, q.Late)
}

// The warm-up is left out of counts and times.
func TestRun_queueWarmUp(t *testing.T) {
	w := queued(workload.Queue{Workers: 20, PerBatch: workload.Duration(10 * time.Millisecond)})
	w.WarmUp = workload.Duration(3 * time.Second)
	q := one(t, run(t, w, nil))
	assert.InDelta(t, 200, q.Acknowledged, 2)
	assert.InDelta(t, 200, q.Wait.Count, 1)
	assert.InDelta(t, 200, q.Done.Count, 1)
	assert.InDelta(t, 100, q.PerSecond, 1)
}

// A target without queues leaves them out.
func TestRun_queuesOfATargetThatHasNone(t *testing.T) {
	res := run(t, queued(workload.Queue{Workers: 20}), func(c *bench.Config) { c.Target = &stall{Target: c.Target} })
	assert.Empty(t, res.Queues)
	m, err := bench.FindMetric("queue.dead")
	require.NoError(t, err)
	_, ok := m.Of(res)
	assert.False(t, ok)
}
