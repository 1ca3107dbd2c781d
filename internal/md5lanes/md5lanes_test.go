package md5lanes_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/md5lanes"
)

// maxLength is how long the keys of these tests are at most: past two blocks of
// MD5, and twice past what fits a lane.
const maxLength = 130

// The examples of RFC 1321, appendix A.5.
var (
	knownKeys = []string{
		"",
		"a",
		"abc",
		"message digest",
		"abcdefghijklmnopqrstuvwxyz",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	}
	knownSums = []string{
		"d41d8cd98f00b204e9800998ecf8427e",
		"0cc175b9c0f1b6a831c399e269772661",
		"900150983cd24fb0d6963f7d28e17f72",
		"f96b697d7cb7938d525a2f31aaf161d0",
		"c3fcd3d76192e4007dfb496cca67e13b",
		"d174ab98d277d9f5a5611c2c9f419d9f",
	}
)

func TestSum_knownSums(t *testing.T) {
	for i, key := range knownKeys {
		assert.Equal(t, knownSums[i], fmt.Sprintf("%x", md5lanes.Sum(key)), "%q", key)
	}
}

func TestSum_everyLength(t *testing.T) {
	for length := range maxLength + 1 {
		keys := []string{strings.Repeat("\x00", length), strings.Repeat("\xff", length)}
		for number := range 256 {
			keys = append(keys, testKey(number, length))
		}
		for _, key := range keys {
			require.Equal(t, md5.Sum([]byte(key)), md5lanes.Sum(key), "%d bytes: %q", length, key)
		}
	}
}

func TestSum_allocatesNothing(t *testing.T) {
	key := testKey(0, maxLength)
	for length := range maxLength + 1 {
		assert.Zero(t, testing.AllocsPerRun(10, func() { md5lanes.Sum(key[:length]) }), "%d bytes", length)
	}
}

func FuzzSum(f *testing.F) {
	for _, key := range knownKeys {
		f.Add(key)
	}
	f.Add(testKey(0, md5lanes.MaxShort))
	f.Add(testKey(0, md5lanes.MaxShort+1))
	f.Fuzz(func(t *testing.T, key string) {
		require.Equal(t, md5.Sum([]byte(key)), md5lanes.Sum(key))
	})
}

func TestSums_knownSums(t *testing.T) {
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		dst := make([][16]byte, len(knownKeys))
		impl.Sums(dst, knownKeys)
		var got []string
		for _, sum := range dst {
			got = append(got, fmt.Sprintf("%x", sum))
		}
		assert.Equal(t, knownSums, got)
	})
}

func TestSums_everyLength(t *testing.T) {
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		for length := range maxLength + 1 {
			for _, n := range []int{1, 2, 3, 16, 17, 32, 33} {
				keys := make([]string, n)
				for i := range keys {
					keys[i] = testKey(i, length)
				}
				requireSums(t, impl, keys)
			}
		}
	})
}

// Every batch size up to one past a full block, and sizes of several blocks, in
// which a lane holds keys of very different lengths one after the other.
func TestSums_everyBatchSize(t *testing.T) {
	patterns := map[string]func(i int) int{
		"mixed":        func(i int) int { return i * 37 % (maxLength + 1) },
		"mixed, short": func(i int) int { return i * 37 % (md5lanes.MaxShort + 1) },
		"falling":      func(i int) int { return maxLength - i%(maxLength+1) },
		"rising":       func(i int) int { return i % (maxLength + 1) },
		"one long":     func(i int) int { return 16 + i%40/39*100 },
		"all long":     func(i int) int { return md5lanes.MaxShort + 1 + i%3 },
	}
	sizes := []int{63, 64, 65, 100, 131, 500}
	for size := range 41 {
		sizes = append(sizes, size)
	}
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		for name, length := range patterns {
			t.Run(name, func(t *testing.T) {
				for _, size := range sizes {
					keys := make([]string, size)
					for i := range keys {
						keys[i] = testKey(i, length(i+size))
					}
					requireSums(t, impl, keys)
				}
			})
		}
	})
}

func TestSums_writesOnlyItsOwn(t *testing.T) {
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		untouched := [16]byte{0: 0xaa, 15: 0xbb}
		for size := range 70 {
			dst := make([][16]byte, size+40)
			for i := range dst {
				dst[i] = untouched
			}
			impl.Sums(dst, make([]string, size))
			for _, sum := range dst[size:] {
				require.Equal(t, untouched, sum, "batch of %d", size)
			}
		}
	})
}

func TestSums_panicsIfDstIsTooShort(t *testing.T) {
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		dst := make([][16]byte, 2, 3) // the capacity does not help
		assert.Panics(t, func() { impl.Sums(dst, make([]string, 3)) })
		assert.Equal(t, make([][16]byte, 2), dst, "nothing is written before the check")
	})
}

// The arrays are of this function, so that the test also fails if Sums made its
// arguments escape to the heap.
func TestSums_allocatesNothing(t *testing.T) {
	long := testKey(0, maxLength)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		var dst [40][16]byte
		var keys [40]string
		keys[0], keys[1] = long, long[:16]
		md5lanes.Sums(dst[:], keys[:])
		md5lanes.Sums(dst[:1], keys[:1])
		md5lanes.Sums(dst[:], nil)
	}))
}

func FuzzSums(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01a\x03abc"))
	f.Add([]byte("\x37fifty-five bytes are the most that fit beside the length\x38"))
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys := decodeKeys(data)
		for _, impl := range md5lanes.Implementations() {
			if impl.Present {
				requireSums(t, impl, keys)
			}
		}
	})
}

// decodeKeys reads keys out of data: one byte for the length, then the key, the
// last of which may be cut short.
func decodeKeys(data []byte) []string {
	var keys []string
	for len(data) > 0 {
		length := int(data[0]) % (maxLength + 1)
		data = data[1:]
		length = min(length, len(data))
		keys = append(keys, string(data[:length]))
		data = data[length:]
	}
	return keys
}

// forEach runs a test once for each implementation.
func forEach(t *testing.T, test func(t *testing.T, impl md5lanes.Implementation)) {
	for _, impl := range md5lanes.Implementations() {
		t.Run(impl.Name, func(t *testing.T) {
			skipIfAbsent(t, impl)
			test(t, impl)
		})
	}
}

// skipIfAbsent skips a test or benchmark that this machine cannot run.
func skipIfAbsent(tb testing.TB, impl md5lanes.Implementation) {
	tb.Helper()
	if !impl.Present {
		tb.Skipf("%s is not supported by this machine, or the build has no assembly", impl.Name)
	}
}

// requireSums fails the test unless impl and crypto/md5 agree about keys.
func requireSums(t *testing.T, impl md5lanes.Implementation, keys []string) {
	t.Helper()
	want := make([][16]byte, len(keys))
	for i, key := range keys {
		want[i] = md5.Sum([]byte(key))
	}
	got := make([][16]byte, len(keys))
	impl.Sums(got, keys)
	for i, key := range keys {
		// Not require.Equal for each, which would take most of the time.
		if got[i] != want[i] {
			require.Equal(t, want[i], got[i], "%s: key %d of %d, %d bytes: %q",
				impl.Name, i, len(keys), len(key), key)
		}
	}
}

// testKey returns a key of that many bytes, with every bit set in some of them,
// that differs from those of other numbers.
func testKey(number, length int) string {
	key := make([]byte, length)
	for i := range key {
		key[i] = byte(167*i + 59*number + length)
	}
	return string(key)
}
