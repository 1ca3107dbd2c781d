package kinesisserver

import (
	"github.com/weirstream/weir"
)

// A numberPrinter prints sequence numbers of one shard. Successive ones of a
// second are a fixed step apart, so that it can add to the last instead of
// converting. The zero value is ready for use.
type numberPrinter struct {
	last   weir.SequenceNumber // zero if there is none
	text   [numberDigits]byte  // of the last
	limbs  [numberLimbs]uint64
	summed bool // limbs are the last in base limbBase, the highest first
}

// The service's numbers have 56 digits: four limbs of 14.
const (
	numberDigits = 56
	limbDigits   = 14
	numberLimbs  = numberDigits / limbDigits
	limbBase     = 100_000_000_000_000
)

// step is 2^80, the difference of two successive numbers of a shard and second,
// in base limbBase.
var step = [numberLimbs]uint64{0, 0, 12_089_258_196, 14_629_174_706_176}

// append appends n in decimal.
func (p *numberPrinter) append(dst []byte, n weir.SequenceNumber) []byte {
	if p.print(n) {
		return append(dst, p.text[:]...)
	}
	dst, _ = n.AppendText(dst)
	return dst
}

// appendCBOR appends n as a text.
func (p *numberPrinter) appendCBOR(dst []byte, n weir.SequenceNumber) []byte {
	if p.print(n) {
		return append(appendHead(dst, cborText, numberDigits), p.text[:]...)
	}
	return appendCBORText(dst, n.String())
}

// print makes text that of n, if n has the usual length.
func (p *numberPrinter) print(n weir.SequenceNumber) bool {
	if n.Follows(p.last) {
		p.last = n
		p.add()
		return true
	}
	text, _ := n.AppendText(p.text[:0])
	if len(text) != numberDigits {
		p.last = weir.SequenceNumber{}
		return false
	}
	p.last, p.summed = n, false
	return true
}

// add makes text that of the next number.
func (p *numberPrinter) add() {
	if !p.summed {
		p.sum()
	}
	carry := uint64(0)
	for i := numberLimbs - 1; i >= 0 && (step[i] > 0 || carry > 0); i-- {
		limb := p.limbs[i] + step[i] + carry
		if carry = 0; limb >= limbBase {
			limb -= limbBase
			carry = 1
		}
		p.limbs[i] = limb
		putDigits(p.text[i*limbDigits:(i+1)*limbDigits], limb)
	}
}

// sum fills in limbs from text.
func (p *numberPrinter) sum() {
	p.summed = true
	for i := range p.limbs {
		limb := uint64(0)
		for _, c := range p.text[i*limbDigits : (i+1)*limbDigits] {
			limb = limb*10 + uint64(c-'0')
		}
		p.limbs[i] = limb
	}
}

// numberPrinters print the numbers of several shards of a stream in any order.
// The zero value is ready for use.
type numberPrinters [16]struct {
	numberPrinter
	shard weir.ShardID
}

// of returns the printer of a shard.
func (p *numberPrinters) of(shard weir.ShardID) *numberPrinter {
	own := &p[uint(shard)%uint(len(p))]
	if own.shard != shard {
		own.shard, own.last = shard, weir.SequenceNumber{}
	}
	return &own.numberPrinter
}

// forget makes p ready for another stream.
func (p *numberPrinters) forget() {
	for i := range p {
		p[i].last = weir.SequenceNumber{}
	}
}

// digitPairs are the numbers 00 to 99.
var digitPairs = func() (pairs [200]byte) {
	for i := range 100 {
		pairs[2*i], pairs[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return pairs
}()

// putDigits fills text, of an even length, with the digits of n.
func putDigits(text []byte, n uint64) {
	for i := len(text) - 2; i >= 0; i -= 2 {
		pair := n % 100 * 2
		n /= 100
		text[i], text[i+1] = digitPairs[pair], digitPairs[pair+1]
	}
}

// A shard's id is a word and twelve digits.
const (
	shardIDPrefix = "shardId-"
	shardIDDigits = 12
	shardIDLength = uint64(len(shardIDPrefix) + shardIDDigits)
)

func appendShardID(dst []byte, id weir.ShardID) []byte {
	dst = append(dst, shardIDPrefix+"000000000000"...)
	putDigits(dst[len(dst)-shardIDDigits:], uint64(id))
	return dst
}
