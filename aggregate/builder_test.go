package aggregate_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// Both were read by a deaggregator of the service's makers.
const (
	twoKeys   = "f3899ac20a01610a01621a0508001a01781a0608011a02797a6fe1bc1407aabc41e3e0c88f3f668baf"
	twoHashes = "f3899ac20a026b3112013012273334303238323336363932303933383436333436333337343630373433313736383231313435351a09080010001a036f6e651a09080010011a0374776f56b73531463fdea59f4fa63ac8572173"
)

func entry(key, data string) weir.Entry { return weir.Entry{PartitionKey: key, Data: []byte(data)} }

func hashed(key string, hash weir.HashKey, data string) weir.Entry {
	return weir.Entry{PartitionKey: key, Data: []byte(data), ExplicitHashKey: &hash}
}

func TestBuilder_knownAggregates(t *testing.T) {
	first := weir.HashKey{}
	last := weir.HashKey{Hi: ^uint64(0), Lo: ^uint64(0)}
	of := weir.HashPartitionKey("a")
	for _, tt := range []struct {
		want  string
		outer weir.HashKey
		users []weir.Entry
	}{
		{twoKeys, of, []weir.Entry{entry("a", "x"), entry("b", "yz")}},
		{twoHashes, first, []weir.Entry{hashed("k1", first, "one"), hashed("k1", last, "two")}},
	} {
		var b aggregate.Builder
		for range 2 { // the second time with the memory of the first
			b.Reset()
			for _, u := range tt.users {
				require.NoError(t, b.Add(u))
			}
			e := b.Entry(nil)
			assert.Equal(t, tt.want, hex.EncodeToString(e.Data))
			assert.Equal(t, aggregate.OuterKey, e.PartitionKey)
			assert.Equal(t, tt.outer, *e.ExplicitHashKey)
		}
	}
}

// The size is known before each user record is added, while indexes and
// lengths grow to two bytes and more.
func TestBuilder_sizeIsExact(t *testing.T) {
	var b aggregate.Builder
	assert.Zero(t, b.Size())
	for i := range 600 {
		e := entry(fmt.Sprint("key ", i*i%307), strings.Repeat("d", i*37%700))
		if i%3 == 1 {
			e = hashed(e.PartitionKey, weir.HashKey{Hi: uint64(i), Lo: 1}, string(e.Data))
		}
		var tags []aggregate.Tag
		if i%5 == 4 {
			tags = []aggregate.Tag{{Key: "k", Value: strings.Repeat("v", i)}, {}}
		}
		want := b.SizeWith(e, tags...)
		require.NoError(t, b.Add(e, tags...))
		outer := b.Entry(nil)
		require.Equal(t, want, b.Size(), "%d", i)
		require.Equal(t, want, outer.Size(), "%d", i)
	}
	assert.Equal(t, 600, b.Len())
}

// However many keys there are, each stands in its table once, in the order in
// which they came; also in the memory of an aggregate before.
func TestBuilder_keysStandOnce(t *testing.T) {
	var b aggregate.Builder
	for _, keys := range []int{1000, 3, 100} {
		b.Reset()
		var order []int
		for range 3 {
			for i := range keys {
				order = append(order, i)
				require.NoError(t, b.Add(hashed(fmt.Sprintf("key %d.", i), weir.HashKey{Hi: uint64(i)}, "data")))
			}
		}
		e := b.Entry(nil)
		at := -1
		for i := range keys {
			key := []byte(fmt.Sprintf("key %d.", i))
			require.Equal(t, 1, bytes.Count(e.Data, key), "%s", key)
			next := bytes.Index(e.Data, key)
			require.Greater(t, next, at)
			at = next
			hash := weir.HashKey{Hi: uint64(i)}.String()
			require.Equal(t, 1, bytes.Count(e.Data, append([]byte{0x12, byte(len(hash))}, hash...)), "%s", hash)
		}
		var read aggregate.Decoder
		n := 0
		for u := range read.Records(weir.Record{PartitionKey: e.PartitionKey, Data: e.Data}) {
			require.Equal(t, fmt.Sprintf("key %d.", order[n]), u.PartitionKey)
			n++
		}
		require.Equal(t, len(order), n)
	}
}

