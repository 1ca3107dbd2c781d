package producer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A queue does what a sorted slice does.
func TestQueue_isASliceByNumber(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var q queue
	var want, out []*record
	next := uint64(0)
	for range 20_000 {
		switch n := random.IntN(8); {
		case n < 4:
			next++
			r := &record{n: next}
			q.push(r)
			want = append(want, r)
		case n < 6 && len(want) > 0:
			require.Same(t, want[0], q.first())
			require.Same(t, want[0], q.pop())
			out, want = append(out, want[0]), want[1:]
		case n == 6 && len(out) > 0:
			i := random.IntN(len(out))
			r := out[i]
			out = slices.Delete(out, i, i+1)
			q.insert(r)
			want = append(slices.Clone(want), r)
			slices.SortFunc(want, func(a, b *record) int { return int(a.n) - int(b.n) })
		case n == 7:
			looked := random.IntN(min(20, len(want)+1))
			var kept []*record
			for i := range looked {
				if random.IntN(2) == 0 {
					kept = append(kept, want[i])
				} else {
					out = append(out, want[i])
				}
			}
			q.keep(looked, kept)
			want = append(slices.Clone(kept), want[looked:]...)
		}
		require.Equal(t, len(want), q.n)
	}
	for i, r := range want {
		require.Same(t, r, *q.at(i))
	}
	for range want {
		q.pop()
	}
	assert.Nil(t, q.first())
	assert.Equal(t, len(q.ring), len(slices.DeleteFunc(slices.Clone(q.ring), func(r *record) bool { return r != nil })), "it keeps nothing alive")
}
