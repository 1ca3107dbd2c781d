package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	step = 100 * time.Millisecond
)

// simulated runs a workload and checks that its numbers fit together.
func simulated(t *testing.T, w workload.Workload, step time.Duration) *simulate.Result {
	t.Helper()
	r, seconds := second(t, simulate.Config{Workload: w, Step: step})
	assert.Equal(t, int(r.Duration/time.Second), seconds)
	return r
}

// second runs a configuration, checks that the seconds add up to the result, and
// returns how many there were.
func second(t *testing.T, c simulate.Config) (*simulate.Result, int) {
	t.Helper()
	var sum simulate.Writes
	var reads simulate.Reads
	seconds, each := 0, c.Each
	c.Each = func(s *simulate.Second) {
		if want := time.Duration(seconds) * time.Second; s.At != want {
			t.Errorf("second %v instead of %v", s.At, want)
		}
		seconds++
		if !s.WarmUp {
			addWrites(&sum, s.Writes)
			addReads(&reads, s.Reads)
		}
		if each != nil {
			each(s)
		}
	}
	r, err := simulate.Run(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, r.Writes, sum)
	reads.CallQuotaUse, reads.ByteQuotaUse = r.CallQuotaUse, r.ByteQuotaUse
	assert.Equal(t, r.Reads, reads)
	checkResult(t, r)
	return r, seconds
}

// checkResult checks what holds of every result.
func checkResult(t *testing.T, r *simulate.Result) {
	t.Helper()
	if r.WarmUp == 0 {
		assert.Equal(t, r.OfferedRecords, r.AcceptedRecords+r.LostRecords+r.RefusedRecords+r.PendingRecords, "all records are somewhere")
	}
	var writes simulate.Writes
	var reads simulate.Reads
	for _, sh := range r.Shards {
		addWrites(&writes, sh.Writes)
		addReads(&reads, sh.Reads)
	}
	assert.Equal(t, r.Writes, writes)
	assert.Equal(t, r.ReadRecords+r.FanOutRecords, reads.ReadRecords+reads.FanOutRecords)
	var episodes int64
	for _, e := range r.Episodes {
		assert.Less(t, e.From, e.To)
		episodes += e.ThrottledRecords
	}
	assert.Equal(t, r.ThrottledRecords, episodes)
	var read int64
	for _, c := range r.Consumers {
		read += c.ReadRecords
		assert.LessOrEqual(t, c.ProcessedRecords, c.ReadRecords)
		assert.LessOrEqual(t, c.P99Age, c.MaxAge)
	}
	assert.Equal(t, r.ReadRecords+r.FanOutRecords, read)
}

func addWrites(to *simulate.Writes, w simulate.Writes) {
	to.OfferedRecords += w.OfferedRecords
	to.OfferedBytes += w.OfferedBytes
	to.AcceptedRecords += w.AcceptedRecords
	to.AcceptedBytes += w.AcceptedBytes
	to.ThrottledRecords += w.ThrottledRecords
	to.ThrottledBytes += w.ThrottledBytes
	to.ThrottledByRecords += w.ThrottledByRecords
	to.RetriedRecords += w.RetriedRecords
	to.LostRecords += w.LostRecords
	to.LostBytes += w.LostBytes
	to.RefusedRecords += w.RefusedRecords
}

func addReads(to *simulate.Reads, r simulate.Reads) {
	to.ReadCalls += r.ReadCalls
	to.ReadRecords += r.ReadRecords
	to.ReadBytes += r.ReadBytes
	to.ReadThrottled += r.ReadThrottled
	to.ReadThrottledByCalls += r.ReadThrottledByCalls
	to.FanOutRecords += r.FanOutRecords
	to.FanOutBytes += r.FanOutBytes
}

// modes runs a test record by record and batched.
func modes(t *testing.T, test func(t *testing.T, step time.Duration)) {
	t.Run("records", func(t *testing.T) { test(t, 0) })
	t.Run("batched", func(t *testing.T) { test(t, step) })
}

// steady is so many records a second of so many bytes each, data and key together.
func steady(perSecond float64, bytes int) []workload.Traffic {
	return []workload.Traffic{traffic(workload.Rate{Constant: perSecond}, bytes)}
}

// traffic is records of one size, data and key together, on keys of one length.
func traffic(r workload.Rate, bytes int) workload.Traffic {
	return workload.Traffic{Rate: r, Keys: keys(), Sizes: workload.Sizes{Fixed: workload.Size(bytes - keyBytes)}}
}

const keyBytes = 3

// keys returns 17,576 keys of three letters, all alike.
func keys() workload.Keys {
	var k workload.Keys
	for i := range 26 * 26 * 26 {
		text := string([]byte{'a' + byte(i/676), 'a' + byte(i/26%26), 'a' + byte(i%26)})
		k.Weighted = append(k.Weighted, workload.WeightedKey{Key: text})
	}
	return k
}

func lasts(d time.Duration) workload.Duration { return workload.Duration(d) }
