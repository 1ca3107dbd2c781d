package kinesisserver

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
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

// errBusy says that other requests hold as many bytes as all may.
var errBusy = errors.New("too many bytes in flight")

// A budget is how many bytes of large requests and responses there may be at a
// time. Of a request and of a response the first 64 KiB do not count.
type budget struct {
	most int64 // negative: any number
	held atomic.Int64
}

// take takes n bytes, unless that would be too many.
func (b *budget) take(n int64) bool {
	if held := b.held.Add(n); b.most >= 0 && held > b.most {
		b.held.Add(-n)
		return false
	}
	return true
}

// hold makes the exchange one that holds n more bytes, unless these are too
// many.
func (x *exchange) hold(n int) bool {
	if n <= 0 {
		return true
	}
	if !x.server.budget.take(int64(n)) {
		return false
	}
	x.held += int64(n)
	return true
}

// holdOut counts the response's body. Only one that can be asked for again is
// refused.
func (x *exchange) holdOut() bool {
	n := len(x.out) - maxFirstBytes
	if x.hold(n) {
		return true
	}
	if x.op != nil && x.op.name == "GetRecords" {
		return false
	}
	x.server.budget.held.Add(int64(n))
	x.held += int64(n)
	return true
}

// letGo gives back what the exchange held.
func (x *exchange) letGo() {
	if x.held > 0 {
		x.server.budget.held.Add(-x.held)
	}
}

// readBody reads a request's body into a buffer, which is to be given back.
func (x *exchange) readBody(r *http.Request, limit int64) (*[]byte, error) {
	b := takeBuffer(&firstBuffers)
	if r.ContentLength > limit {
		return b, errTooLarge
	}
	for {
		if len(*b) == cap(*b) {
			var ok bool
			if b, ok = x.growBody(b, r.ContentLength); !ok {
				return b, errBusy
			}
		}
		end := min(int64(cap(*b)), limit+1) // one that was used before may have room for much more
		n, err := r.Body.Read((*b)[len(*b):end])
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

// growBody makes room for more of a body, which fills its buffer, if the budget
// has it: as much again, and no more than a client that announces a large one
// has earned by sending. Once that is a lot, a buffer that was used before may
// have much more, which counts.
func (x *exchange) growBody(b *[]byte, announced int64) (*[]byte, bool) {
	n := len(*b)
	if n >= maxFirstBytes && cap(*b) <= maxFirstBytes {
		large := takeBuffer(&largeBuffers)
		if cap(*large) > n && x.holdBody(cap(*large)) {
			*large = append(*large, *b...)
			giveBody(b)
			return large, true
		}
		if cap(*large) > 0 { // the body may fit into less
			giveBuffer(&largeBuffers, large)
		}
	}
	room := max(n, minRoomBytes)
	if left := announced + 1 - int64(n); left > 0 { // the one is for the read that finds the end
		room = int(min(left, int64(room)))
	}
	if !x.holdBody(n + room) {
		return b, false
	}
	*b = append(make([]byte, 0, n+room), *b...)
	return b, true
}

// holdBody makes the exchange one that holds a request's body in so much room.
func (x *exchange) holdBody(room int) bool { return x.hold(room - maxFirstBytes - int(x.held)) }
