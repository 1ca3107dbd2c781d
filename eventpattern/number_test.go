package eventpattern_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPattern_decimals compares numbers of many lengths with the naive twin, which
// has fractions: those that are written alike, and neighbours.
func TestPattern_decimals(t *testing.T) {
	t.Logf("seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 2))
	digits := func(n int) (s string) {
		for range n {
			s += string(rune('0' + r.IntN(10)))
		}
		return s
	}
	for range 1_500 {
		whole, fraction := fmt.Sprint(1+r.IntN(9))+digits(r.IntN(9)), digits(1+r.IntN(10))
		n := whole + "." + fraction
		if r.IntN(3) == 0 {
			n = "0." + digits(r.IntN(5)) + fraction
		}
		if r.IntN(2) == 0 {
			n = "-" + n
		}
		for _, pattern := range []string{n, n + "0", n + "1", n + "e0", `{"numeric":["=",` + n + `]}`, `{"numeric":["<",` + n + `1]}`} {
			pattern, event := `{"a":[`+pattern+`]}`, `{"a":`+n+`}`
			require.Equal(t, naiveVerdict(pattern, event), verdict(pattern, event), "seed %d: %s %s", *seed, pattern, event)
		}
	}
}
