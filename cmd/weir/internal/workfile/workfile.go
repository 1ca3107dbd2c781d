// Package workfile finds the workload that a command is to run: a ready-made
// one by its name, or a file in YAML or JSON, or standard input. What is wrong
// with a file it tells with the line. It also opens the traces that workloads
// name.
package workfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/workload"
	"github.com/weirstream/weir/workloads"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// MaxBytes is how large a workload's file may be.
const MaxBytes = 64 << 20

// extensions are what the names of workload files end in.
var extensions = [...]string{".yaml", ".yml", ".json"}

// Load returns the workload of a name: a ready-made one, a file, or stdin if it
// is [Stdin]. The files that it names are taken from where its own file is, and
// those with keys have been read.
func Load(name string, stdin io.Reader) (workload.Workload, error) {
	text, err := read(name, stdin)
	if err != nil {
		return workload.Workload{}, err
	}
	shown := name
	if name == Stdin {
		shown = "standard input"
	}
	return parse(shown, directory(name), text)
}

// Parse returns the workload that text tells, in YAML or JSON. Errors begin
// with name. Relative names of files are taken from the working directory.
func Parse(name string, text []byte) (workload.Workload, error) { return parse(name, "", text) }

// parse returns the workload that text tells, whose files are in dir.
func parse(name, dir string, text []byte) (w workload.Workload, err error) {
	d, err := readDocument(text)
	if err != nil {
		return w, fmt.Errorf("%s:%w", name, err)
	}
	w, err = workload.Parse(d.json)
	if err == nil {
		w, err = resolve(w, dir)
	}
	if err != nil {
		return w, fmt.Errorf("%s%s: %w", name, d.place(err), err)
	}
	return w, nil
}

// place returns ":12" if it is known on which line the field of an error is,
// which its text begins with.
func (d document) place(err error) string {
	field, _, ok := strings.Cut(err.Error(), ": ")
	if line := d.lineOf(field); ok && line > 0 {
		return fmt.Sprintf(":%d", line)
	}
	return ""
}

// resolve returns w with its files found from dir, and those with keys read.
func resolve(w workload.Workload, dir string) (workload.Workload, error) {
	for i := range w.Traffic {
		t := &w.Traffic[i]
		t.Keys.File = within(dir, t.Keys.File)
		if t.Trace != nil && t.Trace.File != Stdin {
			t.Trace.File = within(dir, t.Trace.File)
		}
	}
	w, err := w.ReadKeys(func(file string) (io.ReadCloser, error) { return os.Open(file) })
	if err != nil {
		return w, err
	}
	return w, w.Validate() // there may be too many keys
}

// within returns the name of a file as seen from dir, and "" of none.
func within(dir, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// directory returns where the workload of a name has its files.
func directory(name string) string {
	if name == Stdin || !isFile(name) {
		return ""
	}
	return filepath.Dir(name)
}

// isFile reports whether a name is that of a file and not of a ready-made
// workload.
func isFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || slices.Contains(extensions[:], strings.ToLower(filepath.Ext(name)))
}

// read returns what the workload of a name is written as.
func read(name string, stdin io.Reader) ([]byte, error) {
	if name == Stdin {
		return readAll("standard input", stdin)
	}
	if !isFile(name) {
		text, err := fs.ReadFile(workloads.Files(), name+".yaml")
		if err != nil {
			return nil, fmt.Errorf("no workload %q: neither a file ending in .yaml, .yml or .json, nor one of %s",
				name, strings.Join(Names(), ", "))
		}
		return text, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(name, file)
}

// readAll reads a file of bounded size.
func readAll(name string, r io.Reader) ([]byte, error) {
	text, err := input.ReadAll(r, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// Names returns the names of the ready-made workloads, in alphabetical order.
func Names() []string {
	files, _ := fs.Glob(workloads.Files(), "*.yaml") // fails only for a bad pattern
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	return files
}
