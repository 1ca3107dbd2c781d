package weir_test

import (
	"encoding/base64"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

var (
	sequenceNumberForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,128})$`)
	hashKeyForm        = regexp.MustCompile(`^(0|[1-9][0-9]{0,38})$`)
)

func bigKey(k weir.HashKey) *big.Int {
	n := new(big.Int).SetUint64(k.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(k.Lo))
}

// numberSeeds are decimal numbers worth a look.
func numberSeeds() []string {
	seeds := []string{"", "0", "00", "01", "1", "-1", "+1", " 1", "1_0", "0x1", "٧", strings.Repeat("9", 129), strings.Repeat("9", 57),
		"49546986683135544286507457936321625675700192471156785154"}
	for _, bits := range []uint{64, 128, 129, 184, 185, 186, 192} {
		power := new(big.Int).Lsh(big.NewInt(1), bits)
		seeds = append(seeds, power.String(), new(big.Int).Sub(power, big.NewInt(1)).String())
	}
	return seeds
}

func FuzzParseSequenceNumber(f *testing.F) {
	for _, seed := range numberSeeds() {
		f.Add(seed, "5")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		n, err := weir.ParseSequenceNumber(text)
		want, ok := new(big.Int).SetString(text, 10)
		if !sequenceNumberForm.MatchString(text) || !ok || want.BitLen() > 192 {
			require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want.Sign() == 0, n.IsZero())
		if n.IsZero() { // stands for no number
			require.Empty(t, n.String())
			return
		}
		require.Equal(t, text, n.String())
		var copied weir.SequenceNumber
		require.NoError(t, copied.UnmarshalText([]byte(text)))
		require.Equal(t, n, copied)
		if o, err := weir.ParseSequenceNumber(other); err == nil {
			big, _ := new(big.Int).SetString(other, 10)
			require.Equal(t, want.Cmp(big), n.Compare(o))
		}
		n.Shard()
		n.Index()
		n.Time()
		n.ShardCreated()
	})
}

// Whatever number a position is made of, it is refused or reads something.
func FuzzPosition(f *testing.F) {
	for _, seed := range numberSeeds() {
		f.Add(seed)
	}
	s, err := weir.NewStream("test", weir.Config{Shards: 2, Limits: weir.Unlimited(), Now: newClock().Now})
	require.NoError(f, err)
	for _, sh := range s.Shards() {
		f.Add(sh.StartingSequenceNumber.String())
	}
	f.Add(mustPut(f, s, "k", "data").SequenceNumber.String())
	f.Fuzz(func(t *testing.T, text string) {
		n, err := weir.ParseSequenceNumber(text)
		if err != nil {
			return
		}
		for _, sh := range s.Shards() {
			for _, p := range []weir.Position{weir.AtSequence(n), weir.AfterSequence(n)} {
				it, err := s.Iterator(t.Context(), sh.ID, p)
				if err != nil {
					require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
					continue
				}
				mustGet(t, s, it, 0)
				r, err := s.NewReader("", p.In(sh.ID))
				require.NoError(t, err)
				_, err = r.TryNext()
				require.NoError(t, err)
				r.Age()
				r.Close()
			}
		}
		_, err = s.Put(t.Context(), weir.Entry{PartitionKey: "k", SequenceNumberForOrdering: n})
		if err != nil {
			require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
		}
	})
}

func FuzzParseHashKey(f *testing.F) {
	for _, seed := range numberSeeds() {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, d uint64) {
		k, err := weir.ParseHashKey(text)
		want, ok := new(big.Int).SetString(text, 10)
		if !hashKeyForm.MatchString(text) || !ok || want.BitLen() > 128 {
			require.ErrorIs(t, err, weir.ErrInvalidArgument)
			return
		}
		require.NoError(t, err)
		require.Equal(t, text, k.String())
		require.Equal(t, want, bigKey(k))
		space := new(big.Int).Lsh(big.NewInt(1), 128)
		delta := new(big.Int).SetUint64(d)
		sum := new(big.Int).Mod(new(big.Int).Add(want, delta), space)
		difference := new(big.Int).Mod(new(big.Int).Sub(want, delta), space)
		require.Equal(t, sum.String(), k.Add(d).String())
		require.Equal(t, difference.String(), k.Sub(d).String())
		require.Equal(t, want.Cmp(sum), k.Compare(k.Add(d)))
	})
}

func FuzzParseShardID(f *testing.F) {
	for _, seed := range []string{"", "0", "7", "shardId-000000000007", "a-b", "-", "2147483648"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := weir.ParseShardID(text)
		if err != nil {
			require.ErrorIs(t, err, weir.ErrShardNotFound)
			return
		}
		require.GreaterOrEqual(t, id, shard0)
		again, err := weir.ParseShardID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
		_, digits, found := strings.Cut(text, "-")
		if !found {
			digits = text
		}
		want, ok := new(big.Int).SetString(digits, 10)
		require.True(t, ok)
		require.Equal(t, want.Int64(), int64(id))
	})
}

// tokenStreams returns a stream, and tokens of it and of others.
func tokenStreams(t testing.TB) (s *weir.Stream, own, foreign []string) {
	t.Helper()
	clock := newClock()
	create := func(name string) *weir.Stream {
		s, err := weir.NewStream(name, weir.Config{Shards: 2, Now: clock.Now, Limits: weir.Unlimited()})
		require.NoError(t, err)
		return s
	}
	s = create("test")
	own = []string{
		s.Token(mustIterator(t, s, 0, weir.TrimHorizon())), s.Token(mustIterator(t, s, 1, weir.Latest())),
		s.Token(mustIterator(t, s, 0, weir.AfterSequence(s.Shards()[0].StartingSequenceNumber))),
	}
	clock.Advance(1)
	for _, name := range []string{"test", "tes", "testt", strings.Repeat("n", 128)} {
		other := create(name)
		foreign = append(foreign, other.Token(mustIterator(t, other, 0, weir.TrimHorizon())))
	}
	return s, own, append(foreign, weir.ZeroToken(s))
}

func FuzzParseToken(f *testing.F) {
	s, own, foreign := tokenStreams(f)
	for _, token := range append(own, foreign...) {
		f.Add(token)
		f.Add(token[1:])
		f.Add(token[:len(token)-1])
		f.Add(token[:len(token)-4])
	}
	f.Add("")
	f.Add("x")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := weir.TokenStream(token); err != nil {
			require.ErrorIs(t, err, weir.ErrInvalidIterator)
		}
		it, err := s.ParseToken(token)
		if err != nil {
			if !errors.Is(err, weir.ErrShardNotFound) {
				require.ErrorIs(t, err, weir.ErrInvalidIterator)
			}
			return
		}
		require.Equal(t, s.Token(it), token, "an iterator has one text")
		_, err = s.GetRecords(t.Context(), it, 0)
		require.NoError(t, err)
	})
}

func TestStream_tokensOfOthersAreRefused(t *testing.T) {
	s, own, foreign := tokenStreams(t)
	for _, token := range own {
		assert.LessOrEqual(t, len(token), 512)
		_, err := s.ParseToken(token)
		require.NoError(t, err)
		name, err := weir.TokenStream(token)
		require.NoError(t, err)
		assert.Equal(t, "test", name)
	}
	for _, token := range foreign {
		assert.LessOrEqual(t, len(token), 512)
		_, err := s.ParseToken(token)
		assert.ErrorIs(t, err, weir.ErrInvalidIterator)
	}
}

func TestStream_damagedTokensAreRefused(t *testing.T) {
	s, own, _ := tokenStreams(t)
	raw, err := base64.StdEncoding.DecodeString(own[0])
	require.NoError(t, err)
	for i := range raw {
		damaged := append([]byte(nil), raw...)
		damaged[i] ^= 1
		_, err := s.ParseToken(base64.StdEncoding.EncodeToString(damaged))
		assert.ErrorIs(t, err, weir.ErrInvalidIterator, "byte %d", i)
		_, err = s.ParseToken(base64.StdEncoding.EncodeToString(raw[:i]))
		assert.ErrorIs(t, err, weir.ErrInvalidIterator, "%d bytes", i)
		_, err = s.ParseToken(own[0][:i])
		assert.ErrorIs(t, err, weir.ErrInvalidIterator)
	}
	_, err = s.ParseToken(strings.Repeat("A", 1<<20))
	require.ErrorIs(t, err, weir.ErrInvalidIterator)
	assert.Less(t, len(err.Error()), 200, "a long token does not fill the message")
}
