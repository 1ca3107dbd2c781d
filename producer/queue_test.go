package producer

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A record takes two lines of a processor's cache, and what is packed lies in the
// first.
func TestRecord_takesTwoLines(t *testing.T) {
	const line = 64
	if strconv.IntSize == 64 {
		assert.EqualValues(t, 2*line, unsafe.Sizeof(record{}))
		assert.EqualValues(t, line, unsafe.Offsetof(record{}.n))
	}
}

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
			q.push(waiting{r: r})
			want = append(want, r)
		case n < 6 && len(want) > 0:
			require.Same(t, want[0], q.first().r)
			require.Same(t, want[0], q.pop().r)
			out, want = append(out, want[0]), want[1:]
		case n == 6 && len(out) > 0:
			i := random.IntN(len(out))
			r := out[i]
			out = slices.Delete(out, i, i+1)
			q.insert(waiting{r: r})
			want = append(slices.Clone(want), r)
			slices.SortFunc(want, func(a, b *record) int { return int(a.n) - int(b.n) })
		case n == 7:
			looked := random.IntN(min(20, len(want)+1))
			var kept []waiting
			for i := range looked {
				if random.IntN(2) == 0 {
					kept = append(kept, waiting{r: want[i]})
				} else {
					out = append(out, want[i])
				}
			}
			q.keep(looked, kept)
			left := want[looked:]
			want = nil
			for _, w := range kept {
				want = append(want, w.r)
			}
			want = append(want, left...)
		}
		require.Equal(t, len(want), q.n)
	}
	for i, r := range want {
		require.Same(t, r, q.at(i).r)
	}
	for range want {
		q.pop()
	}
	assert.Nil(t, q.first().r)
	assert.Equal(t, len(q.ring), len(slices.DeleteFunc(slices.Clone(q.ring), func(w waiting) bool { return w.r != nil })), "it keeps nothing alive")
}
