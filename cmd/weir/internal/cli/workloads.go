package cli

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workloads"
)

func newWorkloads() *cobra.Command {
	return &cobra.Command{
		Use:   "workloads [NAME]",
		Short: "List the ready-made workloads, or print one to start from",
		Long: `Workloads lists what bench, simulate and cost have ready-made: the traffic of a
website, logs, devices, and the days on which something goes wrong. With a name
it prints the file of that one, whose comments say what it models and what one
sees. Change a copy, and give its name to these commands instead.

docs/workloads.md tells what can be written into such a file.`,
		Example: `  weir workloads
  weir workloads hot-key > mine.yaml
  weir simulate mine.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage.Errorf("unexpected argument %q: one workload at a time", args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return printWorkload(c, args[0])
			}
			return listWorkloads(c)
		},
	}
}

// listWorkloads prints a line for each.
func listWorkloads(c *cobra.Command) error {
	for _, name := range workfile.Names() {
		w, err := workfile.Load(name, nil)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%-22s %s\n", name, w.About); err != nil {
			return err
		}
	}
	return nil
}

// printWorkload prints the file of one.
func printWorkload(c *cobra.Command, name string) error {
	text, err := fs.ReadFile(workloads.Files(), name+".yaml")
	if err != nil {
		return usage.Errorf("no workload %q; there are %s", name, strings.Join(workfile.Names(), ", "))
	}
	_, err = c.OutOrStdout().Write(text)
	return err
}
