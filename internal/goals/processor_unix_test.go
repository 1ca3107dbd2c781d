//go:build unix

package goals_test

import (
	"syscall"
	"testing"
	"time"
)

// processorTime returns the processor time that the process has taken.
func processorTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
