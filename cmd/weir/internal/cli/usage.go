package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A flagGroup is flags that help shows together.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// groupFlags adds the flags of the groups to a command. Its help shows them after
// the command's own.
func groupFlags(c *cobra.Command, groups []flagGroup) {
	grouped := make(map[string]bool)
	for _, g := range groups {
		c.Flags().AddFlagSet(g.flags)
		g.flags.VisitAll(func(flag *pflag.Flag) { grouped[flag.Name] = true })
	}
	c.SetUsageFunc(func(c *cobra.Command) error {
		own := pflag.NewFlagSet("", pflag.ContinueOnError)
		own.SortFlags = false
		c.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !grouped[flag.Name] {
				own.AddFlag(flag)
			}
		})
		fmt.Fprintf(c.OutOrStderr(), "Usage:\n  %s\n", c.UseLine())
		if c.HasExample() {
			fmt.Fprintf(c.OutOrStderr(), "\nExamples:\n%s\n", c.Example)
		}
		for _, g := range append([]flagGroup{{"Flags", own}}, groups...) {
			fmt.Fprintf(c.OutOrStderr(), "\n%s:\n%s\n", g.title, strings.TrimRight(g.flags.FlagUsages(), "\n"))
		}
		return nil
	})
}
