package scale_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/plan"
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
		func(s *scale.Saved) { s.Observed = math.MaxInt64 },
		func(s *scale.Saved) { s.At, s.Until = 0, 1<<39 }, // which would take hours
		func(s *scale.Saved) { s.Due = []int64{9, 8} },
		func(s *scale.Saved) { s.Due = []int64{-1} },
		func(s *scale.Saved) { s.Todo.Minute = math.MinInt64 },
		func(s *scale.Saved) { s.Open[1].Keys = s.Open[0].Keys },
	} {
		saved := m.Save()
		spoil(&saved)
		_, err := scale.Restore(limits(100), saved)
		assert.Error(t, err)
	}
}

// A machine is refused that is not the stream's, or whose steps lead elsewhere.
func TestSaved_fits(t *testing.T) {
	r := newRig(t, limits(100), 4, 4, 90*limit/60)
	var open []plan.Shard
	for _, sh := range r.m.Save().Open {
		open = append(open, plan.Shard{ID: sh.ID, Keys: sh.Keys})
	}
	fresh := r.m.Save()
	require.NoError(t, fresh.Fits(open, fresh.Next))
	next := fresh.Next
	r.m.Tell(3*hour, make([]scale.Load, 4))
	first := r.m.Next(1)
	require.Len(t, first.Steps, 1)
	m := r.m.Save()
	m.Todo.Steps = append(first.Steps, m.Todo.Steps...)
	require.Greater(t, len(m.Todo.Steps), 2)
	require.NoError(t, m.Fits(open, next))

	assert.Error(t, m.Fits(open[:3], next))
	assert.Error(t, m.Fits(open, next+1))
	assert.Error(t, fresh.Fits(append(open, plan.Shard{ID: 77}), next))
	assert.Error(t, fresh.Fits(append(open[:3:3], plan.Shard{ID: 77, Keys: open[3].Keys}), next))
	assert.Error(t, fresh.Fits(append(open[:3:3], plan.Shard{ID: open[3].ID, Keys: open[0].Keys}), next))
	for _, spoil := range []func(*plan.Step){
		func(s *plan.Step) { s.Lower = 99 },
		func(s *plan.Step) { s.At = open[0].Keys.Start },
		func(s *plan.Step) { s.Child += 5 },
		func(s *plan.Step) { s.Upper = s.Lower },
		func(s *plan.Step) { s.Upper = 99 },
	} {
		steps := m.Todo.Steps
		spoiled := m
		spoiled.Todo.Steps = append([]plan.Step(nil), steps...)
		spoil(&spoiled.Todo.Steps[0])
		assert.Error(t, spoiled.Fits(open, next))
	}
}
