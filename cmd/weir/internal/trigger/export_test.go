package trigger

import "io"

// NewScreenOn returns a screen with a display.
func NewScreenOn(live display, stderr io.Writer) *Screen { return &Screen{live: live, err: stderr} }

// Show shows lines.
func (s *Screen) Show(lines []string) { s.show(lines) }
