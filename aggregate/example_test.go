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
