package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/memory"
	"github.com/weirstream/weir/cmd/weir/internal/state"
	"github.com/weirstream/weir/console"
)

// OpenConsole opens what is in a directory, the state of an endpoint or one
// stream, for a console. close is to be called at the end.
func OpenConsole(ctx context.Context, dir string, c Console) (h *console.Console, close func() error, err error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%s: there is no such directory", dir)
	case err != nil:
		return nil, nil, err
	case !info.IsDir():
		return nil, nil, fmt.Errorf("%s: is no directory", dir)
	}
	if journals, err := filepath.Glob(filepath.Join(dir, "*.journal")); err == nil && len(journals) > 0 {
		return openStream(dir, c)
	}
	kept, err := openKeeper(dir, c.Log)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := openAccounts(ctx, Config{Account: accountOf()}, kept)
	if err == nil {
		h, err = c.handler(accounts, groupsIn(kept.groupsDir(), c.GroupLeases))
	}
	if err != nil {
		return nil, nil, errors.Join(err, kept.close(accounts))
	}
	return h, func() error { return kept.close(accounts) }, nil
}

// accountOf is the configuration of accounts that nobody calls but the console: it
// should not have to wait.
func accountOf() account.Config {
	c := Account(false, 0)
	c.ID, c.Region = kinesisserver.DefaultAccountID, kinesisserver.DefaultRegion
	if bound := memory.Default(); bound > 0 {
		c.Memory, c.Stream.WhenFull = account.NewMemory(bound/heldPart), weir.Spill
	}
	return c
}

func openStream(dir string, c Console) (*console.Console, func() error, error) {
	s, err := weir.Open(dir, memory.Opened())
	if err != nil {
		return nil, nil, err
	}
	state.Recovered(c.Log, s)
	h, err := console.New(console.Config{
		Source: console.Streams(s), Groups: groupsIn("", c.GroupLeases).list, ReadOnly: c.ReadOnly, AllowRemote: c.Remote, AllowHosts: c.AllowHosts, Price: Price,
	})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return h, s.Close, nil
}

// The bounds of a console's own server.
const (
	consoleHeaders = 10 * time.Second
	consoleBody    = time.Minute
	consoleIdle    = 2 * time.Minute
	consoleEnd     = 2 * time.Second
)

// RunConsole serves the console of a directory until ctx ends. When it is ready it
// calls ready with its URL; an error of ready ends it.
func RunConsole(ctx context.Context, listen, dir string, c Console, ready func(url string) error) (err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return listenError(listen, err)
	}
	defer listener.Close() // again, unless something fails before Serve
	handler, closeAll, err := OpenConsole(ctx, dir, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: consoleHeaders, ReadTimeout: consoleBody, IdleTimeout: consoleIdle}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := ready("http://" + listener.Addr().String() + "/"); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), consoleEnd)
		defer cancel()
		if server.Shutdown(end) != nil {
			server.Close() // who has not read its page by now will not
		}
		<-failed
		return nil
	}
}
