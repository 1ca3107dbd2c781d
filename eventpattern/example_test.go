package eventpattern_test

import (
	"fmt"

	"github.com/weirstream/weir/eventpattern"
)

func Example() {
	p, err := eventpattern.Compile([]byte(`{"kind": ["order"], "amount": [{"numeric": [">=", 100]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{`{"kind": "order", "amount": 250}`, `{"kind": "order", "amount": 20}`, `no JSON`} {
		ok, err := p.Match([]byte(event))
		fmt.Println(ok, err)
	}
	// Output:
	// true <nil>
	// false <nil>
	// false event: offset 0: an event is a JSON object
}

func ExampleCompile_error() {
	_, err := eventpattern.Compile([]byte("{\n  \"kind\": [{\"Prefix\": \"x\"}]\n}"))
	fmt.Println(err)
	// Output:
	// event pattern: $.kind[0].Prefix, line 2, column 13: "Prefix" is no operator; names are case-sensitive
}
