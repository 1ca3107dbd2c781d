package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/cmd/weir/internal/workflags"
	"github.com/weirstream/weir/workload"
)

func newBench(getenv func(string) string) *cobra.Command {
	f := &benchFlags{
		workload: workflags.New(defaultBench()), getenv: getenv, target: "embedded",
		memory: defaultBenchMemory, drain: bench.DefaultDrain, repeat: 1,
	}
	c := &cobra.Command{
		Use:   "bench [WORKLOAD]",
		Short: "Put load on a stream and measure latency, throughput and throttles",
		Long: `Bench puts a workload on a stream and measures it: on a stream in this process, at
an endpoint such as weir serve, or on the service. Records have a time at which they
are due, and latency counts from that time, so that a target that stalls is charged
with all that had to wait; --rate max puts as fast as possible instead.

WORKLOAD is the name of a ready-made one ('weir workloads' lists them) or a file.
Without one it is 1,000 records a second for ten seconds, on two shards, with two
consumers. Flags change the one that is named. A new stream is made for the load
and removed again unless --existing names one.

--fail-if takes conditions such as 'p99>5ms', 'end_to_end.p99.9>1s', 'throughput<10k'
or 'throttled>0': the exit status is 1 if the median of the runs meets one.
docs/bench.md tells what is measured how, and lists all metrics.`,
		Example: `  weir bench
  weir bench --rate max --limits none --shards 8 --consumers 0 --fan-out 0 --warm-up 1s
  weir bench --queue 200x1:100ms --consumers 0 --fan-out 0
  weir bench clickstream --duration 1m --report bench.html
  weir bench --target http://127.0.0.1:4567 --rate 2000/s --fail-if 'p99>20ms'
  weir bench iot --duration 30s --warm-up 5s --repeat 10 --json > before.json
  weir bench compare before.json after.json
  weir bench hot-key --duration 5m --target aws --region eu-west-1`,
		Args: f.workload.Args,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.add(c)
	c.AddCommand(newBenchCompare(), newBenchPeers())
	return c
}

// defaultBench is what is run if nothing is named: a little of everything.
func defaultBench() workload.Workload {
	return workload.Workload{
		Name:     "default",
		About:    "1,000 records a second for ten seconds, a polling and a fan-out consumer",
		Duration: workload.Duration(10 * time.Second),
		Stream:   workload.Stream{Shards: 2},
		Traffic: []workload.Traffic{{
			Rate: workload.Rate{Constant: 1000}, Arrivals: workload.Poisson,
			Sizes: workload.Sizes{Median: 256, Spread: 2, Max: 16 << 10},
		}},
		Producers: workload.Producers{Count: 4},
		Consumers: []workload.Consumer{
			{Name: "poller", Poll: workload.Duration(250 * time.Millisecond)}, {Name: "subscriber", FanOut: true},
		},
	}
}

// run runs the workload and prints what came of it.
func (f *benchFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	if c.Flags().Changed("queue") && f.target != embeddedTarget {
		return usage.Errorf("--queue is for streams in this process: --target %s has no queues that weir bench can call", f.target)
	}
	w, opener, err := f.workload.Load(c)
	if err != nil {
		return err
	}
	defer opener.Close()
	page, err := f.createReport(f.workload.Files(w)...)
	if err != nil {
		return err
	}
	defer page.Close()
	set, err := f.measure(c, w, opener)
	if len(set.Runs) == 0 {
		return err
	}
	if err := errors.Join(err, f.write(c.OutOrStdout(), page, set)); err != nil {
		return err
	}
	if err := interruption(c.Context()); err != nil {
		return err
	}
	return bench.CheckAll(f.failIf.list, set.Runs)
}

// measure runs the workload as often as it is to be, each time on a new stream.
// When the context ends it returns the runs there are.
func (f *benchFlags) measure(c *cobra.Command, w workload.Workload, opener *workfile.Opener) (*bench.Set, error) {
	ctx := c.Context()
	set := &bench.Set{Workload: w, Environment: bench.NewEnvironment(version(), commit())}
	targets, err := f.targets(c, w, opener)
	if err != nil {
		return set, err
	}
	set.Target = targets.name
	if len(w.Queues) > 0 && f.target != embeddedTarget {
		fmt.Fprintln(c.ErrOrStderr(), "weir bench: the workload's queues are left out: only streams in this process have them here")
	}
	live := terminal.NewLive(c.OutOrStdout(), c.ErrOrStderr())
	defer live.Close()
	for n := range f.repeat {
		result, err := f.measureOnce(ctx, w, opener.Open, targets, func(p bench.Progress) { live.Show(p.Lines(n, f.repeat)) })
		if err != nil {
			return set, err
		}
		set.Runs = append(set.Runs, result)
		if ctx.Err() != nil {
			break
		}
	}
	return set, nil
}

// measureOnce runs the workload on a stream of its own, which it removes.
func (f *benchFlags) measureOnce(ctx context.Context, w workload.Workload, open workload.Open, targets *benchTargets, show func(bench.Progress)) (result *bench.Result, err error) {
	target, err := targets.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close(context.WithoutCancel(ctx))) }()
	drain := f.drain
	if drain == 0 {
		drain = -1 // what the bench calls none
	}
	return bench.Run(ctx, bench.Config{
		Workload: w, Open: open, Target: target, Drain: drain, Wait: bench.WaitPrecisely,
		Existing: f.existing != "", Process: targets.name.Kind == "embedded", Progress: show,
	})
}

// commit returns the commit that the program was built from, if it is known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}
