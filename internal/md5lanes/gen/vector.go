package main

import (
	"bytes"
	"fmt"
)

// Where a vector kernel keeps things. Two vectors of lanes go through the steps
// together, for the same reason as in the portable kernel: one alone is a chain
// of dependent instructions that leaves most of the execution units idle.
const (
	vectors   = 2  // at once, at most; register 4*v+i holds state variable i of vector v
	temporary = 8  // and the next: for vector 0; the two after these: for vector 1
	constants = 14 // the constant of the current step, in every lane
	allOnes   = 15 // for negation, which AVX2 lacks

	wordBytes = 4
	sumBytes  = 16
)

// An isa is an instruction set that the kernels are written for.
type isa struct {
	name      string // as in the kernel's name
	register  string // prefix of its vector registers
	vectorLen int    // lanes in a register
	extract   string // stores one quarter, of 128 bits, of a register
	step      func(k *kernel, s step, v int)
}

// A kernel is one assembly function in the making.
type kernel struct {
	isa
	vectors int // at once
	text    *bytes.Buffer
}

// vectorKernels returns the assembly file.
func vectorKernels() []byte {
	text := bytes.NewBufferString(banner)
	text.WriteString("//go:build !purego\n\n#include \"textflag.h\"\n")
	writeTable(text, "initial", "The state that MD5 starts from.", initial[:])
	var sines []uint32
	for _, s := range steps() {
		sines = append(sines, s.constant)
	}
	writeTable(text, "sines", "The constants of the 64 steps.", sines)
	for _, set := range []isa{
		{name: "AVX2", register: "Y", vectorLen: 8, extract: "VEXTRACTI128", step: stepAVX2},
		{name: "AVX512", register: "Z", vectorLen: 16, extract: "VEXTRACTI32X4", step: stepAVX512},
	} {
		k := kernel{isa: set, vectors: vectors, text: text}
		k.write()
		k.writeLong()
		if set.vectorLen*vectors == lanes { // a half of them in one vector
			k.vectors = 1
			k.writeLong()
		}
	}
	return text.Bytes()
}

// writeTable writes a read-only table of 32-bit words, local to the file.
func writeTable(text *bytes.Buffer, name, comment string, words []uint32) {
	fmt.Fprintf(text, "\n// %s\n", comment)
	for i, word := range words {
		fmt.Fprintf(text, "DATA %s<>+%d(SB)/4, $0x%08x\n", name, wordBytes*i, word)
	}
	fmt.Fprintf(text, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, wordBytes*len(words))
}

// write writes the whole function. It needs no stack, calls nothing, touches
// only its two arguments' arrays, and leaves the upper halves of the registers
// clean, without which later SSE code would be slow.
func (k *kernel) write() {
	k.head()
	k.ins("LEAQ initial<>(SB), CX")
	k.ins("LEAQ sines<>(SB), BX")
	for i := range initial {
		for v := range k.vectors {
			k.ins("VPBROADCASTD %d(CX), %s", wordBytes*i, k.state(v, i))
		}
	}
	k.steps(false)
	for v := range k.vectors {
		k.note("Vector %d: add the initial state, then turn words by lane into sums.", v)
		for i := range initial {
			k.ins("VPBROADCASTD %d(CX), %s", wordBytes*i, k.reg(constants))
			k.ins("VPADDD %[1]s, %[2]s, %[2]s", k.reg(constants), k.state(v, i))
		}
		k.transpose(v)
		k.store(v)
	}
	k.ins("VZEROUPPER")
	k.ins("RET")
}

// steps writes the 64 steps. Messages of many blocks have a word 15.
func (k *kernel) steps(long bool) {
	if k.name == "AVX2" {
		k.ins("VPCMPEQD Y%d, Y%d, Y%d", allOnes, allOnes, allOnes)
	}
	for i, s := range steps() {
		k.note("Step %d: word %d.", i, s.word)
		k.ins("VPBROADCASTD %d(BX), %s", wordBytes*i, k.reg(constants))
		for v := range k.vectors {
			k.addWord(s, v, long)
			k.step(k, s, v)
		}
	}
}

