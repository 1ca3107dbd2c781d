package window_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/window"
)

var (
	worlds    = flag.Int("worlds", 25, "how many lives of windows are simulated; 3000 take some minutes")
	worldSeed = flag.Uint64("world-seed", uint64(time.Now().UnixNano()), "of the first life that is simulated; each next one has the next seed")
)

const bound = 2 * time.Second

// A way is a kind of windows, and how one who has all records sees them.
type way struct {
	name    string
	windows func() windows
	assign  func([]note) map[string][]note
}

var ways = []way{
	{"tumbling", func() windows { return window.Tumbling(time.Second, names()) }, inFixed(time.Second, time.Second)},
	{"sliding", func() windows { return window.Sliding(3*time.Second, time.Second, names()) }, inFixed(3*time.Second, time.Second)},
	{"session", func() windows { return window.Session(700*time.Millisecond, names()) }, inSessions(700 * time.Millisecond)},
	{"counted", func() windows { return window.Counted(3, names()) }, inTurn(3)},
}

// newWorld makes a world in which nothing is late: its records are out of order
// by less than the bound.
func newWorld(t *testing.T, seed uint64, w way, c config) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	stream, err := weir.NewStream("notes", weir.Config{Shards: 1 + random.IntN(3), Limits: weir.Unlimited()})
	require.NoError(t, err)
	if c.Windows = w.windows(); w.name != "counted" {
		c.Bound = bound
	}
	return &world{t: t, stream: stream, config: c, random: random, shelf: map[string][]byte{}}
}

// judge compares what the table has with what it is to have.
func (w *world) judge(a way) {
	require.Empty(w.t, w.rejected)
	got := w.got()
	if a.name == "counted" { // of which some may not be full yet
		got = slices.DeleteFunc(got, func(row string) bool { return strings.Count(row, " ") < 4 })
	}
	require.Equal(w.t, w.want(a.assign), got)
}

// A worker is killed at each point between two steps, those of its successor
// included: before and after each write of a lease, and each time that results
// are handed over. The table has each result once, as if nobody had been killed.
func TestWindower_killedAtEveryCommit(t *testing.T) {
	for _, a := range ways {
		t.Run(a.name, func(t *testing.T) { killAtEach(t, a, 1, config{EarlyCount: 2}) })
		if a.name == "tumbling" || a.name == "session" {
			t.Run(a.name+" by the clock", func(t *testing.T) {
				killAtEach(t, a, 3, config{EarlyEvery: 2500 * time.Millisecond, Idle: 500 * time.Millisecond, IdleClock: true})
			})
		}
	}
}

func killAtEach(t *testing.T, a way, seed uint64, c config) {
	points := 0
	for kill := 0; kill <= points; kill++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, a, c)
			if kill > 0 {
				w.kills = []int{kill}
			}
			w.live(12)
			w.judge(a)
			if kill == 0 {
				points = w.passed
				require.Greater(t, points, 50)
			}
		})
	}
	t.Log(points, "points")
}

// Lives of windows with many kills, reshards, early results and idle shards end
// with the same table as one without.
func TestWindower_simulated(t *testing.T) {
	t.Log("seed", *worldSeed)
	for i := range *worlds {
		seed := *worldSeed + uint64(i)
		ok := t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				a := ways[random.IntN(len(ways))]
				c := config{EarlyCount: int64(random.IntN(3)), Lateness: time.Duration(random.IntN(2)) * 3 * time.Second}
				if a.name == "counted" {
					c.Lateness = 0
				}
				c.Group.CheckpointEvery = []time.Duration{-1, 100 * time.Millisecond, time.Second}[random.IntN(3)]
				if random.IntN(2) == 0 {
					c.EarlyEvery = []time.Duration{500 * time.Millisecond, 2500 * time.Millisecond}[random.IntN(2)]
				}
				if random.IntN(2) == 0 && a.name != "counted" {
					c.Idle, c.IdleClock = time.Duration(1+random.IntN(2))*500*time.Millisecond, true
				}
				w := newWorld(t, seed, a, c)
				if random.IntN(3) == 0 {
					w.room = 1 + random.IntN(300)
				}
				if random.IntN(2) == 0 {
					w.faults = rand.New(rand.NewPCG(seed, 2))
				}
				for at := 0; random.IntN(8) > 0; {
					at += 1 + random.IntN(60)
					w.kills = append(w.kills, at)
				}
				clean := len(w.kills) == 0 && w.faults == nil
				w.live(20 + random.IntN(40))
				w.judge(a)
				if clean { // what a crash leaves goes when a shard is begun with
					require.LessOrEqual(t, len(w.shelf), len(w.stream.Shards()), "of a shard that has ended one snapshot is left")
				}
			})
		})
		require.True(t, ok, "-world-seed=%d -worlds=1", seed)
	}
}
