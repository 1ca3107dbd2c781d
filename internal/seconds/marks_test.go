package seconds_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/seconds"
)

func newMarks(window int64) *seconds.Marks {
	m := new(seconds.Marks)
	m.Init(window)
	return m
}

// intake returns n records of ten bytes, one in four of them in a batch.
func intake(n int64) seconds.Intake {
	return seconds.Intake{Records: n, Bytes: 10 * n, BatchRecords: n / 4, BatchBytes: 10 * (n / 4)}
}

func TestIntake_isAddedAndSubtracted(t *testing.T) {
	in := seconds.Intake{Records: 4, Bytes: 30, BatchRecords: 2, BatchBytes: 10}
	assert.Equal(t, seconds.Intake{Records: 8, Bytes: 60, BatchRecords: 4, BatchBytes: 20}, in.Plus(in))
	assert.Equal(t, in, in.Plus(in).Since(in))
	assert.Zero(t, in.Since(in.Plus(in)), "never negative")
}

func TestMarks_secondsAreDifferences(t *testing.T) {
	m := newMarks(60)
	assert.Empty(t, maps.Collect(m.Seconds(intake(8))))
	records, bytes := m.Peaks(intake(8))
	assert.Zero(t, records, "what came in before the first mark is of no second")
	assert.Zero(t, bytes)

	assert.True(t, m.Mark(100, intake(0)))
	assert.False(t, m.Mark(100, intake(3)), "a second is marked once")
	assert.False(t, m.Mark(99, intake(3)), "and none after a later one")
	assert.True(t, m.Mark(103, intake(8)))
	assert.EqualValues(t, 103, m.Last())
	assert.Equal(t, map[int64]seconds.Intake{100: intake(8), 103: intake(4)}, maps.Collect(m.Seconds(intake(12))))
	assert.Equal(t, map[int64]seconds.Intake{100: intake(4), 103: intake(0)}, maps.Collect(m.Seconds(intake(4))),
		"a total that was read before the last mark")

	records, bytes = m.Peaks(intake(12))
	assert.Equal(t, seconds.Peak{N: 8, At: 100}, records)
	assert.Equal(t, seconds.Peak{N: 80, At: 100}, bytes)
	records, bytes = m.Peaks(intake(20))
	assert.Equal(t, seconds.Peak{N: 12, At: 103}, records, "the second that is not over")
	assert.Equal(t, seconds.Peak{N: 120, At: 103}, bytes)
	for range m.Seconds(intake(20)) {
		break
	}
}

func TestMarks_theFirstTwoSecondsOf1970AreOne(t *testing.T) {
	m := newMarks(60)
	assert.True(t, m.Mark(0, intake(0)))
	assert.False(t, m.Mark(1, intake(4)))
	assert.Equal(t, map[int64]seconds.Intake{1: intake(8)}, maps.Collect(m.Seconds(intake(8))))
}

// Whatever the gaps, marks know exactly what came in during the seconds of
// their window, and the busiest second of all.
func TestMarks_rememberTheirWindow(t *testing.T) {
	rng := random(t)
	for range 200 {
		window := 1 + rng.Int64N(50)
		m, want := newMarks(window), map[int64]int64{}
		at, total, most := 1+rng.Int64N(100), int64(0), int64(0)
		for range 200 {
			m.Mark(at, intake(total))
			n := 4 * rng.Int64N(30)
			want[at], total = want[at]+n, total+n
			most = max(most, want[at])
			maps.DeleteFunc(want, func(second, _ int64) bool { return second <= at-window })
			got := map[int64]int64{}
			for second, in := range m.Seconds(intake(total)) {
				if second > at-window {
					got[second] = in.Records
				}
			}
			require.Equal(t, want, got, "window %d", window)
			peak, _ := m.Peaks(intake(total))
			require.Equal(t, most, peak.N)
			at += rng.Int64N(3)
			if rng.IntN(20) == 0 {
				at += rng.Int64N(2 * window)
			}
		}
	}
}
