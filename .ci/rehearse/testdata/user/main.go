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
	if _, err := s.PutRecord(ctx, "user-1", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", r.PartitionKey, r.Data)
	}
}
