// Command reshard splits and merges a stream's shards while producers write to
// it, and verifies that a reader of the whole stream still sees every record
// once and every key in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"sync"

	"github.com/weirstream/weir"
)

const producers, keysEach, recordsEach = 4, 25, 500

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	s, err := weir.NewStream("orders", weir.Config{Shards: 2, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	var producing sync.WaitGroup
	var failed [producers]error
	for p := range producers {
		producing.Go(func() { failed[p] = produce(ctx, s, p) })
	}
	for _, target := range []int{4, 8, 6, 3, 5, 2} {
		before := s.Capacity().OpenShards
		steps, err := s.Resize(ctx, target)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d shards to %d in %d steps\n", before, target, len(steps))
	}
	producing.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		return err
	}
	records, outOfOrder, err := verify(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d shards ever, %d records read, %d out of order\n", len(s.Shards()), records, outOfOrder)
	return nil
}

// produce puts numbered records, each number once for each of its keys.
func produce(ctx context.Context, s *weir.Stream, producer int) error {
	for n := range recordsEach {
		entries := make([]weir.Entry, keysEach)
		for k := range entries {
			entries[k] = weir.Entry{PartitionKey: fmt.Sprintf("%d-%d", producer, k), Data: strconv.AppendInt(nil, int64(n), 10)}
		}
		if _, err := s.PutRecordsWait(ctx, entries); err != nil {
			return err
		}
	}
	return nil
}

// verify reads the whole stream, parents before children, and counts the records
// that are not the next one of their key.
func verify(ctx context.Context, s *weir.Stream) (records, outOfOrder int, err error) {
	next := make(map[string]int)
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			return records, outOfOrder, err
		}
		if string(r.Data) != strconv.Itoa(next[r.PartitionKey]) {
			outOfOrder++
		}
		next[r.PartitionKey]++
		records++
	}
	return records, outOfOrder, nil
}
