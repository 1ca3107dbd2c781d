package terminal

import (
	"context"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// A Screen is the whole of a terminal, with what is typed there.
type Screen struct {
	out   *os.File
	reset func()
	keys  <-chan string
}

// NewScreen takes a terminal over until Close. It returns nil if in and out are
// none.
func NewScreen(ctx context.Context, in io.Reader, out io.Writer) (*Screen, error) {
	if !Is(in) || !Is(out) {
		return nil, nil
	}
	i, o := in.(*os.File), out.(*os.File)
	before, err := term.MakeRaw(int(i.Fd()))
	if err != nil {
		return nil, err
	}
	s := &Screen{out: o, reset: func() { _ = term.Restore(int(i.Fd()), before) }}
	_, _ = io.WriteString(o, "\x1b[?1049h\x1b[?25l\x1b[2J")
	s.keys = keysOf(ctx, i)
	return s, nil
}

// keysOf sends what is typed, a key at a time. It ends with ctx or the terminal.
func keysOf(ctx context.Context, in io.Reader) <-chan string {
	keys, typed := make(chan string), input.ReadUntil(ctx, in)
	go func() {
		defer close(keys)
		buffer := make([]byte, 64)
		for {
			n, err := typed.Read(buffer)
			if err != nil {
				return
			}
			for rest := string(buffer[:n]); rest != ""; {
				var key string
				key, rest = cutKey(rest)
				select {
				case keys <- key:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return keys
}

// cutKey cuts the first key off what a terminal sent. Keys such as arrows come as
// an escape and more, at once.
func cutKey(typed string) (key, rest string) {
	if len(typed) < 3 || typed[0] != '\x1b' || typed[1] != '[' && typed[1] != 'O' {
		return typed[:1], typed[1:]
	}
	end := 2
	for end < len(typed)-1 && (typed[end] < '@' || typed[end] > '~') {
		end++
	}
	return typed[:end+1], typed[end+1:]
}

// Keys returns what is typed, a key at a time, as the terminal sends it. It is
// closed when the terminal has gone.
func (s *Screen) Keys() <-chan string { return s.keys }

// Size returns columns and rows.
func (s *Screen) Size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// Show shows lines in place of what stood there. All is written at once, and
// nothing is cleared that is written again, so that it does not flicker.
func (s *Screen) Show(lines []string) {
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(s.out, b.String()) // what a terminal refuses does not matter
}

// Close gives the terminal back as it was.
func (s *Screen) Close() {
	_, _ = io.WriteString(s.out, "\x1b[?25h\x1b[?1049l")
	s.reset()
}
