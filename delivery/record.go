package delivery

import (
	"github.com/weirstream/weir"
)

// A Record is what is delivered: a record of the stream, a user record of an
// aggregate, or a part of either. Key and Data are its own: they share no memory
// with the stream. They must not be written to.
type Record struct {
	// Record is the one that it came from; its Data is what is to be delivered,
	// which is another one after a transform.
	weir.Record
	// Sub is the index within the aggregate that it came from, zero if it came
	// from none.
	Sub uint64
	// Part is the index within the record that was split, zero if none was.
	Part int
	// Keys are what the transform gave it to be partitioned by; nil if nothing.
	Keys map[string]string
}
