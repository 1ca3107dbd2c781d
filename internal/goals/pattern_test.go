package goals_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

// patternGoals are about what it costs to ask whether an event matches.
func patternGoals() []goal {
	return []goal{{id: "T4", what: "pattern of five fields, event of 500 bytes ÷ json.Unmarshal", must: 1, moonshot: 0.2, measure: matchCost}}
}

func matchCost(tb testing.TB) sample {
	p, err := eventpattern.Compile([]byte(`{"kind":["order"],"amount":[{"numeric":[">",100]}],"customer":{"country":["CH","DE"],` +
		`"name":[{"prefix":"An"}]},"state":[{"anything-but":"void"}]}`))
	require.NoError(tb, err)
	text := `{"id":"5f0c1d","kind":"order","amount":250.5,"customer":{"id":7,"name":"Anna","country":"CH"},` +
		`"lines":[{"sku":"x","qty":1},{"sku":"y","qty":9}],"state":"paid","note":"`
	event := []byte(text + strings.Repeat("n", 498-len(text)) + `"}`)
	ok, err := p.Match(event)
	require.NoError(tb, err)
	require.True(tb, ok)
	return ratios(func(n int) {
		for range n {
			_, _ = p.Match(event)
		}
	}, func(n int) {
		for range n {
			var v any
			_ = json.Unmarshal(event, &v)
		}
	})
}
