//go:build !amd64 || purego

package md5lanes

// fastest returns the only kernel there is without assembly.
func fastest() kernel { return portable }

// sum hashes at least the first n lanes into dst.
func (b *block) sum(_ kernel, dst *[lanes][16]byte, n int) { b.sumPairs(dst, n) }
