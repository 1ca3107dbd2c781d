package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// benchPeersFlags are the flags of weir bench peers.
type benchPeersFlags struct {
	dir      string
	rounds   int
	size     flagval.Size
	only     []string
	embedded bool
	json     bool
	markdown bool
}

// The peers, by the program that measures them.
var (
	embeddedPeers = []string{"weir-one-shard", "channel", "memlog", "memlog-sharded", "jetstream", "kfake", "watermill", "pebble"}
	httpPeers     = []string{"kinesalite", "kinesis-local"}
)

const (
	defaultPeerRounds = 5
	maxPeerRounds     = 1000
	defaultPeerSize   = 100
	minPeerSize       = 8
	maxPeerSize       = 64 << 10
)

func newBenchPeers() *cobra.Command {
	f := benchPeersFlags{rounds: defaultPeerRounds, size: defaultPeerSize}
	c := &cobra.Command{
		Use:   "peers",
		Short: "Measure weir beside other libraries and emulators",
		Long: `Peers measures weir and others that do some of the same, in turn, round by round,
and prints how many times as long each takes as weir: putting one by one and in
batches, reading, waking a reader that waits, and what a million records cost in
memory and in garbage collections. It says how each was used, what it does not do
that weir does, and which of weir's goals are met.

In this process: ` + strings.Join(embeddedPeers, ", ") + `.
Over HTTP, beside weir serve: ` + strings.Join(httpPeers, ", ") + `.

It needs the source checkout, whose directories cmd/weir/peers and aws/peers hold
what it runs, and Go. The peers over HTTP need bash, Node.js and npm besides. Peers
are downloaded at the first run; everything listens on loopback only. A run takes
some ten minutes. What else the machine does meanwhile shows in the spread.`,
		Example: `  weir bench peers
  weir bench peers --embedded --only jetstream,kfake --rounds 3
  weir bench peers --markdown > peers.md`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "dir", "", "the source checkout, a `DIR`; else the one that the working directory is in")
	flags.Var(flagval.Int{Value: &f.rounds, Min: 1, Max: maxPeerRounds}, "rounds", "rounds of which the median counts")
	flags.Var(&f.size, "size", "data of a record, 8B to 64KiB; always 100 bytes over HTTP")
	flags.StringSliceVar(&f.only, "only", nil, "measure these `PEERS` only, separated by commas")
	flags.BoolVar(&f.embedded, "embedded", false, "leave out the peers over HTTP")
	addJSON(flags, &f.json, "result")
	flags.BoolVar(&f.markdown, "markdown", false, "print the tables in Markdown")
	usage.AddGroups(c) // or help shows the groups of the command above
	return c
}

func (f *benchPeersFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	dir, err := findCheckout(f.dir)
	if err != nil {
		return err
	}
	if err := f.needs(); err != nil {
		return err
	}
	r, err := newPeerRun(c, dir)
	if err != nil {
		return err
	}
	defer r.close()
	return r.measure(f)
}

// check refuses flags that make no sense, alone or together.
func (f *benchPeersFlags) check() error {
	if f.size < minPeerSize || f.size > maxPeerSize {
		return usage.Errorf("--size %v: must be from %d bytes to 64KiB", &f.size, minPeerSize)
	}
	for _, name := range f.only {
		switch {
		case slices.Contains(embeddedPeers, name):
		case !slices.Contains(httpPeers, name):
			return usage.Errorf("--only: there is no peer %q; there are %s", name,
				strings.Join(slices.Concat(embeddedPeers, httpPeers), ", "))
		case f.embedded:
			return usage.Errorf("--only %s: it is measured over HTTP, which --embedded leaves out", name)
		}
	}
	if f.json && f.markdown {
		return usage.Errorf("--json and --markdown exclude each other")
	}
	return nil
}

// chosen returns which of some peers are asked for.
func (f *benchPeersFlags) chosen(peers []string) []string {
	if len(f.only) == 0 {
		return peers
	}
	return slices.DeleteFunc(slices.Clone(peers), func(name string) bool { return !slices.Contains(f.only, name) })
}

// overHTTP reports whether peers over HTTP are asked for.
func (f *benchPeersFlags) overHTTP() bool { return !f.embedded && len(f.chosen(httpPeers)) > 0 }

// httpArgs are the arguments of aws/peers/run.
func (f *benchPeersFlags) httpArgs() []string {
	return []string{"-json", "-rounds", strconv.Itoa(f.rounds), "-only", "put-record,put-records,get-records",
		"-servers", strings.Join(f.chosen(httpPeers), ",")}
}

// embeddedArgs are the arguments of cmd/weir/peers. It measures unless it is
// only to print what file has; "" is no file.
func (f *benchPeersFlags) embeddedArgs(file string, measure bool) []string {
	args := []string{"-size", strconv.FormatInt(int64(f.size), 10)}
	chosen := f.chosen(embeddedPeers)
	if !measure || len(chosen) == 0 {
		args = append(args, "-rounds", "0")
	} else {
		args = append(args, "-rounds", strconv.Itoa(f.rounds), "-only", strings.Join(chosen, ","))
	}
	if file != "" {
		args = append(args, "-http", file)
	}
	switch {
	case f.json:
		args = append(args, "-json")
	case f.markdown:
		args = append(args, "-markdown")
	}
	return args
}
