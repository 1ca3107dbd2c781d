package u192

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func bigOf(w Int) *big.Int {
	n := new(big.Int).SetUint64(w.Hi)
	for _, word := range []uint64{w.Mid, w.Lo} {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(word))
	}
	return n
}

func TestInt_printsAndParsesAsBigIntegersDo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	edges := []uint64{0, 1, 9, 10, chunk - 1, chunk, chunk + 1, 1<<63 - 1, 1 << 63, ^uint64(0)}
	word := func() uint64 {
		if rnd.IntN(2) == 0 {
			return edges[rnd.IntN(len(edges))]
		}
		return rnd.Uint64() >> rnd.IntN(64)
	}
	for range 10_000 {
		w := Int{word(), word(), word()}
		text := string(w.Append(nil))
		require.Equal(t, bigOf(w).String(), text)
		var back Int
		require.True(t, back.Parse(text))
		require.Equal(t, w, back)
	}
}

func TestInt_parseRefuses(t *testing.T) {
	most := bigOf(Int{^uint64(0), ^uint64(0), ^uint64(0)})
	assert.Len(t, most.String(), Digits)
	for name, text := range map[string]string{
		"nothing":          "",
		"a leading zero":   "01",
		"a sign":           "-1",
		"a plus":           "+1",
		"a letter":         "12a",
		"a space":          "1 ",
		"another digit":    "١",
		"2^192":            new(big.Int).Add(most, big.NewInt(1)).String(),
		"too many digits":  strings.Repeat("1", Digits+1),
		"the most and one": most.String()[:Digits-1] + "9",
	} {
		var w Int
		assert.False(t, w.Parse(text), name)
	}
	var w Int
	assert.True(t, w.Parse(most.String()))
	assert.True(t, w.Parse("0"))
	assert.Equal(t, Int{}, w, "an earlier value is gone")
}

func TestInt_appends(t *testing.T) {
	assert.Equal(t, "n=0", string(Int{}.Append([]byte("n="))))
}

// Eight digits are looked at together: each of their bytes counts.
func TestInt_parseRefusesOneByteThatIsNoDigit(t *testing.T) {
	const digits = "1234567890123456789012345"
	for at := range len(digits) {
		for c := range 256 {
			text := digits[:at] + string([]byte{byte(c)}) + digits[at+1:]
			var w Int
			require.Equal(t, c >= '0' && c <= '9' && (at > 0 || c > '0'), w.Parse(text), "%q", text)
		}
	}
}
