package patterns_test

import "strings"

// An exception is a pair of which event-ruler and eventpattern say different things
// on purpose. Row is how exceptions.md calls it.
type exception struct{ row, pattern, event, eventRuler, ours string }

var exceptions = []exception{
	{"blocks of the other kind of address", `{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":"a00::1"}`, "match", "none"},
	{"blocks of the other kind of address", `{"a":[{"cidr":"a00::/16"}]}`, `{"a":"10.0.0.1"}`, "match", "none"},
	{"addresses of the other kind", `{"a":["10.0.0.7"]}`, `{"a":"a00:7::"}`, "match", "none"},
	{"blocks and numbers", `{"a":[{"cidr":"::/0"}]}`, `{"a":1}`, "match", "none"},
	{"blocks and numbers", `{"a":[{"cidr":"::/1"}]}`, `{"a":5}`, "match", "none"},
	{"a slash at the end", `{"a":[{"cidr":"10.0.0.0/8/"}]}`, `{"a":"10.0.0.1"}`, "match", "invalid"},
	{"a name twice in an event", `{"a":[1]}`, `{"a":1,"a":2}`, "match", "none"},
	{"something after the end", `{"a":[1]}`, `{"a":1} x`, "match", "error"},
	{"something after the end", `{"a":[1]} x`, `{"a":1}`, "match", "invalid"},
	{"a quote in prefix and suffix", `{"a":[{"prefix":"x\""}]}`, `{"a":"x"}`, "match", "none"},
	{"a quote in prefix and suffix", `{"a":[{"suffix":"\"x"}]}`, `{"a":"x"}`, "match", "none"},
	{"a quote in prefix and suffix", `{"a":[{"prefix":{"equals-ignore-case":"x\""}}]}`, `{"a":"x"}`, "match", "none"},
	{"a quote in prefix and suffix", `{"a":[{"anything-but":{"suffix":"\"x"}}]}`, `{"a":"x"}`, "none", "match"},
	{"case beyond 16 bits", `{"a":[{"equals-ignore-case":"𐐀"}]}`, `{"a":"𐐨"}`, "none", "match"},
	{"case beyond 16 bits", `{"a":[{"prefix":{"equals-ignore-case":"𐐀"}}]}`, `{"a":"𐐀"}`, "none", "match"},
	{"anything-but beside a field $or", `{"$or":["x"],"b":[{"anything-but":{"wildcard":"x*"}}]}`, `{"$or":"x","b":"y"}`, "invalid", "match"},
	{"anything-but beside a field $or", `{"$or":["x"],"b":[{"anything-but":{"prefix":["x"]}}]}`, `{"$or":"x","b":"y"}`, "invalid", "match"},
	{"an empty list in anything-but", `{"a":[{"anything-but":{"prefix":[]}}],"a":[1]}`, `{"a":1}`, "match", "invalid"},
	{"an empty name at the end", `{"a":{"":[1]}}`, `{"a":{"":1}}`, "none", "match"},
	{"the smallest number", `{"a":[{"numeric":[">",0]}]}`, `{"a":5e-324}`, "none", "match"},
	{"the smallest number", `{"a":[4.9e-324]}`, `{"a":4.9E-324}`, "match", "none"},
	{"long numbers and names", `{"a":[{"exists":true}]}`, `{"a":` + strings.Repeat("9", 1001) + `}`, "error", "match"},
	{"long numbers and names", `{"a":[1]}`, `{"a":1,"` + strings.Repeat("x", 50001) + `":1}`, "error", "match"},
	{"alternatives that share a value", `{"$or":[{"b":[1]},{"b":[1,{"exists":true}]}]}`, `{"b":2}`, "none", "match"},
	{"a wildcard beside a suffix", `{"b":[{"wildcard":"*x*"},{"suffix":"ä"}]}`, `{"b":"Ä"}`, "match", "none"},
}
