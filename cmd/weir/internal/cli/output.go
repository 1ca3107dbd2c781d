package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/weirstream/weir/cmd/weir/internal/rehearsal"
	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// warnings returns a log of warnings and errors as text, for people.
func warnings(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// An outcome is what a command found out: it prints itself for people, shows
// itself as a page, and is the object of --json.
type outcome interface {
	Print(w io.Writer) error
	Page() report.Page
}

// outputs are the flags that say how an outcome is to be shown.
type outputs struct {
	json   bool
	report string
}

func (o *outputs) add(flags *pflag.FlagSet) {
	addJSON(flags, &o.json, "result")
	flags.StringVar(&o.report, "report", "", "write a page with charts to `FILE.html`")
}

// addJSON adds --json, which is the same for all commands.
func addJSON(flags *pflag.FlagSet, p *bool, what string) {
	flags.BoolVar(p, "json", false, "print the "+what+" as one JSON object")
}

// createReport opens the page that is asked for.
func (o *outputs) createReport(inputs ...string) (outputFile, error) {
	return createOutput("report", o.report, inputs...)
}

// write writes an outcome's page and prints it. It prints even if there is no
// room for the page: the run may have taken hours.
func (o *outputs) write(w io.Writer, page outputFile, result outcome) error {
	return errors.Join(page.writeReport(result), o.print(w, result))
}

func (o *outputs) print(w io.Writer, result outcome) error {
	if o.json {
		return writeJSON(w, result)
	}
	return result.Print(w)
}

// writeJSON writes a value as an object with indentation.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// interruption returns the error of a command whose context has ended.
func interruption(ctx context.Context) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// An outputFile is a file that a flag asks for. The zero value is none: nothing
// is written to it.
type outputFile struct {
	flag string
	file *os.File
}

// createOutput opens the file that a flag names, if it names one, before the
// run, so that a name that cannot be written costs no time. What the file holds
// stays until there is something to write. It must not be one of the inputs;
// names that are no files do not matter.
func createOutput(flag, name string, inputs ...string) (outputFile, error) {
	if name == "" {
		return outputFile{}, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return outputFile{}, fmt.Errorf("--%s: %w", flag, err)
	}
	for _, in := range inputs {
		if isFile(file, in) {
			file.Close()
			return outputFile{}, usage.Errorf("--%s %s would overwrite %s", flag, name, in)
		}
	}
	return outputFile{flag, file}, nil
}

// isFile reports whether an open file is the one of a name.
func isFile(file *os.File, name string) bool {
	info, err := file.Stat()
	other, otherErr := os.Stat(name)
	return err == nil && otherErr == nil && os.SameFile(info, other)
}

// empty removes what the file holds. What is no regular file, such as a pipe,
// holds nothing.
func (f outputFile) empty() error {
	if info, err := f.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return f.file.Truncate(0)
}

// failed names the flag in an error, if it is one.
func (f outputFile) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", f.flag, err)
}

// writeReport writes the page of an outcome.
func (f outputFile) writeReport(result outcome) error {
	if f.file == nil {
		return nil
	}
	if err := f.empty(); err != nil {
		return f.failed(err)
	}
	return f.failed(report.Write(f.file, result.Page()))
}

// rows returns what writes rows to the file as they come, nil if there is no
// file.
func (f outputFile) rows() (*rehearsal.Rows, error) {
	if f.file == nil {
		return nil, nil
	}
	if err := f.empty(); err != nil {
		return nil, f.failed(err)
	}
	return rehearsal.NewRows(f.file), nil
}

// Close closes the file, if there is one.
func (f outputFile) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
