// Package hangup tells when nobody reads any more what a command writes.
package hangup

import (
	"context"
	"io"
	"os"
)

// Context returns a context that ends with ctx, and when nobody reads out any
// more, such as the head of a pipe that has seen enough: who writes now and then
// would learn of it by the next write, which may never come. Only on Linux, and
// only where out is a pipe, a socket or a terminal, is it told; elsewhere the
// context ends with ctx alone. The caller calls stop when it is done with out.
func Context(ctx context.Context, out io.Writer) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	f, ok := out.(*os.File)
	if !ok {
		return ctx, cancel
	}
	end := watch(f, cancel)
	return ctx, func() {
		cancel()
		end()
	}
}
