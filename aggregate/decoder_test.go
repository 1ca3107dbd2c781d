package aggregate_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

func TestDecoder_knownAggregates(t *testing.T) {
	var d aggregate.Decoder
	assert.Equal(t, []told{{Key: "a", Data: "x"}, {Key: "b", Data: "yz", Sub: 1}}, tell(d.Records(outer(unhex(t, twoKeys)))))
	assert.Equal(t, []told{{Key: "k1", Hash: "0", Data: "one"}, {Key: "k1", Hash: most.String(), Data: "two", Sub: 1}},
		tell(d.Records(outer(unhex(t, twoHashes)))))
	assert.Zero(t, d.Discarded)
}

// What a user record has of the record that it came in.
func TestDecoder_sequenceNumberAndArrivalAreTheOuterOnes(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	placed, err := s.PutRecord(t.Context(), "outer", unhex(t, twoKeys))
	require.NoError(t, err)
	for r, err := range s.Records(t.Context(), weir.TrimHorizon()) {
		require.NoError(t, err)
		n := 0
		for u := range new(aggregate.Decoder).Records(r) {
			assert.Equal(t, placed.SequenceNumber, u.SequenceNumber)
			assert.Equal(t, r.ArrivalTime, u.ArrivalTime)
			assert.Equal(t, n, u.Sub)
			assert.True(t, u.Aggregated)
			n++
		}
		assert.Equal(t, 2, n)
		break
	}
}

