// Command hello puts five records and reads them back: the program of README.md.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/weirstream/weir"
)

func main() {
	ctx := context.Background()
	s, err := weir.NewStream("clicks", weir.Config{Shards: 4})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 5 {
		at, err := s.PutRecord(ctx, fmt.Sprintf("user-%d", i), []byte("hello"))
		if err != nil {
			log.Fatal(err) // errors.Is(err, weir.ErrThroughputExceeded): try again later
		}
		fmt.Println(at.ShardID, at.SequenceNumber)
	}
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) { // without ToTip it waits for more
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", r.PartitionKey, r.Data)
	}
}
