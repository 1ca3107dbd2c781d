package weir_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model/twins"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "seed of the random tests; zero takes one from the clock")
	historiesFlag = flag.Int("histories", 300, "how many random histories to compare with the model")
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
