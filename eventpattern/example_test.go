package eventpattern_test

import (
	"errors"
	"fmt"
	"strings"

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

func ExamplePattern_Match() {
	p, err := eventpattern.Compile([]byte(`{"lines": {"sku": [{"prefix": "book-"}], "qty": [{"numeric": [">", 1]}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{
		`{"lines": [{"sku": "pen-1", "qty": 1}, {"sku": "book-7", "qty": 2}]}`,
		`{"lines": [{"sku": "pen-1", "qty": 2}, {"sku": "book-7", "qty": 1}]}`, // not the same line
		`{"a": ` + strings.Repeat("[", 2000),
	} {
		ok, err := p.Match([]byte(event))
		fmt.Println(ok, errors.Is(err, eventpattern.ErrTooDeep))
	}
	// Output:
	// true false
	// false false
	// false true
}

func ExampleCompile_or() {
	p, err := eventpattern.Compile([]byte(`{"kind": ["order"], "$or": [{"amount": [{"numeric": [">", 100]}]}, {"express": [true]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{`{"kind": "order", "amount": 5, "express": true}`, `{"kind": "order", "amount": 5}`} {
		ok, err := p.Match([]byte(event))
		fmt.Println(ok, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
