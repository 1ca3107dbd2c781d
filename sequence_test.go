package weir_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Reference 3.1.
func TestStream_partitionKeyVectors(t *testing.T) {
	two, three := newStream(t, weir.Config{Shards: 2}), newStream(t, weir.Config{Shards: 3})
	for _, c := range []struct {
		key, hash      string
		ofTwo, ofThree weir.ShardID
	}{
		{"a", "16955237001963240173058271559858726497", 0, 0},
		{"0", "276215275525073243129443018166533317850", 1, 2},
		{"user-1", "285573413173782752570879317399258818820", 1, 2},
		{"partitionKey", "193318062818912349798954611745638949166", 1, 1},
		{"é", "136732923097551493579404309126273812335", 0, 1},
	} {
		assert.Equal(t, c.hash, weir.HashPartitionKey(c.key).String(), c.key)
		assert.Equal(t, c.ofTwo, two.ShardOf(c.key), c.key)
		assert.Equal(t, c.ofThree, three.ShardOf(c.key), c.key)
		assert.Equal(t, c.ofTwo, mustPut(t, two, c.key, "").ShardID, c.key)
		batch, err := three.PutRecords(t.Context(), []weir.Entry{{PartitionKey: c.key}, {PartitionKey: c.key}})
		require.NoError(t, err)
		assert.Equal(t, c.ofThree, batch[1].ShardID, c.key)
	}
}

// Reference 4.2.
func TestStream_hashKeyRangesAtCreation(t *testing.T) {
	last := "340282366920938463463374607431768211455"
	assert.Equal(t, last, maxHashKey.String())
	for n, want := range map[int]struct{ step, lastStart string }{
		1: {"340282366920938463463374607431768211456", "0"},
		2: {"170141183460469231731687303715884105728", "170141183460469231731687303715884105728"},
		3: {"113427455640312821154458202477256070485", "226854911280625642308916404954512140970"},
		4: {"85070591730234615865843651857942052864", "255211775190703847597530955573826158592"},
		5: {"68056473384187692692674921486353642291", "272225893536750770770699685945414569164"},
	} {
		step, _ := new(big.Int).SetString(want.step, 10)
		shards := newStream(t, weir.Config{Shards: n}).Shards()
		require.Len(t, shards, n)
		for i, sh := range shards {
			start := new(big.Int).Mul(step, big.NewInt(int64(i)))
			end := new(big.Int).Sub(new(big.Int).Add(start, step), big.NewInt(1)).String()
			if i == n-1 {
				end = last
				assert.Equal(t, want.lastStart, start.String())
			}
			assert.Equal(t, fmt.Sprintf("%v-%v", start, end), sh.HashKeyRange.String())
			assert.Equal(t, 1/float64(n), sh.HashKeyRange.Share(), "exact, so that even ranges are equal")
		}
	}
}

func TestStream_explicitHashKeysAtTheBoundaries(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 3})
	for at, shard := range map[string]weir.ShardID{
		"0": 0, "113427455640312821154458202477256070484": 0, "113427455640312821154458202477256070485": 1,
		"226854911280625642308916404954512140969": 1, "226854911280625642308916404954512140970": 2,
		"340282366920938463463374607431768211455": 2,
	} {
		k := hashKey(t, at)
		r, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &k})
		require.NoError(t, err)
		assert.Equal(t, shard, r.ShardID, at)
		batch, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k"}, {PartitionKey: "k", ExplicitHashKey: &k}})
		require.NoError(t, err)
		assert.Equal(t, shard, batch[1].ShardID, at)
		assert.Equal(t, s.ShardOf("k"), batch[0].ShardID)
	}
}

// Reference 3.6: numbers of the real service.
func TestSequenceNumber_realNumbers(t *testing.T) {
	const closed = 1<<63 - 1
	for _, c := range []struct {
		number  string
		created int64
		index   uint64
		second  int64
		shard   weir.ShardID
	}{
		{"49546986683135544286507457936321625675700192471156785154", 1421279230, 469, 1421279386, 0},
		{"49549167410956685081233009822320176730553508082787287058", 1427390931, closed, 1427748984, 1},
		{"49549295168948777979169149491056351269437634281436348482", 1427748985, 0, 1427748985, 4},
		{"49590338271490256608559692538361571095921575989136588898", 1542776258, 1734642199, 1545084650, 6},
		{"49668462440323373902484263141124684096996614643352862722", 1761726814, 0, 1761726814, 0},
		{"49668462440323373902493149870846639176529702673790795778", 1761726814, 7350930535, 1761727375, 0},
		{"49668462440323373902493149870847848102349318471196606466", 1761726814, 7350930536, 1761727392, 0},
	} {
		n, err := weir.ParseSequenceNumber(c.number)
		require.NoError(t, err)
		assert.Equal(t, c.number, n.String())
		assert.Equal(t, c.created, n.ShardCreated().Unix(), c.number)
		assert.Equal(t, c.index, n.Index(), c.number)
		assert.Equal(t, c.second, n.Time().Unix(), c.number)
		assert.Equal(t, c.shard, n.Shard(), c.number)
		text, err := json.Marshal(n)
		require.NoError(t, err)
		assert.JSONEq(t, `"`+c.number+`"`, string(text))
	}
}

