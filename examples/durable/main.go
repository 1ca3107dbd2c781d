// Command durable puts orders into a stream on disk and bills them. Kill it at any
// moment, by kill -9 if you like, and start it again: it goes on where it stood. No
// order is missing, and none is put or billed twice.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/weirstream/weir"
)

const orders = 3000

// An order is what is put.
type order struct{ Number, Cents int }

// A bill is what the reader makes of the orders, and how far it has read. Both are in
// one file, so that they go together whenever the program is killed.
type bill struct {
	Orders, Cents int
	Read          weir.Positions
}

func main() {
	dir := flag.String("dir", "durable-state", "directory of the stream and the bill")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *dir); err != nil {
		log.Fatal(err)
	}
}

// run puts the orders that are not in the stream, and bills those that are not in the
// bill.
func run(ctx context.Context, w io.Writer, dir string) (err error) {
	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{})
	switch {
	case errors.Is(err, weir.ErrInUse):
		return fmt.Errorf("this program runs already: %w", err)
	case errors.Is(err, weir.ErrDamaged):
		return fmt.Errorf("%w; weir check says more", err)
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	next, err := nextOrder(ctx, s)
	if err != nil {
		return err
	}
	b, err := readBill(dir)
	if err != nil {
		return err
	}
	found := s.Snapshot().Storage.Recovery
	fmt.Fprintf(w, "%d orders are there, %d are billed; closed: %v, cut off: %d of %d bytes\n",
		next, b.Orders, found.Closed, found.Torn, found.Bytes+found.Torn)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	billed := make(chan error, 1)
	go func() { billed <- b.bill(ctx, s, dir) }()
	for n := next; n < orders; n++ {
		if err := put(ctx, s, order{n, 100 + n%900}); err != nil {
			return err
		}
		if n%100 == 99 {
			fmt.Fprintf(w, "order %d is on disk\n", n)
		}
	}
	if err := <-billed; err != nil {
		return err
	}
	fmt.Fprintf(w, "%d orders are billed: %d.%02d\n", b.Orders, b.Cents/100, b.Cents%100)
	return nil
}

// nextOrder returns the number of the first order that is not in the stream: the
// stream itself says how far the last run came. What was acknowledged is in it. The
// order in hand when it was killed may be in it too, and is not put again then.
func nextOrder(ctx context.Context, s *weir.Stream) (next int, err error) {
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			return 0, err
		}
		var o order
		if err := json.Unmarshal(r.Data, &o); err != nil {
			return 0, err
		}
		next = o.Number + 1
	}
	return next, nil
}

// put puts an order. When it returns without an error, the order is on disk.
func put(ctx context.Context, s *weir.Stream, o order) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = s.PutRecordWait(ctx, fmt.Sprint("customer-", o.Number%7), data)
	if errors.Is(err, weir.ErrStorage) { // and syscall.ENOSPC, if the disk is full
		return fmt.Errorf("order %d is not in the stream: %w", o.Number, err)
	}
	return err
}

// bill reads on where the bill ends, until all orders are in it. A reader sees only
// what is on disk, so a bill never has an order that the stream has not.
func (b *bill) bill(ctx context.Context, s *weir.Stream, dir string) error {
	r, err := s.NewReader("billing", weir.Resume(b.Read, weir.TrimHorizon()))
	if err != nil {
		return err
	}
	defer r.Close()
	for b.Orders < orders {
		batch, err := r.NextBatch(ctx, 100, 10*time.Millisecond)
		if err != nil {
			return err
		}
		for _, record := range batch.Records {
			var o order
			if err := json.Unmarshal(record.Data, &o); err != nil {
				return err
			}
			b.Orders++
			b.Cents += o.Cents
		}
		b.Read = r.Positions()
		if err := b.write(dir); err != nil {
			return err
		}
	}
	return nil
}

func billFile(dir string) string { return filepath.Join(dir, "bill") }

func readBill(dir string) (*bill, error) {
	b := &bill{}
	text, err := os.ReadFile(billFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(text, b)
	}
	return b, err
}

// write replaces the file, so that there is the old bill or the new one at any time.
func (b *bill) write(dir string) error {
	f, err := os.Create(billFile(dir) + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(json.NewEncoder(f).Encode(b), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(billFile(dir)+".new", billFile(dir))
}
