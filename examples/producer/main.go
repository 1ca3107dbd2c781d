// Command producer puts clicks, small ones, into a stream of one shard with the
// service's limits: first each as a record of its own, of which a shard takes
// 1,000 a second, then packed into few. It tells how long each took.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

func main() {
	clicks := flag.Int("clicks", 5000, "how many clicks are put")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *clicks); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, clicks int) error {
	for _, packed := range []bool{false, true} {
		s, err := weir.NewStream("clicks", weir.Config{})
		if err != nil {
			return err
		}
		took, err := put(ctx, s, clicks, packed)
		if err != nil {
			return err
		}
		records, found, err := count(ctx, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "packed %t: %d clicks in %d records took %v\n", packed, found, records, took.Round(time.Second))
	}
	return nil
}

// put puts clicks and waits until all are delivered.
func put(ctx context.Context, s *weir.Stream, clicks int, packed bool) (took time.Duration, err error) {
	p, err := producer.New(producer.Config{Stream: client.Embedded(s), Aggregate: packed})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var failed atomic.Pointer[error]
	for i := range clicks {
		e := weir.Entry{PartitionKey: fmt.Sprint("visitor-", i%100), Data: []byte("a click")}
		err = p.PutAsync(ctx, e, func(o producer.Outcome) {
			if o.Err != nil {
				failed.Store(&o.Err)
			}
		})
		if err != nil {
			break
		}
	}
	err = errors.Join(err, p.Close(ctx))
	if first := failed.Load(); first != nil {
		err = errors.Join(err, *first)
	}
	return time.Since(began), err
}

// count returns how many records a stream has, and how many clicks are in them.
func count(ctx context.Context, s *weir.Stream) (records, clicks int, err error) {
	var d aggregate.Decoder
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			return records, clicks, err
		}
		records++
		for range d.Records(r) {
			clicks++
		}
	}
	return records, clicks, nil
}
