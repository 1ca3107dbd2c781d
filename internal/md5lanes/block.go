package md5lanes

// The shape of a block.
const (
	lanes = 32 // side by side; what the widest kernel takes

	// Of the 16 words of an MD5 block the last is the upper half of the
	// message's length in bits, always zero here and so not kept.
	blockWords = 15
	lengthWord = 14

	// maxShort is the longest key that fits, in bytes: up to the length, but
	// for the one byte that ends every message.
	maxShort = 4*lengthWord - 1

	endMark = 0x80 // that byte
)

// A block holds one MD5 block for each lane, padded and ready. A lane that has
// not been set holds what it held before, which does no harm: it is hashed too,
// and nobody reads its sum.
type block struct {
	// words comes first: the assembly takes a block's address for its own.
	// Word w of lane l is at [w][l], so that one load fills a vector register
	// with a word of many lanes.
	words [blockWords][lanes]uint32

	// used is how many words, from the first, are not zero in some lane. The
	// length does not count. Keys of one batch are mostly about as long as
	// each other, so there is seldom anything to clear.
	used uint
}

// set puts key, of at most maxShort bytes, into a lane.
func (b *block) set(lane uint, key string) {
	lane %= lanes // says so to the compiler, which then checks no bounds
	whole := uint(len(key)) / 4
	w := &b.words
	switch whole {
	case 13:
		w[12][lane] = wordAt(key, 48)
		fallthrough
	case 12:
		w[11][lane] = wordAt(key, 44)
		fallthrough
	case 11:
		w[10][lane] = wordAt(key, 40)
		fallthrough
	case 10:
		w[9][lane] = wordAt(key, 36)
		fallthrough
	case 9:
		w[8][lane] = wordAt(key, 32)
		fallthrough
	case 8:
		w[7][lane] = wordAt(key, 28)
		fallthrough
	case 7:
		w[6][lane] = wordAt(key, 24)
		fallthrough
	case 6:
		w[5][lane] = wordAt(key, 20)
		fallthrough
	case 5:
		w[4][lane] = wordAt(key, 16)
		fallthrough
	case 4:
		w[3][lane] = wordAt(key, 12)
		fallthrough
	case 3:
		w[2][lane] = wordAt(key, 8)
		fallthrough
	case 2:
		w[1][lane] = wordAt(key, 4)
		fallthrough
	case 1:
		w[0][lane] = wordAt(key, 0)
	}
	if whole > 0 {
		w[whole][lane] = endOf(key)
	} else {
		w[0][lane] = shortWord(key)
	}
	for i := whole + 1; i < b.used; i++ {
		w[i][lane] = 0
	}
	b.used = max(b.used, whole+1)
	w[lengthWord][lane] = uint32(8 * len(key)) // in bits
}

// wordAt returns the four bytes of key from i on as MD5 reads them, the low
// byte first. The compiler makes one load of it.
func wordAt(key string, i int) uint32 {
	four := key[i : i+4]
	return uint32(four[0]) | uint32(four[1])<<8 | uint32(four[2])<<16 | uint32(four[3])<<24
}

// endOf returns the last word of a key of at least four bytes: the none to
// three bytes that are left over, and the end mark. It takes the last four
// bytes, which are all the key's own, and shifts those out that an earlier word
// has.
func endOf(key string) uint32 {
	four := uint64(endMark)<<32 | uint64(wordAt(key, len(key)-4))
	return uint32(four >> (32 - 8*(uint(len(key))%4)))
}

// shortWord returns the end of a key that is shorter than a word: all of it,
// and the end mark.
func shortWord(key string) uint32 {
	last := uint32(endMark)
	for i := len(key) - 1; i >= 0; i-- {
		last = last<<8 | uint32(key[i])
	}
	return last
}

// sumPairs hashes at least the first n lanes with the portable kernel.
func (b *block) sumPairs(dst *[lanes][16]byte, n int) {
	for lane := uint(0); lane < uint(n); lane += 2 {
		sumPair(dst, b, lane)
	}
}
