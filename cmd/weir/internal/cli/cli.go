// Package cli is the weir command line: one file for each command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// The exit statuses of the program.
const (
	exitOK          = 0
	exitError       = 1
	exitTrouble     = 2   // of a command whose 1 is its answer
	exitInterrupted = 130 // as a shell says of a program that ctrl-C ended
)

// tellsTrouble annotates a command that answers a question by its exit status: 1
// is its answer, a [answer], and 2 says that there is none.
const tellsTrouble = "tells trouble"

// An answer is an error that is the answer to what was asked.
type answer string

func (a answer) Error() string { return string(a) }

// errInterrupted says that ctx ended before the command did.
var errInterrupted = errors.New("interrupted")

// Run runs the command line args, without the program's name, in an
// environment, as [os.Getenv] tells it, and returns the exit status: 0, 1 after
// an error, which it prints to stderr, or 130 when ctx ended before a command
// was done. weir serve, weir consume, weir trigger, weir deliver and weir mirror end so, and
// then the status is 0. weir check and weir repair have 1 for damage, and 2 for other errors.
func Run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(getenv)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		fmt.Fprintf(stderr, "%s: interrupted\n", command.CommandPath())
		return exitInterrupted
	default:
		fmt.Fprintf(stderr, "%s: %v\n", command.CommandPath(), err)
		if errors.As(err, new(usage.Error)) {
			fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", command.CommandPath())
		}
		return statusOf(command, err)
	}
}

func statusOf(c *cobra.Command, err error) int {
	if c.Annotations[tellsTrouble] != "" && !errors.As(err, new(answer)) {
		return exitTrouble
	}
	return exitError
}

func newRoot(getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Streams with the behaviour and the limits of Amazon Kinesis Data Streams, in one process",
		Long: `weir runs streams with the behaviour and the limits of Amazon Kinesis Data
Streams inside one process: shards, partition keys, sequence numbers, quotas.`,
		Example: `  weir demo
  weir serve --stream orders:2
  weir put orders --endpoint http://127.0.0.1:4567 orders.jsonl
  weir tail orders --endpoint http://127.0.0.1:4567 --follow
  weir consume orders --endpoint http://127.0.0.1:4567 --group audit -- ./audit.sh
  weir workloads
  weir simulate clickstream`,
		Version: version(),
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return c.Help()
		},
		SuggestionsMinimumDistance: 2,

		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage.Error{Err: err} })
	root.AddCommand(newDemo(), newServe(getenv), newPut(getenv), newTail(getenv), newConsume(getenv), newTrigger(getenv), newDeliver(getenv), newMirror(getenv),
		newGroup(), newConsole(), newTop(getenv), newBench(getenv), newSimulate(), newCost(), newWorkloads(), newCheck(), newRepair())
	usage.PlainSwitches(root)
	return root
}

// noArgs refuses arguments that are no flags.
func noArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.HasSubCommands():
		meant := ""
		if like := c.SuggestionsFor(args[0]); len(like) > 0 {
			meant = "; is it " + strings.Join(like, " or ") + "?"
		}
		return usage.Errorf("unknown command %q%s", args[0], meant)
	default:
		return usage.Errorf("unexpected argument %q", args[0])
	}
}

// version returns the version that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
