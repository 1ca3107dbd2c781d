package workload

import "math/bits"

// An aliasTable draws one of many by weight in constant time, whatever the
// weights are (Walker's method, built by Vose's algorithm): a column is as likely
// as any other, and belongs in part to its own number, for the rest to its alias.
type aliasTable struct {
	columns []aliasColumn
}

type aliasColumn struct {
	own   uint32 // how much of the column is its own, of 2^32
	alias uint32
}

// newAliasTable returns a table of weights that are not negative, whose sum is
// positive and finite.
func newAliasTable(weights []float64) aliasTable {
	scale := float64(len(weights)) / sum(weights)
	columns := make([]aliasColumn, len(weights))
	filled := make([]float64, len(weights))
	var under, over []uint32 // columns that are less than full, and the others
	for i, w := range weights {
		filled[i] = w * scale
		columns[i] = aliasColumn{^uint32(0), uint32(i)}
		if filled[i] < 1 {
			under = append(under, uint32(i))
		} else {
			over = append(over, uint32(i))
		}
	}
	for len(under) > 0 && len(over) > 0 {
		u, o := under[len(under)-1], over[len(over)-1]
		under = under[:len(under)-1]
		columns[u] = aliasColumn{uint32(filled[u] * (1 << 32)), o}
		filled[o] -= 1 - filled[u]
		if filled[o] < 1 {
			over, under = over[:len(over)-1], append(under, o)
		}
	}
	return aliasTable{columns} // what is left is full but for rounding
}

// draw returns a number below the number of weights for a random one.
func (t aliasTable) draw(random uint64) int {
	i, within := bits.Mul64(random, uint64(len(t.columns)))
	c := t.columns[i]
	n := uint32(i)
	if uint32(within>>32) >= c.own { // a conditional move: no branch could be foreseen
		n = c.alias
	}
	return int(n)
}

// below returns a number below n for a random one.
func below(random uint64, n int) int {
	i, _ := bits.Mul64(random, uint64(n))
	return int(i)
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
