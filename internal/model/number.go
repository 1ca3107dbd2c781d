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
	p = parts{created: int64(field(1, 10)), shard: int(field(38, 46)), index: field(11, 27)}
	return p, p.index < 1<<63 && int64(p.shard) < 1<<31
}
