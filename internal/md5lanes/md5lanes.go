// Package md5lanes hashes short strings with MD5, many of them side by side.
//
// One MD5 is a chain of dependent instructions that keeps a processor waiting
// for itself. Several independent ones fit into the same time: two interleaved
// in plain Go, 16 with AVX2, 32 with AVX-512. That pays for the partition keys
// of a batch, which are short and arrive together. A single key has to wait for
// its chain; there the package saves only what crypto/md5 does around it.
//
// A key of at most 55 bytes fits one block of MD5, together with its padding,
// and only such keys are hashed here. Longer ones are left to crypto/md5, and
// so are all single keys where there is no assembly: the build tag purego
// leaves it out, and only amd64 has any.
package md5lanes

import (
	"crypto/md5"
	"unsafe"
)

//go:generate go run ./gen

// Sum returns the MD5 of the bytes of key. It allocates nothing, and may be
// called from several goroutines at once. For more than one key see [Sums].
func Sum(key string) (sum [16]byte) {
	sumOne(&sum, key)
	return sum
}

// Sums sets dst[i] to the MD5 of the bytes of keys[i]. dst must be at least as
// long as keys; if it is not, Sums panics. Sums allocates nothing and keeps
// neither slice, so both may live on the caller's stack; it may be called from
// several goroutines at once.
func Sums(dst [][16]byte, keys []string) {
	sums(best, dst, keys)
}

// A kernel is a way to hash the lanes of a block. They are in order: a machine
// that has one has those before it too.
type kernel int

const (
	portable kernel = iota // two lanes at a time, in plain Go
	avx2                   // 16 lanes at a time
	avx512                 // 32 lanes at a time
)

// best is the fastest kernel that this machine and this build have.
var best = fastest()

// sums is Sums by a given kernel.
func sums(k kernel, dst [][16]byte, keys []string) {
	if len(dst) < len(keys) {
		panic("md5lanes: dst is shorter than keys")
	}
	dst = dst[:len(keys)]
	if len(keys) == 1 {
		sumOne(&dst[0], keys[0])
		return
	}
	var b block
	for len(keys) >= lanes {
		sumGroup(k, (*[lanes][16]byte)(dst), &b, keys[:lanes])
		dst, keys = dst[lanes:], keys[lanes:]
	}
	if len(keys) > 0 {
		var out [lanes][16]byte
		sumGroup(k, &out, &b, keys)
		copy(dst, out[:])
	}
}

// sumGroup hashes at most one key per lane. A key that is too long for that
// leaves its lane idle and is hashed by itself afterwards, which keeps the keys
// and their sums in the same order without any bookkeeping.
func sumGroup(k kernel, dst *[lanes][16]byte, b *block, keys []string) {
	long := false
	for i, key := range keys {
		if len(key) > maxShort {
			long = true
			continue
		}
		b.set(uint(i), key)
	}
	b.sum(k, dst, len(keys))
	if !long {
		return
	}
	for i, key := range keys {
		if len(key) > maxShort {
			dst[i] = sumStandard(key)
		}
	}
}

// sumStandard hashes one key of any length with crypto/md5, without copying it.
func sumStandard(key string) [16]byte {
	return md5.Sum(unsafe.Slice(unsafe.StringData(key), len(key)))
}
