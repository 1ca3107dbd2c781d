package eventpattern_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

var benchmarks = []struct{ name, pattern string }{
	{"one", `{"kind":["order"]}`},
	{"five", `{"kind":["order"],"amount":[{"numeric":[">",100]}],"customer":{"country":["CH","DE"],"name":[{"prefix":"An"}]},` +
		`"state":[{"anything-but":"void"}]}`},
	{"array", `{"lines":{"sku":[{"wildcard":"y*9"}],"qty":[9]}}`},
}

// longOrder has some lines, of which the last is looked for, and a note.
func longOrder(lines, note int) []byte {
	return []byte(`{"id":"5f0c1d","kind":"order","amount":250.5,"customer":{"id":7,"name":"Anna","country":"CH"},"lines":[` +
		many(lines, func(i int) string { return fmt.Sprintf(`{"sku":"x%d","qty":%d}`, i, i%10) }) +
		`,{"sku":"y1-9","qty":9}],"state":"paid","note":"` + strings.Repeat("n", note) + `"}`)
}

func BenchmarkMatch(b *testing.B) {
	for _, event := range [][]byte{longOrder(1, 312), longOrder(100, 2_000)} {
		for _, row := range benchmarks {
			b.Run(fmt.Sprintf("fields=%s/size=%d", row.name, len(event)), func(b *testing.B) {
				p, err := eventpattern.Compile([]byte(row.pattern))
				require.NoError(b, err)
				b.SetBytes(int64(len(event)))
				b.ReportAllocs()
				for b.Loop() {
					if ok, _ := p.Match(event); !ok {
						b.Fatal("no match")
					}
				}
			})
		}
		b.Run(fmt.Sprintf("fields=unmarshal/size=%d", len(event)), func(b *testing.B) {
			b.SetBytes(int64(len(event)))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				_ = json.Unmarshal(event, &v)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, row := range benchmarks {
		b.Run("fields="+row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := eventpattern.Compile([]byte(row.pattern)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
