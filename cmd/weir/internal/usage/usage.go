// Package usage is about how a command is called: the errors of a call that
// makes no sense, and help that shows flags in groups, and plainly.
package usage

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An Error is about how a command was called.
type Error struct{ Err error }

// Errorf returns an error about how a command was called, with a text as
// [fmt.Errorf] makes it.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Error returns the text of the error.
func (e Error) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Error) Unwrap() error { return e.Err }

// A Group is flags that help shows together.
type Group struct {
	Title string
	Flags *pflag.FlagSet
}

// AddGroups adds the flags of groups to a command. Its help shows them after
// the command's own. With no groups the command's help shows its own flags
// alone, and not the groups of the command above it.
func AddGroups(c *cobra.Command, groups ...Group) {
	grouped := make(map[string]bool)
	for _, g := range groups {
		c.Flags().AddFlagSet(g.Flags)
		g.Flags.VisitAll(func(flag *pflag.Flag) { grouped[flag.Name] = true })
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
		for _, g := range append([]Group{{"Flags", own}}, groups...) {
			fmt.Fprintf(c.OutOrStderr(), "\n%s:\n%s\n", g.Title, strings.TrimRight(g.Flags.FlagUsages(), "\n"))
		}
		return nil
	})
}

// PlainSwitches makes the help of a command, and of those below it, name flags
// that are on or off as they are given: package pflag has "[=true|false]" behind
// each. They are all there when it is called.
func PlainSwitches(c *cobra.Command) {
	c.InitDefaultHelpFlag()
	c.InitDefaultVersionFlag()
	for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		set.VisitAll(func(flag *pflag.Flag) {
			if flag.NoOptDefVal == "true" && flag.Value.Type() == "bool" {
				flag.Value = aSwitch{flag.Value}
			}
		})
	}
	for _, below := range c.Commands() {
		PlainSwitches(below)
	}
}

// An aSwitch is not known to pflag as one: that it needs no value is said by its
// flag.
type aSwitch struct{ pflag.Value }
