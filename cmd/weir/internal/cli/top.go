package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/top"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
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
minute's mean hides. On a terminal it goes on until it is interrupted; into a pipe or a
file it writes once, or --count times.

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
	out, live := c.OutOrStdout(), &terminal.Live{}
	watched := terminal.Is(out) && !f.json
	if watched {
		live = terminal.NewLive(out, c.ErrOrStderr())
	}
	for i := 1; ; i++ {
		if err := f.show(c.Context(), look, out, live, watched); err != nil {
			return err
		}
		if i == f.count || f.count == 0 && !watched {
			return nil
		}
		select {
		case <-time.After(f.interval):
		case <-c.Context().Done():
			return nil
		}
	}
}

// show looks once, and shows what it saw.
func (f *topFlags) show(ctx context.Context, look top.Look, out io.Writer, live *terminal.Live, watched bool) error {
	seen, err := look(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case f.json:
		return json.NewEncoder(out).Encode(seen)
	case watched:
		live.Show(top.Lines(seen, f.shards))
		return nil
	}
	_, err = fmt.Fprintln(out, strings.Join(top.Lines(seen, f.shards), "\n"))
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
	console, closeAll, err := serve.OpenConsole(c.Context(), args[0], serve.Console{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	return console.Top, func() { _ = closeAll() }, nil // nothing was written
}