// Whatever is wrong with what is around the message, or with the message, it is
// a record by itself.
func TestDecoder_whatIsNoAggregateIsItself(t *testing.T) {
	good := unhex(t, twoKeys)
	changed := func(i int) []byte {
		b := slices.Clone(good)
		b[(i+len(b))%len(b)] ^= 1
		return b
	}
	group := []byte{5<<3 | 3, 1 << 3, 7, 5<<3 | 4}
	for name, data := range map[string][]byte{
		"nothing":                    {},
		"three bytes":                good[:3],
		"the magic alone":            good[:4],
		"16 bytes behind the magic":  sealed(),
		"other magic":                changed(0),
		"last byte of the magic":     changed(3),
		"a byte of the message":      changed(10),
		"a byte of the checksum":     changed(-1),
		"a byte too many":            append(slices.Clone(good), 0),
		"a text cut off":             sealed([]byte("\x0a\x05a")),
		"a length cut off":           sealed([]byte("\x0a\x80")),
		"a length beyond all":        sealed([]byte("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
		"a number of 11 bytes":       sealed([]byte("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00")),
		"a number beyond 64 bits":    sealed([]byte("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")),
		"field 0":                    sealed(number(0, 1)),
		"field 2^29":                 sealed(number(1<<29, 1)),
		"wire type 6":                sealed([]byte{1<<3 | 6}),
		"wire type 7":                sealed([]byte{1<<3 | 7}),
		"fixed 64 cut off":           sealed([]byte{9<<3 | 1, 1, 2, 3, 4, 5, 6, 7}),
		"fixed 32 cut off":           sealed([]byte{9<<3 | 5, 1, 2, 3}),
		"end of no group":            sealed([]byte{5<<3 | 4}),
		"end of another group":       sealed([]byte{5<<3 | 3, 6<<3 | 4}),
		"field 0 in a group":         sealed([]byte{5<<3 | 3, 0, 7, 5<<3 | 4}),
		"field 2^29 in a group":      sealed(slices.Concat([]byte{5<<3 | 3}, number(1<<29, 1), []byte{5<<3 | 4})),
		"group without end":          sealed(group[:3]),
		"groups too deep":            sealed([]byte(strings.Repeat("\x2b", 101) + strings.Repeat("\x2c", 101))),
		"a user record without key":  sealed(key("a"), text(3, text(3, []byte("x")))),
		"a user record without data": sealed(key("a"), text(3, number(1, 0))),
		"a key of another type":      sealed(key("a"), text(3, text(1, []byte("a")), text(3, []byte("x")))),
		"a second that is cut off":   sealed(key("a"), of(0, "x"), text(3, []byte("\x08"))),
		"a tag without key":          sealed(key("a"), of(0, "x", text(4, text(2, []byte("v"))))),
		"a tag that is cut off":      sealed(key("a"), of(0, "x", text(4, []byte("\x0a")))),
	} {
		for _, d := range []aggregate.Decoder{{}, {Within: &lower}, {Anyway: true}} {
			r := outer(data)
			assert.Equal(t, []aggregate.Record{{Record: r}}, slices.Collect(d.Records(r)), name)
			assert.Equal(t, aggregate.Finding{Records: 1, Delivered: 1}, d.Inspect(data), name)
			assert.Zero(t, d.Discarded, name)
		}
	}
}

// What a reader of protobuf has to accept.
func TestDecoder_unusualMessages(t *testing.T) {
	x := []told{{Key: "a", Data: "x"}}
	group := []byte{5<<3 | 3, 1 << 3, 7, 2<<3 | 2, 1, 'u', 6<<3 | 3, 6<<3 | 4, 1<<3 | 5, 1, 2, 3, 4, 5<<3 | 4}
	for name, tt := range map[string]struct {
		data []byte
		want []told
	}{
		"tables behind those who point to them": {sealed(of(0, "x"), key("a")), x},
		"tables in pieces":                      {sealed(key("b"), of(1, "x"), hash("1"), key("a")), x},
		"unknown fields":                        {sealed(number(9, 1), text(10, []byte("u")), group, key("a"), of(0, "x", number(9, 1), group)), x},
		"fixed fields":                          {sealed([]byte{9<<3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 9<<3 | 5, 1, 2, 3, 4}, key("a"), of(0, "x")), x},
		"fields of another type":                {sealed(number(1, 1), number(3, 1), key("a"), of(0, "x", text(2, nil))), x},
		"the last of two counts":                {sealed(key("a"), text(3, number(1, 7), text(3, []byte("y")), number(1, 0), text(3, []byte("x")))), x},
		"lengths and tags longer than need be":  {sealed([]byte("\x8a\x00\x81\x80\x00a"), of(0, "x")), x},
		"groups as deep as may be":              {sealed([]byte(strings.Repeat("\x2b", 100)+strings.Repeat("\x2c", 100)), key("a"), of(0, "x")), x},
		"a tag without value": {sealed(key("a"), of(0, "x", text(4, key("t")))),
			[]told{{Key: "a", Data: "x", Tags: []aggregate.Tag{{Key: "t"}}}}},
		"texts that are empty or no UTF-8": {sealed(key(""), key("\xff"), of(0, ""), of(1, "\xff")),
			[]told{{}, {Key: "\xff", Data: "\xff", Sub: 1}}},
	} {
		var d aggregate.Decoder
		assert.Equal(t, tt.want, tell(d.Records(outer(tt.data))), name)
		assert.Equal(t, aggregate.Finding{Aggregate: true, Records: len(tt.want), Delivered: len(tt.want)}, d.Inspect(tt.data), name)
	}
}

// The rules for user records that are of no use here, and their order.
func TestDecoder_discards(t *testing.T) {
	type discarded = aggregate.Discarded
	ab := [][]byte{key("a"), key("b"), hash("7"), hash(most.String()), hash("x")}
	for name, tt := range map[string]struct {
		within *weir.HashKeyRange
		users  [][]byte
		want   string // the data of those delivered
		lost   discarded
		anyway string // the same with Anyway; an x behind one that is misplaced
		unread int    // what is lost even then
	}{
		"all in the range":           {&whole, [][]byte{of(0, "1"), of(1, "2")}, "1 2", discarded{}, "1 2", 0},
		"no range is known":          {nil, [][]byte{of(0, "1"), of(1, "2"), hashedBy(0, 2, "3")}, "1 2 3", discarded{}, "1 2 3", 0},
		"the last is outside":        {&lower, [][]byte{of(0, "1"), of(0, "2"), of(1, "3")}, "", discarded{Misplaced: 3}, "1 2 3x", 0},
		"the first is outside":       {&upper, [][]byte{of(0, "1"), of(1, "2")}, "", discarded{Misplaced: 2}, "1x 2", 0},
		"a hash key decides":         {&lower, [][]byte{hashedBy(1, 0, "1"), of(0, "2")}, "1 2", discarded{}, "1 2", 0},
		"a hash key outside":         {&lower, [][]byte{of(0, "1"), hashedBy(0, 1, "2")}, "", discarded{Misplaced: 2}, "1 2x", 0},
		"no such key":                {&lower, [][]byte{of(0, "1"), of(2, "2"), of(0, "3")}, "1", discarded{Unreadable: 2}, "1 3", 1},
		"no such key, no range":      {nil, [][]byte{of(0, "1"), of(2, "2"), of(0, "3")}, "1", discarded{Unreadable: 2}, "1 3", 1},
		"the first has no such key":  {nil, [][]byte{of(1<<63, "1"), of(0, "2")}, "", discarded{Unreadable: 2}, "2", 1},
		"a key beyond 32 bits":       {nil, [][]byte{of(1<<32, "1"), of(0, "2")}, "", discarded{Unreadable: 2}, "2", 1},
		"no such hash key":           {nil, [][]byte{of(0, "1"), hashedBy(0, 3, "2")}, "1", discarded{Unreadable: 1}, "1", 1},
		"outside before no such key": {&lower, [][]byte{of(0, "1"), of(1, "2"), of(2, "3")}, "", discarded{Misplaced: 3}, "1 2x", 1},
		"no such key before outside": {&lower, [][]byte{of(0, "1"), of(2, "2"), of(1, "3")}, "1", discarded{Unreadable: 2}, "1 3x", 1},
		"a hash key is no number":    {&whole, [][]byte{of(0, "1"), hashedBy(0, 2, "2"), of(1, "3")}, "1", discarded{Unreadable: 2}, "1 2x 3", 0},
		"it is none, no range":       {nil, [][]byte{hashedBy(0, 2, "1"), of(1, "2")}, "1 2", discarded{}, "1 2", 0},
		"no user records":            {&lower, nil, "", discarded{Empty: 1}, "", 0},
	} {
		data := sealed(append(slices.Clone(ab), tt.users...)...)
		d := aggregate.Decoder{Within: tt.within}
		found := d.Inspect(data)
		assert.Zero(t, d.Discarded, "%s: only looked at", name)
		assert.Equal(t, tt.want, shown(d.Records(outer(data))), name)
		assert.Equal(t, tt.lost, d.Discarded, name)
		assert.Equal(t, aggregate.Finding{Aggregate: true, Records: len(tt.users),
			Delivered: len(strings.Fields(tt.want)), Discarded: tt.lost}, found, name)

		d = aggregate.Decoder{Within: tt.within, Anyway: true}
		assert.Equal(t, tt.anyway, shown(d.Records(outer(data))), name)
		assert.Equal(t, discarded{Unreadable: tt.unread, Empty: tt.lost.Empty}, d.Discarded, name)
	}
}

func shown(records func(func(aggregate.Record) bool)) string {
	var list []string
	for r := range records {
		list = append(list, string(r.Data))
		if r.Misplaced {
			list[len(list)-1] += "x"
		}
	}
	return strings.Join(list, " ")
}

// Hash keys are read as numbers of any form that Java's BigInteger takes.
func TestDecoder_formsOfHashKeys(t *testing.T) {
	at := weir.HashKey{Lo: 7}
	only := weir.HashKeyRange{Start: at, End: at}
	for s, want := range map[string]aggregate.Discarded{
		"7": {}, "007": {}, "+7": {}, strings.Repeat("0", 1000) + "7": {},
		"6": {Misplaced: 1}, "8": {Misplaced: 1}, "-7": {Misplaced: 1}, "0": {Misplaced: 1},
		"340282366920938463463374607431768211463": {Misplaced: 1}, // 2^128 + 7
		strings.Repeat("7", 1000):                 {Misplaced: 1},
		"":                                        {Unreadable: 1}, "+": {Unreadable: 1}, "--7": {Unreadable: 1}, "7 ": {Unreadable: 1}, "0x7": {Unreadable: 1},
	} {
		d := aggregate.Decoder{Within: &only}
		for r := range d.Records(outer(sealed(key("a"), hash(s), hashedBy(0, 0, "x")))) {
			assert.Equal(t, s, r.ExplicitHashKey)
		}
		assert.Equal(t, want, d.Discarded, "%.50q", s)
	}
	zero := aggregate.Decoder{Within: &weir.HashKeyRange{}}
	assert.Equal(t, "x y z", shown(zero.Records(outer(sealed(key("a"), hash("0"), hash("-0"), hash("000"),
		hashedBy(0, 0, "x"), hashedBy(0, 1, "y"), hashedBy(0, 2, "z"))))))
}

// The ends of a range belong to it.
func TestDecoder_endsOfTheRange(t *testing.T) {
	k := weir.HashPartitionKey("a")
	data := outer(sealed(key("a"), of(0, "x")))
	for within, want := range map[weir.HashKeyRange]int{
		{Start: k, End: k}:                           0,
		{Start: k.Add(1), End: most}:                 1,
		{End: k.Sub(1)}:                              1,
		{Start: k.Sub(1), End: k}:                    0,
		{Start: k, End: k.Add(1)}:                    0,
		{Start: weir.HashKey{}, End: weir.HashKey{}}: 1,
	} {
		d := aggregate.Decoder{Within: &within}
		_ = tell(d.Records(data))
		assert.Equal(t, want, d.Discarded.Misplaced, "%v", within)
	}
}

// Each key of a table larger than what is hashed at once is judged by itself.
func TestDecoder_oneOfManyKeysIsOutside(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 128, 200} {
		var keys [][]byte
		within := whole
		for i := range n {
			keys = append(keys, key(fmt.Sprint("key ", i)))
		}
		for i := range n {
			data := sealed(append(slices.Clone(keys), of(uint64(i), "x"))...)
			k := weir.HashPartitionKey(fmt.Sprint("key ", i))
			within.End = k
			d := aggregate.Decoder{Within: &within}
			require.Equal(t, 1, d.Inspect(data).Delivered, "%d of %d", i, n)
			within.End = k.Sub(1)
			require.Equal(t, 1, d.Inspect(data).Discarded.Misplaced, "%d of %d", i, n)
		}
	}
}

func TestDecoder_loopsMayEndAndNest(t *testing.T) {
	d := aggregate.Decoder{Within: &whole}
	two, hashes := outer(unhex(t, twoKeys)), outer(unhex(t, twoHashes))
	_ = tell(d.Records(two)) // so that there is memory to be used again
	var got []string
	for a := range d.Records(two) {
		for b := range d.Records(hashes) {
			got = append(got, a.PartitionKey+string(a.Data)+" "+string(b.Data))
			if a.Sub == 1 {
				break
			}
		}
	}
	assert.Equal(t, []string{"ax one", "ax two", "byz one"}, got)
	records := d.Records(two)
	assert.Equal(t, tell(records), tell(records), "as often as one likes")
}

// Nothing is copied, and appending to one data does not write into the next.
func TestDecoder_dataAreViews(t *testing.T) {
	data := sealed(key("a"), of(0, "one"), of(0, "two"))
	all := slices.Collect(new(aggregate.Decoder).Records(outer(data)))
	require.Len(t, all, 2)
	_ = append(all[0].Data, "!!!!!!!!!"...)
	assert.Equal(t, "two", string(all[1].Data))
	data[len(data)-17] = 'O'
	assert.Equal(t, "twO", string(all[1].Data))
}

func TestDecoder_allocations(t *testing.T) {
	var b aggregate.Builder
	for i := range 500 {
		require.NoError(t, b.Add(entry(fmt.Sprint("key ", i%100), "data")))
	}
	d := aggregate.Decoder{Within: &whole}
	packed, plain := outer(b.Entry(nil).Data), outer([]byte("data"))
	count := func(r weir.Record) (n int) {
		for range d.Records(r) {
			n++
		}
		return n
	}
	require.Equal(t, 500, count(packed))
	assert.LessOrEqual(t, testing.AllocsPerRun(20, func() { count(packed) }), 2.0, "however many there are")
	assert.Zero(t, testing.AllocsPerRun(20, func() { count(plain) }))
}

// A record of nothing but empty texts is the worst there is.
func TestDecoder_memoryIsBounded(t *testing.T) {
	for name, worst := range map[string][]byte{
		"keys":         sealed([]byte(strings.Repeat("\x0a\x00", 1<<19))),
		"hash keys":    sealed([]byte(strings.Repeat("\x12\x00", 1<<19))),
		"user records": sealed(key(""), []byte(strings.Repeat(string(of(0, "")), 1<<17))),
		"groups":       sealed([]byte(strings.Repeat("\x2b", 1<<20))),
	} {
		d := aggregate.Decoder{Within: &whole}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := 0
		for range d.Records(outer(worst)) {
			n++
		}
		runtime.ReadMemStats(&after)
		// What append leaves behind on its way is counted here as well.
		assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(14*len(worst)), name)

		runtime.GC()
		runtime.ReadMemStats(&after)
		assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(256<<10), "%s: between records", name)
		runtime.KeepAlive(&d)
		runtime.KeepAlive(worst)
	}
}
