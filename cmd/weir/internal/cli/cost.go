package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/cmd/weir/internal/workflags"
)

// costFlags are the flags of weir cost.
type costFlags struct {
	workload    *workflags.Flags
	prices      string
	printPrices bool
	outputs
}

func newCost() *cobra.Command {
	f := &costFlags{workload: workflags.New(anHour)}
	c := &cobra.Command{
		Use:   "cost [WORKLOAD]",
		Short: "Estimate what a workload costs a month, provisioned and on-demand",
		Long: `Cost prices a month of a workload on the service by each of its plans: provisioned,
on-demand, and on-demand advantage. It says which is the cheapest now and from which
rate on another one is. A provisioned stream has the shards that the workload gives
it, its reshards included, or, if it gives none (--shards 0), the fewest that throttle
nothing, which a simulation finds, and that its readers can share.

The prices that come with the program are an estimate and no official ones: their
file says where each is from. --print-prices prints it; change a copy and give it
back with --prices.`,
		Example: `  weir cost clickstream
  weir cost --rate 500/s --size 1KiB --duration 1h --consumers 2
  weir cost --input access.log --report cost.html
  weir cost --print-prices > prices.yaml
  weir cost iot --prices prices.yaml --json`,
		Args: f.workload.Args,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.prices, "prices", "", "`FILE` of prices, YAML or JSON, in place of the built-in ones")
	flags.BoolVar(&f.printPrices, "print-prices", false, "print the built-in prices and end")
	f.outputs.add(flags)
	f.workload.Add(c)
	return c
}

// run prices the workload and prints the estimate.
func (f *costFlags) run(c *cobra.Command) error {
	if f.printPrices {
		_, err := c.OutOrStdout().Write(cost.BuiltInFile())
		return err
	}
	prices, err := f.readPrices()
	if err != nil {
		return err
	}
	w, opener, err := f.workload.Load(c)
	if err != nil {
		return err
	}
	defer opener.Close()
	page, err := f.createReport(append(f.workload.Files(w), f.prices)...)
	if err != nil {
		return err
	}
	defer page.Close()
	bar := terminal.NewBar(c.OutOrStdout(), c.ErrOrStderr(), w.Duration > 0)
	estimate, err := cost.Run(c.Context(), cost.Config{Workload: w, Open: opener.Open, Prices: prices, Progress: bar.Show})
	bar.Close()
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	estimate.Rejections = opener.Rejections()
	if err := f.write(c.OutOrStdout(), page, estimate); err != nil {
		return err
	}
	return interruption(c.Context())
}

// readPrices reads the file of prices, or takes the built-in ones.
func (f *costFlags) readPrices() (cost.Prices, error) {
	if f.prices == "" {
		return cost.BuiltIn(), nil
	}
	file, err := os.Open(f.prices)
	if err != nil {
		return cost.Prices{}, fmt.Errorf("--prices: %w", err)
	}
	defer file.Close()
	const most = 1 << 20 // bytes
	text, err := input.ReadAll(file, most)
	if err != nil {
		return cost.Prices{}, fmt.Errorf("--prices %s: %w", f.prices, err)
	}
	p, err := cost.ParsePrices(text)
	if err != nil {
		return p, fmt.Errorf("--prices %s: %w", f.prices, err)
	}
	return p, nil
}
