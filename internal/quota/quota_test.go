package quota

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; zero takes a new one")

// random returns a source of random numbers, whose seed it prints.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// start is the reading of the clock with which tests begin.
const start = int64(1_800_000_000 * time.Second)

func after(d time.Duration) int64 { return start + int64(d) }

func TestNewBucket_holdsOneSecond(t *testing.T) {
	for _, c := range []struct {
		rate rate.Limit
		size float64 // zero: no bucket
	}{
		{1e-300, 1}, {0.5, 1}, {1, 1}, {1.9, 1}, {2, 2}, {1000, 1000}, {mib, mib},
		{math.MaxInt32*mib - 1, math.MaxInt32*mib - 1}, {math.MaxInt32 * mib, 0}, {rate.Inf, 0},
	} {
		b := NewBucket(c.rate)
		if c.size == 0 {
			assert.Nil(t, b, "%v", c.rate)
			continue
		}
		size := min(c.size, math.MaxInt) // of this machine
		assert.EqualValues(t, int(size), b.Burst(), "%v", c.rate)
		assert.InDelta(t, size, b.TokensAt(time.Unix(0, start)), 1, "it is full")
	}
}

func TestUntil(t *testing.T) {
	at := time.Unix(0, start)
	for _, c := range []struct {
		name string
		rate rate.Limit
		take int
		n    int
		want time.Duration
	}{
		{"a token too few", 1000, 1, 999, 0},
		{"exactly", 1000, 0, 1000, 0},
		{"a token too many", 1000, 1, 1000, time.Millisecond},
		{"more than it can hold", 1000, 1, math.MaxInt, time.Millisecond},
		{"rounded up", 3, 3, 1, 333_333_334},
		{"closer than a clock can tell", 2e9, 2e9, 1, 0},
		{"a nanosecond", 1e9, 1e9, 1, 1},
		{"years", 1e-8, 1, 1, 1e17},
		{"longer than is told", 1e-300, 1, 1, longestWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBucket(c.rate)
			b.AllowN(at, c.take)
			assert.Equal(t, c.want, Until(b, at, c.n))
		})
	}
}

func TestClock_neverGoesBack(t *testing.T) {
	var c Clock
	for _, step := range []struct {
		name         string
		reading      time.Duration
		want, making time.Duration
	}{
		{"the first", 10 * time.Second, 10 * time.Second, 0},
		{"later", 12 * time.Second, 12 * time.Second, 0},
		{"out of order", 12*time.Second - 1, 12 * time.Second, 1},
		{"a second back", 11 * time.Second, 12 * time.Second, time.Second},
		{"made up for", 12*time.Second + 1, 12*time.Second + 1, 0},
		{"more than a second back is a step", 11 * time.Second, 12*time.Second + 1, 0},
		{"which time goes on from", 12 * time.Second, 13*time.Second + 1, 0},
		{"and again", time.Second, 13*time.Second + 1, 0},
		{"and on", 2 * time.Second, 14*time.Second + 1, 0},
	} {
		at, behind := c.Read(after(step.reading))
		assert.Equal(t, after(step.want), at.UnixNano(), step.name)
		assert.Equal(t, step.making, behind, step.name)
	}
}
