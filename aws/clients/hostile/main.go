// Command hostile is a client that means harm. It starts `weir serve` with a
// bound on its memory and attacks it in one way after the other, each for a few
// seconds: malformed requests over HTTP/1.1 and HTTP/2, bodies that are only
// announced, slow senders and readers, and floods of connections, streams,
// puts, shards, regions and subscriptions. Meanwhile a polite client puts a
// record every five milliseconds.
//
//	go build -o bin/ ./cmd/weir && go run ./aws/clients/hostile
//
// An attack is withstood if the server's resident memory stayed under the
// bound, 99 of 100 of the polite client's puts were answered within 50 ms, the
// server said nothing that it must not say, and afterwards it answers as
// before. What is sent follows from a seed, which is printed. The last line is
// "N passed, N failed"; unless nothing failed the exit code is 1.
//
// The attackers are a process of their own, of low priority and with rates that
// a small machine has left: it is the server that is judged. It needs /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The bounds that the server is held to.
const (
	defaultMemoryMiB = 512
	p99Bound         = 50 * time.Millisecond
	// connectionBound is the server's --max-connections.
	connectionBound = 500
)

// options are the flags.
type options struct {
	weir      string
	memoryMiB int
	unbounded bool
	seed      uint64
	span      time.Duration
	only      []string
	verbose   bool

	// Those of the process that attacks.
	attack string
	target target
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// run returns how many attacks the server did not withstand.
func run(ctx context.Context) (failed int, err error) {
	var o options
	flag.StringVar(&o.weir, "weir", "bin/weir", "the `program` to attack")
	flag.IntVar(&o.memoryMiB, "max-memory", defaultMemoryMiB, "`MiB` that the server may have")
	flag.BoolVar(&o.unbounded, "unbounded", false, "do not tell the server its bound, to see that it is missed")
	flag.Uint64Var(&o.seed, "seed", 0, "what is sent follows from it; 0 is drawn")
	flag.DurationVar(&o.span, "for", 2*time.Second, "how long each attack goes on")
	only := flag.String("only", "", "`names` of attacks, separated by commas")
	list := flag.Bool("list", false, "print the names of the attacks")
	flag.BoolVar(&o.verbose, "v", false, "print the codes of refusals as well")
	flag.StringVar(&o.attack, "attack", "", "be the attackers of the attack of this `name`")
	flag.StringVar(&o.target.Addr, "at", "", "the `address` to attack")
	flag.Parse()
	if *list {
		for _, a := range attacks {
			fmt.Printf("%-18s %s\n", a.name, a.what)
		}
		return 0, nil
	}
	if o.attack != "" {
		return 0, o.beAttackers(ctx)
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if attackNamed(name) == nil {
			return 0, fmt.Errorf("-only: there is no attack %q; see -list", name)
		}
	}
	if o.memoryMiB <= 0 || o.span <= 0 {
		return 0, errors.New("-max-memory and -for must be positive")
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	return o.siege(ctx)
}

func attackNamed(name string) *attack {
	if i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == name }); i >= 0 {
		return &attacks[i]
	}
	return nil
}

// beAttackers attacks, and prints what came of it as JSON.
func (o options) beAttackers(ctx context.Context) error {
	chosen := attackNamed(o.attack)
	if chosen == nil {
		return fmt.Errorf("-attack: there is no %q", o.attack)
	}
	a := newAttacker(ctx, o.target, o.seed, chosen.name)
	chosen.run(a, o.span)
	a.close()
	return json.NewEncoder(os.Stdout).Encode(&a.tally)
}
