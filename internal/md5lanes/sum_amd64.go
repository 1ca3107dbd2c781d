//go:build !purego

package md5lanes

// The kernels in assembly. They read only b.words and write only dst; keys they
// never see.

// sum16AVX2 hashes 16 lanes from first on, which is 0 or 16, into their places
// in dst.
//
//go:noescape
func sum16AVX2(dst *[lanes][16]byte, b *block, first int)

// sum32AVX512 hashes all lanes.
//
//go:noescape
func sum32AVX512(dst *[lanes][16]byte, b *block)

// sum hashes at least the first n lanes, n at least 1, into dst.
func (b *block) sum(k kernel, dst *[lanes][16]byte, n int) {
	switch {
	case k == avx512 && n > 16:
		sum32AVX512(dst, b)
	case k >= avx2: // quicker than avx512 if half its lanes would be idle
		sum16AVX2(dst, b, 0)
		if n > 16 {
			sum16AVX2(dst, b, 16)
		}
	default:
		b.sumPairs(dst, n)
	}
}
