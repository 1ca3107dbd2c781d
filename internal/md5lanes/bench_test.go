package md5lanes_test

import (
	"crypto/md5"
	"fmt"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/internal/md5lanes"
)

// BenchmarkSum compares hashing one key with crypto/md5. Keys of mixed length
// have 8 to 40 bytes, in an order that a processor can hardly predict.
func BenchmarkSum(b *testing.B) {
	for _, keys := range []struct {
		length string
		bytes  func(i int) int
	}{
		{"8", func(int) int { return 8 }},
		{"16", func(int) int { return 16 }},
		{"36", func(int) int { return 36 }},
		{"55", func(int) int { return 55 }},
		{"56", func(int) int { return 56 }},
		{"mixed", func(i int) int { return 8 + i*i*i%8191%33 }},
	} {
		var list [1024]string
		for i := range list {
			list[i] = testKey(i, keys.bytes(i))
		}
		for _, impl := range []struct {
			name string
			sum  func(key string) [16]byte
		}{
			{"md5lanes", md5lanes.Sum},
			{"crypto/md5", standardSum},
		} {
			b.Run(fmt.Sprintf("len=%s/impl=%s", keys.length, impl.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					impl.sum(list[i%len(list)])
				}
			})
		}
	}
}

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
		{1, "16", func(int) int { return 16 }},
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

// standardSum is the best that a caller can do without this package. A
// conversion to []byte would allocate for the longer keys.
func standardSum(key string) [16]byte {
	return md5.Sum(unsafe.Slice(unsafe.StringData(key), len(key)))
}

// oneByOne is the floor of a batch.
var oneByOne = md5lanes.Implementation{
	Name:    "crypto/md5",
	Present: true,
	Sums: func(dst [][16]byte, keys []string) {
		for i, key := range keys {
			dst[i] = standardSum(key)
		}
	},
}
