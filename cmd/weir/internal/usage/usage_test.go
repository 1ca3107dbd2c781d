package usage_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

func TestErrorf_wraps(t *testing.T) {
	err := usage.Errorf("--input: %w", io.EOF)
	assert.EqualError(t, err, "--input: EOF")
	assert.ErrorIs(t, err, io.EOF)
	assert.True(t, errors.As(err, new(usage.Error)))
}

func TestAddGroups_helpShowsThemApart(t *testing.T) {
	group := usage.Group{Title: "Traffic", Flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	group.Flags.Int("rate", 0, "records a second")
	above := &cobra.Command{Use: "above", Run: func(*cobra.Command, []string) {}}
	above.Flags().Bool("own", false, "a flag of the command itself")
	usage.AddGroups(above, group)
	below := &cobra.Command{Use: "below", Run: func(*cobra.Command, []string) {}}
	usage.AddGroups(below)
	above.AddCommand(below)

	help := func(args ...string) string {
		var out bytes.Buffer
		above.SetOut(&out)
		above.SetErr(&out)
		above.SetArgs(append(args, "--help"))
		assert.NoError(t, above.Execute())
		return out.String()
	}
	assert.Regexp(t, `(?s)\nFlags:\n.*--own.*\nTraffic:\n *--rate`, help())
	assert.NotContains(t, help("below"), "Traffic")
}
