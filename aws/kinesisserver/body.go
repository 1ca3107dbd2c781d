package kinesisserver

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// buffers are for bodies of responses.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// firstBuffers are for bodies of requests, and largeBuffers for what has outgrown
// them, so that a connection which only announces a body, or sends it slowly,
// holds no large one.
var (
	firstBuffers = sync.Pool{New: func() any { return new([]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([]byte) }}
)

const (
	// minRoomBytes is what a body has room for before any of it is there.
	minRoomBytes = 4 << 10
	// maxFirstBytes is how large a buffer of firstBuffers grows.
	maxFirstBytes = 64 << 10
	// maxPooledBytes is how large a buffer may be to be used again.
	maxPooledBytes = 32 << 20
)

func takeBuffer(pool *sync.Pool) *[]byte { return pool.Get().(*[]byte) }

func giveBuffer(pool *sync.Pool, b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		pool.Put(b)
	}
}

// giveBody gives back the buffer of a request's body.
func giveBody(b *[]byte) {
	if cap(*b) <= maxFirstBytes {
		giveBuffer(&firstBuffers, b)
		return
	}
	giveBuffer(&largeBuffers, b)
}

// errTooLarge says that a body is larger than it may be.
var errTooLarge = errors.New("body too large")

// readBody reads a request's body into a buffer, which is to be given back.
func readBody(r *http.Request, limit int64) (*[]byte, error) {
	b := takeBuffer(&firstBuffers)
	if r.ContentLength > limit {
		return b, errTooLarge
	}
	for {
		if len(*b) == cap(*b) {
			b = growBody(b, r.ContentLength)
		}
		n, err := r.Body.Read((*b)[len(*b):cap(*b)])
		*b = (*b)[:len(*b)+n]
		switch {
		case int64(len(*b)) > limit:
			return b, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// growBody makes room for more of a body, which fills its buffer: as much again,
// and no more than a client that announces a large one has earned by sending.
// Once that is a lot, a buffer that was used before may have much more.
func growBody(b *[]byte, announced int64) *[]byte {
	n := len(*b)
	if n >= maxFirstBytes && cap(*b) <= maxFirstBytes {
		large := takeBuffer(&largeBuffers)
		if cap(*large) > n {
			*large = append(*large, *b...)
			giveBody(b)
			return large
		}
	}
	room := max(n, minRoomBytes)
	if left := announced + 1 - int64(n); left > 0 { // the one is for the read that finds the end
		room = int(min(left, int64(room)))
	}
	grown := append(make([]byte, 0, n+room), *b...)
	*b = grown
	return b
}
