package producer_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

// Small records are packed into few.
func Example() {
	ctx := context.Background()
	stream, err := weir.NewStream("clicks", weir.Config{Shards: 2})
	if err != nil {
		log.Fatal(err)
	}
	p, err := producer.New(producer.Config{
		Stream: client.Embedded(stream), Aggregate: true, Linger: 50 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 100_000 {
		e := weir.Entry{PartitionKey: fmt.Sprint("visitor-", i%1000), Data: []byte("click")}
		err := p.PutAsync(ctx, e, func(o producer.Outcome) {
			if o.Err != nil {
				log.Print(o.Err)
			}
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	m := p.Metrics()
	fmt.Println(m.Delivered, "delivered,", m.Entries < 2000, m.Throttled)
	// Output: 100000 delivered, true 0
}
