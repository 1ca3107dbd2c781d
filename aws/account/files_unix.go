//go:build aix || darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package account

import (
	"errors"
	"os"
	"syscall"
)

// openFiles returns how many files the process may have open, connections and
// all, and how many it has open at least. Go has raised the limit as far as the
// system lets it. A new file gets the lowest number that is free: there are as
// many open as that number, up to those that were closed in between.
func openFiles() (limit, open uint64, known bool) {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0, 0, false
	}
	limit = uint64(r.Cur)
	f, err := os.Open(os.DevNull)
	if errors.Is(err, syscall.EMFILE) {
		return limit, limit, true
	}
	if err != nil {
		return 0, 0, false
	}
	defer f.Close() // it is not written to
	c, err := f.SyscallConn()
	if err == nil {
		err = c.Control(func(fd uintptr) { open = uint64(fd) })
	}
	return limit, open, err == nil
}
