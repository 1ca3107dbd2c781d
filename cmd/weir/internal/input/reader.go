package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxLineBytes is how long a line may be, its end included. The rest of a longer
// one is skipped without being held in memory.
const MaxLineBytes = 64 << 10

// KeptRejections is how many of the first bad lines a Reader keeps.
const KeptRejections = 5

// A Rejection says which line was no event, and why.
type Rejection struct {
	Line   int    `json:"line"` // the first line is 1
	Reason string `json:"reason"`
	Text   string `json:"text"` // the beginning of the line, quoted
}

// A Reader reads events. Use it from one goroutine at a time.
type Reader struct {
	lines    *lineReader
	format   Format
	parse    Parser
	begun    bool // the first line, which decided the format, has been used
	first    []byte
	firstErr error

	events     int
	rejected   int
	rejections []Rejection
}

// A Parser reads an event from a line, which becomes its Raw.
type Parser func(line []byte) (Event, error)

// NewReader returns a reader of r. The first line that is not blank decides the
// format: JSON lines if it begins with a brace, a comma-separated table if it
// names the columns of one, an Apache combined log otherwise. fields names the
// fields of JSON lines or the columns; to name any is an error when the input is
// something else.
func NewReader(r io.Reader, fields Fields) (*Reader, error) {
	in := &Reader{lines: newLineReader(r), begun: true}
	first, err := in.lines.next()
	switch {
	case err == io.EOF:
		return in, nil
	case err != nil && !errors.Is(err, errLineTooLong):
		return nil, err
	}
	in.begun, in.first, in.firstErr = false, slices.Clone(first), err
	return in, in.choose(fields)
}

// choose decides the format by the first line, which is no event if it names the
// columns of a table.
func (r *Reader) choose(fields Fields) error {
	if isObject(r.first) {
		r.format, r.parse = JSONLines, fields.ParseJSON
		return nil
	}
	if table, ok := fields.columnsOf(r.first); ok && r.firstErr == nil {
		r.format, r.parse, r.begun = Table, table.parse, true
		return nil
	}
	if fields != (Fields{}) {
		return errors.New("fields can be chosen in JSON lines and tables only, and line 1 is neither a JSON object nor names these columns")
	}
	r.format, r.parse = Combined, ParseCombined
	return nil
}

// Next returns the next event, or [io.EOF] after the last one, or the error of
// the reader below.
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.nextLine()
		if errors.Is(err, errLineTooLong) {
			r.reject(line, err)
			continue
		}
		if err != nil {
			return Event{}, err
		}
		e, err := r.parse(slices.Clone(line))
		if err == nil {
			r.events++
			return e, nil
		}
		r.reject(line, err)
	}
}

func (r *Reader) nextLine() ([]byte, error) {
	if !r.begun {
		r.begun = true
		return r.first, r.firstErr
	}
	return r.lines.next()
}

// reject counts a line that is no event.
func (r *Reader) reject(line []byte, reason error) {
	r.rejected++
	if len(r.rejections) < KeptRejections {
		r.rejections = append(r.rejections, Rejection{
			Line: r.lines.number, Reason: reason.Error(), Text: shorten(string(line)),
		})
	}
}

// Format returns how the lines are written.
func (r *Reader) Format() Format { return r.format }

// Parse reads one line as the reader does. It may be called by any goroutine,
// but not when the format is Unknown.
func (r *Reader) Parse(line []byte) (Event, error) { return r.parse(line) }

// Events returns how many events were read.
func (r *Reader) Events() int { return r.events }

// Rejected returns how many lines were no events.
func (r *Reader) Rejected() int { return r.rejected }

// Rejections returns the first bad lines, at most KeptRejections.
func (r *Reader) Rejections() []Rejection { return slices.Clone(r.rejections) }

// errLineTooLong is why a long line is no event.
var errLineTooLong = fmt.Errorf("the line is longer than %d bytes", MaxLineBytes)

// A lineReader reads lines of bounded length and counts them.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line that was read last
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, MaxLineBytes)}
}

// next returns the next line that is not blank, without its end. It is valid
// until the next call. With errLineTooLong comes the line's beginning.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.r.ReadSlice('\n')
		if len(line) == 0 {
			return nil, err
		}
		l.number++
		if l.number == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF")) // the mark some editors put first
		}
		switch {
		case err == bufio.ErrBufferFull:
			return l.skipRest(line)
		case err != nil && err != io.EOF:
			return nil, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

// skipRest reads on to the end of a line that is too long.
func (l *lineReader) skipRest(line []byte) ([]byte, error) {
	begin := slices.Clone(line[:shownBytes+1])
	for {
		_, err := l.r.ReadSlice('\n')
		switch err {
		case bufio.ErrBufferFull:
		case nil, io.EOF:
			return begin, errLineTooLong
		default:
			return nil, err
		}
	}
}

// shownBytes is how much of a bad line is shown.
const shownBytes = 60

// shorten returns the beginning of s, as UTF-8 whatever it was.
func shorten(s string) string {
	if len(s) > shownBytes {
		s = s[:shownBytes] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
