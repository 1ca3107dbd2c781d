package cli

import (
	"fmt"
	"os"

	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// A reportFile is the page to be written. The zero value is none.
type reportFile struct{ file *os.File }

// createReport opens the file of a report, if one is asked for, before the run,
// so that a name that cannot be written costs no time. What the file holds stays
// until there is something to write. It must not be one of the inputs; names
// that are no files do not matter.
func createReport(name string, inputs ...string) (reportFile, error) {
	if name == "" {
		return reportFile{}, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return reportFile{}, fmt.Errorf("--report: %w", err)
	}
	for _, in := range inputs {
		if isFile(file, in) {
			file.Close()
			return reportFile{}, usageError{fmt.Errorf("--report %s would overwrite the input", name)}
		}
	}
	return reportFile{file}, nil
}

// isFile reports whether an open file is the one of a name.
func isFile(file *os.File, name string) bool {
	info, err := file.Stat()
	other, otherErr := os.Stat(name)
	return err == nil && otherErr == nil && os.SameFile(info, other)
}

// write writes the page.
func (r reportFile) write(p report.Page) error {
	if r.file == nil {
		return nil
	}
	if info, err := r.file.Stat(); err == nil && info.Mode().IsRegular() {
		if err := r.file.Truncate(0); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	if err := report.Write(r.file, p); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// Close closes the file, if there is one.
func (r reportFile) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
