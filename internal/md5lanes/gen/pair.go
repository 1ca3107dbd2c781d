package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
)

// pairHead opens the portable kernel, up to its first step.
const pairHead = `package md5lanes

import (
	"encoding/binary"
	"math/bits"
)

// sumPair hashes two neighbouring lanes of b, of which the first is lane, an
// even number, into their places in dst. Two at a time because one MD5 is a
// single chain of dependent instructions, which leaves most of a processor
// idle; a third would no longer fit the registers.
func sumPair(dst *[lanes][16]byte, b *block, lane uint) {
	p := lane %% lanes
	q := (lane + 1) %% lanes
	a0, b0, c0, d0 := uint32(%[1]s), uint32(%[2]s), uint32(%[3]s), uint32(%[4]s)
	a1, b1, c1, d1 := a0, b0, c0, d0

`

// pairTail ends the portable kernel, after its last step.
const pairTail = `
	putSum(&dst[p], a0+%[1]s, b0+%[2]s, c0+%[3]s, d0+%[4]s)
	putSum(&dst[q], a1+%[1]s, b1+%[2]s, c1+%[3]s, d1+%[4]s)
}

// putSum writes the state as MD5 defines it, the low byte of each word first.
func putSum(dst *[16]byte, a, b, c, d uint32) {
	binary.LittleEndian.PutUint32(dst[0:], a)
	binary.LittleEndian.PutUint32(dst[4:], b)
	binary.LittleEndian.PutUint32(dst[8:], c)
	binary.LittleEndian.PutUint32(dst[12:], d)
}
`

// pairRounds holds the function of each round over b, c, d, which are its
// arguments 1, 2, 3. The forms that the RFC gives are rewritten with one
// operation fewer.
var pairRounds = [4]string{
	"(%[1]s&(%[2]s^%[3]s) ^ %[3]s)",
	"(%[3]s&(%[1]s^%[2]s) ^ %[2]s)",
	"(%[1]s ^ %[2]s ^ %[3]s)",
	"(%[2]s ^ (%[1]s | ^%[3]s))",
}

// pairKernel returns the file with the kernel that hashes two lanes in plain
// Go, the steps of one alternating with those of the other.
func pairKernel() []byte {
	var out bytes.Buffer
	var state [len(initial)]string
	for i, word := range initial {
		state[i] = fmt.Sprintf("0x%08x", word)
	}
	out.WriteString(banner)
	fmt.Fprintf(&out, pairHead, state[0], state[1], state[2], state[3])
	for _, s := range steps() {
		writePairStep(&out, s, 0, "p")
		writePairStep(&out, s, 1, "q")
	}
	fmt.Fprintf(&out, pairTail, state[0], state[1], state[2], state[3])

	text, err := format.Source(out.Bytes())
	if err != nil {
		log.Fatal(err) // our own text does not parse
	}
	return text
}

// writePairStep writes one step of one of the two chains; lane is the name of
// the variable that holds its lane.
func writePairStep(out *bytes.Buffer, s step, chain int, lane string) {
	name := func(variable int) string { return fmt.Sprintf("%c%d", "abcd"[variable], chain) }
	a, b := name(s.a), name(s.b)
	f := fmt.Sprintf(pairRounds[s.round], b, name(s.c), name(s.d))
	word := ""
	if s.hasWord() {
		word = fmt.Sprintf(" + b.words[%d][%s]", s.word, lane)
	}
	fmt.Fprintf(out, "%s = bits.RotateLeft32(%s%s+0x%08x+%s, %d) + %s\n", a, a, word, s.constant, f, s.shift, b)
}
