package kinesisclient

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// A putBody is the body of one PutRecords, which is read more than once: to be
// signed, to be sent, and again where the call is repeated. The transport may
// still read it when the call is over, so its memory is used again only if it was
// read to its end.
type putBody struct {
	text []byte
	free *[]byte // of bodies; where text is given back
	at   int
	sent atomic.Bool // what is left to read is nothing
}

// bodies are *[]byte that nobody uses.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// write makes the body what a function appends.
func (b *putBody) write(appended func([]byte) []byte) {
	if b.free == nil {
		b.free = bodies.Get().(*[]byte)
	}
	b.text, b.at = appended((*b.free)[:0]), 0
}

// recycle gives the memory back, if it can be.
func (b *putBody) recycle() {
	if b.sent.Load() {
		*b.free = b.text
		bodies.Put(b.free)
	}
}

// Read reads on.
func (b *putBody) Read(p []byte) (n int, err error) {
	if b.at == len(b.text) {
		return 0, io.EOF
	}
	n = copy(p, b.text[b.at:])
	if b.at += n; b.at == len(b.text) {
		b.sent.Store(true)
	}
	return n, nil
}

// WriteTo writes what is left: it is signed without a copy.
func (b *putBody) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b.text[b.at:])
	if b.at += n; b.at == len(b.text) {
		b.sent.Store(true)
	}
	return int64(n), err
}

// Seek goes to a place.
func (b *putBody) Seek(offset int64, whence int) (int64, error) {
	at := offset
	switch whence {
	case io.SeekCurrent:
		at += int64(b.at)
	case io.SeekEnd:
		at += int64(len(b.text))
	}
	if at < 0 || at > int64(len(b.text)) {
		return 0, errors.New("the place is outside of the body")
	}
	b.at = int(at)
	b.sent.Store(false)
	return at, nil
}

// Len returns how much is left to read.
func (b *putBody) Len() int { return len(b.text) - b.at }
