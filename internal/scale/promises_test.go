package scale_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
	"github.com/weirstream/weir/internal/scale"
)

// limit is what a shard takes in during a minute in these tests.
const limit = 60_000

func limits(most int) scale.Limits {
	return scale.Limits{BytesPerSecond: limit / 60, RecordsPerSecond: math.Inf(1), MostShards: most}
}

// A rig is a machine and the shards that its steps lead to.
type rig struct {
	t    testing.TB
	m    *scale.Machine
	open []plan.Shard // by hash key
	now  int64        // the minute that is being observed
	log  []string     // when the number of shards changed, and to what
	done []scale.Todo
}

// newRig returns a rig whose stream begins at minute 0 with n even shards.
func newRig(t testing.TB, l scale.Limits, n, keep int, warm float64) *rig {
	r := &rig{t: t}
	for i, keys := range keyspace.Even(n) {
		r.open = append(r.open, plan.Shard{ID: int64(i), Keys: keys})
	}
	r.m = scale.New(l, r.open, int64(n), keep, warm, 0)
	return r
}

// A traffic says what comes into a shard during a minute.
type traffic func(sh plan.Shard) scale.Load

// nothing comes in.
func nothing(plan.Shard) scale.Load { return scale.Load{} }

// even is a load of so many bytes a minute, spread over all hash keys.
func even(bytes float64) traffic {
	return func(sh plan.Shard) scale.Load { return scale.Load{Bytes: int64(math.Round(sh.Keys.Share() * bytes))} }
}

// onKey is a load of one hash key.
func onKey(hi uint64, bytes int64) traffic {
	return func(sh plan.Shard) (l scale.Load) {
		if key := (keyspace.Key{Hi: hi}); !key.Less(sh.Keys.Start) && !sh.Keys.End.Less(key) {
			l.Bytes = bytes
		}
		return l
	}
}

// run lets minutes pass with the same traffic in each.
func (r *rig) run(minutes int64, in traffic) {
	for range minutes {
		r.tell(r.now+1, in)
	}
}

// rest lets time pass in which nothing comes in and nobody asks, but at its
// end.
func (r *rig) rest(minutes int64) { r.tell(r.now+minutes, nothing) }

// tell ends the minute that is observed and goes on to another one.
func (r *rig) tell(minute int64, in traffic) {
	var loads []scale.Load
	for _, sh := range r.open {
		loads = append(loads, in(sh))
	}
	r.m.Tell(minute, loads)
	r.now = minute
	for r.m.Behind() {
		todo := r.m.Next(math.MaxInt)
		if len(todo.Steps) == 0 {
			continue
		}
		r.done = append(r.done, todo)
		for _, st := range todo.Steps {
			r.carryOut(st)
		}
		r.log = append(r.log, fmt.Sprintf("%d: %d", todo.Minute, len(r.open)))
	}
	require.Equal(r.t, minute+1, r.m.Due())
}

func (r *rig) carryOut(st plan.Step) {
	i := slices.IndexFunc(r.open, func(sh plan.Shard) bool { return sh.ID == st.Lower })
	require.GreaterOrEqual(r.t, i, 0)
	if st.IsSplit() {
		require.True(r.t, r.open[i].Keys.CanSplitAt(st.At))
		require.Equal(r.t, r.open[i].Keys.Middle(), st.At, "in the middle of its range")
		lower, upper := r.open[i].Keys.SplitAt(st.At)
		r.open = slices.Replace(r.open, i, i+1, plan.Shard{ID: st.Child, Keys: lower}, plan.Shard{ID: st.Child + 1, Keys: upper})
		return
	}
	require.Equal(r.t, st.Upper, r.open[i+1].ID)
	r.open = slices.Replace(r.open, i, i+2, plan.Shard{ID: st.Child, Keys: r.open[i].Keys.Union(r.open[i+1].Keys)})
}

const hour, day = 60, 24 * 60

