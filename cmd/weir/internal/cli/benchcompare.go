package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// benchCompareFlags are the flags of weir bench compare.
type benchCompareFlags struct {
	json  bool
	all   bool
	worse flagval.Percent
}

func newBenchCompare() *cobra.Command {
	f := &benchCompareFlags{}
	c := &cobra.Command{
		Use:   "compare BEFORE.json AFTER.json",
		Short: "Say what changed between two benches, and whether it is noise",
		Long: `Compare reads two results of weir bench --json and says for each metric how the
medians of the runs changed, and how likely so great a difference is by chance (the
exact Mann-Whitney U test). It takes four runs of each to tell a change from noise:
weir bench --repeat 4, or better 10, taken in turn on the same machine.

With fewer runs it says "worse?" and "better?" of what does not overlap.`,
		Example: `  weir bench iot --duration 30s --repeat 10 --json > before.json
  weir bench iot --duration 30s --repeat 10 --json > after.json
  weir bench compare before.json after.json
  weir bench compare before.json after.json --fail-if-worse 5%`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage.Errorf("two files are needed, the one before and the one after; %d given", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.all, "all", false, "show all metrics, and not the main ones only")
	flags.Var(&f.worse, "fail-if-worse", "exit with status 1 if any metric is worse by more than this `PERCENT`, noise apart")
	addJSON(flags, &f.json, "comparison")
	return c
}

// run compares two files.
func (f *benchCompareFlags) run(c *cobra.Command, nameBefore, nameAfter string) error {
	before, err := readSet(nameBefore)
	if err != nil {
		return err
	}
	after, err := readSet(nameAfter)
	if err != nil {
		return err
	}
	comparison := bench.Compare(before, after, nameBefore, nameAfter)
	if err := f.print(c.OutOrStdout(), comparison); err != nil || f.worse.Share == nil {
		return err
	}
	return comparison.WorseThan(*f.worse.Share)
}

func (f *benchCompareFlags) print(w io.Writer, c *bench.Comparison) error {
	if f.json {
		return writeJSON(w, c)
	}
	return c.Print(w, f.all)
}

// readSet reads a result of weir bench --json.
func readSet(name string) (*bench.Set, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	set, err := bench.ReadSet(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return set, nil
}
