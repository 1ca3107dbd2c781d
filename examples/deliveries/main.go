// Command deliveries finds a driver for each order. Orders and replies come by
// one stream; who does not answer in time loses the order to the next driver.
// Killed at any moment and started again, the program delivers each order once.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

type event struct {
	Order, What string // placed, delivered; accepted, declined or silent
	Offer       int    // of which that is said
}

type order struct {
	Offer     int       // how many drivers were asked
	Deadline  time.Time // of the answer to the last offer; zero if it was accepted
	Delivered bool
}

// after returns what an order is after an event, and whether to ask a driver.
func (o order) after(e event, deadline time.Time) (order, bool) {
	switch waits, current := !o.Deadline.IsZero(), e.Offer == o.Offer; {
	case e.What == "placed" && o.Offer > 0:
		return o, !o.Delivered // the program was killed: nobody may have been asked
	case e.What == "placed", current && waits && (e.What == "declined" || e.What == "silent"):
		return order{Offer: o.Offer + 1, Deadline: deadline}, true
	case current && waits && e.What == "accepted":
		o.Deadline = time.Time{}
	case current && !waits && e.What == "delivered":
		o.Delivered = true
	}
	return o, false // also what comes twice, or too late
}

func main() {
	dir := flag.String("dir", "deliveries-state", "directory of the stream and the leases")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *dir, 20, time.Second); err != nil {
		log.Fatal(err)
	}
}

type desk struct {
	stream   *weir.Stream
	patience time.Duration
	mu       sync.Mutex // guards w and missing
	w        io.Writer
	missing  map[string]bool // orders that are not delivered
	stop     func()          // called when there are none
}

// run places orders, hands them to drivers, and returns when all are delivered.
func run(ctx context.Context, w io.Writer, dir string, orders int, patience time.Duration) error {
	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{Shards: 2, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	defer s.Close()
	leases, err := lease.OpenDir(filepath.Join(dir, "leases"), "desk")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := &desk{stream: s, patience: patience, w: w, missing: map[string]bool{}, stop: stop}
	for i := range orders { // placed again, an order that waits for an answer asks again
		e := event{Order: fmt.Sprintf("order-%02d", i), What: "placed"}
		d.missing[e.Order] = true
		if err := d.put(ctx, e); err != nil {
			return err
		}
	}
	g, err := consumer.New(consumer.Config{
		Name: "desk", Streams: []client.Stream{client.Embedded(s)}, Store: leases, Handler: d.handle,
		Failover: patience, Patience: 10 * patience, // how soon it goes on after a kill
	})
	if err != nil {
		return err
	}
	err = g.Run(ctx)
	fmt.Fprintf(w, "%d of %d orders are delivered\n", orders-len(d.missing), orders)
	return err
}

// handle takes events in. Orders and position are one write: each counts once.
func (d *desk) handle(ctx context.Context, b *consumer.Batch) error {
	known := map[string]order{}
	if err := json.Unmarshal([]byte(cmp.Or(string(b.State()), "{}")), &known); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range b.Records {
		var e event
		if err := json.Unmarshal(r.Data, &e); err != nil {
			return err // and the shard waits: see consumer.Config.OnError
		}
		o, ask := known[e.Order].after(e, r.ArrivalTime.Add(d.patience))
		if known[e.Order] = o; ask {
			fmt.Fprintf(d.w, "%s: driver-%d is asked\n", e.Order, d.ask(ctx, e.Order, o))
		}
		if o.Delivered {
			delete(d.missing, e.Order)
		}
	}
	if len(d.missing) == 0 {
		d.stop()
	}
	state, _ := json.Marshal(known)
	b.SetState(state)
	return nil
}

// ask asks a driver, and tells the stream when there is no answer in time. To
// do it twice is no harm: offers have numbers.
func (d *desk) ask(ctx context.Context, id string, o order) (driver uint32) {
	chance := crc32.ChecksumIEEE(fmt.Append(nil, id, o.Offer))
	time.AfterFunc(time.Until(o.Deadline), func() { d.put(ctx, event{id, "silent", o.Offer}) })
	go func() { // plays the driver
		if what := [...]string{"accepted", "accepted", "declined", ""}[chance/10%4]; what != "" {
			d.put(ctx, event{id, what, o.Offer})
			d.put(ctx, event{id, "delivered", o.Offer}) // means nothing from one who declines
		}
	}()
	return chance % 10
}

func (d *desk) put(ctx context.Context, e event) error {
	data, _ := json.Marshal(e)
	_, err := d.stream.PutRecordWait(ctx, e.Order, data)
	return err
}
