package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// A Prompt asks somebody at a terminal.
type Prompt struct {
	In       io.Reader
	Out      io.Writer
	Somebody bool // is there to answer
	Yes      bool // and has agreed already
}

// NewPrompt returns a prompt. Somebody is there if in and out are terminals.
func NewPrompt(in io.Reader, out io.Writer, yes bool) Prompt {
	return Prompt{In: in, Out: out, Somebody: Is(in) && Is(out), Yes: yes}
}

// Ask shows a plan, and returns nil if somebody agrees to it.
func (p Prompt) Ask(ctx context.Context, plan, question string) error {
	fmt.Fprint(p.Out, plan)
	switch {
	case p.Yes:
		return nil
	case !p.Somebody:
		return errors.New("nobody is there to agree to that: this is no terminal, and --yes is not given")
	}
	fmt.Fprintf(p.Out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(input.ReadUntil(ctx, p.In)).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && err != io.EOF:
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return errors.New("not agreed; nothing was put")
	}
}
