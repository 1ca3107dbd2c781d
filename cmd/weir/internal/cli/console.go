package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// The words of weir serve --console.
const (
	consoleOn       = "on"
	consoleReadOnly = "read-only"
	consoleRemote   = "remote"
	consoleOff      = "off"
)

var consoleWords = []string{consoleOn, consoleReadOnly, consoleRemote, consoleOff}

func consoleOf(word string, hosts []string) serve.Console {
	return serve.Console{
		Off: word == consoleOff, ReadOnly: word == consoleReadOnly, Remote: word == consoleRemote, AllowHosts: hosts,
	}
}

// groupLeasesHelp is that of the flag by which a console is told of groups that
// run elsewhere.
const groupLeasesHelp = "`PLACE` of what groups know that run elsewhere, for the console to show: a directory, or dynamodb:TABLE; repeatable"

// defaultConsole is where weir console listens: beside weir serve.
const defaultConsole = "127.0.0.1:4568"

func newConsole() *cobra.Command {
	var listen string
	var readOnly bool
	var groups []string
	c := &cobra.Command{
		Use:   "console DIR",
		Short: "Show the streams of a directory as web pages",
		Long: `Console opens what weir serve --state left in a directory, or the one stream of a
program that has ended, and shows it as web pages: shards, lineage, records, who read
how far. It prints a line with the address. While it runs nobody else can open the
directory; of a running weir serve the console is at /_weir/ of its own address.

Groups of weir consume are shown whose --store is named with --group-leases. Those in
tables of DynamoDB are only shown.

Pages are for this machine. What is changed through them is changed in the directory;
with --read-only nothing is.`,
		Example: `  weir console ./weir-state
  weir console --read-only ./orders
  weir console ./orders --group-leases ./weir-groups`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("one directory is needed")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := serve.CheckAddress(listen); err != nil {
				return usage.Error{Err: err}
			}
			if err := serve.CheckGroupLeases(c.Context(), groups); err != nil {
				return usage.Error{Err: err}
			}
			config := serve.Console{ReadOnly: readOnly, GroupLeases: groups, Log: warnings(c.ErrOrStderr())}
			return serve.RunConsole(c.Context(), listen, args[0], config, func(url string) error {
				if _, err := fmt.Fprintln(c.OutOrStdout(), "weir: console at", url); err != nil {
					return fmt.Errorf("standard output: %w", err)
				}
				return nil
			})
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&listen, "listen", defaultConsole, "listen at `HOST:PORT`; port 0 is any that is free")
	c.Flags().StringSliceVar(&groups, "group-leases", nil, groupLeasesHelp)
	c.Flags().BoolVar(&readOnly, "read-only", false, "refuse all changes")
	return c
}
