package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/peers"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

const (
	defaultPeerRounds = 5
	defaultPeerSize   = 100
)

func newBenchPeers() *cobra.Command {
	f := peers.Config{Rounds: defaultPeerRounds}
	size := flagval.Size(defaultPeerSize)
	c := &cobra.Command{
		Use:   "peers",
		Short: "Measure weir beside other libraries and emulators",
		Long: `Peers measures weir and others that do some of the same, in turn, round by round,
and prints how many times as long each takes as weir: putting one by one and in
batches, reading, waking a reader that waits, and what a million records cost in
memory and in garbage collections; and for those that keep records on disk, putting
from 64 producers, from one and in batches, each record synced before it is
acknowledged and counted after opening again. It says how each was used, what it
does not do that weir does, and which of weir's goals are met.

In this process: ` + strings.Join(peers.Embedded(), ", ") + `.
Over HTTP, beside weir serve: ` + strings.Join(peers.OverHTTP(), ", ") + `.

It needs the source checkout, whose directories cmd/weir/peers and aws/peers hold
what it runs, and Go. The peers over HTTP need bash, Node.js and npm besides. Peers
are downloaded at the first run; everything listens on loopback only. A run takes
some ten minutes. What else the machine does meanwhile shows in the spread. What is
on disk is in the directory for temporary files, which TMPDIR names: memory or a
disk that is not meant makes the figures worthless.`,
		Example: `  weir bench peers
  weir bench peers --embedded --only jetstream,kfake --rounds 3
  weir bench peers --durable --rounds 10
  weir bench peers --markdown > peers.md`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.Size = int(size)
			err := peers.Run(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
			return errors.Join(interruption(c.Context()), err)
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.Dir, "dir", "", "the source checkout, a `DIR`; else the one that the working directory is in")
	flags.Var(flagval.Int{Value: &f.Rounds, Min: 1, Max: peers.MaxRounds}, "rounds", "rounds of which the median counts")
	flags.Var(&size, "size", "data of a record, 8B to 64KiB; always 100 bytes over HTTP")
	flags.StringSliceVar(&f.Only, "only", nil, "measure these `PEERS` only, separated by commas")
	flags.BoolVar(&f.Embedded, "embedded", false, "leave out the peers over HTTP")
	flags.BoolVar(&f.Durable, "durable", false, "measure what is on disk only, synced; leaves out the peers over HTTP")
	addJSON(flags, &f.JSON, "result")
	flags.BoolVar(&f.Markdown, "markdown", false, "print the tables in Markdown")
	usage.AddGroups(c) // or help shows the groups of the command above
	return c
}
