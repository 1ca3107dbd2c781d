package kinesistest

import (
	"hash/fnv"
	"math/rand/v2"
)

// chance returns a number from 0 to 1 that depends on its arguments alone.
func chance(seed uint64, what string, n uint64) float64 {
	h := fnv.New64a()
	h.Write([]byte(what))
	return rand.New(rand.NewPCG(seed^h.Sum64(), n)).Float64()
}
