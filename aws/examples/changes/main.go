// Command changes keeps a view of a DynamoDB table from its changes, which a
// stream has more than once and not in their order: as DynamoDB puts them into
// a Kinesis stream.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/events/dynamochange"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

type order struct {
	ID    string   `dynamodbav:"id"`
	State string   `dynamodbav:"state"`
	Cents int      `dynamodbav:"cents"`
	Tags  []string `dynamodbav:"tags,stringset"`
}

func main() {
	if err := run(context.Background(), os.Stdout, 1000, 1); err != nil {
		log.Fatal(err)
	}
}

// run changes a table so many times, and then makes a view of it.
func run(ctx context.Context, w io.Writer, changes int, seed uint64) error {
	s, err := weir.NewStream("orders", weir.Config{Shards: 4, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	table, records := change(rand.New(rand.NewPCG(seed, 0)), changes)
	for _, r := range records {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := s.PutRecord(ctx, fmt.Sprint(r.Keys["id"].Any()), data); err != nil {
			return err
		}
	}
	v, err := materialise(ctx, s, len(records))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d changes came as %d records: %v\n", changes, len(records), v.verdicts)
	items, same := 0, 0
	for _, part := range v.shards {
		for _, item := range part.All() {
			var o order
			if err := item.To(&o); err != nil {
				return err
			}
			if items++; item.Equal(table[o.ID]) {
				same++
			}
		}
	}
	fmt.Fprintf(w, "the table has %d items, the view %d, of which %d are the same\n", len(table), items, same)
	return nil
}

// A views is the view of each shard. An item's changes are all in one.
type views struct {
	mu       sync.Mutex
	shards   map[weir.ShardID]*dynamochange.View
	verdicts map[dynamochange.Verdict]int
}

// materialise runs a group until it has processed so many records.
func materialise(ctx context.Context, s *weir.Stream, records int) (*views, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &views{shards: map[weir.ShardID]*dynamochange.View{}, verdicts: map[dynamochange.Verdict]int{}}
	g, err := consumer.New(consumer.Config{
		Name: "view", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory), MaxRecords: 100,
		Handler: func(_ context.Context, b *consumer.Batch) error {
			part := &dynamochange.View{}
			err := json.Unmarshal([]byte(cmp.Or(string(b.State()), "[]")), part)
			v.mu.Lock()
			defer v.mu.Unlock()
			for _, record := range b.Records {
				r, bad := dynamochange.Parse(record.Data)
				if err = errors.Join(err, bad); err != nil {
					return err
				}
				v.verdicts[part.Apply(r)]++
				records--
			}
			state, err := json.Marshal(part)
			b.SetState(state) // one write with the position: a change is applied once
			v.shards[b.Shard] = part
			if records == 0 {
				cancel()
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return v, g.Run(ctx)
}

// change changes a table at random, and returns it with its changes as DynamoDB
// puts them into a stream: some twice, some behind those that follow them.
func change(random *rand.Rand, n int) (table map[string]dynamochange.Item, records []dynamochange.Record) {
	table = map[string]dynamochange.Item{}
	for i := range n {
		o := order{fmt.Sprintf("o-%02d", random.IntN(50)), []string{"placed", "paid", "sent"}[random.IntN(3)], i, []string{"a", fmt.Sprint("b", i)}}
		r := dynamochange.Record{
			Region: "us-east-1", EventID: fmt.Sprint("change-", i), EventName: dynamochange.Modify, TableName: "orders",
			Created: time.UnixMilli(1700000000000 + int64(i/3)), Keys: dynamochange.Item{}, OldImage: table[o.ID],
		}
		r.NewImage, _ = dynamochange.ItemOf(o)
		r.Keys["id"] = r.NewImage["id"]
		switch {
		case r.OldImage == nil:
			r.EventName = dynamochange.Insert
		case random.IntN(5) == 0:
			r.EventName, r.NewImage = dynamochange.Remove, nil
		}
		if table[o.ID] = r.NewImage; r.NewImage == nil {
			delete(table, o.ID)
		}
		records = append(records, r)
		if random.IntN(10) == 0 {
			records = append(records, records[random.IntN(len(records))])
		}
	}
	for i := range records {
		j := min(len(records)-1, i+random.IntN(20))
		records[i], records[j] = records[j], records[i]
	}
	return table, records
}
