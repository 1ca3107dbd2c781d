package lambda

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/weirstream/weir/eventsource"
)

// A CommandConfig says which command processes events. Args must be set.
type CommandConfig struct {
	// Args are the program and its arguments. The program is looked for as a shell
	// does, once.
	Args []string
	// Dir is where it runs. Empty means the directory of this process.
	Dir string
	// Env are "KEY=value", added to the environment of this process.
	Env []string
	// Timeout is how long an invocation may take, up to [MaxTimeout], which zero
	// means. Then the command is killed, and what it has started with it where
	// processes have groups.
	Timeout time.Duration
	// Concurrency is how many commands run at a time, up to [MaxConcurrency];
	// others wait. Zero means 10, which is as many as a shard has lanes at most.
	Concurrency int
	// Stderr gets what commands write to their standard error, by several
	// goroutines at a time. Nil means that nobody does. The last [MaxErrorBytes]
	// of it are in the error of a command that fails.
	Stderr io.Writer
}

const defaultCommands = 10

// lingering is how long a command's output is waited for after its end, if
// something that it has started holds it open.
const lingering = time.Second

// Command returns a function that runs a command for each event, which it gets
// at its standard input. What it writes to its standard output is the answer,
// of which [eventsource.MaxResponseBytes] are taken and one more byte, which is
// too much. The cost is that of a process an invocation.
//
// An invocation has failed if the command ends with another status than 0, by a
// signal, or not until Timeout. Not begun, which is no attempt, is what cannot be
// started.
//
// The error matches [weir.ErrInvalidArgument] if there is no such program or a
// setting is out of bounds.
func Command(c CommandConfig) (eventsource.Function, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return nil, invalid("Args", "is empty")
	}
	path, err := exec.LookPath(c.Args[0])
	if err != nil {
		return nil, invalid("Args", "%v", err)
	}
	for i, variable := range c.Env {
		if !strings.Contains(variable, "=") {
			return nil, invalid(fmt.Sprintf("Env[%d]", i), "%q is not KEY=value", cut(variable))
		}
	}
	own := &command{path: path, config: c}
	own.config.Args = append([]string(nil), c.Args...)
	own.config.Env = append([]string(nil), c.Env...)
	if own.config.Timeout, err = timeoutOf(c.Timeout); err != nil {
		return nil, err
	}
	if own.slots, err = newSlots(cmp.Or(c.Concurrency, defaultCommands)); err != nil {
		return nil, err
	}
	return own.invoke, nil
}

// A command is a function that is a program. All but slots is immutable.
type command struct {
	path   string
	config CommandConfig
	slots  slots
}

func (c *command) invoke(ctx context.Context, event []byte) ([]byte, error) {
	leave, err := c.slots.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	began := time.Now()
	run := exec.CommandContext(ctx, c.path, c.config.Args[1:]...)
	run.Args[0] = c.config.Args[0]
	run.Dir, run.WaitDelay = c.config.Dir, lingering
	run.Env = append(os.Environ(), c.config.Env...)
	group(run)
	run.Stdin = bytes.NewReader(event)
	answer := &head{most: eventsource.MaxResponseBytes + 1}
	said := &tail{to: c.config.Stderr}
	run.Stdout, run.Stderr = answer, said
	if err := run.Start(); err != nil {
		return nil, notStarted(err)
	}
	err = run.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, tooLate(ctx, time.Since(began))
	case errors.Is(err, exec.ErrWaitDelay): // it has ended well, but for its children
		return answer.kept, nil
	case err != nil:
		return nil, &FunctionError{Type: err.Error(), Message: strings.TrimSpace(string(said.kept))}
	}
	return answer.kept, nil
}

// A head keeps the first bytes that are written to it.
type head struct {
	kept []byte
	most int
}

func (h *head) Write(b []byte) (int, error) {
	h.kept = append(h.kept, b[:min(len(b), h.most-len(h.kept))]...)
	return len(b), nil
}

// A tail keeps the last bytes that are written to it, and passes all on.
type tail struct {
	kept []byte
	to   io.Writer // nil: to nobody
}

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b[max(0, len(b)-MaxErrorBytes):]...)
	t.kept = t.kept[max(0, len(t.kept)-MaxErrorBytes):]
	if t.to != nil {
		// What becomes of it there is no matter of the command's.
		_, _ = t.to.Write(b)
	}
	return len(b), nil
}
