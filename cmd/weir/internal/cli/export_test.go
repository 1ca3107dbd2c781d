package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workload"
)

// LoadWorkload reads a command line as the commands do that run a workload, and
// returns the workload. base is what flags change if none is named.
func LoadWorkload(ctx context.Context, base workload.Workload, stdin io.Reader, args ...string) (w workload.Workload, o *workfile.Opener, help string, err error) {
	f := newWorkloadFlags(base)
	var out strings.Builder
	c := &cobra.Command{Use: "run [WORKLOAD]", Args: f.args, SilenceUsage: true, SilenceErrors: true}
	c.Flags().Bool("json", false, "print the result as one JSON object")
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		w, o, err = f.load(c)
		return err
	}
	c.SetArgs(args)
	c.SetIn(stdin)
	c.SetOut(&out)
	c.SetErr(&out)
	err = c.ExecuteContext(ctx)
	return w, o, out.String(), err
}

// IsUsageError reports whether an error is about how a command was called.
func IsUsageError(err error) bool {
	_, ok := err.(usageError)
	return ok || strings.HasPrefix(fmt.Sprint(err), "invalid argument")
}
