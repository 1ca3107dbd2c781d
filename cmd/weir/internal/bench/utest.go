package bench

import (
	"cmp"
	"slices"
)

// mannWhitney returns how likely two samples that come from the same distribution
// differ in their ranks at least as much as a and b do, in either direction: the exact
// two-sided p of the Mann-Whitney U test. Equal values share the mean of their ranks,
// and the distribution is that of all ways to divide just these ranks. It is 1 if a
// sample is empty. Time and memory are for samples of at most a few hundred values.
func mannWhitney(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	ranks, sum := doubledRanks(a, b)
	ways := waysToChoose(ranks, len(a))
	all := 0.0
	for _, n := range ways {
		all += n
	}
	// The mean of the sum, doubled like the ranks, is n·(n+m+1).
	mean := len(a) * (len(ranks) + 1)
	distance := max(sum-mean, mean-sum)
	extreme := 0.0
	for s, n := range ways {
		if max(s-mean, mean-s) >= distance {
			extreme += n
		}
	}
	return min(1, extreme/all)
}

// doubledRanks returns the ranks of all values, doubled so that they are whole, and the
// sum of those of a.
func doubledRanks(a, b []float64) (ranks []int, sum int) {
	type value struct {
		v   float64
		ofA bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v: v, ofA: true})
	}
	for _, v := range b {
		all = append(all, value{v: v})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		for k := i; k < j; k++ { // ranks i+1 … j have the mean (i+1+j)/2
			ranks = append(ranks, i+1+j)
			if all[k].ofA {
				sum += i + 1 + j
			}
		}
		i = j
	}
	return ranks, sum
}

// waysToChoose returns, for each sum, in how many ways n of the ranks add up to it.
func waysToChoose(ranks []int, n int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, n+1) // by how many are chosen
	for i := range ways {
		ways[i] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0
	for _, r := range ranks {
		reach += r
		for k := n; k > 0; k-- {
			for s := reach; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	return ways[n]
}
