package delivery

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirstream/weir"
)

// An entry of the plan is an object that lies behind the position: from which
// record of its slot to which it goes, and whether it has been delivered. It is
// kept with the position before the object is delivered for the first time, so
// that after a crash the same records make the same object, though it was cut
// by a clock, and nobody delivers twice what is done.
type entry struct {
	slot        digest
	first, last place
	done        bool
}

// A digest is a slot in the plan. Two slots of a shard have the same one with a
// probability that can be left out of account.
type digest [12]byte

func (s slot) digest() digest {
	kind := byte(s.kind)
	if s.byChance {
		kind |= 0x80
	}
	sum := sha256.Sum256(append([]byte{kind}, s.id...))
	return digest(sum[:])
}

// A plan is held to planEntries and as many as there may be partitions, and may
// have twice that while one of the life before is read again. An entry takes
// some 80 bytes, because numbers of a shard begin alike: a lease keeps 3,000.
const (
	planEntries = 400
	maxEntries  = 3000
	planMark    = 'd'
)

// appendPlan returns a plan as bytes. An empty one is none.
func appendPlan(dst []byte, entries []*entry) []byte {
	if len(entries) == 0 {
		return nil
	}
	dst = binary.AppendUvarint(append(dst, planMark), uint64(len(entries)))
	before := ""
	for _, e := range entries {
		dst = append(dst, e.slot[:]...)
		done := byte(0)
		if e.done {
			done = 1
		}
		dst = append(dst, done)
		for _, p := range []place{e.first, e.last} {
			// Numbers of one shard begin alike.
			number := p.number.String()
			same := 0
			for same < len(number) && same < len(before) && number[same] == before[same] {
				same++
			}
			dst = append(dst, byte(same), byte(len(number)-same))
			dst = append(dst, number[same:]...)
			dst = binary.AppendUvarint(dst, p.sub)
			dst = binary.AppendUvarint(dst, uint64(p.part))
			before = number
		}
	}
	return dst
}

// errState says that a lease has a state that no delivery has written.
var errState = errors.New("the lease has a state that is no delivery's")

// parsePlan reads what appendPlan has written.
func parsePlan(text []byte) ([]*entry, error) {
	if len(text) == 0 {
		return nil, nil
	}
	r := planReader{rest: text}
	if r.byte() != planMark {
		return nil, errState
	}
	n := r.uvarint()
	if n > maxEntries {
		return nil, fmt.Errorf("%w: %d objects", errState, n)
	}
	var entries []*entry
	before := ""
	for range n {
		e := new(entry)
		copy(e.slot[:], r.bytes(len(e.slot)))
		e.done = r.byte() == 1
		e.first, before = r.place(before)
		e.last, before = r.place(before)
		if r.err == nil && e.last.compare(e.first) < 0 {
			r.err = errState
		}
		entries = append(entries, e)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = errState
	}
	return entries, r.err
}

// A planReader reads from the front of rest, until there is an error.
type planReader struct {
	rest []byte
	err  error
}

func (r *planReader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.rest, r.err = nil, errState
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *planReader) byte() byte { return r.bytes(1)[0] }

func (r *planReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest, r.err = nil, errState
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *planReader) place(before string) (p place, number string) {
	same := int(r.byte())
	rest := r.bytes(int(r.byte()))
	p.sub, p.part = r.uvarint(), int(r.uvarint())
	if same > len(before) {
		r.err = errState
	}
	if r.err != nil {
		return p, ""
	}
	number = before[:same] + string(rest)
	var err error
	if p.number, err = weir.ParseSequenceNumber(number); err != nil {
		r.err = errState
	}
	return p, number
}
