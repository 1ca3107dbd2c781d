// Command queue sends letters: orders are put into a stream on disk, and a queue
// over it hands each to one of four workers. One order has an address that nobody
// knows; after three tries it is a dead letter. Kill the program at any moment, by
// kill -9 if you like, and start it again: it goes on where it stood, and no order
// that was acknowledged is worked on again.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

const orders, workers = 2000, 4

// An order is what is put.
type order struct {
	Number  int
	Address string
}

var errNoAddress = errors.New("nobody knows the address")

func main() {
	dir := flag.String("dir", "queue-state", "directory of the stream and its queue")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *dir); err != nil {
		log.Fatal(err)
	}
}

// run puts the orders that are not in the stream, and works until all are done or
// dead.
func run(ctx context.Context, w io.Writer, dir string) (err error) {
	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q, err := queue.New(s, queue.Config{
		Name: "letters", Settings: queue.Settings{MaxReceives: 3, Visibility: 2 * time.Second},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	c, err := q.Counts()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d orders are there, %d are done\n", s.Snapshot().RecordsHeld, c.Acknowledged)

	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		if err := putOrders(ctx, s); err != nil {
			stop(err) // nobody waits for what will not come
		}
	}()
	if err := work(working, w, q); err != nil {
		return err
	}
	return report(ctx, w, q)
}

// putOrders puts the orders that are missing, and then ends the writes, so that the
// workers know when there is nothing to come.
func putOrders(ctx context.Context, s *weir.Stream) error {
	for n := int(s.Snapshot().RecordsHeld); n < orders; n++ {
		o := order{n, fmt.Sprintf("Mill Lane %d", n)}
		if n == 777 {
			o.Address = ""
		}
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if _, err := s.PutRecord(ctx, fmt.Sprint(n), data); err != nil {
			return err
		}
	}
	return s.EndWrites(ctx)
}

// work sends letters with some workers. A record whose handler fails comes back
// after a tenth of a second.
func work(ctx context.Context, w io.Writer, q *queue.Queue) error {
	var mu sync.Mutex
	done := 0
	return q.ProcessWith(ctx, queue.Processing{
		Workers: workers,
		Handle: func(ctx context.Context, d queue.Delivery) error {
			var o order
			if err := json.Unmarshal(d.Data, &o); err != nil {
				return err
			}
			if o.Address == "" {
				return errNoAddress
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; done%250 == 0 {
				fmt.Fprintf(w, "%d letters are written\n", done)
			}
			return nil
		},
		BackOff: func(queue.Delivery, error) time.Duration { return 100 * time.Millisecond },
		Failed: func(d queue.Delivery, err error) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(w, "try %d: %v\n", d.Receives, err)
		},
	})
}

// report says what has become of the orders.
func report(ctx context.Context, w io.Writer, q *queue.Queue) error {
	letters, err := q.DeadLetters().ReceiveWith(ctx, queue.Request{Visibility: -1})
	if err != nil {
		return err
	}
	for _, d := range letters {
		fmt.Fprintf(w, "dead: %s\n", d.Data)
	}
	c, err := q.Counts()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d orders are done, %d are dead\n", c.Acknowledged, c.DeadVisible)
	return nil
}
