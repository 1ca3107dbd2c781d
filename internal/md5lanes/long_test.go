package md5lanes_test

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/md5lanes"
)

// Messages of each length around the ends of blocks, as many as there are lanes
// and more, in any order.
func TestSumsLong_isMD5(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		for _, n := range []int{0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 70} {
			for range 20 {
				messages := make([][]byte, n)
				for i := range messages {
					messages[i] = make([]byte, random.IntN(4)*64+random.IntN(80))
					if random.IntN(8) == 0 {
						messages[i] = make([]byte, random.IntN(5000))
					}
					for j := range messages[i] {
						messages[i][j] = byte(random.Uint32())
					}
				}
				sums := make([][16]byte, n)
				impl.Long(sums, messages)
				for i, m := range messages {
					require.Equal(t, md5.Sum(m), sums[i], "message %d of %d, %d bytes", i, n, len(m))
				}
			}
		}
	})
	assert.Panics(t, func() { md5lanes.SumsLong(nil, make([][]byte, 1)) })
}

// BenchmarkSumsLong compares messages of 50 KiB with hashing them one by one,
// which is the portable way.
func BenchmarkSumsLong(b *testing.B) {
	for _, n := range []int{2, 3, 4, 8, 16, 32} {
		messages := make([][]byte, n)
		for i := range messages {
			messages[i] = make([]byte, 50<<10)
		}
		sums := make([][16]byte, n)
		for _, impl := range md5lanes.Implementations() {
			b.Run(fmt.Sprintf("messages=%d/impl=%s", n, impl.Name), func(b *testing.B) {
				skipIfAbsent(b, impl)
				b.SetBytes(int64(n * len(messages[0])))
				for b.Loop() {
					impl.Long(sums, messages)
				}
			})
		}
	}
}
