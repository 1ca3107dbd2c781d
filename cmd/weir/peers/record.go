package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// A record is what is put. Peers that have no keys get them in front of the data.
type record struct {
	key  string
	data []byte
	both []byte // key and data, made beforehand
}

const (
	keys      = 4096 // distinct ones, of keyBytes each
	keyBytes  = 16
	batchSize = 500
	readBatch = 10_000
)

// makeRecords returns records that are all of one size, each with a key of its own.
// After the last key the first come again, so that a batch can begin at any of them.
func makeRecords(size int) *input {
	random := rand.New(rand.NewPCG(1, 1))
	list := make([]record, keys, keys+batchSize)
	for i := range list {
		list[i] = newRecord(fmt.Sprintf("user-%0*d", keyBytes-len("user-"), i*7919), noise(random, size))
	}
	return &input{size: size, records: append(list, list[:batchSize]...)}
}

func newRecord(key string, data []byte) record {
	both := append([]byte(key), data...)
	return record{key: key, data: both[len(key):], both: both}
}

// noise returns bytes that nothing can compress.
func noise(random *rand.Rand, size int) []byte {
	data := make([]byte, 0, size+7)
	for len(data) < size {
		data = binary.LittleEndian.AppendUint64(data, random.Uint64())
	}
	return data[:size]
}
