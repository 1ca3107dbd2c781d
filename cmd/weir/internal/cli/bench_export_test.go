package cli

import (
	"context"
	"io"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
)

// Ask shows a plan and asks for agreement.
func Ask(ctx context.Context, in io.Reader, out io.Writer, terminal, yes bool) error {
	return prompt{in: in, out: out, terminal: terminal, yes: yes}.ask(ctx, "the plan\n", "Agreed?")
}

// LiveLines returns what is shown of a run.
func LiveLines(p bench.Progress, run, runs int) []string { return liveLines(p, run, runs) }

// Live shows runs on a terminal of so many columns.
func Live(out io.Writer, width int, runs func(show func(bench.Progress))) {
	l := &benchLive{out: out, width: width, runs: 1}
	runs(l.show)
	l.close()
}
