package weir_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const burstMiB = 1 << 20

// burstStream takes records up to 10 MiB and keeps hardly any.
func burstStream(t *testing.T) (*weir.Stream, *manualClock) {
	return clocked(t, weir.Config{
		Settings: weir.Settings{Retention: time.Millisecond}, Limits: weir.Limits{RecordBytes: weir.MaxRecordBytes, MinRetention: -1},
	})
}

// zeros is data of any size.
var zeros = make([]byte, weir.MaxRecordBytes)

func putBytes(s *weir.Stream, t *testing.T, n int) error {
	_, err := s.PutRecord(t.Context(), "k", zeros[:n-1])
	return err
}

func TestBurst_tenMiBAfterTenSeconds(t *testing.T) {
	s, clock := burstStream(t)
	require.NoError(t, putBytes(s, t, 10*burstMiB))
	clock.Advance(10*time.Second - time.Microsecond)
	err := putBytes(s, t, 10*burstMiB)
	var over *weir.LimitError
	require.ErrorAs(t, err, &over)
	assert.InDelta(t, time.Microsecond, over.RetryAfter, 2)
	clock.Advance(over.RetryAfter)
	require.NoError(t, putBytes(s, t, 10*burstMiB))
	clock.Advance(time.Hour)
	require.NoError(t, putBytes(s, t, 10*burstMiB))
	require.ErrorIs(t, putBytes(s, t, 2), weir.ErrThroughputExceeded, "rest does not add up")
}

func TestBurst_smallRecordsBeforeAndAfter(t *testing.T) {
	s, clock := burstStream(t)
	require.NoError(t, putBytes(s, t, 1024))
	require.ErrorIs(t, putBytes(s, t, 10*burstMiB), weir.ErrThroughputExceeded, "a KiB is missing")
	require.NoError(t, putBytes(s, t, 10*burstMiB-1024))
	require.ErrorIs(t, putBytes(s, t, 2), weir.ErrThroughputExceeded)
	clock.Advance(time.Second / 2)
	require.NoError(t, putBytes(s, t, burstMiB/2))
	require.ErrorIs(t, putBytes(s, t, 2), weir.ErrThroughputExceeded)
	clock.Advance(2 * time.Second)
	require.ErrorIs(t, putBytes(s, t, 2*burstMiB+1), weir.ErrThroughputExceeded)
	require.NoError(t, putBytes(s, t, 2*burstMiB))
}

func TestBurst_isForRecordsAboveOneMiBOnly(t *testing.T) {
	s, _ := burstStream(t)
	require.NoError(t, putBytes(s, t, burstMiB))
	require.ErrorIs(t, putBytes(s, t, burstMiB), weir.ErrThroughputExceeded, "ten small ones are no burst")
	require.NoError(t, putBytes(s, t, burstMiB+1))
}

// However large and small records alternate, a shard takes 1 MiB/s on average
// after the first 10 MiB.
func TestBurst_average(t *testing.T) {
	s, clock := burstStream(t)
	rng, taken := rand.New(rand.NewPCG(1, 2)), 0
	const seconds = 20
	for range seconds * 20 {
		n := 1 + rng.IntN([]int{1000, burstMiB, 10 * burstMiB}[rng.IntN(3)])
		if err := putBytes(s, t, n); err == nil {
			taken += n
		}
		clock.Advance(time.Second / 20)
	}
	assert.LessOrEqual(t, taken, (10+seconds)*burstMiB)
	assert.Greater(t, taken, seconds*burstMiB*8/10)
}
