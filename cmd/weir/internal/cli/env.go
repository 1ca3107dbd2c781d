package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// envName returns the environment variable of a flag: WEIR_MAX_BODY of
// max-body.
func envName(flag string) string {
	return "WEIR_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromEnv sets the flags that the command line did not from the environment.
// A variable that is empty counts as one that is not set.
func setFromEnv(c *cobra.Command, getenv func(string) string) (err error) {
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		name := envName(flag.Name)
		value := getenv(name)
		if err != nil || value == "" || flag.Changed || flag.Name == "help" {
			return
		}
		if bad := flag.Value.Set(value); bad != nil {
			err = usage.Errorf("invalid value %q of %s: %w", value, name, bad)
		}
		flag.Changed = true
	})
	return err
}
