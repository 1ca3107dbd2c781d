package account

import "fmt"

// filesEach is how many files a stream, a queue or the account itself has open
// on disk: what it writes to, and the lock.
const filesEach = 2

// spareFiles returns how many open files are left for all else: connections,
// files that are read, the next file of a journal.
func spareFiles(limit uint64) uint64 { return min(1024, max(16, limit/4)) }

// checkFiles refuses one more stream or queue on disk where the process may not
// have enough files open for it.
func checkFiles() error {
	limit, open, known := openFiles()
	if !known || open+filesEach+spareFiles(limit) <= limit {
		return nil
	}
	return errorf(CodeLimitExceeded, msgFileLimit, open, limit, spareFiles(limit))
}

// checkFilesOf refuses an account with so many streams and queues where the
// process may not have as many files open as these take.
func checkFilesOf(streams, queues int) error {
	const reading = 16 // that are open meanwhile
	limit, open, known := openFiles()
	need := uint64(filesEach * (1 + streams + queues))
	if !known || open+need+reading <= limit {
		return nil
	}
	return fmt.Errorf("its %d streams and %d queues take %d open files; the process has %d and may have %d (RLIMIT_NOFILE): "+
		"raise the limit, as ulimit -n does; nothing was changed", streams, queues, need, open, limit)
}
