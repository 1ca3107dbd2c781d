package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/clickstream"
	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// demoFlags are the flags of weir demo.
type demoFlags struct {
	input  string
	fields input.Fields
	events int
	seed   uint64

	shards    int
	producers int
	limits    flagval.Limits
	speed     flagval.Speed

	outputs
}

const (
	// defaultEvents take about ten seconds under the service's limits.
	defaultEvents = 27_000
	maxEvents     = 1_000_000_000
)

func newDemo() *cobra.Command {
	f := demoFlags{events: defaultEvents, seed: 1, shards: 4, producers: 4}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a clickstream through a stream and show what happens",
		Long: `Demo puts events through a stream, keyed by client, from several producers, while
one reader per shard counts them by minute, status and page. Then it shows where
the records went, what was throttled, how long everything took, and the proof
that all came out, each client's in order.

The events are made up, or read from a file: an Apache combined log, or JSON
lines, each an object with at least a key and a time, such as
  {"client": "10.0.0.7", "time": "2026-03-02T09:00:00Z", "status": 200, "page": "/"}
Status and page are optional. A comma-separated table will do as well, if its
first line names its columns, key and time among them. The time is as in RFC
3339, or a number of seconds or milliseconds since 1970. Lines that cannot be
read are counted and named.`,
		Example: `  weir demo                                  # ten seconds under the service's limits
  weir demo --limits none --events 1000000   # as fast as this machine can
  weir demo --shards 8                       # the hot shard moves, the hot key stays
  weir demo --input access.log --report report.html
  weir demo --input access.log --speed 3600  # an hour of the log each second
  zcat events.json.gz | weir demo --input - --key user.id --time ts --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.input, "input", "i", "", "`FILE` to read events from, - for standard input")
	flags.StringVar(&f.fields.Key, "key", "", fmt.Sprintf("`FIELD` of JSON lines or column of a table that is the key, as in user.id (default %q, or %q)", input.DefaultKeyField, input.DefaultKeyColumn))
	flags.StringVar(&f.fields.Time, "time", "", fmt.Sprintf("`FIELD` or column that is the time (default %q)", input.DefaultTimeField))
	flags.Var(flagval.Int{Value: &f.events, Min: 0, Max: maxEvents}, "events", "how many events to make up")
	flags.Var((*flagval.Seed)(&f.seed), "seed", "decides which events are made up")
	flags.Var(flagval.Int{Value: &f.shards, Min: 1, Max: demo.MaxShards}, "shards", fmt.Sprintf("shards of the stream, 1 to %d", demo.MaxShards))
	flags.Var(flagval.Int{Value: &f.producers, Min: 1, Max: demo.MaxProducers}, "producers", fmt.Sprintf("goroutines that put, 1 to %d", demo.MaxProducers))
	flags.Var(&f.limits, "limits", "limits of the stream, service or none")
	flags.Var(&f.speed, "speed", "replay at this multiple of the recorded time, or max: as fast as the limits allow")
	f.outputs.add(flags)
	return c
}

// run runs the demo and prints its result.
func (f *demoFlags) run(c *cobra.Command) error {
	ctx := c.Context()
	if err := f.check(c); err != nil {
		return err
	}
	source, err := f.open(ctx, c.InOrStdin())
	if err != nil {
		return err
	}
	defer source.Close()
	page, err := f.createReport(f.input)
	if err != nil {
		return err
	}
	defer page.Close()

	bar := terminal.NewBar(c.OutOrStdout(), c.ErrOrStderr(), source.done != nil)
	result, err := demo.Run(ctx, demo.Config{
		Source: source.events, Parse: source.parse, Shards: f.shards, Producers: f.producers,
		Limits: f.streamLimits(), Speed: float64(f.speed),
		Progress: func(p demo.Progress) { bar.Show(p.String(), source.part(p)) },
	})
	bar.Close()
	if err != nil {
		return err
	}
	source.describe(result)
	if result.RecordsIn == 0 && result.Rejected > 0 && !result.Interrupted {
		return unreadable(result)
	}
	if err := f.write(c.OutOrStdout(), page, result); err != nil {
		return err
	}
	return verdict(result)
}

// streamLimits returns the limits of the demo's stream.
func (f *demoFlags) streamLimits() weir.Limits {
	if f.limits.None {
		return weir.Unlimited()
	}
	return weir.Limits{}
}

// check refuses flags that make no sense together.
func (f *demoFlags) check(c *cobra.Command) error {
	for _, name := range []string{"key", "time"} {
		if c.Flags().Changed(name) && f.input == "" {
			return usage.Errorf("--%s is about the lines of --input, which is missing", name)
		}
	}
	for _, name := range []string{"events", "seed"} {
		if c.Flags().Changed(name) && f.input != "" {
			return usage.Errorf("--%s is about events that are made up, and --input names some that are not", name)
		}
	}
	for _, name := range []string{"input", "report"} {
		if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
			return usage.Errorf("--%s is empty", name)
		}
	}
	return nil
}

// open returns the events to run.
func (f *demoFlags) open(ctx context.Context, stdin io.Reader) (*demoSource, error) {
	if f.input != "" {
		return openInput(ctx, f.input, f.fields, stdin)
	}
	events := int64(f.events)
	return &demoSource{
		events: clickstream.New(f.seed, f.events),
		parse:  input.ParseCombined,
		describe: func(r *demo.Result) {
			r.Input, r.Format = fmt.Sprintf("generated clickstream, seed %d", f.seed), input.Combined.String()
		},
		done: func(p demo.Progress) float64 { return float64(p.Records) / float64(max(1, events)) },
	}, nil
}

// verdict returns what the exit status is to tell of a result.
func verdict(r *demo.Result) error {
	switch {
	case !r.Complete:
		return fmt.Errorf("not complete: %d records in, %d out, %d lost, %d duplicated, %d out of order",
			r.RecordsIn, r.RecordsOut, r.Lost, r.Duplicated, r.OrderViolations)
	case r.Interrupted:
		return errInterrupted
	default:
		return nil
	}
}

// unreadable says why no line of an input is an event.
func unreadable(r *demo.Result) error {
	first := r.Rejections[0]
	return fmt.Errorf("%s: unreadable format: none of its %d lines is an Apache combined log line, a JSON object with a key and a time, or below a first line with columns key and time; line %d: %s",
		r.Input, r.Rejected, first.Line, first.Reason)
}
