package window

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	histories   = flag.Int("histories", 700, "how many histories of windows are compared; 300000 take some minutes")
	historySeed = flag.Uint64("history-seed", uint64(time.Now().UnixNano()), "of the first history; each next one has the next seed")
)

// Whatever the windows, and in whatever order the events come: a machine says
// what its naive twin says, after each event, over restarts at any moment.
func TestMachine_doesWhatItsTwinDoes(t *testing.T) {
	t.Log("seed", *historySeed)
	for i := range *histories {
		seed := *historySeed + uint64(i)
		random := rand.New(rand.NewPCG(seed, 0))
		bytes := make([]byte, 8+random.IntN(200))
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		require.NoError(t, compare(t, bytes), "-history-seed=%d -histories=1", seed)
	}
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte("tumbling, and some events after it"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 400 {
			return
		}
		require.NoError(t, compare(t, b))
	})
}

// A source of numbers gives those of a list of bytes, and then zeros.
type source struct{ b []byte }

func (s *source) below(n int) int {
	if len(s.b) == 0 {
		return 0
	}
	v := int(s.b[0]) % n
	s.b = s.b[1:]
	return v
}

// historyOf makes a configuration, and its twin.
func historyOf(s *source) (c Config[ev, []int64, []int64], w *twin) {
	w = &twin{size: int64(1 + s.below(12)), bound: int64(s.below(8)), lateness: int64(max(0, s.below(20)-8)), early: max(0, s.below(6)-2)}
	size := time.Duration(w.size) * ms
	switch s.below(5) {
	case 0:
		c.Windows, w.slide = Tumbling(size, values()), w.size
	case 1:
		w.slide = int64(1 + s.below(14))
		c.Windows = Sliding(size, time.Duration(w.slide)*ms, values())
	case 2:
		w.kind = twinSession
		c.Windows = Session(size, values())
	case 3:
		w.kind, w.byValue = twinSession, true
		c.Windows = SessionBy(func(v ev) time.Duration { return time.Duration(v.value) * ms }, values())
	case 4:
		w.kind, w.count = twinCounted, 1+s.below(5)
		c.Windows = Counted(int64(w.count), values())
	}
	if w.kind == twinFixed {
		w.offset = int64(s.below(int(w.slide)))
		c.Windows = c.Windows.Offset(time.Duration(w.offset) * ms)
	}
	c.Bound, c.Lateness, c.EarlyCount = time.Duration(w.bound)*ms, time.Duration(w.lateness)*ms, int64(w.early)
	if s.below(3) == 0 {
		c.EarlyEvery = time.Second
	}
	return c, w
}

// compare plays the history that bytes say, and returns how a machine and its
// twin differ.
func compare(t testing.TB, b []byte) error {
	s := &source{b}
	c, w := historyOf(s)
	m := machineOf(t, c)
	now, at := int64(0), 0
	var told []string // all of them, for a failure
	for step := 0; len(s.b) > 0; step++ {
		var got, want []string
		switch what := s.below(20); {
		case what == 0: // the machine goes on elsewhere
			m = revived(t, m)
			continue
		case what == 1 && c.EarlyEvery > 0:
			m.tick(time.Unix(int64(step), 0))
			got, want = lines(m), w.tick()
		case what == 2 && w.kind != twinCounted && w.seen:
			now += int64(s.below(10))
			m.raise(now - 12)
			got, want = lines(m), w.raise(now-12)
			w.newest = max(w.newest, now-12+w.bound+1)
			m.newest = max(m.newest, now-12+w.bound+1)
		default:
			now += int64(s.below(4))
			e := ev{key: string(rune('a' + s.below(3))), ms: now - int64(s.below(25)) + 10, value: int64(1 + s.below(9))}
			m.feed(recordsOf([]ev{e}, at), nil)
			at++
			got, want = lines(m), w.feed(e)
			told = append(told, fmt.Sprint(e))
		}
		got, want = inOrder(got), inOrder(want)
		told = append(told, got...)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%v, bound %d, lateness %d, early %d, step %d\ngot  %q\nwant %q\nafter\n%s", c.Windows, w.bound, w.lateness, w.early, step, got, want, strings.Join(told, "\n"))
		}
	}
	return nil
}

// revived returns a machine as it is after it was kept.
func revived(t testing.TB, m *evMachine) *evMachine {
	b, err := m.encode()
	require.NoError(t, err)
	if len(b)%2 == 0 {
		b = pack(b)
	}
	next, err := decode(m.plan, m.stream, m.shard, b)
	require.NoError(t, err)
	require.Equal(t, m.open, next.open)
	return next
}

// inOrder sorts lines, and the values in them: in which order those of sessions
// that were joined stand is not promised.
func inOrder(list []string) []string {
	for i, line := range list {
		if at := strings.IndexByte(line, '['); at >= 0 {
			if open := strings.LastIndexByte(line, '['); open > at {
				values := strings.Fields(strings.Trim(line[open:], "[]"))
				slices.Sort(values)
				list[i] = line[:open] + fmt.Sprint(values)
			}
		}
	}
	slices.Sort(list)
	return list
}
