package workload

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/md5lanes"
)

// keyTable draws keys: one of a finite set, by weight, or a new one.
type keyTable struct {
	keys    []Key
	weights []float64 // of keys, and of unique ones after them; nil: all alike
	alias   aliasTable
	unique  *uniqueKeys // nil if there are none
	random  *rand.PCG
}

// newKeyTable returns the keys of a traffic, whose fields are resolved.
func newKeyTable(k Keys, seed int64, traffic int) *keyTable {
	t := &keyTable{random: randomFor(seed, traffic, forKeys)}
	if k.Unique {
		t.unique = &uniqueKeys{seed: randomFor(seed, traffic, forUniqueKeys).Uint64()}
	}
	texts, weights := k.list(seed)
	t.keys = hashAll(texts)
	t.weights = weights
	if weights != nil {
		t.alias = newAliasTable(weights)
	}
	return t
}

// draw returns a random key.
func (t *keyTable) draw() *Key {
	if t.weights == nil {
		if t.unique != nil {
			return t.unique.next()
		}
		return &t.keys[below(t.random.Uint64(), len(t.keys))]
	}
	i := t.alias.draw(t.random.Uint64())
	if i == len(t.keys) {
		return t.unique.next()
	}
	return &t.keys[i]
}

// eachShare calls f for each key with its share of all records, and returns the
// share of unique keys.
func (t *keyTable) eachShare(f func(k *Key, share float64)) (unique float64) {
	if t.weights == nil {
		for i := range t.keys {
			f(&t.keys[i], 1/float64(len(t.keys)))
		}
		if t.unique != nil {
			return 1
		}
		return 0
	}
	total := sum(t.weights)
	for i := range t.keys {
		f(&t.keys[i], t.weights[i]/total)
	}
	if t.unique != nil {
		return t.weights[len(t.keys)] / total
	}
	return 0
}

// list returns the keys of a finite set, hot ones first, and the weights of all,
// followed by that of unique keys if there are any. The weights are nil if they are
// all alike.
func (k Keys) list(seed int64) (texts []string, weights []float64) {
	rest := 1.0
	for _, hot := range k.Hot {
		texts = append(texts, hot.Key)
		weights = append(weights, hot.Share)
		rest -= hot.Share
	}
	rest = max(0, rest)
	base, shares := k.base(seed)
	texts = append(texts, base...)
	if len(k.Hot) == 0 {
		return texts, shares
	}
	if k.Unique {
		return texts, append(weights, rest)
	}
	if shares == nil {
		shares = alike(len(base))
	}
	total := sum(shares)
	for _, share := range shares {
		weights = append(weights, rest*share/total)
	}
	return texts, weights
}

// base returns the keys other than hot and unique ones, and their weights, or nil if
// they are all alike.
func (k Keys) base(seed int64) (texts []string, weights []float64) {
	switch {
	case k.Unique:
		return nil, nil
	case len(k.Weighted) > 0:
		for _, w := range k.Weighted {
			texts = append(texts, w.Key)
			weights = append(weights, orOne(w.Weight))
		}
		return texts, weights
	case k.Zipf > 0:
		for i := range k.Count {
			weights = append(weights, math.Pow(float64(i+1), -k.Zipf))
		}
	}
	return numberedKeys(k.Count, seed), weights
}

func alike(n int) []float64 {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = 1
	}
	return weights
}

// orOne returns a weight, which is 1 if it is zero.
func orOne(weight float64) float64 {
	if weight == 0 {
		return 1
	}
	return weight
}

// numberedKeys returns "key-0" and so on, which share one block of memory. A seed other
// than zero is in the names, "key-7-0": which keys share a shard is chance as well.
func numberedKeys(n int, seed int64) []string {
	name := "key-"
	if seed != 0 {
		name += strconv.FormatInt(seed, 10) + "-"
	}
	longest := len(name) + 7
	block := make([]byte, 0, n*longest)
	ends := make([]int32, n)
	for i := range ends {
		block = strconv.AppendInt(append(block, name...), int64(i), 10)
		ends[i] = int32(len(block))
	}
	text := string(block)
	keys := make([]string, n)
	start := int32(0)
	for i, end := range ends {
		keys[i], start = text[start:end], end
	}
	return keys
}

// hashAll returns keys with their hashes.
func hashAll(texts []string) []Key {
	const group = 1024
	keys := make([]Key, len(texts))
	var sums [group][16]byte
	for start := 0; start < len(texts); start += group {
		some := texts[start:min(start+group, len(texts))]
		md5lanes.Sums(sums[:], some)
		for i, text := range some {
			keys[start+i] = Key{text, hashKey(sums[i])}
		}
	}
	return keys
}

// hashKey returns what [weir.HashPartitionKey] does for the key with that sum.
func hashKey(sum [16]byte) weir.HashKey {
	return weir.HashKey{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:])}
}

// uniqueKeys makes keys that never come again: 16 hexadecimal digits, a
// permutation of the numbers from zero. It makes them by the hundred, because their
// hashes take less time side by side.
type uniqueKeys struct {
	seed uint64
	made uint64
	left []Key
}

// uniqueKeyBytes is how long such a key is.
const uniqueKeyBytes = 16

func (u *uniqueKeys) next() *Key {
	if len(u.left) == 0 {
		u.left = u.more()
	}
	k := &u.left[0]
	u.left = u.left[1:]
	return k
}

func (u *uniqueKeys) more() []Key {
	const many = 128
	var block [many * uniqueKeyBytes]byte
	for i := range many {
		number := scramble(u.seed + u.made)
		u.made++
		for digit := range uniqueKeyBytes {
			block[i*uniqueKeyBytes+digit] = "0123456789abcdef"[number>>(60-4*digit)&15]
		}
	}
	text := string(block[:])
	var texts [many]string
	for i := range texts {
		texts[i] = text[i*uniqueKeyBytes : (i+1)*uniqueKeyBytes]
	}
	return hashAll(texts[:])
}
