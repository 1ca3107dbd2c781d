package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Where the programs are in a checkout, and whose checkout it is.
const (
	checkoutModule = "github.com/weirstream/weir"
	embeddedDir    = "cmd/weir/peers"
	httpScript     = "aws/peers/run"
)

// FindCheckout returns the checkout that a directory is in, or the working
// directory if dir is empty.
func FindCheckout(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(start); err != nil {
		return "", fmt.Errorf("--dir: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if isCheckout(at) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in a source checkout of %s, whose %s it needs; name one with --dir",
				start, checkoutModule, embeddedDir)
		}
	}
}

// isCheckout reports whether a directory is the root of a checkout that has the
// peers.
func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "module" {
			_, err := os.Stat(filepath.Join(dir, embeddedDir, "go.mod"))
			return fields[1] == checkoutModule && err == nil
		}
	}
	return false
}

// needs says which programs are missing, if any.
func (c Config) needs() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("it needs Go, to build the peers, and there is no go on the path")
	}
	if !c.usesHTTP() {
		return nil
	}
	for _, program := range []string{"bash", "node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("measuring %s needs bash, Node.js and npm, and there is no %s on the path; --embedded leaves out the peers over HTTP",
				strings.Join(c.chosen(overHTTP), " and "), program)
		}
	}
	return nil
}

// A run runs the programs that measure.
type run struct {
	ctx         context.Context
	config      Config
	out, stderr io.Writer
	dir         string // of the checkout
	scratch     string // a directory for what is built and found
}

// Run measures, and prints what it found. What the programs say meanwhile goes
// to stderr. When ctx ends it ends what is being measured, prints what there is
// until then, and returns nil.
func Run(ctx context.Context, c Config, out, stderr io.Writer) error {
	if err := c.Check(); err != nil {
		return err
	}
	dir, err := FindCheckout(c.Dir)
	if err != nil {
		return err
	}
	if err := c.needs(); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "weir-bench-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	r := &run{ctx, c, out, stderr, dir, scratch}
	return r.measure()
}

// measure measures and prints.
func (r *run) measure() error {
	program, err := r.build()
	if err != nil {
		return r.unlessInterrupted(err)
	}
	file := ""
	if r.config.usesHTTP() {
		if file, err = r.overHTTP(); err != nil {
			return r.unlessInterrupted(err)
		}
	}
	if r.ctx.Err() != nil {
		if file == "" {
			return nil
		}
		return r.exec(context.WithoutCancel(r.ctx), r.out, filepath.Dir(program), program, r.config.embeddedArgs(file, false)...)
	}
	if err := r.exec(r.ctx, r.out, filepath.Dir(program), program, r.config.embeddedArgs(file, true)...); err != nil {
		return r.unlessInterrupted(fmt.Errorf("%s: %w", embeddedDir, err))
	}
	return nil
}

// unlessInterrupted returns an error, but none that follows from an interrupt.
func (r *run) unlessInterrupted(err error) error {
	if r.ctx.Err() != nil {
		return nil
	}
	return err
}

// build builds the program that measures embedded peers, and prints.
func (r *run) build() (program string, err error) {
	program = filepath.Join(r.scratch, "peers")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	fmt.Fprintln(r.stderr, "building", embeddedDir)
	if err := r.exec(r.ctx, r.stderr, filepath.Join(r.dir, embeddedDir), "go", "build", "-o", program, "."); err != nil {
		return "", fmt.Errorf("building %s, which downloads the peers at the first time: %w", embeddedDir, err)
	}
	return program, nil
}

// overHTTP measures the peers over HTTP, and returns the file that has the
// result. A run that broke off has a result as well, of what it did until then;
// it is told what went wrong.
func (r *run) overHTTP() (string, error) {
	file, err := os.Create(filepath.Join(r.scratch, "http.json"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	script := filepath.Join(r.dir, filepath.FromSlash(httpScript))
	err = r.exec(r.ctx, file, r.dir, "bash", append([]string{script}, r.config.httpArgs()...)...)
	info, statErr := file.Stat()
	switch {
	case statErr != nil:
		return "", statErr
	case info.Size() == 0:
		if err == nil {
			err = errors.New("no output")
		}
		return "", fmt.Errorf("%s found nothing; --embedded does without it: %w", httpScript, err)
	case err != nil && r.ctx.Err() == nil:
		fmt.Fprintf(r.stderr, "weir bench peers: %s broke off: %v\n", httpScript, err)
	}
	return file.Name(), nil
}

// exec runs a program outside the workspace, in a directory. When ctx ends, it
// is interrupted, and has some time to print.
func (r *run) exec(ctx context.Context, out io.Writer, dir, program string, args ...string) error {
	const patience = time.Minute
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stdout, c.Stderr = dir, out, r.stderr
	c.Env = append(os.Environ(), "GOWORK="+goWork(program))
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = patience
	return c.Run()
}

// goWork returns what GOWORK is to be for a program: the peers are outside the
// workspace, but the script also builds weir, which is inside.
func goWork(program string) string {
	if program == "bash" {
		return ""
	}
	return "off"
}
