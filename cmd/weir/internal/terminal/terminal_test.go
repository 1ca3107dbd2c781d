package terminal_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/terminal"
)

// ask shows a plan and asks for agreement.
func ask(ctx context.Context, in io.Reader, out io.Writer, somebody, yes bool) error {
	return terminal.Prompt{In: in, Out: out, Somebody: somebody, Yes: yes}.Ask(ctx, "the plan\n", "Agreed?")
}

func TestPrompt_Ask(t *testing.T) {
	for name, tt := range map[string]struct {
		answer        string
		terminal, yes bool
		want          string
	}{
		"agreed":          {"y\n", true, false, ""},
		"agreed in words": {" YES \n", true, false, ""},
		"refused":         {"n\n", true, false, "not agreed; nothing was put"},
		"nothing said":    {"\n", true, false, "not agreed"},
		"hung up":         {"", true, false, "not agreed"},
		"no terminal":     {"y\n", false, false, "nobody is there"},
		"agreed before":   {"", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := ask(t.Context(), strings.NewReader(tt.answer), &out, tt.terminal, tt.yes)
			if tt.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.want)
			}
			assert.Contains(t, out.String(), "the plan")
			assert.Equal(t, tt.terminal && !tt.yes, strings.Contains(out.String(), "[y/N]"))
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	in, hold := io.Pipe()
	defer hold.Close()
	cancel()
	assert.ErrorIs(t, ask(ctx, in, io.Discard, true, false), context.Canceled)
}

// What is shown is written over by what comes next, and removed in the end.
func TestLive(t *testing.T) {
	var out strings.Builder
	l := terminal.NewLiveOf(&out, 20)
	l.Show([]string{"1s", "a line that is longer than the terminal is wide", "throttled"})
	l.Show([]string{"2s", "short", "throttled"})
	l.Close()
	text := out.String()
	assert.Contains(t, text, "\x1b[3A\r", "back to the first of three lines")
	assert.True(t, strings.HasSuffix(text, "\x1b[3A\r\x1b[J"), "%q", text)
	for line := range strings.Lines(text) {
		assert.Less(t, len(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(line, "\x1b[J"), "\x1b[3A\r"), "\n")), 20+len("\x1b[2K"), "%q", line)
	}
}

// What goes to a file or a pipe has nothing of it.
func TestShowsNothingElsewhere(t *testing.T) {
	var out bytes.Buffer
	bar := terminal.NewBar(&out, &out, true)
	bar.Show("working", 0.5)
	bar.Close()
	live := terminal.NewLive(&out, &out)
	live.Show([]string{"working"})
	live.Close()
	assert.Empty(t, out.String())
	assert.False(t, terminal.NewPrompt(&out, &out, false).Somebody)
}
