package md5lanes_test

import (
	"crypto/md5"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/md5lanes"
)

// Keys that begin and end where the readable memory does, and sums that end
// where the writable memory does: a byte read or written beyond is a fault.
func TestSums_staysInBounds(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	source, target := guardedPage(t), guardedPage(t)
	forEach(t, func(t *testing.T, impl md5lanes.Implementation) {
		for length := range maxLength + 1 {
			copy(source, testKey(1, length))
			copy(source[len(source)-length:], testKey(2, length))
			first := unsafe.String(unsafe.SliceData(source), length)
			last := unsafe.String(unsafe.SliceData(source[len(source)-length:]), length)
			for _, n := range []int{1, 2, 3, 16, 17, 32, 33} {
				requireSumsAtEnd(t, impl, target, first, n)
				requireSumsAtEnd(t, impl, target, last, n)
			}
		}
	})
}

// The same for a single key. Where its sum goes the caller does not say; the
// batches of one above, which go the same way, cover that.
func TestSum_staysInBounds(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	source := guardedPage(t)
	for length := range maxLength + 1 {
		want := testKey(1, length)
		for _, place := range [][]byte{source[:length], source[len(source)-length:]} {
			copy(place, want)
			key := unsafe.String(unsafe.SliceData(place), length)
			var got [16]byte
			require.NotPanics(t, func() { got = md5lanes.Sum(key) }, "%d bytes", length)
			require.Equal(t, md5.Sum([]byte(want)), got, "%d bytes", length)
		}
	}
}

// requireSumsAtEnd hashes n times the same key into the last bytes of page.
func requireSumsAtEnd(t *testing.T, impl md5lanes.Implementation, page []byte, key string, n int) {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = key
	}
	sums := page[len(page)-n*md5.Size:]
	dst := unsafe.Slice((*[16]byte)(unsafe.Pointer(unsafe.SliceData(sums))), n)
	clear(dst)
	require.NotPanics(t, func() { impl.Sums(dst, keys) }, "%d keys of %d bytes", n, len(key))
	want := md5.Sum([]byte(key))
	for i := range dst {
		require.Equal(t, want, dst[i], "key %d of %d, %d bytes", i, n, len(key))
	}
}

// guardedPage returns one page of memory between two that must not be touched.
func guardedPage(t *testing.T) []byte {
	t.Helper()
	size := os.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 3*size,
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(pages)) })
	require.NoError(t, syscall.Mprotect(pages[:size], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(pages[2*size:], syscall.PROT_NONE))
	return pages[size : 2*size : 2*size]
}

// The guard itself, without which the test above would prove nothing.
func TestGuardedPage_faults(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	page := guardedPage(t)
	begin := unsafe.Pointer(unsafe.SliceData(page))
	for _, offset := range []int{-1, len(page)} {
		require.Panics(t, func() { *(*byte)(unsafe.Add(begin, offset))++ }, "offset %d", offset)
	}
}
