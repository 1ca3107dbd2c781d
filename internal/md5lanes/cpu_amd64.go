//go:build !purego

package md5lanes

// cpuid asks the processor about itself.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the low half of extended control register 0: which parts of
// the vector state the operating system saves when it switches threads. Only a
// processor with osxsave has the instruction.
func xgetbv() uint32

// Bits of cpuid's answers, by leaf and register, and of xgetbv's.
const (
	osxsave = 1 << 27 // leaf 1, ecx

	hasAVX2     = 1 << 5  // leaf 7, ebx
	hasAVX512F  = 1 << 16 // leaf 7, ebx
	hasAVX512VL = 1 << 31 // leaf 7, ebx

	savesYMM = 0b110               // the lower 16 registers, to 256 bits
	savesZMM = savesYMM | 0b111<<5 // masks, 512 bits, and the upper 16 registers
)

// fastest returns the last kernel that both the processor and the operating
// system support. AVX512VL is not needed by the instructions that are used; it
// leaves out the Xeon Phi, the one family without, whose 512-bit units nobody
// has measured here.
func fastest() kernel {
	highest, _, _, _ := cpuid(0, 0)
	if highest < 7 {
		return portable
	}
	if _, _, ecx, _ := cpuid(1, 0); ecx&osxsave == 0 {
		return portable
	}
	saved := xgetbv()
	_, ebx, _, _ := cpuid(7, 0)
	switch {
	case saved&savesYMM != savesYMM || ebx&hasAVX2 == 0:
		return portable
	case saved&savesZMM != savesZMM || ebx&hasAVX512F == 0 || ebx&hasAVX512VL == 0:
		return avx2
	}
	return avx512
}
