package kinesisserver

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
)

// buffers are for bodies of requests and responses.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledBytes is how large a buffer may be to be used again.
const maxPooledBytes = 32 << 20

func takeBuffer() *[]byte { return buffers.Get().(*[]byte) }

func giveBuffer(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// errTooLarge says that a body is larger than it may be.
var errTooLarge = errors.New("body too large")

// readBody reads a request's body into b.
func readBody(b []byte, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return b, errTooLarge
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, bodyRoom(len(b), r.ContentLength))
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return b, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// bodyRoom returns how much to make room for after n bytes of a body: no more
// than a client that announces a large one has earned by sending.
func bodyRoom(n int, announced int64) int {
	const most = 1 << 20
	if left := announced + 1 - int64(n); left > 0 { // the one is for the read that finds the end
		return int(min(left, int64(max(n, most))))
	}
	return max(n, 4096)
}
