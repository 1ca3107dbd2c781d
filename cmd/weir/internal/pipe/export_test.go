package pipe

import (
	"context"
)

// Sweep gives one more record beside so many that wait, and others whose shard
// has gone, and returns how many are remembered.
func Sweep(wait, gone int) int {
	over, end := context.WithCancel(context.Background())
	end()
	p := &Pipe{waiting: make(map[uint64]place)}
	for i := range wait + gone {
		at := place{ctx: context.Background()}
		if i >= wait {
			at.ctx = over
		}
		p.waiting[uint64(i)+1] = at
		p.last++
	}
	p.expect(delivery{ctx: context.Background()}, 0, 1)
	return len(p.waiting)
}
