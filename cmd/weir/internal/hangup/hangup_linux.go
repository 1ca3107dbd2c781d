package hangup

import (
	"os"
	"sync"
	"syscall"
)

// watch calls gone when nobody reads f any more, until end is called. That
// somebody hung up is told of a descriptor whatever one asks about it, so
// nothing else is asked.
func watch(f *os.File, gone func()) (end func()) {
	nothing := func() {}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nothing
	}
	// What is read there wakes the one who waits: its end is a hang-up, too.
	woken, wake, err := os.Pipe()
	if err != nil {
		syscall.Close(poll)
		return nothing
	}
	if !add(poll, f) || !add(poll, woken) { // such as a file on a disk
		syscall.Close(poll)
		woken.Close()
		wake.Close()
		return nothing
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer syscall.Close(poll)
		defer woken.Close()
		var events [1]syscall.EpollEvent
		for {
			n, err := syscall.EpollWait(poll, events[:], -1)
			if err == syscall.EINTR {
				continue
			}
			if n == 1 {
				gone()
			}
			return
		}
	})
	return func() {
		wake.Close()
		waiting.Wait()
	}
}

// add makes the hang-ups of f known, and reports whether there are such.
func add(poll int, f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	bad := raw.Control(func(fd uintptr) {
		err = syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, int(fd), &syscall.EpollEvent{})
	})
	return bad == nil && err == nil
}
