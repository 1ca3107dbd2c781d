package eventpattern_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventpattern"
)

const order = `{"kind":"Order","n":300.0,"empty":"","nil":null,"tags":["a","b"],"none":[],"addr":{"city":"Bern"},` +
	`"lines":[{"sku":"x","qty":1},{"sku":"y","qty":9}],"ip":"10.0.0.7"}`

// The rows are those of the service's engine, one test each, named after the
// pattern.
func TestPattern_matches(t *testing.T) {
	for _, pattern := range []string{
		`{"kind":["Order","Refund"]}`, `{"kind":[{"equals-ignore-case":"oRDER"}]}`, `{"kind":[{"prefix":""}]}`,
		`{"kind":[{"wildcard":"O*r"}]}`, `{"empty":[{"wildcard":"*"}]}`, `{"empty":[{"wildcard":""}]}`,
		`{"kind":[{"anything-but":""}]}`, `{"n":[300]}`, `{"n":[3e2]}`, `{"n":[{"anything-but":"300"}]}`,
		`{"n":[{"numeric":[">=",300,"<",301]}]}`, `{"empty":[""]}`, `{"nil":[null]}`, `{"none":[{"exists":false}]}`,
		`{"nil":[{"exists":true}]}`, `{"tags":[{"exists":true}]}`, `{"missing":[{"exists":false}]}`,
		`{"addr":[{"exists":false}]}`, `{"x":{"y":{"z":[{"exists":false}]}}}`, `{"tags":["b","z"]}`,
		`{"tags":[{"anything-but":"a"}]}`, `{"nil":[{"anything-but":"q"}]}`, `{"n":[{"anything-but":{"prefix":"q"}}]}`,
		`{"addr.city":["Bern"]}`, `{"lines":{"sku":["y"]}}`, `{"lines":{"sku":["y"],"qty":[9]}}`,
		`{"kind":[{"exactly":"Order"}]}`, `{"ip":[{"cidr":"10.0.0.0/24"}]}`,
		`{"$or":[{"kind":["No"]},{"addr":{"city":["Bern"]}}]}`,
	} {
		t.Run(pattern, func(t *testing.T) { assert.True(t, match(t, pattern, order)) })
	}
}

func TestPattern_doesNotMatch(t *testing.T) {
	for _, pattern := range []string{
		`{"kind":["order"]}`, `{"kind":[{"wildcard":""}]}`, `{"kind":[{"equals-ignore-case":""}]}`, `{"n":["300"]}`,
		`{"n":[{"anything-but":300}]}`, `{"kind":[{"numeric":[">",0]}]}`, `{"missing":[null]}`, `{"none":[null]}`,
		`{"none":[{"exists":true}]}`, `{"none":[{"anything-but":"q"}]}`, `{"addr":[{"exists":true}]}`,
		`{"lines":[{"exists":true}]}`, `{"addr":[{"anything-but":"q"}]}`, `{"tags":[{"anything-but":["a","b"]}]}`,
		`{"missing":[{"anything-but":"q"}]}`, `{"lines":{"sku":["x"],"qty":[9]}}`, `{"kind":["Order"],"kind":["Nope"]}`,
		`{"kind":["No"],"$or":[{"n":[300]},{"ip":["z"]}]}`,
	} {
		t.Run(pattern, func(t *testing.T) { assert.False(t, match(t, pattern, order)) })
	}
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

func TestPattern_sameElement(t *testing.T) {
	for _, row := range []struct {
		pattern, event string
		want           bool
	}{
		{`{"a":{"x":[1],"y":[{"exists":false}]}}`, `{"a":[{"x":1,"y":2},{"x":1}]}`, true},
		{`{"a":{"y":[1],"x":[{"exists":false}]}}`, `{"a":[{"x":1},{"y":1}]}`, false},
		{`{"a":{"b":{"x":[1],"y":[2]}}}`, `{"a":[{"b":[{"x":1},{"y":2}]},{"b":[{"y":2},{"x":1}]}]}`, false},
		{`{"a":{"b":{"x":[1]},"c":{"y":[2]}}}`, `{"a":[{"b":[{"x":1}],"c":[{"y":3},{"y":2}]}]}`, true},
		{`{"a":["x"]}`, `{"a":[[["x"]]]}`, true},
		{`{"a":[2]}`, `{"a":2,"a":1}`, false},
		{`{"a":[1]}`, `{"a":2,"a":1}`, true},
		{`{"a":{"b":[1]}}`, `{"a":{"b":1},"a":{"c":1}}`, false},
		{`{"a":["\u00e4"]}`, `{"\u0061":"ä"}`, true},
		{`{"a":[{"equals-ignore-case":"Ä"}]}`, `{"a":"ä"}`, true},
		{`{"a":[{"equals-ignore-case":"STRASSE"}]}`, `{"a":"straße"}`, false},
		{`{"a":[true]}`, `{"a":"true"}`, false},
		{`{"a":[0]}`, `{"a":-0.0}`, true},
		{`{"a":[0.1]}`, `{"a":0.10}`, true},
		{`{"a":[123456789012345678901234567890]}`, `{"a":123456789012345678901234567890}`, true},
		{`{"a":[{"numeric":[">",1]}]}`, `{"a":123456789012345678901234567891}`, false},
		{`{"$or":["x"]}`, `{"$or":"x"}`, true},
	} {
		t.Run(row.pattern+" "+row.event, func(t *testing.T) { assert.Equal(t, row.want, match(t, row.pattern, row.event)) })
	}
}

func match(t *testing.T, pattern, event string) bool {
	t.Helper()
	p, err := eventpattern.Compile([]byte(pattern))
	require.NoError(t, err)
	ok, err := p.Match([]byte(event))
	require.NoError(t, err)
	return ok
}
