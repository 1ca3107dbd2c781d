package weir_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// newExample returns a stream whose clock stands still, so that what it prints
// is always the same.
func newExample(c weir.Config) *weir.Stream {
	c.Now = func() time.Time { return time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC) }
	s, err := weir.NewStream("clicks", c)
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func ExampleNewStream() {
	s, err := weir.NewStream("clicks", weir.Config{Shards: 2, Settings: weir.Settings{Retention: 48 * time.Hour}})
	if err != nil {
		log.Fatal(err)
	}
	for _, shard := range s.Shards() {
		fmt.Println(shard.ID, shard.HashKeyRange)
	}
	_, err = weir.NewStream("clicks", weir.Config{Settings: weir.Settings{Retention: time.Minute}})
	fmt.Println(err)
	// Output:
	// shardId-000000000000 0-170141183460469231731687303715884105727
	// shardId-000000000001 170141183460469231731687303715884105728-340282366920938463463374607431768211455
	// stream clicks: Config.Retention: 1m0s is outside 24h0m0s to 8760h0m0s
}

func ExampleStream_PutRecord() {
	s := newExample(weir.Config{Shards: 2})
	at, err := s.PutRecord(context.Background(), "user-1", []byte("/index.html"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(at.ShardID)
	fmt.Println(at.SequenceNumber)
	// Output:
	// shardId-000000000001
	// 49679840025782251823595766518826088390585590246669287442
}

// A batch succeeds record by record: what a limit refused is put again later.
func ExampleStream_PutRecords() {
	s := newExample(weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 2}})
	entries := []weir.Entry{
		{PartitionKey: "user-1", Data: []byte("/index.html")},
		{PartitionKey: "user-2", Data: []byte("/cart")},
		{PartitionKey: "user-1", Data: []byte("/buy")},
	}
	results, err := s.PutRecords(context.Background(), entries)
	if err != nil {
		log.Fatal(err) // the call as a whole was refused
	}
	for i, r := range results {
		var over *weir.LimitError
		if errors.As(r.Err, &over) {
			fmt.Printf("%s: over %s, again in %v\n", entries[i].Data, over.Quota, over.RetryAfter)
			continue
		}
		fmt.Printf("%s: record %d of %v\n", entries[i].Data, r.SequenceNumber.Index(), r.ShardID)
	}
	// Output:
	// /index.html: record 1 of shardId-000000000000
	// /cart: record 2 of shardId-000000000000
	// /buy: over write records per second, again in 500ms
}

// A loop over the batches of one shard, as a client of the service has it.
func ExampleStream_GetRecords() {
	s := newExample(weir.Config{})
	ctx := context.Background()
	for i := range 5 {
		if _, err := s.PutRecord(ctx, "user-1", fmt.Append(nil, "click ", i)); err != nil {
			log.Fatal(err)
		}
	}
	it, err := s.Iterator(ctx, 0, weir.TrimHorizon())
	if err != nil {
		log.Fatal(err)
	}
	for !it.IsZero() { // zero when the shard is closed and read to its end
		b, err := s.GetRecords(ctx, it, 2)
		if err != nil {
			log.Fatal(err)
		}
		if len(b.Records) == 0 {
			break // at the tip; a consumer would wait and go on with b.Next
		}
		for _, r := range b.Records {
			fmt.Printf("%s\n", r.Data)
		}
		it = b.Next
	}
	// Output:
	// click 0
	// click 1
	// click 2
	// click 3
	// click 4
}

// Records waits for more; here the loop is left once all is seen.
func ExampleStream_Records() {
	s := newExample(weir.Config{})
	ctx := context.Background()
	go func() {
		for _, page := range []string{"/index.html", "/cart", "/buy"} {
			if _, err := s.PutRecord(ctx, "user-1", []byte(page)); err != nil {
				log.Print(err)
			}
		}
	}()
	for r, err := range s.Records(ctx, weir.TrimHorizon().In(0)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", r.PartitionKey, r.Data)
		if string(r.Data) == "/buy" {
			break
		}
	}
	// Output:
	// user-1 /index.html
	// user-1 /cart
	// user-1 /buy
}

// The whole stream keeps the order of each key, also over a split.
func ExampleStream_Records_order() {
	s := newExample(weir.Config{})
	ctx := context.Background()
	put := func(data string) {
		if _, err := s.PutRecord(ctx, "user-1", []byte(data)); err != nil {
			log.Fatal(err)
		}
	}
	put("before the split")
	middle := weir.EvenRanges(2)[1].Start
	if _, err := s.SplitShard(context.Background(), 0, middle); err != nil {
		log.Fatal(err)
	}
	put("after the split")

	for r, err := range s.Records(ctx, weir.TrimHorizon()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v: %s\n", r.ShardID(), r.Data)
		if string(r.Data) == "after the split" {
			break
		}
	}
	// Output:
	// shardId-000000000000: before the split
	// shardId-000000000002: after the split
}

// A program that saves its positions goes on where it stopped, or begins.
func ExampleResume() {
	s := newExample(weir.Config{})
	ctx := context.Background()
	var saved weir.Positions // nothing yet
	for run := range 2 {
		for i := range 3 {
			if _, err := s.PutRecord(ctx, "user-1", fmt.Appendf(nil, "%d in run %d", i, run)); err != nil {
				log.Fatal(err)
			}
		}
		r, err := s.NewReader("example", weir.Resume(saved, weir.TrimHorizon()))
		if err != nil {
			log.Fatal(err)
		}
		b, err := r.NextBatch(ctx, 2, time.Millisecond)
		if err != nil {
			log.Fatal(err)
		}
		for _, record := range b.Records {
			fmt.Printf("%s\n", record.Data)
		}
		behind, _ := r.Behind()
		fmt.Println(behind, "to come,", r.Lost(), "lost")
		saved = r.Positions()
		r.Close()
	}
	// Output:
	// 0 in run 0
	// 1 in run 0
	// 1 to come, 0 lost
	// 2 in run 0
	// 0 in run 1
	// 2 to come, 0 lost
}

// Readers come to an end when nothing more can be put.
func ExampleStream_EndWrites() {
	s := newExample(weir.Config{Shards: 2})
	ctx := context.Background()
	for i := range 3 {
		if _, err := s.PutRecord(ctx, "user-1", fmt.Appendf(nil, "job %d", i)); err != nil {
			log.Fatal(err)
		}
	}
	if err := s.EndWrites(ctx); err != nil {
		log.Fatal(err)
	}
	for r, err := range s.Records(ctx, weir.TrimHorizon()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", r.Data)
	}
	_, err := s.PutRecord(ctx, "user-1", nil)
	fmt.Println(errors.Is(err, weir.ErrClosed))
	// Output:
	// job 0
	// job 1
	// job 2
	// true
}

func ExampleStream_Snapshot() {
	s := newExample(weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 3}})
	for range 5 {
		_, err := s.PutRecord(context.Background(), "user-1", []byte(strings.Repeat("x", 94)))
		if err != nil && !errors.Is(err, weir.ErrThroughputExceeded) {
			log.Fatal(err)
		}
	}
	snap := s.Snapshot()
	fmt.Println(snap.Total.IncomingRecords, "records in,", snap.Total.WriteThrottled, "throttled")
	fmt.Println("busiest second:", snap.Peaks.IncomingBytes.N, "bytes at", snap.Peaks.IncomingBytes.At.Format(time.TimeOnly))
	fmt.Println("held:", snap.BytesHeld, "bytes")
	// Output:
	// 3 records in, 2 throttled
	// busiest second: 300 bytes at 10:00:00
	// held: 300 bytes
}
