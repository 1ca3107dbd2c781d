package delivery

import (
	"cmp"

	"github.com/weirstream/weir"
)

// A place is where a record stands in its shard: its number, its index within an
// aggregate, and its index within a record that was split. The zero value is
// before all.
type place struct {
	number weir.SequenceNumber
	sub    uint64
	part   int
}

func (r *Record) place() place { return place{r.SequenceNumber, r.Sub, r.Part} }

// compare is negative if p comes before q, and zero if they are the same.
func (p place) compare(q place) int {
	if c := p.number.Compare(q.number); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(p.sub, q.sub), cmp.Compare(p.part, q.part))
}

// whole returns the place of the record of which p is a part.
func (p place) whole() place {
	p.part = 0
	return p
}
