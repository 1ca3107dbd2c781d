package eventpattern_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

// The rows of testdata/cases.txt, one test each, are those of the service's
// engine: aws/clients/patterns asks it about the same.
func TestPattern_cases(t *testing.T) {
	n := 0
	for row := range rows(t) {
		n++
		t.Run(row[1], func(t *testing.T) { assert.Equal(t, row[0], verdict(row[1], row[2]), row[2]) })
	}
	assert.Greater(t, n, 150)
}

// verdict is match or none, invalid if the pattern is, or error if the event is.
func verdict(pattern, event string) string {
	p, err := eventpattern.Compile([]byte(pattern))
	if err != nil {
		return "invalid"
	}
	switch ok, err := p.Match([]byte(event)); {
	case err != nil:
		return "error"
	case ok:
		return "match"
	}
	return "none"
}

func TestCompile_refuses(t *testing.T) {
	for _, row := range []struct{ pattern, place string }{
		{`{"kind":"Order"}`, `$.kind`}, {`{"kind":[]}`, `$.kind`}, {`{"kind":{}}`, `$.kind`},
		{`{"kind":[{"PREFIX":"O"}]}`, `$.kind[0].PREFIX`}, {`{"kind":[{"prefix":1}]}`, `$.kind[0].prefix`},
		{`{"kind":[{"wildcard":"a**b"}]}`, `$.kind[0].wildcard`}, {`{"n":[{"numeric":[">",0,">",1]}]}`, `$.n[0].numeric`},
		{`{"kind":[{"anything-but":null}]}`, `$.kind[0].anything-but`},
		{`{"kind":[{"anything-but":["a",1]}]}`, `$.kind[0].anything-but[1]`},
		{`{"kind":[{"anything-but":[]}]}`, `$.kind[0].anything-but`}, {`{"kind":[{"anything-but":true}]}`, `$.kind[0].anything-but`},
		{`{"kind":[{"anything-but":{"prefix":""}}]}`, `$.kind[0].anything-but.prefix`},
		{`{"kind":[{"anything-but":{"numeric":["=",1]}}]}`, `$.kind[0].anything-but.numeric`},
		{`{"kind":[{"prefix":"a","suffix":"b"}]}`, `$.kind[0]`}, {`{"kind":[{"wildcard":"a\\x"}]}`, `$.kind[0].wildcard`},
		{`{"kind":[{"exists":"yes"}]}`, `$.kind[0].exists`}, {`{"kind":[["Order"]]}`, `$.kind[0]`},
		{`{"n":[{"numeric":["<",5,">",1]}]}`, `$.n[0].numeric`}, {`{"n":[{"numeric":[">",5,"<",1]}]}`, `$.n[0].numeric`},
		{`{"n":[{"numeric":[]}]}`, `$.n[0].numeric`}, {`{"ip":[{"cidr":"10.0.0.7/32"}]}`, `$.ip[0].cidr`}, {`{}`, `$`},
		{`{"$or":[{"kind":["Order"]}]}`, `$.$or`},
		{`"x"`, `$`}, {`null`, `$`}, {``, `$`}, {`{"a":[1]} x`, `$`}, {`{"a":[1}`, `$.a`}, {`{"a":[01]}`, `$.a[0]`},
		{`{"kind":[{"anything-but":{"wildcard":[]}}]}`, `$.kind[0].anything-but.wildcard`},
		{`{"kind":[{"anything-but":{"suffix":["a",1]}}]}`, `$.kind[0].anything-but.suffix[1]`},
		{`{"kind":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}`, `$.kind[0].anything-but.prefix`},
	} {
		t.Run(row.pattern, func(t *testing.T) {
			_, err := eventpattern.Compile([]byte(row.pattern))
			var broken *eventpattern.PatternError
			require.ErrorAs(t, err, &broken)
			assert.Equal(t, row.place, broken.Path, err)
			assert.NotEmpty(t, broken.Rule)
			assert.LessOrEqual(t, broken.Offset, len(row.pattern))
		})
	}
}

// Here event-ruler says something else: see docs/eventpattern.md.
func TestPattern_ownChoices(t *testing.T) {
	for _, row := range []struct{ pattern, event, want string }{
		{`{"a":[2]}`, `{"a":2,"a":1}`, "none"},
		{`{"a":[1]}`, `{"a":2,"a":1}`, "match"},
		{`{"a":{"b":[1]}}`, `{"a":{"b":1},"a":{"c":1}}`, "none"},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":"a00::1"}`, "none"},
		{`{"a":["10.0.0.7"]}`, `{"a":"a00:7::"}`, "none"},
		{`{"a":[{"cidr":"::/0"}]}`, `{"a":1}`, "none"},
		{`{"a":[{"cidr":"10.0.0.0/8/"}]}`, `{"a":"10.0.0.1"}`, "invalid"},
		{`{"a":[1]}`, `{"a":1} x`, "error"},
		{`{"a":[1]} x`, `{"a":1}`, "invalid"},
		{`{"a":[{"prefix":"x\""}]}`, `{"a":"x"}`, "none"},
		{`{"a":[{"anything-but":{"suffix":"\"x"}}]}`, `{"a":"x"}`, "match"},
		{`{"a":[{"equals-ignore-case":"𐐀"}]}`, `{"a":"𐐨"}`, "match"},
		{`{"$or":["x"],"b":[{"anything-but":{"wildcard":"x*"}}]}`, `{"$or":"x","b":"y"}`, "match"},
		{`{"a":{"":[1]}}`, `{"a":{"":1}}`, "match"},
		{`{"a":[{"numeric":[">",0]}]}`, `{"a":5e-324}`, "match"},
		{`{"a":[4.9e-324]}`, `{"a":4.9E-324}`, "none"},
		{`{"a":[{"exists":true}]}`, `{"a":` + strings.Repeat("9", 1001) + `}`, "match"},
		{`{"$or":[{"b":[1]},{"b":[1,{"exists":true}]}]}`, `{"b":2}`, "match"},
		{`{"b":[{"wildcard":"*x*"},{"suffix":"ä"}]}`, `{"b":"Ä"}`, "none"},
	} {
		t.Run(row.pattern, func(t *testing.T) { assert.Equal(t, row.want, verdict(row.pattern, row.event), row.event) })
	}
}

func TestPattern_zeroMatchesNothing(t *testing.T) {
	for _, p := range []*eventpattern.Pattern{nil, {}} {
		ok, err := p.Match([]byte(`{"a":[1]}`))
		require.NoError(t, err)
		assert.False(t, ok)
		_, err = p.Match([]byte(`{"a":[1`))
		assert.Error(t, err)
	}
}
