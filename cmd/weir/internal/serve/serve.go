// Package serve runs a Kinesis endpoint until it is told to stop.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// A Config says what to serve, and where.
type Config struct {
	// Listen is the address, HOST:PORT. Port 0 is one that the system chooses.
	Listen string
	// Server is how requests are taken. Accounts and Addr mean nothing in it: Addr
	// is Listen.
	Server kinesisserver.Config
	// Account is what every account begins with; its ID and Region are those of
	// requests that name none. Now means nothing in it.
	Account account.Config
	// Streams are those of that account which are ACTIVE from the beginning. Those
	// that State has already stay as they are.
	Streams []Stream
	// State is the directory in which everything is kept. Empty means that it ends
	// with the process. When records are on disk is Account.Stream.Sync.
	State string
	// Log is told what opening State has cut off or found lost; nil means nobody
	// is.
	Log *slog.Logger
	// MaxMemory is how many bytes the process may take, about: see
	// [account.Config.Memory] for what happens when the half that is for streams is
	// full. Bounds of Server that are too high for it are lowered, and the garbage
	// collector is told, unless GOMEMLIMIT has told it. Zero means no bound.
	MaxMemory int64
	// Console is the console at /_weir/.
	Console Console
	// Triggers are functions that are called with what is put.
	Triggers []Trigger
	// Drain is how long requests under way may take once the endpoint is told to
	// stop, and before that invocations of triggers.
	Drain time.Duration
}

// Run serves until ctx ends; then it waits for invocations of triggers, which may
// call it, takes no more requests, ends the open
// subscriptions, waits for requests under way, closes the state, and returns nil. When
// it is ready for requests it calls ready with the endpoint's URL; an error of ready
// ends it.
func Run(ctx context.Context, c Config, ready func(url string) error) (err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return listenError(c.Listen, err)
	}
	defer listener.Close() // again, unless something fails before Serve
	defer c.bound()()
	kept, err := openKeeper(c.State, c.Log)
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	accounts, err := openAccounts(ctx, c, kept)
	defer func() { err = errors.Join(err, kept.close(accounts)) }()
	if err != nil {
		return err
	}
	c.Server.Accounts, c.Server.Addr = accounts, c.Listen
	groups := groupsIn(kept.groupsDir(), c.Console.GroupLeases)
	if !c.Console.Off {
		c.Console.API = true
		if c.Server.Console, err = c.Console.handler(accounts, groups); err != nil {
			return err
		}
	}
	server, err := kinesisserver.New(c.Server)
	if err != nil {
		return err
	}
	return serve(ctx, c, server, &triggers{accounts: accounts, kept: kept, groups: groups, drain: c.Drain}, listener, ready)
}

// serve serves until ctx ends or the server fails.
func serve(ctx context.Context, c Config, server *kinesisserver.Server, run *triggers, listener net.Listener, ready func(url string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer run.running.Wait()
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := ready(endpoint(listener.Addr(), c.Server.TLS)); err != nil {
		return errors.Join(err, stop(server, 0, failed))
	}
	for _, t := range c.Triggers {
		run.start(ctx, t)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("%s: %w", listener.Addr(), err)
	case <-ctx.Done():
		run.running.Wait()
		return stop(server, c.Drain, failed)
	}
}

// openAccounts returns the accounts that were kept, and among them the one of
// requests that name none, with the first streams. With an error too, those that
// are open are to be closed.
func openAccounts(ctx context.Context, c Config, kept *keeper) (*kinesisserver.Registry, error) {
	clock := new(clock)
	configOf := func(id, region string) account.Config {
		config := c.Account
		config.ID, config.Region, config.Now = id, region, clock.now
		return config
	}
	accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{
		AccountID: c.Account.ID, Region: c.Account.Region,
		Open: func(id, region string) (*account.Account, error) { return kept.account(configOf(id, region)) },
	})
	if err := kept.openAll(accounts, configOf); err != nil {
		return accounts, err
	}
	first, err := accounts.Account("", "")
	if err != nil {
		return accounts, err
	}
	return accounts, clock.createBefore(ctx, first, c.Streams)
}

// endpoint returns the URL of an address.
func endpoint(addr net.Addr, tls bool) string {
	if tls {
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// listenError says in few words why nothing can listen at an address.
func listenError(addr string, err error) error {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		err = call.Err
	case errors.As(err, &op):
		err = op.Err
	}
	return fmt.Errorf("--listen %s: %w", addr, err)
}

// stop drains the server and waits for its Serve, whose result comes by served.
func stop(server *kinesisserver.Server, drain time.Duration, served <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) && drain > 0 {
		err = fmt.Errorf("requests were cut off that took longer than --drain %v", drain)
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
