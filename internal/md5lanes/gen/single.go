package main

import "bytes"

// Where the kernel of one key keeps things; the arguments come into DI and SI.
// Five registers take turns to hold the four state variables, so that the one
// whose value is used for the last time in a step can be overwritten.
var (
	singleState = [4]string{"AX", "BX", "CX", "DX"} // at first, by variable
	singleFree  = "R8"                              // at first
)

const singleTemp = "R9"

// singleKernel returns the assembly file with the kernel that hashes one key.
// What counts is the chain from one step's result to the next: everything else
// finds idle execution units. The chain is five instructions a step in rounds 0
// and 3 and four in the others.
func singleKernel() []byte {
	text := bytes.NewBufferString(banner)
	text.WriteString("//go:build !purego\n\n#include \"textflag.h\"\n")
	text.WriteString("\n// func sum1(dst *[16]byte, m *message)\n")
	text.WriteString("TEXT ·sum1(SB), NOSPLIT, $0-16\n")
	k := kernel{text: text} // without an isa: there are no vectors
	k.ins("MOVQ dst+0(FP), DI")
	k.ins("MOVQ m+8(FP), SI")

	state, free, all := singleState, singleFree, steps()
	for i, word := range initial {
		k.ins("MOVL $0x%08x, %s", word, state[i])
	}
	a := state[all[0].a]
	k.addToCopy(all[0], a, a)
	for i, s := range all {
		k.note("Step %d: word %d.", i, s.word)
		d := state[s.d]
		if i+1 < len(all) {
			// d is a of the next step.
			k.addToCopy(all[i+1], d, free)
		} else {
			k.ins("MOVL %s, %s", d, free)
		}
		k.stepSingle(s, state)
		state[s.d], free = free, d
	}
	k.note("Add the initial state, then write the sum in two halves.")
	for i, word := range initial {
		k.ins("ADDL $0x%08x, %s", word, state[i])
	}
	for half := range 2 {
		low, high := state[2*half], state[2*half+1]
		k.ins("SHLQ $32, %s", high)
		k.ins("ORQ %s, %s", high, low)
		k.ins("MOVQ %s, %d(DI)", low, sumBytes/2*half)
	}
	k.ins("RET")
	return text.Bytes()
}

// addToCopy copies a register and adds the step's constant and message word. It
// is done one step ahead, off the chain. LEAL with both at once would be one
// instruction of two or three cycles, and no faster.
func (k *kernel) addToCopy(s step, from, to string) {
	k.ins("LEAL 0x%08x(%s), %s", s.constant, from, to)
	if s.hasWord() {
		k.ins("ADDL %d(SI), %s", wordBytes*s.word, to)
	}
}

// stepSingle writes a step after addToCopy has seen to its constant and word
// and has saved d. What needs b, the result of the step before, comes as late
// as possible.
func (k *kernel) stepSingle(s step, state [4]string) {
	a, b, c, d := state[s.a], state[s.b], state[s.c], state[s.d]
	switch s.round {
	case 0: // d ^ (b & (c ^ d))
		k.ins("MOVL %s, %s", c, singleTemp)
		k.ins("XORL %s, %s", d, singleTemp)
		k.ins("ANDL %s, %s", b, singleTemp)
		k.ins("XORL %s, %s", singleTemp, d)
	case 1: // (^d & c) + (d & b), as in stepAVX2
		k.ins("MOVL %s, %s", d, singleTemp)
		k.ins("NOTL %s", singleTemp)
		k.ins("ANDL %s, %s", c, singleTemp)
		k.ins("ADDL %s, %s", singleTemp, a)
		k.ins("ANDL %s, %s", b, d)
	case 2: // (c ^ d) ^ b
		k.ins("XORL %s, %s", c, d)
		k.ins("XORL %s, %s", b, d)
	case 3: // c ^ (b | ^d)
		k.ins("NOTL %s", d)
		k.ins("ORL %s, %s", b, d)
		k.ins("XORL %s, %s", c, d)
	}
	k.ins("ADDL %s, %s", d, a)
	k.ins("ROLL $%d, %s", s.shift, a)
	k.ins("ADDL %s, %s", b, a)
}
