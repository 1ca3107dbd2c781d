// Package workflags has the flags that say which workload a command is to run:
// they name one, and change it.
package workflags

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workload"
)

// Flags are the argument and the flags that say which workload a command is to
// run, the same for all commands that run one. The flags change the workload
// that is named, or make one if none is. [New] makes them.
type Flags struct {
	base   workload.Workload // what they change if none is named
	name   string            // by --workload
	fields input.Fields
	groups []usage.Group
	edits  []*editFlag // in the order in which they are applied
}

// New returns the flags. base is what they change if no workload is named; its
// traffic may be missing, and then --rate or --input has to be given.
func New(base workload.Workload) *Flags {
	return &Flags{base: base}
}

// Add adds the flags to a command, in groups below its own.
func (f *Flags) Add(c *cobra.Command) {
	for _, g := range workloadEdits() {
		group := usage.Group{Title: g.title, Flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
		group.Flags.SortFlags = false
		for _, e := range g.edits {
			flag := group.Flags.VarPF(e, e.name, "", e.usage)
			if e.kind == "" {
				flag.NoOptDefVal = "true"
			}
			f.edits = append(f.edits, e)
		}
		f.groups = append(f.groups, group)
	}
	traffic := f.groups[0].Flags
	traffic.StringVar(&f.fields.Key, "key", "", fmt.Sprintf("`FIELD` or column of a trace that is the key, as in user.id (default %q, or %q)", input.DefaultKeyField, input.DefaultKeyColumn))
	traffic.StringVar(&f.fields.Time, "time", "", fmt.Sprintf("`FIELD` or column of a trace that is the time (default %q)", input.DefaultTimeField))
	c.Flags().StringVarP(&f.name, "workload", "w", "", "`NAME` or file of the workload, in place of the argument; - for standard input")
	usage.AddGroups(c, f.groups...)
}

// Args takes the name of a workload, or nothing.
func (f *Flags) Args(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage.Errorf("unexpected argument %q: there is one workload", args[1])
	}
	return nil
}

// Load returns the workload as the flags have it, valid, with a name and with its
// keys read, and what opens its traces, which is to be closed.
func (f *Flags) Load(c *cobra.Command) (workload.Workload, *workfile.Opener, error) {
	if err := f.check(c); err != nil {
		return workload.Workload{}, nil, err
	}
	base, err := f.named(c)
	if err != nil {
		return workload.Workload{}, nil, err
	}
	w, err := f.edited(base, nil)
	if err == nil {
		w, err = f.validated(base, w)
	}
	if err == nil {
		err = f.checkTraces(w)
	}
	if err != nil {
		return workload.Workload{}, nil, err
	}
	w.Name = nameOf(w)
	return w, workfile.NewOpener(c.Context(), f.fields, c.InOrStdin()), nil
}

// named returns the workload that is named, or else the base.
func (f *Flags) named(c *cobra.Command) (workload.Workload, error) {
	if f.name == "" {
		return f.base, nil
	}
	stdin := c.InOrStdin()
	if f.name == workfile.Stdin { // otherwise it is left to --input
		stdin = input.ReadUntil(c.Context(), stdin)
	}
	w, err := workfile.Load(f.name, stdin)
	if err == nil && w.Name == "" {
		w.Name = f.name
	}
	return w, err
}

// check refuses flags that make no sense together, and finds out which workload
// is meant.
func (f *Flags) check(c *cobra.Command) error {
	if arg := c.Flags().Arg(0); arg != "" {
		if f.name != "" && f.name != arg {
			return usage.Errorf("--workload %s and the argument %s name two workloads", f.name, arg)
		}
		f.name = arg
	}
	for _, name := range []string{"workload", "key", "time"} {
		if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
			return usage.Errorf("--%s is empty", name)
		}
	}
	return f.checkTraffic()
}

// checkTraffic refuses flags of which there is too little or too much to say what
// is put.
func (f *Flags) checkTraffic() error {
	trace := f.given("input")
	if trace == workfile.Stdin && f.name == workfile.Stdin {
		return usage.Errorf("the workload and --input cannot both come from standard input")
	}
	for _, name := range []string{"rate", "size", "keys", "hot", "unique-keys"} {
		if value := f.given(name); value != "" && trace != "" {
			return usage.Errorf("--%s %s cannot be given together with --input, which has its own", name, value)
		}
	}
	if keys := f.given("keys"); keys != "" && f.given("unique-keys") == "true" {
		return usage.Errorf("--keys %s and --unique-keys are two kinds of keys", keys)
	}
	if f.name == "" && len(f.base.Traffic) == 0 && trace == "" && f.given("rate") == "" {
		return usage.Errorf("which workload? Name one ('weir workloads' lists those that are ready-made), or give --rate or --input")
	}
	return nil
}

