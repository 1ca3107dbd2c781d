package journal

import (
	"os"
	"syscall"
)

// syncFile makes the data of a file durable, and its size, but not when it was
// changed.
func syncFile(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Reserve implements what a journal asks of a file that it syncs often.
func (f osFile) Reserve(at, n int64) {
	const keepSize = 1                              // FALLOC_FL_KEEP_SIZE
	syscall.Fallocate(int(f.Fd()), keepSize, at, n) // not every file system can; a write says whether there is room
}
