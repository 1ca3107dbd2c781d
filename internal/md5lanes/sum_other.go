//go:build !amd64 || purego

package md5lanes

// fastest returns the only kernel there is without assembly.
func fastest() kernel { return portable }

// sumOne hashes one key of any length into dst. To do it here in plain Go would
// be slower than the assembly of crypto/md5, or no faster.
func sumOne(dst *[16]byte, key string) { *dst = sumStandard(key) }

// sum hashes at least the first n lanes into dst.
func (b *block) sum(_ kernel, dst *[lanes][16]byte, n int) { b.sumPairs(dst, n) }
