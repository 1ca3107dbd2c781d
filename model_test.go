package weir_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/internal/model/twins"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "seed of the random tests; zero takes one from the clock")
	historiesFlag = flag.Int("histories", fewerIfRaced(300), "how many random histories to compare with the model")
)

// seed returns the seed of a random test and prints it.
func seed(t testing.TB) uint64 {
	s := *seedFlag
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed=%d", s)
	return s
}

func TestStream_agreesWithModel(t *testing.T) { agreeWithModel(t, false) }

func TestStream_hollowAgreesWithModel(t *testing.T) { agreeWithModel(t, true) }

func agreeWithModel(t *testing.T, hollow bool) {
	t.Parallel()
	base := seed(t)
	for i := range *historiesFlag {
		rng := rand.New(rand.NewPCG(base, uint64(i)))
		ops := make([]byte, 100+rng.IntN(1500))
		for j := range ops {
			ops[j] = byte(rng.Uint32())
		}
		if !t.Run(fmt.Sprint(i), func(t *testing.T) { twins.Run(t, hollow, ops, weir.CheckInvariants) }) {
			return
		}
	}
}

// A stream on disk does what one in memory does, and goes on when it is opened
// again, closed or not.
func TestOpen_agreesWithModel(t *testing.T) { agreeOnDisk(t, func(*weir.Config) {}) }

// A stream most of whose records have left memory does what one does that has
// all of them there.
func TestSpill_agreesWithModel(t *testing.T) {
	agreeOnDisk(t, func(c *weir.Config) {
		if c.MaxBytes == 0 {
			c.MaxBytes, c.WhenFull = 6000, weir.Spill
		}
	})
}

func agreeOnDisk(t *testing.T, with func(*weir.Config)) {
	base := seed(t)
	for i := range *historiesFlag {
		rng := rand.New(rand.NewPCG(base, uint64(i)))
		ops := make([]byte, 100+rng.IntN(1500))
		for j := range ops {
			ops[j] = byte(rng.Uint32())
		}
		undo := weir.SetFileBytes(int64(2000 + rng.IntN(100_000)))
		ok := t.Run(fmt.Sprint(i), func(t *testing.T) { twins.RunOnDisk(t, crashingDisk(rng, with), ops, weir.CheckInvariants) })
		if undo(); !ok {
			return
		}
	}
}

// crashingDisk returns a disk in memory.
func crashingDisk(rng *rand.Rand, with func(*weir.Config)) twins.Disk {
	disk := journaltest.New()
	disk.RoomFrom = int64(rng.IntN(2) * 1000)
	return twins.Disk{
		Open: func(c weir.Config) (*weir.Stream, error) {
			with(&c)
			return weir.OpenIn(disk, "test", c)
		},
		Leave: func(s *weir.Stream, closed bool) {
			if !closed {
				disk.Crash(rng)
			}
			s.Close() // which fails after a crash
		},
	}
}

func FuzzStream(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		ops := make([]byte, 300)
		for j := range ops {
			ops[j] = byte(rng.Uint32())
		}
		f.Add(i%2 == 1, ops)
	}
	f.Fuzz(func(t *testing.T, hollow bool, ops []byte) {
		if len(ops) > 2000 {
			t.Skip("too long to be done in time")
		}
		twins.Run(t, hollow, ops, weir.CheckInvariants)
	})
}
