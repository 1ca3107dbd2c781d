package delivery

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

func somePlan(random *rand.Rand, n int) (entries []*entry) {
	for i := range n {
		e := &entry{slot: slot{kind: delivered, id: string(rune('a' + i%20))}.digest(), done: random.IntN(2) == 0}
		e.first = place{number(random.IntN(1e5)), uint64(random.IntN(3)), random.IntN(3)}
		e.last = place{number(1e5 + random.IntN(1e5)), uint64(random.IntN(1000)), random.IntN(1000)}
		entries = append(entries, e)
	}
	return entries
}

func TestPlan_isReadAsItWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 100, planEntries} {
		entries := somePlan(random, n)
		got, err := parsePlan(appendPlan(nil, entries))
		require.NoError(t, err)
		assert.Equal(t, entries, got)
	}
	assert.Nil(t, appendPlan(nil, nil), "nothing to know is no state")
}

// What a plan may have while one of the life before is read again fits into a
// lease.
func TestPlan_fitsIntoALease(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	most := 2 * (planEntries + MaxPartitions)
	require.LessOrEqual(t, most, maxEntries)
	assert.LessOrEqual(t, len(appendPlan(nil, somePlan(random, maxEntries))), lease.MaxStateBytes)
}

// Whatever somebody has made of a state, it is refused or read, and nothing
// panics.
func TestPlan_survivesAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := appendPlan(nil, somePlan(random, 20))
	for n := range text {
		_, err := parsePlan(text[:n])
		assert.Equal(t, n > 0, err != nil, "cut off at %d", n)
	}
	for range 20_000 {
		broken := append([]byte{}, text...)
		for range 1 + random.IntN(4) {
			broken[random.IntN(len(broken))] = byte(random.IntN(256))
		}
		if entries, err := parsePlan(broken); err == nil {
			newMachine(rules{}, entries)
		}
	}
	_, err := parsePlan([]byte(`{"start":1}`))
	require.ErrorIs(t, err, errState)
	_, err = parsePlan([]byte{planMark, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	require.ErrorIs(t, err, errState)
}
