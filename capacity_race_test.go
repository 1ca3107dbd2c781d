package weir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Whatever the scaling does, and wherever the clock goes, every acknowledged
// record is read once, and the records of each key in the order of their puts.
func TestOnDemand_nothingLostWhateverHappens(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			c := onDemandConfig()
			c.Retention = 365 * 24 * time.Hour
			c.Limits.ModeSwitchesPerDay = -1
			c.Limits.WriteBytesPerSecond, c.Limits.OnDemandWriteBytesPerSecond = 20<<10, 1<<20
			s, clock := clocked(t, c)
			want := map[string][]string{}
			for i := range 2000 {
				clock.Advance(jump(rng))
				change(rng, s)
				key := fmt.Sprint(s.Settings().Distribution, rng.IntN(1+rng.IntN(40)))
				data := fmt.Sprintf("%d %s", i, text(rng.IntN(18<<10)))
				if _, err := s.PutRecord(t.Context(), key, []byte(data)); err == nil {
					want[key] = append(want[key], data)
				} else {
					require.ErrorIs(t, err, weir.ErrThroughputExceeded)
				}
			}
			require.NoError(t, weir.CheckInvariants(s))
			got := map[string][]string{}
			for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
				require.NoError(t, err)
				got[r.PartitionKey] = append(got[r.PartitionKey], string(r.Data))
			}
			for key := range want {
				if len(key) > 9 && key[:9] == weir.DistributeAuto.String() { // no order there
					slices.Sort(want[key])
					slices.Sort(got[key])
				}
			}
			require.Len(t, got, len(want))
			for key := range want {
				require.True(t, slices.Equal(want[key], got[key]), key)
			}
		})
	}
}

// jump is mostly a second, now and then a lot more, or back.
func jump(rng *rand.Rand) time.Duration {
	switch rng.IntN(60) {
	case 0:
		return time.Duration(rng.IntN(20)) * time.Minute
	case 1:
		return time.Duration(rng.IntN(3)) * time.Hour
	case 2:
		return -time.Duration(rng.IntN(100)) * time.Minute
	case 3:
		return time.Duration(rng.IntN(2)) * 24 * time.Hour
	default:
		return time.Duration(rng.IntN(1000)) * time.Millisecond
	}
}

func change(rng *rand.Rand, s *weir.Stream) {
	switch rng.IntN(400) {
	case 0:
		_ = setMode(s, weir.Mode(rng.IntN(2)))
	case 1, 2:
		_ = setDistribution(s, weir.Distribution(rng.IntN(2)))
	case 3:
		_ = s.SetWarmThroughput(context.Background(), rng.IntN(2))
	}
}

func TestOnDemand_producersWhileScaling(t *testing.T) {
	c := onDemandConfig()
	c.Retention = 24 * time.Hour
	s, clock := clocked(t, c)
	var mu sync.Mutex
	want := map[string]int{}
	var wg sync.WaitGroup
	for p := range 4 {
		wg.Go(func() {
			for i := range 1500 {
				if p == 0 && i%2 == 0 {
					clock.Advance(time.Second)
				}
				data := fmt.Sprint(p, "-", i, text(200))
				_, err := s.PutRecord(t.Context(), fmt.Sprint("key", i%50), []byte(data))
				if err == nil {
					mu.Lock()
					want[data]++
					mu.Unlock()
				} else if !errors.Is(err, weir.ErrThroughputExceeded) {
					assert.NoError(t, err)
				}
				if i%100 == 0 {
					_ = s.Snapshot().String()
					_ = s.Shards()
				}
			}
		})
	}
	wg.Wait()
	clock.Advance(2 * time.Hour)
	require.NotEmpty(t, s.Shards())
	got := map[string]int{}
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		got[string(r.Data)]++
	}
	assert.Equal(t, want, got)
}
