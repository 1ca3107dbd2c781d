package eventpattern_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

// FuzzCompile: what is no pattern is told with its place, and what is one is one to
// the naive twin, too.
func FuzzCompile(f *testing.F) {
	for row := range rows(f) {
		f.Add([]byte(row[1]))
	}
	f.Fuzz(func(t *testing.T, pattern []byte) {
		p, err := eventpattern.Compile(pattern)
		if err == nil {
			_, err := p.Match([]byte(`{"a":[{"b":"x"},1],"kind":null}`))
			require.NoError(t, err)
		} else {
			checkPlace(t, pattern, err)
		}
		if comparable(pattern) && !errors.Is(err, eventpattern.ErrTooComplex) {
			assert.Equal(t, naiveVerdict(string(pattern), `{}`) == "invalid", err != nil, err)
		}
	})
}

func checkPlace(t *testing.T, pattern []byte, err error) {
	var broken *eventpattern.PatternError
	require.ErrorAs(t, err, &broken)
	assert.NotEmpty(t, broken.Rule)
	assert.Regexp(t, `^\$`, broken.Path)
	require.GreaterOrEqual(t, len(pattern), broken.Offset)
	line, column := 1, 1
	for _, c := range pattern[:broken.Offset] {
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
	assert.Equal(t, [2]int{line, column}, [2]int{broken.Line, broken.Column})
}

// comparable reports whether the naive twin can be asked: its JSON is that of
// encoding/json, which mends text that is not UTF-8, and it may take exponential
// time.
func comparable(text []byte) bool { return len(text) < 400 && utf8.Valid(text) }

// FuzzMatch asks the naive twin the same.
func FuzzMatch(f *testing.F) {
	for row := range rows(f) {
		f.Add([]byte(row[1]), []byte(row[2]))
	}
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := eventpattern.Compile(pattern)
		if err != nil {
			return
		}
		ok, err := p.Match(event)
		if err != nil {
			var broken *eventpattern.EventError
			require.ErrorAs(t, err, &broken)
			assert.False(t, ok)
			assert.GreaterOrEqual(t, len(event), broken.Offset)
		}
		if comparable(pattern) && comparable(event) && !errors.Is(err, eventpattern.ErrTooComplex) {
			assert.Equal(t, naiveVerdict(string(pattern), string(event)), verdict(string(pattern), string(event)))
		}
	})
}
