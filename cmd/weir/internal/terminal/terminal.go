// Package terminal is what commands show on a terminal while they work, and ask
// there. Where somebody else reads the output, such as a file or a pipe,
// nothing is shown.
package terminal

import (
	"os"

	"golang.org/x/term"
)

// Is reports whether a file is a terminal. What is no file is none.
func Is(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
