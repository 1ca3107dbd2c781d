package aggregate_test

import (
	"bytes"
	"crypto/md5"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

var seed = flag.Uint64("seed", 1, "of the random tests")

// What a Builder packs a Decoder takes out, in order, with all that it has.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 1))
	var b aggregate.Builder
	d := aggregate.Decoder{Within: &whole}
	for range 300 {
		b.Reset()
		var want []told
		for i := range 1 + rnd.IntN(40) {
			e := entry(fmt.Sprint("key ", rnd.IntN(1+rnd.IntN(200))), string(make([]byte, rnd.IntN(300))))
			w := told{Key: e.PartitionKey, Data: string(e.Data), Sub: i}
			if rnd.IntN(3) == 0 {
				e.ExplicitHashKey = &weir.HashKey{Hi: rnd.Uint64() >> rnd.IntN(64), Lo: rnd.Uint64N(3)}
				w.Hash = e.ExplicitHashKey.String()
			}
			for range max(0, rnd.IntN(12)-9) {
				w.Tags = append(w.Tags, aggregate.Tag{Key: fmt.Sprint(rnd.IntN(9)), Value: string(make([]byte, rnd.IntN(200)))})
			}
			require.NoError(t, b.Add(e, w.Tags...))
			want = append(want, w)
		}
		require.Equal(t, want, tell(d.Records(outer(b.Append(nil)))), "seed %d", *seed)
		e := b.Entry(nil)
		found := d.Inspect(e.Data)
		require.Equal(t, e.PartitionKey == aggregate.OuterKey, found.Aggregate, "seed %d", *seed)
		require.Equal(t, len(want), found.Delivered, "seed %d", *seed)
	}
	assert.Zero(t, d.Discarded)
}

// A judge decides about user records as the rules are written, one by one, with
// numbers of any size.
type judge struct {
	keys, hashes []string
	users        []judged
}

type judged struct {
	key, hash uint64
	hashed    bool
}

func (j *judge) data() []byte {
	var parts [][]byte
	for _, k := range j.keys {
		parts = append(parts, key(k))
	}
	for _, h := range j.hashes {
		parts = append(parts, hash(h))
	}
	for i, u := range j.users {
		if u.hashed {
			parts = append(parts, hashedBy(u.key, u.hash, fmt.Sprint(i)))
		} else {
			parts = append(parts, of(u.key, fmt.Sprint(i)))
		}
	}
	return sealed(parts...)
}

// judge returns how many of the front are delivered, and what is discarded.
func (j *judge) judge(within *weir.HashKeyRange) (delivered int, d aggregate.Discarded) {
	if len(j.users) == 0 {
		return 0, aggregate.Discarded{Empty: 1}
	}
	all := len(j.users)
	for i, u := range j.users {
		if u.key >= uint64(len(j.keys)) || u.hashed && u.hash >= uint64(len(j.hashes)) {
			return i, aggregate.Discarded{Unreadable: all - i}
		}
		if within == nil {
			continue
		}
		sum := md5.Sum([]byte(j.keys[u.key]))
		at := new(big.Int).SetBytes(sum[:])
		if u.hashed {
			if _, ok := at.SetString(j.hashes[u.hash], 10); !ok {
				return i, aggregate.Discarded{Unreadable: all - i}
			}
		}
		start, _ := new(big.Int).SetString(within.Start.String(), 10)
		end, _ := new(big.Int).SetString(within.End.String(), 10)
		if at.Cmp(start) < 0 || at.Cmp(end) > 0 {
			return 0, aggregate.Discarded{Misplaced: all}
		}
	}
	return all, d
}

