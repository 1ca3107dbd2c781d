//go:build !purego

package md5lanes

// long16AVX2 takes the first 16 lanes one block further.
//
//go:noescape
func long16AVX2(state *[4][lanes]uint32, words *[16][lanes]uint32)

// long16AVX512 is long16AVX2 where there is AVX-512.
//
//go:noescape
func long16AVX512(state *[4][lanes]uint32, words *[16][lanes]uint32)

// long32AVX512 takes all lanes one block further.
//
//go:noescape
func long32AVX512(state *[4][lanes]uint32, words *[16][lanes]uint32)

// block takes at least the first n lanes one block further. More than half of
// them there are only with AVX-512.
func (l *long) block(k kernel, n int) {
	switch {
	case n > lanes/2:
		long32AVX512(&l.state, &l.words)
	case k == avx512:
		long16AVX512(&l.state, &l.words)
	default:
		long16AVX2(&l.state, &l.words)
	}
}
