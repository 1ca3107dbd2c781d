//go:build !arm

package journal

import (
	"fmt"
	"os"
	"syscall"
)

// Room implements what a journal asks of a directory with files to be synced.
func (d osDir) Room() (from, unit int64) { return 64 << 10, 4 << 10 }

// Again implements the same.
func (d osDir) Again(name string, f File) (File, error) {
	again, err := os.OpenFile(d.file(name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	one, err := f.(osFile).Stat()
	if err == nil {
		var other os.FileInfo
		if other, err = again.Stat(); err == nil && !os.SameFile(one, other) {
			err = fmt.Errorf("%s is another file now", again.Name())
		}
	}
	if err != nil {
		again.Close()
		return nil, err
	}
	return osFile{again}, nil
}

// zeros are written a piece at a time: a sync meanwhile waits for what is on
// its way.
var zeros [256 << 10]byte

// Blank implements the same.
func (f osFile) Blank(at, n int64) {
	switch f.reserve(at, n) {
	case nil, syscall.EOPNOTSUPP, syscall.ENOSYS: // it finds room as it is written then
	default:
		return
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

// reserve asks for room for n bytes, without making the file larger.
func (f osFile) reserve(at, n int64) error {
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	for {
		err := syscall.Fallocate(int(f.Fd()), keepSize, at, n)
		if err != syscall.EINTR {
			return err
		}
	}
}