func TestBuilder_oneAloneIsItself(t *testing.T) {
	for _, e := range []weir.Entry{entry("k", "data"), entry("k", ""), hashed("k", weir.HashKey{Lo: 7}, "data")} {
		var b aggregate.Builder
		require.NoError(t, b.Add(e))
		got := b.Entry(make([]byte, 0, 10))
		assert.Equal(t, e, got)
		assert.Equal(t, e.Size(), b.Size())
	}
	var b aggregate.Builder
	require.NoError(t, b.Add(entry("k", "data"), aggregate.Tag{Key: "t"}))
	assert.Equal(t, aggregate.OuterKey, b.Entry(nil).PartitionKey, "as it could not keep the tag")
}

func TestBuilder_bounds(t *testing.T) {
	var b aggregate.Builder
	require.NoError(t, b.Add(entry("a", "x")))
	with := b.SizeWith(entry("b", "yz"))
	b.MaxBytes = with - 1
	require.ErrorIs(t, b.Add(entry("b", "yz")), aggregate.ErrFull)
	b.MaxBytes = with
	require.NoError(t, b.Add(entry("b", "yz")), "as the refused one left nothing behind")
	assert.Equal(t, twoKeys, hex.EncodeToString(b.Entry(nil).Data))
}

func TestBuilder_refusesBadKeys(t *testing.T) {
	var b aggregate.Builder
	for key, says := range map[string]string{
		"":                        "is empty",
		strings.Repeat("k", 257):  "has 257 characters; at most 256",
		strings.Repeat("é", 257):  "has 257 characters; at most 256",
		strings.Repeat("k", 1025): "has 1025 bytes",
		"\xff":                    "is not UTF-8",
	} {
		err := b.Add(entry(key, "x"))
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		require.ErrorContains(t, err, says)
	}
	assert.Zero(t, b.Len())
	require.NoError(t, b.Add(entry(strings.Repeat("é", 256), "x")))

	err := new(aggregate.Builder).Add(weir.Entry{PartitionKey: "k", Data: make([]byte, weir.MaxRecordBytes)})
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.NoError(t, new(aggregate.Builder).Add(weir.Entry{PartitionKey: "k", Data: make([]byte, weir.MaxRecordBytes-1)}))
}

// What is summed later, with others, is what Entry makes.
func TestBuilder_unsummedIsTheEntryAfterSum(t *testing.T) {
	for n := range 6 { // aggregates
		var want, got []weir.Entry
		var unsum [][]byte
		buf := make([]byte, 0, 1<<10) // for some of them
		for i := range n {
			var b aggregate.Builder
			for j := range i + 2 {
				e := weir.Entry{PartitionKey: fmt.Sprint("key-", j%3), Data: bytes.Repeat([]byte{byte(i)}, 40*i+j)}
				if j == 1 || i == 3 {
					e.ExplicitHashKey = &weir.HashKey{Lo: uint64(i)}
				}
				require.NoError(t, b.Add(e))
			}
			e, needs := b.EntryUnsummed(buf)
			require.True(t, needs)
			if len(buf)+len(e.Data) <= cap(buf) {
				buf = buf[:len(buf)+len(e.Data)]
			}
			want, got, unsum = append(want, b.Entry(nil)), append(got, e), append(unsum, e.Data)
		}
		aggregate.Sum(unsum)
		require.Equal(t, want, got)
	}
	var alone aggregate.Builder
	require.NoError(t, alone.Add(weir.Entry{PartitionKey: "k", Data: []byte("x")}))
	e, needs := alone.EntryUnsummed(nil)
	assert.False(t, needs)
	assert.Equal(t, alone.Entry(nil), e)
}
