package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// A demoSource is where the events of a demo come from.
type demoSource struct {
	events   demo.Source
	parse    input.Parser
	describe func(*demo.Result)          // fills in what the run does not know
	done     func(demo.Progress) float64 // how much of the input, 0 to 1; nil if unknown
	file     *os.File                    // nil unless a file is read
}

// part returns how much of the input has been put, 0 to 1, and 0 if that is
// unknown.
func (s *demoSource) part(p demo.Progress) float64 {
	if s.done == nil {
		return 0
	}
	return s.done(p)
}

// Close closes the file that is read, if any.
func (s *demoSource) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// openInput opens a file, or stdin if the name is "-".
func openInput(ctx context.Context, name string, fields input.Fields, stdin io.Reader) (*demoSource, error) {
	s := &demoSource{}
	from := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--input: %w", err)
		}
		s.file, from = file, file
	} else {
		name = "standard input"
	}
	counted, err := s.measure(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("--input %s: %w", name, err)
	}
	reader, err := input.NewReader(counted, fields)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return nil, fmt.Errorf("--input %s: %w", name, err)
	}
	s.events, s.parse = reader, reader.Parse
	s.describe = func(r *demo.Result) {
		r.Input, r.Format = name, reader.Format().String()
		r.Rejected, r.Rejections = reader.Rejected(), reader.Rejections()
	}
	return s, nil
}

// measure prepares the input: a regular file tells how much of it was read, and
// from anything else a read ends with ctx.
func (s *demoSource) measure(ctx context.Context, from io.Reader) (io.Reader, error) {
	if s.file == nil {
		return input.ReadUntil(ctx, from), nil
	}
	info, err := s.file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("is a directory")
	case !info.Mode().IsRegular():
		return input.ReadUntil(ctx, from), nil
	}
	counted := &countingReader{r: from}
	s.done = func(demo.Progress) float64 {
		return float64(counted.n.Load()) / float64(max(1, info.Size()))
	}
	return counted, nil
}

// A countingReader counts what is read.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

// Read reads and counts.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
