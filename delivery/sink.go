package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Sink takes objects. It is called by several goroutines at a time, with
// different objects.
type Sink interface {
	// Deliver stores one object, and returns nil when it is durable: the
	// position of the shard moves behind its records then, and they do not come
	// again. It need not take what it was given before ctx ends, but must not
	// outlive it by much.
	//
	// An object is known by its name. After an error, and after a crash, the
	// same object comes again, by the same name and with the same records: a
	// sink that overwrites what has the name holds each record once, however
	// often it comes. An object must be seen whole or not at all.
	//
	// An error is temporary: the object comes again after some time, without
	// end, and the shard is not read on when its memory is full. But what a
	// [*RefusedError] names is given up: it goes to the error output.
	//
	// The object, its Body and its Records are the sink's until it returns.
	Deliver(ctx context.Context, o *Object) error
}

// A Checker is a Sink that can tell, before anything is read, that it would not
// work: that the directory cannot be written, or the bucket is not there.
type Checker interface {
	Check(ctx context.Context) error
}

// A RecordSink is a Sink that takes records one by one, as a stream or an HTTP
// endpoint does: no format and no codec is applied for it, Body is nil, and
// there is no extension in the name.
type RecordSink interface {
	Sink
	// TakesRecords does nothing.
	TakesRecords()
}

// A SinkFunc is a function that is a [Sink].
type SinkFunc func(ctx context.Context, o *Object) error

// Deliver calls the function.
func (f SinkFunc) Deliver(ctx context.Context, o *Object) error { return f(ctx, o) }

// An Object is what is delivered at once: some records of one shard that belong
// to one partition, in their order.
type Object struct {
	// Name is where it belongs: the prefix, the stream, the arrival of the first
	// record, the shard, the number of the first record, and the extensions of
	// format and codec. It has "/" between its parts, on all systems. It is
	// decided by the records and the configuration alone, and no two objects of
	// a delivery have the same. Prefixes may have values of records in them: a
	// name is not always one that a file system can have.
	Name string
	// ContentType is the media type of the object without ContentEncoding, such
	// as application/octet-stream.
	ContentType string
	// ContentEncoding is how that is compressed, such as gzip; empty if it is
	// not, or in a way that has no name in HTTP.
	ContentEncoding string
	// Body is the object, formatted and compressed; nil for a [RecordSink].
	Body []byte
	// Count is how many records are in it, Size the bytes of their data before
	// format and compression.
	Count, Size int

	// Stream and Shard are where the records came from, First and Last the
	// numbers of the oldest and the newest one, and FirstArrival when the oldest
	// arrived.
	Stream       string
	Shard        weir.ShardID
	First, Last  weir.SequenceNumber
	FirstArrival time.Time

	// Records is what it is made of. It is nil unless the sink is a
	// [RecordSink].
	Records []Record
}

// A RefusedError is the error of a [Sink] that will not take an object, or some
// of its records, however often it is tried. They go to the error output.
type RefusedError struct {
	// Type is the part of the error output's prefix, such as
	// "http-endpoint-failed". Empty means "delivery-failed".
	Type string
	// Code is the errorCode of error objects, such as
	// "HttpEndpoint.DestinationException". Empty means "Delivery.Refused".
	Code string
	// Attempts is how often it was tried. Zero means once.
	Attempts int
	// Records are those that were refused, by their index in Object.Records;
	// the others were delivered. Nil means all of them.
	Records []int
	// Each says why each of Records was refused, in their order, where not all
	// have the same reason: by its Code, Attempts and Err. Nil, also for one of
	// them, means that it is this error.
	Each []*RefusedError
	// Err is why.
	Err error
}

// Error returns what was refused, and why.
func (e *RefusedError) Error() string {
	if e.Records != nil {
		return fmt.Sprintf("%d records refused: %v", len(e.Records), e.Err)
	}
	return fmt.Sprintf("refused: %v", e.Err)
}

// Unwrap returns why.
func (e *RefusedError) Unwrap() error { return e.Err }

// reasons returns for each of n records why it was refused, nil if it was not.
func (e *RefusedError) reasons(n int) []*RefusedError {
	why := make([]*RefusedError, n)
	if e.Records == nil {
		for i := range why {
			why[i] = e
		}
	}
	for k, i := range e.Records {
		if i < 0 || i >= n {
			continue
		}
		why[i] = e
		if k < len(e.Each) && e.Each[k] != nil {
			why[i] = e.Each[k]
		}
	}
	return why
}
