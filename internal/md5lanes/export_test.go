package md5lanes

// MaxShort is the longest key that is hashed in a lane.
const MaxShort = maxShort

// An Implementation is one way to compute Sums.
type Implementation struct {
	Name    string
	Present bool // in this build, on this machine
	Sums    func(dst [][16]byte, keys []string)
	Long    func(dst [][16]byte, messages [][]byte)
}

// Implementations lists every way there is, also those that are not present.
func Implementations() []Implementation {
	return []Implementation{
		{"portable", true, func(dst [][16]byte, keys []string) { sums(portable, dst, keys) },
			func(dst [][16]byte, messages [][]byte) { sumsLong(portable, dst, messages) }},
		{"avx2", best >= avx2, func(dst [][16]byte, keys []string) { sums(avx2, dst, keys) },
			func(dst [][16]byte, messages [][]byte) { sumsLong(avx2, dst, messages) }},
		{"avx512", best >= avx512, func(dst [][16]byte, keys []string) { sums(avx512, dst, keys) },
			func(dst [][16]byte, messages [][]byte) { sumsLong(avx512, dst, messages) }},
	}
}
