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

func TestPlainSwitches(t *testing.T) {
	for _, tt := range []struct {
		args      []string
		on, spill bool
	}{
		{nil, false, true},
		{[]string{"--on", "--spill=false"}, true, false},
		{[]string{"-o", "--spill"}, true, true},
		{[]string{"--on=false"}, false, true},
	} {
		var on, spill bool
		above := &cobra.Command{Use: "above", Version: "1", Run: func(*cobra.Command, []string) {}}
		below := &cobra.Command{Use: "below", Run: func(*cobra.Command, []string) {}}
		below.Flags().BoolVarP(&on, "on", "o", false, "a switch")
		below.Flags().BoolVar(&spill, "spill", true, "another one")
		above.AddCommand(below)
		usage.PlainSwitches(above)
		above.SetArgs(append([]string{"below"}, tt.args...))
		assert.NoError(t, above.Execute())
		assert.Equal(t, [2]bool{tt.on, tt.spill}, [2]bool{on, spill}, "%v", tt.args)
		help := below.UsageString() + above.UsageString()
		assert.NotContains(t, help, "true|false")
		assert.Regexp(t, `(?m)^  -o, --on +a switch$`, help)
		assert.Regexp(t, `(?m)^      --spill +another one \(default true\)$`, help)
		assert.Regexp(t, `(?m)^  -h, --help +help for below$`, help)
		assert.Regexp(t, `(?m)^  -v, --version +version for above$`, help)
	}
}
