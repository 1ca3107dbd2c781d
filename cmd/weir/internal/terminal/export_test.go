package terminal

import "io"

// NewLiveOf returns a display on a terminal of so many columns.
func NewLiveOf(out io.Writer, width int) *Live { return &Live{out: out, width: width} }
