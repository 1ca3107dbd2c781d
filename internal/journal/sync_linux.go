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

// Room implements what a journal asks of a directory with files to be synced.
func (d osDir) Room() (from, unit int64) { return 64 << 10, 4 << 10 }

// zeros are written a piece at a time: a sync meanwhile waits for what is on
// its way.
var zeros [256 << 10]byte

// Blank implements the same.
func (f osFile) Blank(at, n int64) {
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	if syscall.Fallocate(int(f.Fd()), keepSize, at, n) == syscall.ENOSPC {
		return // other file systems that cannot do so find room as they write
	}
	const writeAndWait = 7 // SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER
	for end := at + n; at < end; at += int64(len(zeros)) {
		piece := zeros[:min(int64(len(zeros)), end-at)]
		if _, err := f.WriteAt(piece, at); err != nil {
			return
		}
		if syscall.SyncFileRange(int(f.Fd()), at, int64(len(piece)), writeAndWait) != nil {
			return
		}
	}
}