// given returns the value of a flag of the workload, or "".
func (f *Flags) given(name string) string {
	for _, e := range f.edits {
		if e.name == name {
			return e.String()
		}
	}
	return ""
}

// edited returns what the flags make of a workload, without one of them.
func (f *Flags) edited(base workload.Workload, without *editFlag) (workload.Workload, error) {
	w, err := cloneWorkload(base)
	if err != nil {
		return w, err
	}
	for _, e := range f.edits {
		if e == without {
			continue
		}
		if err := e.apply(&w); err != nil {
			return w, usage.Errorf("--%s %s: %w", e.name, e, err)
		}
	}
	return w.ReadKeys(openFile)
}

// validated returns w, which the flags made of base, or an error that names the
// flag that made it invalid.
func (f *Flags) validated(base, w workload.Workload) (workload.Workload, error) {
	err := w.Validate()
	if err == nil {
		return w, nil
	}
	if e := f.culprit(base, err); e != nil {
		err = fmt.Errorf("--%s %s: %w", e.name, e, err)
	}
	return w, usage.Error{Err: err}
}

// culprit returns the flag without which the workload would be valid or, if
// more than one is wrong, the last one without which something else would be
// wrong.
func (f *Flags) culprit(base workload.Workload, err error) (found *editFlag) {
	// A rule of a workload may be about two of its settings, so the flag is
	// found by trying: there are some thirty, and a workload is small.
	for _, e := range f.edits {
		if len(e.edits) == 0 {
			continue
		}
		without, bad := f.edited(base, e)
		if bad != nil {
			continue
		}
		other := without.Validate()
		if other == nil {
			return e
		}
		if other.Error() != err.Error() {
			found = e
		}
	}
	return found
}

// checkTraces refuses flags about traces if there is none, and traces that are
// not there, before anything else takes time.
func (f *Flags) checkTraces(w workload.Workload) error {
	traces := tracesOf(w)
	if len(traces) == 0 && f.fields != (input.Fields{}) {
		name := "key"
		if f.fields.Key == "" {
			name = "time"
		}
		return usage.Errorf("--%s is about the lines of a trace, and the workload has none; --input gives it one", name)
	}
	for _, file := range traces {
		if file == workfile.Stdin {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("trace %s: %w", file, errors.Unwrap(err)) // without the name, which it has too
		}
	}
	return nil
}

// Files returns the names of the files that the workload is read from, which
// are not to be overwritten.
func (f *Flags) Files(w workload.Workload) []string {
	return append(tracesOf(w), f.name)
}

func tracesOf(w workload.Workload) (files []string) {
	for _, t := range w.Traffic {
		if t.Trace != nil {
			files = append(files, t.Trace.File)
		}
	}
	return files
}

// nameOf returns a name for a workload that people can tell from others: of one
// that has none, its trace's.
func nameOf(w workload.Workload) string {
	if w.Name != "" {
		return w.Name
	}
	for _, file := range tracesOf(w) {
		if file != workfile.Stdin {
			return filepath.Base(file)
		}
	}
	return "workload"
}

// cloneWorkload returns a workload that shares nothing with w.
func cloneWorkload(w workload.Workload) (workload.Workload, error) {
	var clone workload.Workload
	text, err := json.Marshal(w)
	if err == nil {
		err = json.Unmarshal(text, &clone)
	}
	return clone, err
}

// An editFlag is a flag that changes a workload. It may be given several times
// if it has a clear, which is applied first.
type editFlag struct {
	name, kind, usage string // kind is what help calls the value, "" if there is none
	parse             func(text string) (edit, error)
	clear             edit

	texts []string
	edits []edit
}

// An edit changes a workload.
type edit func(*workload.Workload) error

// Set takes one value.
func (e *editFlag) Set(text string) error {
	change, err := e.parse(text)
	if err != nil {
		return err
	}
	if e.clear == nil {
		e.texts, e.edits = nil, nil
	}
	e.texts, e.edits = append(e.texts, text), append(e.edits, change)
	return nil
}

// apply changes the workload as the flag was given, if it was.
func (e *editFlag) apply(w *workload.Workload) error {
	if len(e.edits) > 0 && e.clear != nil {
		if err := e.clear(w); err != nil {
			return err
		}
	}
	for _, change := range e.edits {
		if err := change(w); err != nil {
			return err
		}
	}
	return nil
}

// String returns the values that were given.
func (e *editFlag) String() string { return strings.Join(e.texts, " ") }

// Type returns what help calls the value.
func (e *editFlag) Type() string {
	if e.kind == "" {
		return "bool"
	}
	return e.kind
}
