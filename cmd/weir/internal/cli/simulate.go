package cli

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/rehearsal"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workflags"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// simulateFlags are the flags of weir simulate.
type simulateFlags struct {
	workload *workflags.Flags
	step     flagval.Step
	start    flagval.Moment
	sweep    flagval.Shards
	fit      flagval.Percent
	catchUp  workload.Duration
	outputs
	csv string
}

func newSimulate() *cobra.Command {
	f := &simulateFlags{workload: workflags.New(anHour), step: flagval.Step{Auto: true}}
	c := &cobra.Command{
		Use:   "simulate [WORKLOAD]",
		Short: "Run a workload in virtual time: what is throttled, how far consumers fall behind",
		Long: `Simulate runs a workload against the engine in virtual time, a day in seconds. It
says what was throttled, when and by which limit, how far the hottest key sets a
floor, how old records got before consumers read them, how long a consumer needs
after an outage, whether an on-demand stream kept up, and what retention took from
a consumer that was too slow.

WORKLOAD is the name of a ready-made one ('weir workloads' lists them) or a file.
Each record is put by itself where there are at most 20 million; of more, those
that arrive within 100 ms for the same shard are put together, and the output says
so. --step decides otherwise.`,
		Example: `  weir simulate clickstream
  weir simulate clickstream --sweep shards=1..16 --report clickstream.html
  weir simulate --rate 1500/s --size 2KiB --duration 1h --fit 0
  weir simulate slow-consumer --catch-up 30m
  weir simulate --input access.log --speed 1000 --sweep shards=1..8
  weir simulate hot-key --csv seconds.csv --json > hot-key.json`,
		Args: f.workload.Args,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.Var(&f.sweep, "sweep", "try several numbers of shards: shards=1..64, shards=2..64/2, shards=4,6,8")
	flags.Var(&f.fit, "fit", "find the fewest shards with at most this `PERCENT` of the records throttled")
	flags.Var(flagval.Length{Value: &f.catchUp}, "catch-up", "find out how long each consumer needs after an outage of this length")
	flags.Var(&f.step, "step", "put the records of so much time together, at most 1s; 0 puts each by itself")
	flags.Var(&f.start, "start", "when virtual time begins, such as 2026-03-02T09:00:00Z")
	f.outputs.add(flags)
	flags.StringVar(&f.csv, "csv", "", "write each second of the stream, its shards, consumers and queues to `FILE.csv`")
	f.workload.Add(c)
	return c
}

// run simulates and prints what came of it.
func (f *simulateFlags) run(c *cobra.Command) error {
	w, opener, err := f.workload.Load(c)
	if err != nil {
		return err
	}
	defer opener.Close()
	config, err := f.config(w, opener.Open)
	if err != nil {
		return err
	}
	page, err := f.createReport(f.workload.Files(w)...)
	if err != nil {
		return err
	}
	defer page.Close()
	rows, err := createOutput("csv", f.csv, append(f.workload.Files(w), f.report)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if config.Rows, err = rows.rows(); err != nil {
		return err
	}
	bar := terminal.NewBar(c.OutOrStdout(), c.ErrOrStderr(), w.Duration > 0)
	config.Progress = bar.Show
	outcome, err := rehearsal.Run(c.Context(), config)
	bar.Close()
	if err != nil {
		return err
	}
	outcome.Rejections = opener.Rejections()
	if err := errors.Join(rows.failed(config.Rows.Close()), f.write(c.OutOrStdout(), page, outcome)); err != nil {
		return err
	}
	return interruption(c.Context())
}

// config returns the run and its questions.
func (f *simulateFlags) config(w workload.Workload, open workload.Open) (rehearsal.Config, error) {
	if err := f.check(w); err != nil {
		return rehearsal.Config{}, usage.Error{Err: err}
	}
	step, err := stepOf(f.step, w, open)
	if err != nil {
		return rehearsal.Config{}, err
	}
	return rehearsal.Config{
		Simulation: simulate.Config{Workload: w, Open: open, Step: step, Start: f.start.Time},
		Shards:     f.sweep.List, Fit: f.fit.Share, CatchUp: time.Duration(f.catchUp), Workers: runtime.GOMAXPROCS(0),
	}, nil
}

// stepOf returns the step of a simulation of a workload.
func stepOf(step flagval.Step, w workload.Workload, open workload.Open) (time.Duration, error) {
	if !step.Auto {
		return step.Time, nil
	}
	v, err := w.Volume(open)
	return simulate.AutoStep(v.Records), err
}

// check says which question the workload has no answer to.
func (f *simulateFlags) check(w workload.Workload) error {
	const chooses = "%s: an on-demand stream chooses its number of shards itself; --mode provisioned asks for one that does not"
	onDemand := w.Stream.Mode == workload.OnDemandMode
	half := w.Duration / 2
	switch {
	case onDemand && f.fit.Share != nil:
		return fmt.Errorf(chooses, "--fit")
	case onDemand && len(f.sweep.List) > 0:
		return fmt.Errorf(chooses, "--sweep")
	case f.catchUp > 0 && len(w.Consumers) == 0:
		return errors.New("--catch-up: the workload has no consumers; --consumers 1 adds one")
	case half > 0 && f.catchUp >= half:
		return fmt.Errorf("--catch-up %v: an outage has to be shorter than half of the workload, %v",
			time.Duration(f.catchUp), time.Duration(half))
	}
	return nil
}

// anHour is what flags change if no workload is named.
var anHour = workload.Workload{Duration: workload.Duration(time.Hour)}
