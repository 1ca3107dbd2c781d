package scale_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/plan"
	"github.com/weirstream/weir/internal/scale"
)

// clumped is random traffic: some keys, each with some bytes.
func clumped(random *rand.Rand) traffic {
	var keys []traffic
	for range random.IntN(6) {
		keys = append(keys, onKey(random.Uint64(), random.Int64N(limit)))
	}
	background := even(random.Float64() * 4 * limit * float64(random.IntN(2)))
	return func(sh plan.Shard) scale.Load {
		l := background(sh)
		for _, key := range keys {
			l.Bytes += key(sh).Bytes
		}
		return l
	}
}

// What falls due while nobody asks takes effect at its own minute: a machine
// that is told after hours and one that is told each minute do the same.
func TestMachine_sameHoweverOftenItIsTold(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		n, most := 1+random.IntN(20), 1+random.IntN(40)
		often, seldom := newRig(t, limits(most), n, n, 0), newRig(t, limits(most), n, n, 0)
		for range 12 {
			in, rest := clumped(random), 1+random.Int64N(400)
			if seed%10 == 0 && random.IntN(6) == 0 {
				rest = 40 * day
			}
			for _, r := range []*rig{often, seldom} {
				r.run(1, in)
			}
			often.run(rest, nothing)
			seldom.rest(rest)
		}
		require.Equal(t, often.log, seldom.log, "seed %d", seed)
		require.Equal(t, often.done, seldom.done, "seed %d", seed)
	}
}

// Steps that are asked for one by one are the same in the same order.
func TestMachine_sameInSmallPortions(t *testing.T) {
	steps := func(most int) (list []plan.Step) {
		r := newRig(t, limits(100), 4, 4, 90*limit/60)
		r.m.Tell(3*hour, make([]scale.Load, 4))
		for r.m.Behind() {
			todo := r.m.Next(most)
			assert.LessOrEqual(t, len(todo.Steps), most)
			list = append(list, todo.Steps...)
		}
		return list
	}
	assert.Len(t, steps(math.MaxInt), 96)
	assert.Equal(t, steps(math.MaxInt), steps(1))
	assert.Equal(t, steps(math.MaxInt), steps(7))
}

// Twice the traffic always finds room: 11 minutes after any minute each shard
// could take in twice what came into its hash keys then, wherever a split can
// help.
func TestMachine_doubleTheTrafficFindsRoom(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 2))
		r := newRig(t, limits(1000), 4+random.IntN(20), 0, 0)
		in := even(random.Float64() * float64(len(r.open)) * limit)
		r.run(1, in)
		r.rest(10)
		for _, sh := range r.open {
			require.LessOrEqual(t, 2*in(sh).Bytes, int64(limit)+2, "seed %d", seed)
		}
	}
}

// Whatever comes in, there are never more shards than allowed and never fewer
// than promised, and the shards cover all hash keys once.
func TestMachine_staysWithinItsBounds(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3))
		n, most := 1+random.IntN(12), 1+random.IntN(20)
		r := newRig(t, limits(most), n, n, 0)
		for range 60 {
			r.run(1+random.Int64N(3), clumped(random))
			r.rest(1 + random.Int64N(90))
			if random.IntN(20) == 0 {
				r.m.SetWarm(float64(random.IntN(most+1)) * limit / 60)
			}
			require.LessOrEqual(t, len(r.open), max(n, most))
			if r.now > 11 {
				require.GreaterOrEqual(t, len(r.open), min(4, most))
			}
			for i := range r.open[1:] {
				require.True(t, r.open[i].Keys.Adjoins(r.open[i+1].Keys))
			}
		}
	}
}

func TestMachine_recordsAndBytesAreTreatedAlike(t *testing.T) {
	for _, l := range []scale.Limits{
		{BytesPerSecond: limit / 60, RecordsPerSecond: math.MaxFloat64, MostShards: 100},
		{BytesPerSecond: math.MaxFloat64, RecordsPerSecond: limit / 60, MostShards: 100},
	} {
		r := newRig(t, l, 4, 0, 0)
		r.run(1, func(sh plan.Shard) scale.Load {
			return scale.Load{Bytes: limit/2 + sh.ID%2, Records: limit/2 + sh.ID%2}
		})
		r.rest(10)
		assert.Equal(t, []string{"11: 8"}, r.log, "%+v", l)
	}
}

func TestMachine_withoutLimitsNothingIsSplit(t *testing.T) {
	r := newRig(t, scale.Limits{BytesPerSecond: math.MaxFloat64, RecordsPerSecond: math.MaxFloat64, MostShards: 100}, 4, 0, 0)
	r.run(10, even(1e15))
	r.rest(10 * day)
	assert.Empty(t, r.log)
}

// Going through a hundred years of rest must not take time for each hour and
// shard: what is not forgotten keeps all of 16,384 shards busy for 30 days.
func TestMachine_longRestOfManyShardsIsCheap(t *testing.T) {
	const shards = 4 << 12
	r := newRig(t, limits(shards), shards, shards, 0)
	r.run(1, even(shards*limit))
	loads := make([]scale.Load, len(r.open))
	begin := time.Now()
	r.m.Tell(r.now+100*365*day, loads)
	open := len(r.open)
	for r.m.Behind() {
		for _, st := range r.m.Next(1024).Steps {
			require.False(t, st.IsSplit())
			open--
		}
	}
	assert.Equal(t, 4, open)
	assert.Less(t, time.Since(begin), 10*time.Second, "a fraction of a second; hour by hour it would be many")
}
