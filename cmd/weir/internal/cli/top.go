package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/top"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/console"
)

// topFlags are the flags of weir top.
type topFlags struct {
	endpoint string
	interval time.Duration
	count    int
	shards   int
	json     bool
}

const (
	defaultEndpoint  = "http://127.0.0.1:4567"
	defaultTopShards = 20
)

func newTop(getenv func(string) string) *cobra.Command {
	f := &topFlags{endpoint: defaultEndpoint, interval: time.Second, shards: defaultTopShards}
	c := &cobra.Command{
		Use:   "top [DIR]",
		Short: "Show the hottest streams and shards",
		Long: `Top shows streams and shards by how hot they are: rates of the last ten seconds, and each
second of the last minute beside the shard's limits, so that a burst is seen that a
minute's mean hides. On a terminal it goes on until q or control and C; s changes what
streams are sorted by, the arrows choose one, enter looks into it and escape goes back.
Colour is left out where NO_COLOR is set. An endpoint that stops answering is told of and
asked again. Into a pipe or a file it writes once, or --count times.

It looks at a running weir serve, of whose console it is the text, or at what one left in
a directory. A character of the last minute is the busiest of two seconds: ! is at the
limit or beyond, blocks are parts of it, a dot is nothing. Of an endpoint with keys it
gives those of WEIR_ACCESS_KEY and WEIR_SECRET_KEY.`,
		Example: `  weir top
  weir top --endpoint http://127.0.0.1:4567 --count 1 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage.Errorf("unexpected argument %q", args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args, getenv) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.endpoint, "endpoint", f.endpoint, "`URL` of weir serve")
	flags.Var(flagval.Duration{Value: &f.interval, Max: maxDuration}, "interval", "how often to look")
	flags.Var(flagval.Int{Value: &f.count, Max: 1 << 30}, "count", "how often to look in all; 0 is without end on a terminal, and once elsewhere")
	flags.Var(flagval.Int{Value: &f.shards, Min: 1, Max: 1000}, "shards", "how many shards to show")
	flags.BoolVar(&f.json, "json", false, "write what was seen as JSON, a line each time")
	return c
}

func (f *topFlags) run(c *cobra.Command, args []string, getenv func(string) string) error {
	look, end, err := f.look(c, args, getenv)
	if err != nil {
		return err
	}
	defer end()
	if !f.json {
		ctx, stop := context.WithCancel(c.Context())
		defer stop()
		screen, err := terminal.NewScreen(ctx, c.InOrStdin(), c.OutOrStdout())
		if err != nil {
			return err
		}
		if screen != nil {
			return f.watch(ctx, look, screen, c.OutOrStdout(), getenv("NO_COLOR") == "" && getenv("TERM") != "dumb")
		}
	}
	for i := 1; ; i++ {
		if err := f.show(c.Context(), look, c.OutOrStdout()); err != nil || i >= f.count {
			return err
		}
		select {
		case <-time.After(f.interval):
		case <-c.Context().Done():
			return nil
		}
	}
}

// show looks once, and writes what it saw.
func (f *topFlags) show(ctx context.Context, look top.Look, out io.Writer) error {
	seen, err := look(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case f.json:
		return json.NewEncoder(out).Encode(seen)
	}
	_, err = fmt.Fprintln(out, strings.Join(top.Lines(seen, f.shards), "\n"))
	return err
}

// resizeEvery is how often the size of the terminal is looked at.
const resizeEvery = 200 * time.Millisecond

// A glance is what a look returned.
type glance struct {
	seen console.Top
	err  error
}

// watch shows what there is until somebody ends it. An endpoint that does not
// answer is told of, unless it never did, and asked again.
func (f *topFlags) watch(ctx context.Context, look top.Look, screen *terminal.Screen, out io.Writer, color bool) error {
	var looking sync.WaitGroup
	defer looking.Wait() // what it looks at is closed after this
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	view, last := top.View{Color: color}, console.Top{}
	glances, again := make(chan glance, 1), make(chan time.Time, 1)
	again <- time.Time{}
	resized := time.NewTicker(resizeEvery)
	defer resized.Stop()
	var width, height int
	err := func() error {
		defer screen.Close()
		for looks := 0; ; {
			select {
			case <-again:
				looking.Go(func() {
					seen, err := look(ctx)
					glances <- glance{seen, err}
				})
				continue
			case g := <-glances:
				if g.err != nil && looks == 0 && ctx.Err() == nil {
					return g.err
				} else if g.err != nil {
					view.Failed(g.err)
				} else {
					last = g.seen
					view.Saw(g.seen)
				}
				if looks++; looks == f.count {
					return nil
				}
				time.AfterFunc(f.interval, func() { again <- time.Time{} })
			case key, typing := <-screen.Keys():
				if !typing || view.Key(key) {
					return nil
				}
			case <-resized.C:
				if w, h := screen.Size(); w == width && h == height {
					continue
				}
			case <-ctx.Done():
				return nil
			}
			width, height = screen.Size()
			screen.Show(view.Frame(width, height))
		}
	}()
	if err == nil && f.count > 0 && !last.At.IsZero() {
		fmt.Fprintln(out, strings.Join(top.Lines(last, f.shards), "\n")) // what was asked for a number of times stays
	}
	return err
}

// look returns how to look at what the arguments name, and what to call at the
// end.
func (f *topFlags) look(c *cobra.Command, args []string, getenv func(string) string) (top.Look, func(), error) {
	if len(args) == 0 {
		look, err := top.Endpoint(f.endpoint, getenv(accessKeyEnv), getenv(secretKeyEnv))
		if err != nil {
			return nil, nil, usage.Errorf("--endpoint: %w", err)
		}
		return look, func() {}, nil
	}
	if c.Flags().Changed("endpoint") {
		return nil, nil, usage.Errorf("%s is a directory; --endpoint is for a running weir serve", args[0])
	}
	opened, closeAll, err := serve.OpenConsole(c.Context(), args[0], serve.Console{ReadOnly: true, Log: warnings(c.ErrOrStderr())})
	if err != nil {
		return nil, nil, err
	}
	return opened.Top, func() { _ = closeAll() }, nil // nothing was written
}
