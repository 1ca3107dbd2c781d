package quota

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

func TestReads_zeroValueLimitsNothing(t *testing.T) {
	var q Reads
	assert.False(t, q.Limited())
	for range 100 {
		assert.Equal(t, Refusal{}, q.Take(start))
		q.Charge(1 << 30)
	}
	unlimited := NewReads(rate.Inf, rate.Inf)
	assert.False(t, unlimited.Limited())
	calls, bytes := NewReads(5, rate.Inf), NewReads(rate.Inf, mib)
	assert.True(t, calls.Limited())
	assert.True(t, bytes.Limited())
}

func TestReads_calls(t *testing.T) {
	q := NewReads(5, 2*mib)
	for range 5 {
		assert.Equal(t, Refusal{}, q.Take(start))
	}
	assert.Equal(t, Refusal{ReadCalls, 200 * time.Millisecond}, q.Take(start))
	assert.Equal(t, ReadCalls, q.Take(after(200*time.Millisecond-time.Microsecond)).Kind)
	assert.Equal(t, Refusal{}, q.Take(after(200*time.Millisecond)))
	assert.Equal(t, Refusal{ReadCalls, 200*time.Millisecond + 3}, q.Take(after(200*time.Millisecond-3)), "a reading out of order")
}

func TestReads_chargeAtTheLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		blocked time.Duration
		left    int // that a later read of the same moment finds free
	}{
		{"nothing", 0, 0, 2 * mib},
		{"a byte less", 2*mib - 1, 0, 1},
		{"exactly", 2 * mib, 0, 0},
		{"a byte more", 2*mib + 1, time.Second + 477, 0},
		{"ten mebibytes", 10 * mib, 5 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := NewReads(rate.Inf, 2*mib)
			assert.Equal(t, Refusal{}, q.Take(start))
			q.Charge(c.size)
			if c.blocked > 0 {
				assert.Equal(t, Refusal{ReadBytes, c.blocked}, q.Take(start))
				assert.Equal(t, Refusal{ReadBytes, 1}, q.Take(after(c.blocked-1)))
			}
			assert.Equal(t, Refusal{}, q.Take(after(c.blocked)))
			q.Charge(c.left)
			assert.Equal(t, Refusal{}, q.Take(after(c.blocked)), "what the bucket holds is free")
			q.Charge(1)
			assert.Equal(t, ReadBytes, q.Take(after(c.blocked)).Kind, "and no more")
		})
	}
}

func TestReads_overlappingCallsPayOneAfterTheOther(t *testing.T) {
	q := NewReads(rate.Inf, 2*mib)
	for range 3 {
		assert.Equal(t, Refusal{}, q.Take(start))
	}
	for range 3 {
		q.Charge(10 * mib)
	}
	assert.Equal(t, Refusal{ReadBytes, 15 * time.Second}, q.Take(start))
}

func TestReads_clockThatStepsBack(t *testing.T) {
	q := NewReads(5, 2*mib)
	assert.Equal(t, Refusal{}, q.Take(start))
	q.Charge(10 * mib)
	assert.Equal(t, Refusal{ReadBytes, 5 * time.Second}, q.Take(after(-time.Hour)))
	assert.Equal(t, Refusal{ReadBytes, 1}, q.Take(after(-time.Hour+5*time.Second-1)))
	assert.Equal(t, Refusal{}, q.Take(after(-time.Hour+5*time.Second)))
}

func TestReads_tinyRates(t *testing.T) {
	q := NewReads(1e-300, 1e-300)
	assert.Equal(t, Refusal{}, q.Take(start))
	assert.Equal(t, Refusal{ReadCalls, longestWait}, q.Take(start))
	q.Charge(2)
	assert.Equal(t, Refusal{ReadBytes, longestWait}, q.Take(start))
	q.Charge(2)
	assert.Equal(t, ReadBytes, q.Take(start).Kind)
}
