package aggregate_test

import (
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

func Example() {
	var b aggregate.Builder
	for _, data := range []string{"on", "off", "on"} {
		if err := b.Add(weir.Entry{PartitionKey: "lamp", Data: []byte(data)}); err != nil {
			fmt.Println(err)
		}
	}
	e := b.Entry(nil)
	fmt.Println(b.Len(), "user records in", len(e.Data), "bytes under key", e.PartitionKey)
	// Output: 3 user records in 51 bytes under key a
}

// A reader of a shard knows its range, and learns what it did not get.
func ExampleDecoder() {
	var b aggregate.Builder
	for _, key := range []string{"lamp", "door"} {
		if err := b.Add(weir.Entry{PartitionKey: key, Data: []byte("on")}); err != nil {
			fmt.Println(err)
		}
	}
	packed := weir.Record{Data: b.Entry(nil).Data} // as a stream would return it

	lamp := weir.HashPartitionKey("lamp")
	for _, within := range []*weir.HashKeyRange{nil, {Start: lamp, End: lamp}} {
		d := aggregate.Decoder{Within: within}
		for r := range d.Records(packed) {
			fmt.Printf("%d %s: %s\n", r.Sub, r.PartitionKey, r.Data)
		}
		fmt.Println(d.Discarded.Misplaced, "discarded")
	}
	// Output:
	// 0 lamp: on
	// 1 door: on
	// 0 discarded
	// 2 discarded
}
