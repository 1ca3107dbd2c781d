package md5lanes_test

import (
	"crypto/md5"
	"fmt"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/internal/md5lanes"
)

// BenchmarkSums compares the implementations with hashing the keys one by one.
// Keys of mixed length have 8 to 40 bytes.
func BenchmarkSums(b *testing.B) {
	for _, batch := range []struct {
		keys   int
		length string
		bytes  func(i int) int
	}{
		{500, "16", func(int) int { return 16 }},
		{500, "36", func(int) int { return 36 }},
		{500, "mixed", func(i int) int { return 8 + i*i%33 }},
		{8, "16", func(int) int { return 16 }},
		{2, "16", func(int) int { return 16 }},
	} {
		keys := make([]string, batch.keys)
		for i := range keys {
			keys[i] = fmt.Sprintf("%0*d", batch.bytes(i), i)
		}
		for _, impl := range append(md5lanes.Implementations(), oneByOne) {
			b.Run(fmt.Sprintf("keys=%d/len=%s/impl=%s", batch.keys, batch.length, impl.Name), func(b *testing.B) {
				benchmarkSums(b, impl, keys)
			})
		}
	}
}

func benchmarkSums(b *testing.B, impl md5lanes.Implementation, keys []string) {
	skipIfAbsent(b, impl)
	dst := make([][16]byte, len(keys))
	b.ReportAllocs()
	for b.Loop() {
		impl.Sums(dst, keys)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}

// oneByOne is the floor: the best that a caller can do without this package. A
// conversion to []byte would allocate for the longer keys.
var oneByOne = md5lanes.Implementation{
	Name:    "crypto/md5",
	Present: true,
	Sums: func(dst [][16]byte, keys []string) {
		for i, key := range keys {
			dst[i] = md5.Sum(unsafe.Slice(unsafe.StringData(key), len(key)))
		}
	},
}
