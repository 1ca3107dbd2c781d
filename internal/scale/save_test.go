package scale_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/scale"
)

// reborn returns what a process would go on with that read what this one saved.
func reborn(t *testing.T, m *scale.Machine, l scale.Limits) *scale.Machine {
	text, err := json.Marshal(m.Save())
	require.NoError(t, err)
	var saved scale.Saved
	require.NoError(t, json.Unmarshal(text, &saved))
	again, err := scale.Restore(l, saved)
	require.NoError(t, err)
	require.Equal(t, m.Save(), again.Save())
	return again
}

// A machine that is saved and restored at any time, in the middle of its steps
// too, does what one does that never was.
func TestRestore_goesOnAsIfNothingHadBeen(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		n, most := 1+random.IntN(20), 1+random.IntN(40)
		whole, saved := newRig(t, limits(most), n, n, 0), newRig(t, limits(most), n, n, 0)
		for i := range 24 {
			in, rest := clumped(random), 1+random.Int64N(200)
			for _, r := range []*rig{whole, saved} {
				r.run(1, in)
				r.run(1, in)
				if i == 12 {
					r.m.SetWarm(5 * limit / 60)
				}
			}
			saved.m = reborn(t, saved.m, limits(most))
			whole.rest(rest)
			saved.rest(rest)
		}
		require.Equal(t, whole.log, saved.log, "seed %d", seed)
		require.Equal(t, whole.done, saved.done, "seed %d", seed)
	}
}

func TestRestore_inTheMiddleOfItsSteps(t *testing.T) {
	run := func(again bool) (list []scale.Todo) {
		r := newRig(t, limits(100), 4, 4, 90*limit/60)
		r.m.Tell(3*hour, make([]scale.Load, 4))
		for r.m.Behind() {
			list = append(list, r.m.Next(5))
			if again {
				r.m = reborn(t, r.m, limits(100))
			}
		}
		return list
	}
	assert.Len(t, run(false), 21, "the last one has no steps")
	assert.Equal(t, run(false), run(true))
}

func TestRestore_refusesWhatCannotBe(t *testing.T) {
	m := newRig(t, limits(100), 4, 4, 0).m
	for _, spoil := range []func(*scale.Saved){
		func(s *scale.Saved) { s.Open[1].ID = s.Open[0].ID },
		func(s *scale.Saved) { s.Hours = []scale.SavedPeak{{Period: -5}} },
		func(s *scale.Saved) { s.Minutes = []scale.SavedPeak{{Period: math.MinInt64}} },
	} {
		saved := m.Save()
		spoil(&saved)
		_, err := scale.Restore(limits(100), saved)
		assert.Error(t, err)
	}
}
