package cli_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// What goes wrong is told on lines of its own: it stood behind the progress.
func TestPut_onATerminal(t *testing.T) {
	c := newConsoleTerminal(t)
	in, lines := io.Pipe()
	dir, ended := emptyStream(t), make(chan int, 1)
	go func() {
		ended <- cli.Run(t.Context(), []string{"put", dir, "--format", "json"}, func(string) string { return "" }, in, c.screen, c.screen)
	}()
	io.WriteString(lines, "1\n")
	c.waitFor("1 record put ")
	io.WriteString(lines, "{\n2\n")
	assert.Regexp(t, "\r\x1b\\[2Kweir put: standard input, record 2: is no JSON$", c.waitFor("is no JSON"))
	lines.Close()
	assert.Regexp(t, "\r2 records put, ", c.waitFor("throttled: 0."))
	c.waitFor("weir put: 1 record could not be put")
	assert.Equal(t, 1, <-ended)
}
