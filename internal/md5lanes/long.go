package md5lanes

import (
	"crypto/md5"
	"encoding/binary"
	"slices"
)

// SumsLong sets dst[i] to the MD5 of messages[i], which may be of any length.
// dst must be at least as long as messages; if it is not, SumsLong panics. It
// pays for three messages or more that are about as long as each other, and
// where there is assembly; else each is crypto/md5's. It may be called from
// several goroutines at once.
func SumsLong(dst [][16]byte, messages [][]byte) {
	sumsLong(best, dst, messages)
}

// minLong is how many messages are worth their lanes.
const minLong = 3

// sumsLong is SumsLong by a given kernel.
func sumsLong(k kernel, dst [][16]byte, messages [][]byte) {
	if len(dst) < len(messages) {
		panic("md5lanes: dst is shorter than messages")
	}
	if k == portable || len(messages) < minLong {
		for i, m := range messages {
			dst[i] = md5.Sum(m)
		}
		return
	}
	// Side by side are those of a length, the longest first: lanes that have ended
	// are hashed for nothing.
	order := make([]int, len(messages))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return len(messages[j]) - len(messages[i]) })
	var l long
	wide := lanes
	if k == avx2 {
		wide = lanes / 2
	}
	for group := range slices.Chunk(order, wide) {
		l.sum(k, dst, messages, group)
	}
}

const blockBytes = 64

// A long holds a block of each of some messages, and what came of the blocks
// before.
type long struct {
	state [4][lanes]uint32
	words [16][lanes]uint32 // as block.words
	tails [lanes][2 * blockBytes]byte
}

// sum hashes the messages of a group, the longest first.
func (l *long) sum(k kernel, dst [][16]byte, messages [][]byte, group []int) {
	for lane := range l.state[0] {
		l.state[0][lane], l.state[1][lane], l.state[2][lane], l.state[3][lane] = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
	}
	for lane, i := range group {
		l.end(lane, messages[i])
	}
	for at := 0; len(group) > 0; at++ {
		for lane, i := range group {
			m := messages[i]
			if whole := len(m) / blockBytes; at < whole {
				l.set(lane, (*[blockBytes]byte)(m[at*blockBytes:]))
			} else {
				l.set(lane, (*[blockBytes]byte)(l.tails[lane][(at-whole)*blockBytes:]))
			}
		}
		l.block(k, len(group))
		for len(group) > 0 && at+1 == blocksOf(messages[group[len(group)-1]]) {
			lane := len(group) - 1
			sum := &dst[group[lane]]
			for i := range l.state {
				binary.LittleEndian.PutUint32(sum[4*i:], l.state[i][lane])
			}
			group = group[:lane]
		}
	}
}

// blocksOf returns how many blocks a message has, with the end mark and its
// length.
func blocksOf(m []byte) int { return (len(m)+8)/blockBytes + 1 }

// end makes the one or two blocks that end a message.
func (l *long) end(lane int, m []byte) {
	tail := &l.tails[lane]
	clear(tail[:])
	n := copy(tail[:], m[len(m)/blockBytes*blockBytes:])
	tail[n] = endMark
	last := (blocksOf(m) - len(m)/blockBytes) * blockBytes
	binary.LittleEndian.PutUint64(tail[last-8:], 8*uint64(len(m)))
}

// set puts a block into a lane.
func (l *long) set(lane int, b *[blockBytes]byte) {
	lane %= lanes // says so to the compiler
	for w := 0; w < len(l.words); w += 2 {
		two := binary.LittleEndian.Uint64(b[4*w:])
		l.words[w][lane], l.words[w+1][lane] = uint32(two), uint32(two>>32)
	}
}
