// Command peers measures weir beside other Go libraries that hold records, in this
// process. In memory: a Go channel, embano1/memlog, NATS JetStream, kfake with
// franz-go, watermill's gochannel and pebble. On disk, synced: JetStream, pebble,
// bbolt, tidwall/wal and hashicorp/raft-wal.
//
//	go run . [-rounds 5] [-size 100B] [-only jetstream,kfake] [-durable] [-markdown | -json]
//
// It is a module of its own, outside the workspace, so that nobody downloads the
// peers who does not measure them; GOWORK must be off. `weir bench peers` runs it
// together with aws/peers, the emulators over HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses of the program.
const (
	exitError       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	c, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = run(ctx, c, os.Stdout, os.Stderr)
	switch {
	case ctx.Err() != nil:
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(exitError)
	}
}
