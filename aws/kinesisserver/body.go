package kinesisserver

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// firstBuffers are for bodies of requests and responses, and largeBuffers for
// what has outgrown them, so that a connection which only announces a body, or
// sends it slowly, or reads slowly what is small, holds no large one.
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

// giveBody gives back the buffer of a request's body, or a response's.
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

// holdOut counts the response's body, with all the room that it has. Only one
// that can be asked for again is refused.
func (x *exchange) holdOut() bool {
	if cap(x.out) > maxFirstBytes && len(x.out) <= maxFirstBytes {
		x.shrinkOut()
	}
	more := cap(x.out) - maxFirstBytes - int(x.expected)
	if more <= 0 || x.hold(more) {
		return true
	}
	if x.op != nil && x.op.name == "GetRecords" {
		return false
	}
	x.server.budget.large.held.Add(int64(more))
	x.flight.large += int64(more)
	return true
}

// shrinkOut puts a response that has become small into a small buffer: its
// client may take long to read it.
func (x *exchange) shrinkOut() {
	small := takeBuffer(&firstBuffers)
	*small = append((*small)[:0], x.out...)
	*x.pooled = x.out
	giveBody(x.pooled)
	x.pooled, x.out = small, *small
}

// expect counts a response's body that is about to be made out, of so many
// bytes, unless these are too many.
func (x *exchange) expect(n int) bool {
	if n <= maxFirstBytes {
		return true
	}
	if !x.hold(n - maxFirstBytes) {
		return false
	}
	x.expected = int64(n - maxFirstBytes)
	large := takeBuffer(&largeBuffers)
	more := cap(*large) - n
	if cap(*large) <= maxFirstBytes || !x.hold(more) { // the response may fit into less
		giveBody(large)
		return true
	}
	x.expected += int64(max(more, 0))
	giveBody(x.pooled)
	x.pooled, x.out = large, (*large)[:0]
	return true
}

// readBody reads a request's body into a buffer, which is to be given back.
func (x *exchange) readBody(r *http.Request, limit int64) (*[]byte, error) {
	b := takeBuffer(&firstBuffers)
	if r.ContentLength > limit {
		return b, errTooLarge
	}
	x.waits(true)
	defer x.waits(false)
	for mark := 0; ; {
		if len(*b)-mark >= progressBytes {
			mark = len(*b)
			x.waits(true) // from now on
		}
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
	if n >= minRoomBytes && x.flight.small == requestBytes && !x.holdSmall() {
		return b, false
	}
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
	if n < maxFirstBytes { // so that one that large is used again
		room = min(room, maxFirstBytes-n)
	}
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
func (x *exchange) holdBody(room int) bool {
	return x.hold(room - maxFirstBytes - int(x.flight.large))
}