// writeLong writes the function that takes the states of its lanes one block
// further, and leaves them where they are.
func (k *kernel) writeLong() {
	count := k.vectors * k.vectorLen
	name := fmt.Sprintf("long%d%s", count, k.name)
	fmt.Fprintf(k.text, "\n// func %s(state *[4][lanes]uint32, words *[16][lanes]uint32)\n", name)
	fmt.Fprintf(k.text, "TEXT ·%s(SB), NOSPLIT, $0-16\n", name)
	k.ins("MOVQ state+0(FP), DI")
	k.ins("MOVQ words+8(FP), SI")
	k.ins("LEAQ sines<>(SB), BX")
	move := map[string]string{"AVX2": "VMOVDQU", "AVX512": "VMOVDQU32"}[k.name]
	place := func(v, i int) int { return wordBytes * (i*lanes + v*k.vectorLen) }
	for i := range initial {
		for v := range k.vectors {
			k.ins("%s %d(DI), %s", move, place(v, i), k.state(v, i))
		}
	}
	k.steps(true)
	k.note("Add the state before, and keep that.")
	for i := range initial {
		for v := range k.vectors {
			k.ins("VPADDD %[1]d(DI), %[2]s, %[2]s", place(v, i), k.state(v, i))
			k.ins("%s %s, %d(DI)", move, k.state(v, i), place(v, i))
		}
	}
	k.ins("VZEROUPPER")
	k.ins("RET")
}

// head opens the function and loads its arguments: into SI the address of word
// 0 of its first lane, into DI where that lane's sum goes. A kernel that takes
// fewer lanes than a block has is told which comes first.
func (k *kernel) head() {
	count := k.vectors * k.vectorLen
	name := fmt.Sprintf("sum%d%s", count, k.name)
	if count == lanes {
		fmt.Fprintf(k.text, "\n// func %s(dst *[lanes][16]byte, b *block)\n", name)
		fmt.Fprintf(k.text, "TEXT ·%s(SB), NOSPLIT, $0-16\n", name)
		k.ins("MOVQ dst+0(FP), DI")
		k.ins("MOVQ b+8(FP), SI")
		return
	}
	fmt.Fprintf(k.text, "\n// func %s(dst *[lanes][16]byte, b *block, first int)\n", name)
	fmt.Fprintf(k.text, "TEXT ·%s(SB), NOSPLIT, $0-24\n", name)
	k.ins("MOVQ dst+0(FP), DI")
	k.ins("MOVQ b+8(FP), SI")
	k.ins("MOVQ first+16(FP), AX")
	k.ins("LEAQ (SI)(AX*%d), SI", wordBytes)
	k.ins("SHLQ $4, AX")
	k.ins("ADDQ AX, DI")
}

// addWord adds the step's constant and, if there is one, its message word.
func (k *kernel) addWord(s step, v int, long bool) {
	a, u := k.state(v, s.a), k.temp(v, 1)
	if !s.hasWord() && !long {
		k.ins("VPADDD %[1]s, %[2]s, %[2]s", k.reg(constants), a)
		return
	}
	at := wordBytes * (s.word*lanes + v*k.vectorLen)
	k.ins("VPADDD %d(SI), %s, %s", at, k.reg(constants), u)
	k.ins("VPADDD %[1]s, %[2]s, %[2]s", u, a)
}

// stepAVX2 writes a step after addWord. AVX2 has neither a rotation nor a
// negation. In round 1 the two halves of the function never have a bit in
// common, so they can be added one by one, and the half without b is off the
// critical path.
func stepAVX2(k *kernel, s step, v int) {
	a, b, c, d := k.state(v, s.a), k.state(v, s.b), k.state(v, s.c), k.state(v, s.d)
	t, u := k.temp(v, 0), k.temp(v, 1)
	switch s.round {
	case 0: // d ^ (b & (c ^ d))
		k.ins("VPXOR %s, %s, %s", c, d, t)
		k.ins("VPAND %[1]s, %[2]s, %[2]s", b, t)
		k.ins("VPXOR %[1]s, %[2]s, %[2]s", d, t)
	case 1: // (^d & c) + (d & b)
		k.ins("VPANDN %s, %s, %s", c, d, u)
		k.ins("VPADDD %[1]s, %[2]s, %[2]s", u, a)
		k.ins("VPAND %s, %s, %s", b, d, t)
	case 2: // b ^ c ^ d
		k.ins("VPXOR %s, %s, %s", c, d, t)
		k.ins("VPXOR %[1]s, %[2]s, %[2]s", b, t)
	case 3: // c ^ (b | ^d)
		k.ins("VPXOR %s, %s, %s", k.reg(allOnes), d, t)
		k.ins("VPOR %[1]s, %[2]s, %[2]s", b, t)
		k.ins("VPXOR %[1]s, %[2]s, %[2]s", c, t)
	}
	k.ins("VPADDD %[1]s, %[2]s, %[2]s", t, a)
	k.ins("VPSLLD $%d, %s, %s", s.shift, a, t)
	k.ins("VPSRLD $%d, %[2]s, %[2]s", 32-s.shift, a)
	k.ins("VPOR %[1]s, %[2]s, %[2]s", t, a)
	k.ins("VPADDD %[1]s, %[2]s, %[2]s", b, a)
}

