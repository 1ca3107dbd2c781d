package flagval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Shards is numbers of shards to try. The zero value is none.
type Shards struct {
	List []int // rising, each once

	text string
}

const (
	mostTries  = 256    // numbers to try
	mostShards = 10_000 // the greatest of them
)

// Set takes shards=1..64, shards=1..64/4 for every fourth, or shards=1,2,8.
func (f *Shards) Set(s string) error {
	list, ok := strings.CutPrefix(s, "shards=")
	if !ok {
		return fmt.Errorf("must begin with shards=, as in shards=1..64 or shards=1,2,4")
	}
	var shards []int
	for _, part := range strings.Split(list, ",") {
		some, err := parseRange(part)
		if err != nil {
			return err
		}
		if shards = append(shards, some...); len(shards) > mostTries {
			return fmt.Errorf("has more than %d numbers; a range such as 1..%d/8 takes every eighth", mostTries, mostShards)
		}
	}
	slices.Sort(shards)
	f.text, f.List = s, slices.Compact(shards)
	return nil
}

// String returns the flag as it was given.
func (f *Shards) String() string { return f.text }

// Type returns what help calls the value.
func (f *Shards) Type() string { return "RANGE" }

// parseRange reads "8", "1..64" or "1..64/4".
func parseRange(s string) ([]int, error) {
	span, every, stepped := strings.Cut(s, "/")
	from, to, ranged := strings.Cut(span, "..")
	if !ranged {
		to = from
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	step := 1
	var errStep error
	if stepped {
		step, errStep = strconv.Atoi(every)
	}
	if errFirst != nil || errLast != nil || errStep != nil || first < 1 || last < first || last > mostShards || step < 1 {
		return nil, fmt.Errorf("%q is no number or range of 1 to %d, such as 1..64 or 1..64/4", s, mostShards)
	}
	var list []int
	// One number more than may be tried is enough for Set to refuse it.
	for n := first; n <= last && len(list) <= mostTries; n += step {
		list = append(list, n)
	}
	return list, nil
}