// Each sentence of the documentation of weir.Mode that promises something, and
// what follows from it. The stream has four shards and may grow to 100 where
// nothing else is said. The log has the minute and the number of shards from
// then on.
func TestMachine_promises(t *testing.T) {
	for _, row := range []struct {
		sentence string
		case_    string
		most     int // 0: 100
		shards   int // 0: 4
		course   func(r *rig)
		want     []string
	}{
		{sentence: "a shard that was above its share, half of its limit, for a minute is split 10 minutes after its end",
			case_: "just above", course: func(r *rig) { r.run(1, onKey(0, limit/2+1)); r.run(20, nothing) },
			want: []string{"11: 5"}},
		{case_: "exactly at its share", course: func(r *rig) { r.run(30, onKey(0, limit/2)) }},
		{case_: "each of several minutes counts for itself",
			course: func(r *rig) {
				r.run(1, onKey(0, limit/2+1))
				r.run(4, nothing)
				r.run(1, onKey(math.MaxUint64, limit/2+1))
				r.run(20, nothing)
			},
			want: []string{"11: 5", "16: 6"}},
		{case_: "a shard for which a split is planned is not split twice",
			course: func(r *rig) { r.run(9, onKey(0, limit/2+1)); r.run(20, nothing) },
			want:   []string{"11: 5"}},

		{sentence: "a shard counts for its limit at most",
			case_: "a full bucket lets twice as much pass in the first minute, which is no peak of twice as much",
			course: func(r *rig) {
				r.run(1, even(8*limit))
				assert.EqualValues(r.t, 4*limit, r.m.Peak().Bytes)
				r.run(20, nothing)
			},
			want: []string{"11: 8"}},

		{sentence: "traffic that doubles always finds room once a peak has lasted",
			case_: "a peak of a quarter of the key space makes room for twice as much everywhere",
			course: func(r *rig) {
				r.run(1, func(sh plan.Shard) scale.Load { return scale.Load{Bytes: limit * 8 / 10} })
				r.run(20, nothing)
				assert.GreaterOrEqual(r.t, len(r.open)*limit, 2*4*limit*8/10)
			},
			want: []string{"11: 8"}},

		{sentence: "a shard is also split if even traffic would overrun it at double the peak of the last 30 days",
			case_: "three busy shards make the fourth too wide", course: func(r *rig) {
				r.run(1, func(sh plan.Shard) (l scale.Load) {
					if sh.ID != 3 {
						l.Bytes = limit
					}
					return l
				})
				r.run(20, nothing)
			}, want: []string{"11: 8"}},
		{sentence: "at the warm throughput",
			case_: "takes effect 10 to 11 minutes later, in as many halvings as it needs",
			course: func(r *rig) {
				r.run(3, nothing)
				r.m.SetWarm(limit / 60 * 33)
				r.run(20, nothing)
			}, want: []string{"14: 64"}},
		{sentence: "at the 4 shards that a stream begins with",
			case_: "a stream of one shard", shards: 1, course: func(r *rig) { r.run(20, nothing) }, want: []string{"11: 4"}},
		{case_: "uneven shards", shards: 5, course: func(r *rig) { r.run(hour-1, nothing) }},

		{sentence: "at the end of each hour neighbours are merged, each shard once",
			case_: "eight shards that were needed no more", shards: 16, course: func(r *rig) { r.run(3*hour, nothing) },
			want: []string{"60: 8", "120: 4"}},
		{sentence: "that stayed at or below a quarter of one shard's limit together for all of the hour",
			case_: "exactly a quarter", shards: 8, course: func(r *rig) { r.run(1, even(limit)); r.run(3*hour, nothing) },
			want: []string{"60: 4"}},
		{case_: "a little more, in one minute of the hour", shards: 8,
			course: func(r *rig) { r.run(1, even(limit+100)); r.run(3*hour, nothing) }, want: []string{"120: 4"}},
		{sentence: "unless one of the rules above would split them again",
			case_: "double the peak wants eight", shards: 8,
			course: func(r *rig) { r.run(1, even(3.9*limit)); r.run(6*hour, nothing) }},
		{case_: "a split that is planned keeps both shards", shards: 8,
			course: func(r *rig) { r.run(55, nothing); r.run(1, onKey(0, limit/2+1)); r.run(5, nothing) },
			want:   []string{"60: 5"}},

		{sentence: "a peak is forgotten 30 days after the end of its hour",
			case_: "and what it needed is merged then", shards: 8,
			course: func(r *rig) {
				r.run(1, even(3.9*limit))
				r.rest(30*day + hour - 2)
				assert.Empty(r.t, r.log)
				r.rest(2 * hour)
			}, want: []string{fmt.Sprint(30*day+hour, ": 4")}},
		{sentence: "a stream that came with shards keeps that many for as long",
			case_: "given by Config.Shards or by the switch", shards: -8, course: func(r *rig) { r.rest(31 * day) },
			want: []string{fmt.Sprint(30*day, ": 4")}},

		{sentence: "a split is in vain if at the child's next peak the other child has no tenth of the load of both",
			case_: "a single hot key: after three such splits in a row the shard is left as it is",
			course: func(r *rig) {
				for range 20 {
					r.run(1, onKey(0, limit*9/10))
					r.run(10, nothing)
				}
			}, want: []string{"11: 5", "22: 6", "33: 7", "120: 6", "180: 5"}}, // the idle children are merged again
		{sentence: "until it was below its share for an hour",
			case_: "then it is split again",
			course: func(r *rig) {
				hot := onKey(0, limit*9/10)
				for range 6 {
					r.run(1, hot)
					r.run(10, onKey(0, limit*3/10)) // keeps its neighbours from being merged with it
				}
				assert.Equal(r.t, []string{"11: 5", "22: 6", "33: 7"}, r.log[:3])
				r.log = nil
				r.run(2*hour, onKey(0, limit*3/10))
				r.log = nil
				r.run(1, hot)
				r.run(11, onKey(0, limit*3/10))
				r.log = r.log[:1]
			}, want: []string{"197: 6"}},
		{case_: "two keys that a split parts are no such thing",
			course: func(r *rig) {
				for range 5 {
					r.run(1, func(sh plan.Shard) scale.Load {
						one, two := onKey(0, limit/2+1)(sh), onKey(1<<60, limit/10)(sh)
						return scale.Load{Bytes: one.Bytes + two.Bytes}
					})
					r.run(10, nothing)
				}
				r.log = r.log[:4]
			}, want: []string{"11: 5", "22: 6", "33: 7", "44: 8"}},

		{sentence: "there are never more shards than the stream's maximum is worth; the busiest are split first",
			case_: "five of four busy ones", most: 5, course: func(r *rig) {
				r.run(1, func(sh plan.Shard) scale.Load { return scale.Load{Bytes: limit/2 + 1 + 10*sh.ID%29} })
				r.run(20, nothing)
				assert.Equal(r.t, int64(2), r.done[0].Steps[0].Lower)
			}, want: []string{"11: 5"}},
		{sentence: "unless the stream came with more", case_: "ten of eight", most: 8, shards: -10,
			course: func(r *rig) { r.run(3*hour, even(10*limit)) }},

		{sentence: "the same warm throughput or less releases capacity, after as long",
			case_: "the stream forgets its peaks but the last hour's", shards: 16,
			course: func(r *rig) {
				r.run(1, even(8*limit))
				r.run(2*hour, nothing)
				assert.EqualValues(r.t, 8*limit, r.m.Peak().Bytes)
				r.m.SetWarm(0)
				assert.Zero(r.t, r.m.Peak())
				r.run(20, nothing)
			}, want: []string{"132: 4"}},
		{case_: "until it has double the last hour's peak", shards: 64,
			course: func(r *rig) {
				r.run(1, even(30*limit))
				r.run(2*hour-1, nothing)
				r.run(1, even(4*limit))
				r.m.SetWarm(0)
				r.run(20, nothing)
			}, want: []string{"132: 8"}},
		{case_: "until it has what it was asked for", shards: 64,
			course: func(r *rig) {
				r.m.SetWarm(limit / 60 * 60)
				r.run(30, nothing)
				r.m.SetWarm(limit / 60 * 16)
				r.run(20, nothing)
			}, want: []string{"41: 16"}},
	} {
		t.Run(row.sentence+": "+row.case_, func(t *testing.T) {
			most, shards, keep := max(row.most, 0), row.shards, 0
			if most == 0 {
				most = 100
			}
			if shards == 0 {
				shards = 4
			}
			if shards < 0 { // it came with them
				shards, keep = -shards, -shards
			}
			r := newRig(t, limits(most), shards, keep, 0)
			row.course(r)
			assert.Equal(t, row.want, r.log)
		})
	}
}
