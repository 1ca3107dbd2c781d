// Package group counts the orders of a stream of the service with a group of two
// workers. The handler is that of examples/group, which reads a stream in the
// process; the stream and the store are others:
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	…
//	leases, err := dynamolease.Open(ctx, dynamodb.NewFromConfig(cfg), "count")
//	…
//	err = group.Run(ctx, os.Stdout, kinesis.NewFromConfig(cfg), leases, func(int) {})
//
// With that table it is one application with workers of the Kinesis Client
// Library. One machine needs none: its processes share a lease.Dir.
package group

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// Run counts the orders of the stream "orders" until ctx ends; what has been
// counted stands in the store, and is counted no more. told gets how many have
// been counted since Run began.
func Run(ctx context.Context, w io.Writer, k *kinesis.Client, leases lease.Store, told func(int)) error {
	s, err := kinesisclient.New(k, "orders")
	if err != nil {
		return err
	}
	before, err := counted(leases)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d orders have been counted\n", before)
	c := &counter{told: told}
	errs := make([]error, 2)
	var workers sync.WaitGroup
	for i := range errs {
		g, err := consumer.New(consumer.Config{
			Name: "count", Streams: []client.Stream{s}, Store: leases, Handler: c.handle, MaxRecords: 100,
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
// with the shard's checkpoint. State goes with the lease, some time after the
// shard was split or merged: who reshards adds it up elsewhere when Batch.Last
// says that the shard has ended.
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
