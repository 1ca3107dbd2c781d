// Command group counts the orders of a stream with a group of two workers. Stop it
// with Ctrl-C, or kill it, and start it again: stream and leases are on disk, so it
// goes on where it stood, and counts no order twice.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

func main() {
	dir := flag.String("dir", "group-state", "directory of the stream and the leases")
	orders := flag.Int("orders", 1000, "how many orders are put first")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *dir, *orders, func(int) {}); err != nil {
		log.Fatal(err)
	}
}

// run puts some orders and counts all that are in the stream until ctx ends. told
// gets how many have been counted since it began.
func run(ctx context.Context, w io.Writer, dir string, orders int, told func(int)) (err error) {
	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{Shards: 4, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	leases, err := lease.OpenDir(filepath.Join(dir, "leases"), "count")
	if err != nil {
		return err
	}
	before, err := counted(leases)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d orders have been counted\n", before)
	for i := range orders {
		if _, err := s.PutRecord(ctx, fmt.Sprint("customer-", i%50), fmt.Append(nil, i)); err != nil {
			return err
		}
	}

	c := &counter{told: told}
	errs := make([]error, 2)
	var workers sync.WaitGroup
	for i := range errs {
		g, err := consumer.New(consumer.Config{
			Name: "count", Streams: []client.Stream{client.Embedded(s)}, Store: leases, Handler: c.handle, MaxRecords: 100,
		})
		if err != nil {
			return err
		}
		workers.Go(func() { errs[i] = g.Run(ctx) })
	}
	workers.Wait()
	after, err := counted(leases)
	fmt.Fprintf(w, "%d orders have been counted\n", after)
	return errors.Join(append(errs, err)...)
}

// A counter counts the orders of each shard in the state that is written together
// with the shard's checkpoint.
type counter struct {
	mu    sync.Mutex
	total int
	told  func(int)
}

func (c *counter) handle(_ context.Context, b *consumer.Batch) error {
	b.SetState(binary.AppendUvarint(nil, number(b.State())+uint64(len(b.Records))))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += len(b.Records)
	c.told(c.total)
	return nil
}

func number(state []byte) uint64 { n, _ := binary.Uvarint(state); return n }

// counted returns how many orders have been counted in all shards.
func counted(leases lease.Store) (n uint64, err error) {
	rows, err := leases.List(context.Background())
	for _, row := range rows {
		n += number(row.State)
	}
	return n, err
}