// stepAVX512 writes a step after addWord. VPTERNLOGD computes any function of
// three bits, but overwrites one of them, so it works on a copy of d, which is
// long known by then; a copy of b would make the chain longer.
func stepAVX512(k *kernel, s step, v int) {
	a, b, c, d := k.state(v, s.a), k.state(v, s.b), k.state(v, s.c), k.state(v, s.d)
	t := k.temp(v, 0)
	k.ins("VMOVDQA32 %s, %s", d, t)
	k.ins("VPTERNLOGD $%#02x, %s, %s, %s", truthTable(s.round), b, c, t)
	k.ins("VPADDD %[1]s, %[2]s, %[2]s", t, a)
	k.ins("VPROLD $%d, %[2]s, %[2]s", s.shift, a)
	k.ins("VPADDD %[1]s, %[2]s, %[2]s", b, a)
}

// truthTable returns the round's function as VPTERNLOGD wants it: bit number
// 4*d + 2*c + b of the result is the function of these three bits.
func truthTable(round int) uint8 {
	var table uint8
	for i := range uint8(8) {
		d, c, b := i>>2, i>>1&1, i&1
		f := [4]uint8{
			b&c | ^b&d,
			d&b | ^d&c,
			b ^ c ^ d,
			c ^ (b | ^d),
		}[round]
		table |= f & 1 << i
	}
	return table
}

// transpose turns the four state variables of a vector into sums. Within each
// quarter of 128 bits, register i then holds the sum of that quarter's lane i.
func (k *kernel) transpose(v int) {
	a, b, c, d := k.state(v, 0), k.state(v, 1), k.state(v, 2), k.state(v, 3)
	ab, AB, cd, CD := k.reg(temporary), k.reg(temporary+1), k.reg(temporary+2), k.reg(temporary+3)
	k.ins("VPUNPCKLDQ %s, %s, %s", b, a, ab) // a0 b0 a1 b1
	k.ins("VPUNPCKHDQ %s, %s, %s", b, a, AB) // a2 b2 a3 b3
	k.ins("VPUNPCKLDQ %s, %s, %s", d, c, cd)
	k.ins("VPUNPCKHDQ %s, %s, %s", d, c, CD)
	k.ins("VPUNPCKLQDQ %s, %s, %s", cd, ab, a) // a0 b0 c0 d0
	k.ins("VPUNPCKHQDQ %s, %s, %s", cd, ab, b) // a1 b1 c1 d1
	k.ins("VPUNPCKLQDQ %s, %s, %s", CD, AB, c)
	k.ins("VPUNPCKHQDQ %s, %s, %s", CD, AB, d)
}

// store writes a transposed vector's sums to their places.
func (k *kernel) store(v int) {
	for quarter := range k.vectorLen / 4 {
		for i := range initial {
			at := sumBytes * (v*k.vectorLen + 4*quarter + i)
			k.ins("%s $%d, %s, %d(DI)", k.extract, quarter, k.state(v, i), at)
		}
	}
}

// state returns the register with state variable i of vector v.
func (k *kernel) state(v, i int) string { return k.reg(4*v + i) }

// temp returns temporary register i, 0 or 1, of vector v.
func (k *kernel) temp(v, i int) string { return k.reg(temporary + 2*v + i) }

// reg returns the vector register with that number.
func (k *kernel) reg(n int) string { return fmt.Sprintf("%s%d", k.register, n) }

// ins writes one instruction.
func (k *kernel) ins(format string, args ...any) {
	fmt.Fprintf(k.text, "\t"+format+"\n", args...)
}

// note writes a comment that opens a new paragraph.
func (k *kernel) note(format string, args ...any) {
	fmt.Fprintf(k.text, "\n\t// "+format+"\n", args...)
}
