package workfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/workload"
)

// An Opener opens the traces of workloads: Apache combined logs, whose key is the
// client and whose record is the line; JSON lines, whose record is the line too;
// and tables of time, key and size. A trace may be opened several times, also at
// the same time. Standard input, and whatever else can be read once only, is
// copied to a temporary file when it is opened first.
type Opener struct {
	ctx    context.Context
	fields input.Fields
	stdin  io.Reader

	mu     sync.Mutex        // guards what follows
	copies map[string]string // temporary files, by the name of what they hold
	told   map[string]Trace  // by name, of the last reading that came furthest
}

// A Trace is what one file was found to hold.
type Trace struct {
	Name       string // of the file, or "standard input"
	Format     input.Format
	Records    int
	Rejected   int               // lines that are no records
	Rejections []input.Rejection // the first ones
}

// NewOpener returns an Opener. fields names the fields of JSON lines and the
// columns of tables. What is copied ends with ctx.
func NewOpener(ctx context.Context, fields input.Fields, stdin io.Reader) *Opener {
	return &Opener{ctx: ctx, fields: fields, stdin: stdin, copies: make(map[string]string), told: make(map[string]Trace)}
}

// Open opens a trace; it is a [workload.Open]. A file in which no line is a record
// is an error, at its end.
func (o *Opener) Open(name string) (iter.Seq2[workload.Traced, error], error) {
	file, err := o.file(name)
	if err != nil {
		return nil, err
	}
	reader, err := input.NewReader(file, o.fields)
	if err != nil {
		file.Close()
		return nil, err
	}
	return func(yield func(workload.Traced, error) bool) {
		defer file.Close()
		defer o.tell(name, reader)
		for {
			e, err := reader.Next()
			switch {
			case err == io.EOF && reader.Events() == 0 && reader.Rejected() > 0:
				yield(workload.Traced{}, unreadable(reader))
				return
			case err == io.EOF:
				return
			case err != nil:
				yield(workload.Traced{}, err)
				return
			case !yield(workload.Traced{At: e.Time, Key: e.Key, Bytes: e.Size}, nil):
				return
			}
		}
	}, nil
}

// unreadable says why no line of an input is a record.
func unreadable(r *input.Reader) error {
	first := r.Rejections()[0]
	return fmt.Errorf("unreadable format: none of its %d lines is an Apache combined log line, a JSON object with a key and a time, or below a first line with columns key and time; line %d: %s",
		r.Rejected(), first.Line, first.Reason)
}

// file opens a trace so that it can be read from its beginning.
func (o *Opener) file(name string) (*os.File, error) {
	if name == Stdin {
		return o.openCopy(name, o.stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err) // its text has the name, which the caller adds too
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a directory")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if info.Mode().IsRegular() {
		return file, nil
	}
	defer file.Close()
	return o.openCopy(name, file)
}

// openCopy opens the copy of what can be read once only, and makes it if there is
// none yet.
func (o *Opener) openCopy(name string, from io.Reader) (*os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if made := o.copies[name]; made != "" {
		return os.Open(made)
	}
	made, err := o.copyAll(from)
	if err != nil {
		return nil, err
	}
	o.copies[name] = made
	return os.Open(made)
}

// copyAll copies to a temporary file and returns its name.
func (o *Opener) copyAll(from io.Reader) (name string, err error) {
	file, err := os.CreateTemp("", "weir-trace-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, input.ReadUntil(o.ctx, from))
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// tell remembers what a reading found, if it came at least as far as those before.
func (o *Opener) tell(name string, r *input.Reader) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before := o.told[name]; before.Records+before.Rejected > r.Events()+r.Rejected() {
		return
	}
	shown := name
	if name == Stdin {
		shown = "standard input"
	}
	o.told[name] = Trace{
		Name: shown, Format: r.Format(), Records: r.Events(), Rejected: r.Rejected(), Rejections: r.Rejections(),
	}
}

// Traces returns what the files that were read hold, by name; of each the reading
// that came furthest. Those that are still being read are not among them.
func (o *Opener) Traces() []Trace {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []Trace
	for _, t := range o.told {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Trace) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Rejections says in one line each which lines of the traces were no records, and
// "" if all were: "rejected 1 line of access.log: line 8899: …".
func (o *Opener) Rejections() string {
	var b strings.Builder
	for _, t := range o.Traces() {
		if t.Rejected == 0 {
			continue
		}
		lines := "lines"
		if t.Rejected == 1 {
			lines = "line"
		}
		fmt.Fprintf(&b, "rejected %d %s of %s:\n", t.Rejected, lines, t.Name)
		for _, r := range t.Rejections {
			fmt.Fprintf(&b, "  line %d: %s: %q\n", r.Line, r.Reason, r.Text)
		}
		if more := t.Rejected - len(t.Rejections); more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	return b.String()
}

// Close removes the copies.
func (o *Opener) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for name, made := range o.copies {
		errs = append(errs, os.Remove(made))
		delete(o.copies, name)
	}
	return errors.Join(errs...)
}
