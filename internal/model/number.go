package model

import (
	"fmt"
	"math/big"
	"strconv"
)

// Number returns a sequence number of version 2, put together in hexadecimal as
// the reference shows it and printed in decimal.
func Number(created int64, shard int, index uint64, second int64) string {
	hex := fmt.Sprintf("2%09x%x%016x00%09x%08x2", created, shard&0xf, index, second, shard)
	n, _ := new(big.Int).SetString(hex, 16)
	return n.String()
}

// A number's parts, as far as positions need them.
type parts struct {
	created int64
	shard   int
	index   uint64
	second  int64 // of arrival
}

// parse takes a number of version 2 apart.
func parse(number string) (p parts, ok bool) {
	n, ok := new(big.Int).SetString(number, 10)
	if !ok || n.Sign() < 0 {
		return p, false
	}
	hex := n.Text(16)
	if len(hex) != 47 || hex[0] != '2' || hex[46] != '2' {
		return p, false
	}
	field := func(from, to int) uint64 {
		v, _ := strconv.ParseUint(hex[from:to], 16, 64)
		return v
	}
	p = parts{created: int64(field(1, 10)), shard: int(field(38, 46)), index: field(11, 27), second: int64(field(29, 38))}
	return p, p.index < 1<<63 && int64(p.shard) < 1<<31
}

// What a loaded stream leaves out, for the run that saved it and went on.
const (
	lostIndexes = 1 << 40
	lostSeconds = 60
)

// index returns the index, from 1, of the record at a place, from 0.
func (sh *Shard) index(place int) uint64 {
	i := uint64(place) + 1
	for _, at := range sh.gaps {
		if at <= place {
			i += lostIndexes
		}
	}
	return i
}

// endingIndex is the index of a closed shard's ending number.
const endingIndex = 1<<63 - 1

// locate returns how many records there are up to the one of a number, and
// false if the number is lost, or none that the shard gave out.
func (sh *Shard) locate(p parts) (uint64, bool) {
	if p.index == endingIndex && (!sh.Closed || p.second != sh.EndSecond) {
		return 0, false
	}
	return sh.Place(p.index)
}

// Place returns how many records there are up to the one with an index, and
// false if that index is one that a load left out.
func (sh *Shard) Place(index uint64) (uint64, bool) {
	skipped := uint64(0)
	for _, at := range sh.gaps {
		last := uint64(at) + skipped // before the gap
		if index <= last {
			break
		}
		if index <= last+lostIndexes {
			return 0, false
		}
		skipped += lostIndexes
	}
	return index - skipped, true
}
