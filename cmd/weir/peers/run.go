package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

const embedded = "in one process"

// measureAll measures all peers in the rounds of the config. In every round each
// peer takes each part once, or several times on disk; who begins changes from turn
// to turn. It ends early
// with ctx: what was measured until then stays.
func measureAll(ctx context.Context, c config, r *report, progress io.Writer) error {
	if c.rounds == 0 {
		return nil
	}
	g := &group{Name: embedded}
	for _, p := range c.peers {
		g.Peers = append(g.Peers, &result{
			Name: p.name, Module: p.module, Version: p.version(), Note: p.note, DiskNote: p.diskNote,
			Records: recordCounts(p, c), Values: make(map[measure][]float64),
		})
	}
	list := parts(c)
	r.Groups = append([]*group{g}, r.Groups...)
	warm(ctx, c, list, progress)
	for n := range c.rounds {
		for _, part := range list {
			if ctx.Err() != nil {
				return nil
			}
			in, err := part.load()
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			progress := &prefixed{progress, fmt.Sprintf("round %d of %d: %s: ", n+1, c.rounds, part.name)}
			for turn, turns := 0, c.turns(part); turn < turns; turn++ {
				g.takeInTurn(ctx, part, c, in, n*turns+turn, progress)
			}
		}
		if ctx.Err() == nil {
			g.Rounds++
		}
	}
	return nil
}

// takeInTurn takes a part of all peers. The n-th peer begins.
func (g *group) takeInTurn(ctx context.Context, part part, c config, in *input, n int, progress io.Writer) {
	for i := range c.peers {
		i = (i + n) % len(c.peers)
		if ctx.Err() != nil {
			return
		}
		if !part.isFor(c.peers[i]) {
			continue
		}
		fmt.Fprintln(progress, c.peers[i].name)
		g.Peers[i].take(part, c.peers[i], c, in, progress)
	}
}

// A prefixed writer begins everything that is written with the same words.
type prefixed struct {
	to     io.Writer
	prefix string
}

func (w *prefixed) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.prefix); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// recordCounts says how many records each measure in memory is taken with.
func recordCounts(p peer, c config) map[measure]int {
	if p.open == nil {
		return nil
	}
	puts, batched, live := c.scaled(p.counts.put, c.size), c.scaled(p.counts.batch, c.size), c.scaled(liveRecords, c.size)
	return map[measure]int{putNs: puts, batchNs: batched, readNs: batched,
		wakeP50: p.counts.wake, wakeP99: p.counts.wake, gcMs: live, heapBytes: live}
}

// warm lets all peers do a little of the first two parts, and forgets how long it
// took.
func warm(ctx context.Context, c config, list []part, progress io.Writer) {
	fmt.Fprintln(progress, "warming up")
	c.quick = true
	for _, part := range list[:2] {
		in, err := part.load()
		if err != nil {
			return
		}
		for _, p := range c.peers {
			if ctx.Err() != nil {
				return
			}
			if part.isFor(p) {
				part.run(p, c, in) // what fails here fails again, and is told then
			}
		}
	}
}

// take takes a part of a peer, unless it failed before.
func (r *result) take(part part, p peer, c config, in *input, progress io.Writer) {
	if len(r.Failed) > 0 {
		return
	}
	runtime.GC() // what the peer before left
	found, err := part.run(p, c, in)
	if err != nil {
		r.Failed = append(r.Failed, fmt.Sprintf("%s: %v", part.name, err))
		fmt.Fprintf(progress, "%s: %v\n", p.name, err)
		return
	}
	for m, v := range found {
		r.Values[m] = append(r.Values[m], v)
	}
}

// run measures and prints.
func run(ctx context.Context, c config, out, progress io.Writer) error {
	r := newReport(c)
	if c.http != "" {
		if err := r.addHTTP(c.http); err != nil {
			return err
		}
	}
	if err := measureAll(ctx, c, r, progress); err != nil {
		return err
	}
	r.Interrupted = r.Interrupted || ctx.Err() != nil
	r.conclude()
	if err := r.print(out, c.format); err != nil {
		return err
	}
	return context.Cause(ctx)
}