func TestDecoder_agreesWithAJudge(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 2))
	var some aggregate.Discarded
	full := 0
	for range 5000 {
		var j judge
		for i := range 1 + rnd.IntN(100) { // without any text it would be no aggregate
			j.keys = append(j.keys, fmt.Sprint("key ", i))
		}
		for range rnd.IntN(5) {
			j.hashes = append(j.hashes, []string{"0", "007", "x", most.String(), most.String() + "0", "-1", lower.End.String()}[rnd.IntN(7)])
		}
		for range rnd.IntN(6) {
			j.users = append(j.users, judged{key: rnd.Uint64N(uint64(len(j.keys) + 3)), hash: rnd.Uint64N(uint64(len(j.hashes) + 1)), hashed: rnd.IntN(3) == 0})
		}
		within := []*weir.HashKeyRange{nil, &whole, &lower, &upper}[rnd.IntN(4)]
		d := aggregate.Decoder{Within: within}
		delivered, discarded := j.judge(within)
		n := 0
		for r := range d.Records(outer(j.data())) {
			require.Equal(t, n, r.Sub)
			require.Equal(t, fmt.Sprint(n), string(r.Data))
			require.Equal(t, j.keys[j.users[n].key], r.PartitionKey)
			n++
		}
		require.Equal(t, delivered, n, "seed %d: %+v", *seed, j)
		require.Equal(t, discarded, d.Discarded, "seed %d: %+v", *seed, j)
		if n == len(j.users) && n > 1 {
			full++
		}
		some.Misplaced += discarded.Misplaced
		some.Unreadable += discarded.Unreadable
		some.Empty += discarded.Empty
	}
	for _, n := range []int{full, some.Misplaced, some.Unreadable, some.Empty} {
		assert.Greater(t, n, 100, "each occurs")
	}
}

// Append and AddUnchecked make what Add does, and what it would refuse.
func TestBuilder_addUnchecked(t *testing.T) {
	var checked, unchecked aggregate.Builder
	seven := weir.HashKey{Lo: 7}
	require.NoError(t, checked.Add(entry("a", "x")))
	require.NoError(t, checked.Add(hashed("b", seven, "y"), aggregate.Tag{Key: "t", Value: "v"}))
	unchecked.AddUnchecked("a", "", []byte("x"))
	unchecked.AddUnchecked("b", "7", []byte("y"), aggregate.Tag{Key: "t", Value: "v"})
	assert.Equal(t, checked.Append(nil), unchecked.Append(nil))
	assert.Equal(t, checked.Size(), unchecked.Size())

	unchecked.Reset()
	unchecked.AddUnchecked("", "no number", nil)
	unchecked.AddUnchecked("\xff", "007", []byte("x"))
	assert.Equal(t, []told{{Hash: "no number"}, {Key: "\xff", Hash: "007", Data: "x", Sub: 1}},
		tell(new(aggregate.Decoder).Records(outer(unchecked.Append(nil)))))
}

func TestBuilder_append(t *testing.T) {
	var b aggregate.Builder
	none := b.Append(nil)
	assert.Len(t, none, aggregate.OverheadBytes)
	assert.False(t, new(aggregate.Decoder).Inspect(none).Aggregate)

	require.NoError(t, b.Add(entry("a", "x")))
	one := b.Append([]byte("before"))
	require.True(t, bytes.HasPrefix(one, []byte("before")))
	assert.Equal(t, []told{{Key: "a", Data: "x"}}, tell(new(aggregate.Decoder).Records(outer(one[6:]))))

	buf := make([]byte, 3, 1000)
	grown := b.Append(buf)
	assert.Same(t, &buf[0], &grown[0], "in place, as there was room")
	assert.Equal(t, one[6:], grown[3:])
}

// Nothing panics, and no user record is lost uncounted.
func FuzzDecoder(f *testing.F) {
	for _, data := range [][]byte{
		unhex(f, twoKeys), unhex(f, twoHashes), sealed(of(0, "x"), key("a")), sealed([]byte("\x2b\x2c")),
		sealed(key("a"), hash("x"), hashedBy(0, 0, "x"), of(1, "y", text(4, key("t")))),
	} {
		f.Add(data[4:len(data)-16], false)
		f.Add(data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		if !raw {
			data = sealed(data)
		}
		kept := bytes.Clone(data)
		for _, within := range []*weir.HashKeyRange{nil, &whole, &lower} {
			for _, anyway := range []bool{false, true} {
				d := aggregate.Decoder{Within: within, Anyway: anyway}
				found := d.Inspect(data)
				n, last := 0, -1
				for r := range d.Records(outer(data)) {
					require.Equal(t, found.Aggregate, r.Aggregated)
					require.True(t, r.Sub > last || !r.Aggregated)
					require.True(t, anyway || !r.Misplaced)
					_ = slices.Collect(r.Tags())
					n, last = n+1, r.Sub
				}
				lost := d.Discarded
				require.Equal(t, found.Discarded, lost)
				require.Equal(t, found.Delivered, n)
				require.Equal(t, found.Records, n+lost.Misplaced+lost.Unreadable)
				require.LessOrEqual(t, found.Records, 1+len(data)/6)
			}
		}
		require.Equal(t, kept, data)
	})
}
