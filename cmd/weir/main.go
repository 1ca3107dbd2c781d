// Command weir runs streams from the command line. Its help says how:
//
//	weir --help
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
