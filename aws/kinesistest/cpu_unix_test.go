//go:build unix

package kinesistest_test

import (
	"syscall"
	"time"
)

// processorTime returns how much the process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return time.Hour
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