func TestSequenceNumber_neighbouringShards(t *testing.T) {
	shards := newStream(t, weir.Config{Shards: 18}).Shards()
	starting := func(i int) *big.Int {
		n, ok := new(big.Int).SetString(shards[i].StartingSequenceNumber.String(), 10)
		require.True(t, ok)
		return n
	}
	for i := 1; i < 16; i++ {
		difference := new(big.Int).Sub(starting(i), starting(i-1))
		assert.Equal(t, "22300745198530623141535718272648361505980432", difference.String())
	}
	difference := new(big.Int).Sub(starting(16), starting(0))
	assert.Equal(t, "256", difference.String(), "only the low nibble stands above the index")
}

func TestSequenceNumber_ofARecord(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	clock.Advance(90*time.Second + 999*time.Millisecond)
	r := mustPut(t, s, "a", "")
	n := r.SequenceNumber
	assert.Len(t, n.String(), 56)
	assert.EqualValues(t, 1, n.Index())
	assert.Equal(t, epoch, n.ShardCreated())
	assert.Equal(t, epoch.Add(90*time.Second), n.Time())
	assert.Equal(t, r.ShardID, n.Shard())
	assert.Equal(t, 1, n.Compare(s.Shards()[0].StartingSequenceNumber))
	assert.Equal(t, -1, n.Compare(mustPut(t, s, "a", "").SequenceNumber))
	assert.Equal(t, 0, n.Compare(r.SequenceNumber))
}

func TestShardID_text(t *testing.T) {
	for text, want := range map[string]weir.ShardID{
		"shardId-000000000000": 0, "shardId-0": 0, "shard-7": 7, "7": 7, "anything-12": 12, "shardId-2147483647": 1<<31 - 1,
		"00000000000000000000007": 7, "-7": 7,
	} {
		id, err := weir.ParseShardID(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, id, text)
	}
	for _, text := range []string{"", "-", "ABKLFD8", "shardId-", "shardId-2147483648", "a-b-7", "shardId--7", "shardId-+7", "7 ", "٧", "1_0", "0x1"} {
		_, err := weir.ParseShardID(text)
		assert.ErrorIs(t, err, weir.ErrShardNotFound, text)
	}
	assert.Equal(t, "shardId-000000000007", weir.ShardID(7).String())
}

// Numbers that are too small for any form are taken for the oldest one, of
// shard 0: as observed for "5" on shard 1.
func TestSequenceNumber_smallOnesBelongToShard0(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2})
	n, err := weir.ParseSequenceNumber("5")
	require.NoError(t, err)
	_, err = s.Iterator(t.Context(), 1, weir.AtSequence(n))
	var refused *weir.SequenceNumberError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, []weir.ShardID{1, 0}, []weir.ShardID{refused.Shard, refused.Encodes})
}

func TestSequenceNumber_follows(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2})
	first, second := mustPut(t, s, "a", ""), mustPut(t, s, "a", "")
	clock.Advance(time.Second)
	third := mustPut(t, s, "a", "")
	other := mustPut(t, s, "0", "")
	require.NotEqual(t, first.ShardID, other.ShardID)
	assert.True(t, second.SequenceNumber.Follows(first.SequenceNumber))
	for _, prev := range []weir.SequenceNumber{second.SequenceNumber, third.SequenceNumber, other.SequenceNumber, {}} {
		assert.False(t, second.SequenceNumber.Follows(prev))
	}
	assert.False(t, third.SequenceNumber.Follows(second.SequenceNumber), "a second later")
}

// The second of arrival stands behind the index, so that a later one makes a
// number that lies between two records.
func TestSequenceNumber_later(t *testing.T) {
	s := newStream(t, weir.Config{})
	a, b := mustPut(t, s, "k", "a").SequenceNumber, mustPut(t, s, "k", "b").SequenceNumber
	for _, n := range []weir.SequenceNumber{s.Shards()[0].StartingSequenceNumber, a} {
		assert.Equal(t, n, n.Later(n.Time()))
		assert.Equal(t, n, n.Later(time.Time{}))
		later := n.Later(n.Time().Add(time.Second))
		assert.Equal(t, n.Time().Add(time.Second), later.Time())
		assert.Equal(t, []any{n.Index(), n.Shard(), n.ShardCreated()}, []any{later.Index(), later.Shard(), later.ShardCreated()})
		for _, far := range []weir.SequenceNumber{later, n.Later(time.Unix(1<<40, 0))} {
			assert.Positive(t, far.Compare(n))
			assert.Negative(t, far.Compare(b))
		}
	}
	assert.Zero(t, weir.SequenceNumber{}.Later(time.Now()))
	for _, from := range []func(weir.SequenceNumber) weir.Position{weir.AtSequence, weir.AfterSequence} {
		it, err := s.Iterator(t.Context(), 0, from(a.Later(a.Time().Add(time.Hour))))
		require.NoError(t, err)
		page, err := s.GetRecords(t.Context(), it, 0)
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		assert.Equal(t, b, page.Records[0].SequenceNumber)
	}
}
