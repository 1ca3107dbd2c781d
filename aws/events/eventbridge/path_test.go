package eventbridge

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPath_finds(t *testing.T) {
	const text = `{"a":{"b":[{"c":1},{"c":2.50},{"d":[3,4]}],"x/y":true,"x y":null,"":7},"a":{"b":[{"c":1},{"c":2.50},{"d":[3,4]}],"x/y":true,"x y":null},"s":"é","e":[]}`
	for path, want := range map[string]string{
		"$":            text,
		"$.s":          `"é"`,
		"$.a.x/y":      `true`,
		"$.a['x y']":   `null`,
		"$['a']['b']":  `[{"c":1},{"c":2.50},{"d":[3,4]}]`,
		"$.a.b[1].c":   `2.50`,
		"$.a.b[*].c":   `[1,2.50]`,
		"$.a.b.*.c":    `[1,2.50]`,
		"$.a.b[*].d.*": `[[3,4]]`,
		"$.a.b[2].*":   `[[3,4]]`,
		"$.a.b[0].*":   `[1]`,
	} {
		p, err := parsePath(path, true)
		require.NoError(t, err, path)
		got, ok := p.find([]byte(text))
		assert.True(t, ok, path)
		assert.Equal(t, want, string(got), path)
	}
	for _, path := range []string{"$.x", "$.a.b[3]", "$.a[0]", "$.s.x", "$.s[0]", "$.s.*", "$.e[*]", "$.e[0]", "$.a.b[*].x"} {
		p, err := parsePath(path, true)
		require.NoError(t, err, path)
		_, ok := p.find([]byte(text))
		assert.False(t, ok, path)
	}
}

func TestParsePath_whatIsNone(t *testing.T) {
	long := "$." + strings.Repeat("a", 254)
	_, err := parsePath(long, true)
	require.NoError(t, err)
	for text, says := range map[string]string{
		"":                 "it does not begin with $",
		"detail":           "it does not begin with $",
		"$detail":          "'d' at byte 1 is neither a dot nor a bracket",
		"$.":               "there is no name behind the dot at byte 1",
		"$..a":             "there is no name behind the dot at byte 1",
		"$.a b":            "' ' at byte 3 is neither",
		"$.a[":             "the bracket at byte 3 is not closed",
		"$.a[]":            "have no index, * or quoted name",
		"$.a[-1]":          "have no index",
		"$.a[?(@.b)]":      "have no index",
		"$.a['']":          "have no index",
		"$.a[99999999999]": "have no index",
		long + "a":         "it has 257 bytes, more than 256",
	} {
		_, err := parsePath(text, true)
		assert.ErrorIs(t, err, ErrInvalid, text)
		assert.ErrorContains(t, err, says, text)
	}
}

func FuzzPath(f *testing.F) {
	f.Add("$.a[*].b", `{"a":[{"b":1}]}`)
	f.Add("$['a'].*", `{"a":{"b":[1,2],"c":null}}`)
	f.Fuzz(func(t *testing.T, text, document string) {
		p, err := parsePath(text, true)
		if err != nil || !json.Valid([]byte(document)) {
			return
		}
		if found, ok := p.find([]byte(document)); ok {
			require.True(t, json.Valid(found))
		}
	})
}
