// Package pipe gives the records of a group to a command: as JSON lines on its
// standard input, acknowledged by lines on its standard output or by its exit
// status.
package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/weirstream/weir/consumer"
)

// A Command is what records are given to. It runs in a process group of its own,
// where there are such: the terminal's ctrl-C does not reach it, and what it has
// started is killed with it.
type Command struct {
	Args   []string  // its name and arguments
	Stderr io.Writer // of it
	// Stdout is where goes what a command prints that is called for each batch.
	Stdout io.Writer
}

// Check returns an error if the system knows no such command.
func (c Command) Check() error {
	_, err := exec.LookPath(c.Args[0])
	if errors.Is(err, exec.ErrDot) {
		return nil // start tells it
	}
	return err
}

// leftOpen is how long a command's output is read after it has ended, if what it
// has started holds it open.
const leftOpen = time.Second

// start returns the command, for the caller to start. When ctx ends, it is
// killed.
func (c Command) start(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Stderr = c.Stderr
	cmd.WaitDelay = leftOpen
	shield(cmd)
	return cmd
}

// Batch is a handler that runs the command for each batch, with the batch's lines
// as its standard input. The batch is processed if the exit status is 0. When ctx
// ends, the command is killed.
func (c Command) Batch(ctx context.Context, b *consumer.Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	var lines lineWriter
	cmd := c.start(ctx)
	cmd.Stdin, cmd.Stdout = bytes.NewReader(lines.all(b)), c.Stdout
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("%s was killed: %w", c.Args[0], cause)
		}
		return fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return nil
}

// ErrNotStarted is matched by the error of a command that could not be started.
var ErrNotStarted = errors.New("it could not be started")

// Call runs the command with some input as its standard input, and returns what
// it prints, of which it keeps only so many bytes. It fails if the exit status
// is not 0. When ctx ends, the command is killed.
func (c Command) Call(ctx context.Context, input []byte, most int) (output []byte, err error) {
	cmd := c.start(ctx)
	kept := &beginning{most: most}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(input), kept
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	err = cmd.Wait()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("was killed: %w", cause)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = errOutputOpen
	}
	return kept.text, err
}

// A beginning keeps the beginning of what is written.
type beginning struct {
	text []byte
	most int
}

// Write keeps of b what there is room for.
func (w *beginning) Write(b []byte) (int, error) {
	w.text = append(w.text, b[:min(len(b), w.most-len(w.text))]...)
	return len(b), nil
}
