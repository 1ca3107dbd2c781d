package jq_test

import (
	"fmt"
	"log"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/jq"
)

func ExampleNewPartitioner() {
	byCustomer, err := jq.NewPartitioner(`{customer: .order.customer, day: .at[:10]}`, jq.Config{})
	if err != nil {
		log.Fatal(err)
	}
	r := delivery.Record{Record: weir.Record{Data: []byte(`{"at":"2024-03-05T07:08:09Z","order":{"customer":"c1"}}`)}}
	keys, err := byCustomer.Keys(&r)
	fmt.Println(keys, err)
	// Output: map[customer:c1 day:2024-03-05] <nil>
}
