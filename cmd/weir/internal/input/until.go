package input

import (
	"context"
	"io"
)

// ReadUntil returns a reader of r that also ends when ctx does, with its error. A
// terminal or a pipe may keep a read waiting for ever; the goroutine that waits
// with it ends with r, at the latest with the program.
func ReadUntil(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out
}
