// Package eventpattern matches JSON events against patterns of the language that
// EventBridge rules and the filters of Lambda's event source mappings have.
//
//	p, err := eventpattern.Compile([]byte(`{"kind": ["order"], "amount": [{"numeric": [">=", 100]}]}`))
//	ok, err := p.Match([]byte(`{"kind": "order", "amount": 250, "note": "x"}`))
//
// A pattern is an object of the event's shape. Fields are ANDed, those that it
// does not name are ignored, and a leaf is an array of alternatives:
//
//	"text"                        the string
//	300                           the number, however it is written
//	true, false, null             that word
//	{"exactly": "x"}              the string
//	{"prefix": "x"}               a string that begins so; also {"equals-ignore-case": "x"}
//	{"suffix": "x"}               a string that ends so; also {"equals-ignore-case": "x"}
//	{"equals-ignore-case": "x"}   the string, character by character in lower or upper case
//	{"wildcard": "a*b"}           * is any run of characters; \* and \\ are a star and a backslash
//	{"numeric": [">", 0, "<=", 5]}  a number; one of = < <= > >=, or a lower and then an upper bound
//	{"cidr": "10.0.0.0/24"}       an address in the block, IPv4 or IPv6
//	{"exists": true}, false       there is a value, or none
//	{"anything-but": "x"}         a value, and not that; also a number, or a list of either
//	{"anything-but": {"prefix": "x"}}  or suffix, wildcard, equals-ignore-case; also lists
//	"$or": [{…}, {…}]             in place of a field: one of the objects matches
//
// A field is in an array if an element is; fields that pass through the same array
// must be in the same element of it. An object is no value, an empty array is none
// either. A dot in a name and a step into an object are the same. Of a name that
// comes twice in an object the last counts.
//
// # Limits
//
// A pattern has at most [MaxPatternBytes], [MaxDepth] levels, [MaxCombinations] of
// its $or, and [MaxFields] in all of those together; Compile refuses more. Match
// reads an event once, without building it. What it costs grows with the length
// of the event times what the pattern asks of each value, and not faster: looking
// for elements of arrays that meet several fields at once ends after [MaxSteps].
//
// An error of Match tells three things apart: an event that is no JSON object
// matches nothing; one that is nested too deep, which matches [ErrTooDeep], is
// none to event-ruler either; one that matches [ErrTooComplex] was not decided.
package eventpattern
