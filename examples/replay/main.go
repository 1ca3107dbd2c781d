// Command replay repairs totals that a consumer with a bug has written: the bug
// is fixed, the group is rewound, and it comes to what a clean run comes to.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"sync/atomic"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

type payment struct {
	Account string
	Cents   int
	Refund  bool
}

type totals map[string]int // cents of each account

func addWithBug(t totals, p payment) { t[p.Account] += p.Cents }

func add(t totals, p payment) {
	if p.Refund {
		p.Cents = -p.Cents
	}
	t[p.Account] += p.Cents
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	s, err := weir.NewStream("payments", weir.Config{Shards: 4, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	group, clean := new(lease.Memory), new(lease.Memory) // totals are in them, beside positions
	for _, step := range []struct {
		title    string
		pay      int // how many payments there are then
		group    lease.Store
		first    func(context.Context, lease.Store) error
		add      func(totals, payment)
		payments int // to be processed
	}{
		{"with the bug", 600, group, keep, addWithBug, 600},
		{"fixed from the 600th payment on", 1000, group, keep, add, 400},
		{"rewound, and processed again", 1000, group, rewind, add, 1000},
		{"what it would have been without the bug", 1000, clean, keep, add, 1000},
	} {
		if err := errors.Join(pay(ctx, s, step.pay), step.first(ctx, step.group)); err != nil {
			return err
		}
		if err := process(ctx, s, step.group, step.add, step.payments); err != nil {
			return err
		}
		show(ctx, w, step.title, step.group)
	}
	return nil
}

// pay puts payments until there are so many. Each seventh is a refund.
func pay(ctx context.Context, s *weir.Stream, to int) error {
	for i := int(s.Snapshot().Total.IncomingRecords); i < to; i++ {
		p := payment{Account: string(rune('A' + i%5)), Cents: 100 + i, Refund: i%7 == 6}
		data, _ := json.Marshal(p)
		if _, err := s.PutRecord(ctx, p.Account, data); err != nil {
			return err
		}
	}
	return nil
}

// process runs a group until it has processed so many payments.
func process(ctx context.Context, s *weir.Stream, leases lease.Store, add func(totals, payment), n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var done atomic.Int64
	g, err := consumer.New(consumer.Config{
		Name: "totals", Streams: []client.Stream{client.Embedded(s)}, Store: leases,
		Handler: func(_ context.Context, b *consumer.Batch) error {
			t, err := read(b.State())
			for _, r := range b.Records {
				var p payment
				err = errors.Join(err, json.Unmarshal(r.Data, &p))
				add(t, p)
			}
			state, _ := json.Marshal(t)
			b.SetState(state)
			if done.Add(int64(len(b.Records))) == int64(n) {
				cancel()
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	return g.Run(ctx) // what was processed is written when it returns
}

func read(state []byte) (t totals, err error) {
	err = json.Unmarshal([]byte(cmp.Or(string(state), "{}")), &t)
	return t, err
}

// rewind sets all shards to the oldest record that there is, and the totals,
// which belong to that, to none.
func rewind(ctx context.Context, leases lease.Store) error {
	rows, err := leases.List(ctx)
	for _, row := range rows {
		row.Checkpoint, row.State = lease.Checkpoint{Sequence: lease.TrimHorizon}, nil
		_, updated := leases.Update(ctx, row)
		err = errors.Join(err, updated)
	}
	return err
}

func keep(context.Context, lease.Store) error { return nil }

// show prints the totals of all shards.
func show(ctx context.Context, w io.Writer, title string, leases lease.Store) {
	rows, _ := leases.List(ctx) // leases in memory can be listed
	all := totals{}
	for _, row := range rows {
		t, _ := read(row.State)
		maps.Copy(all, t) // an account is in one shard
	}
	fmt.Fprint(w, title, ":")
	defer fmt.Fprintln(w)
	for _, account := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, " %s %d.%02d", account, all[account]/100, all[account]%100)
	}
}
