package delivery

import (
	"context"
)

// A Transform changes records before they are partitioned. It is called by
// several goroutines at a time, one a shard, with records of one shard in their
// order.
type Transform interface {
	// Transform returns what becomes of each record, as many results as there
	// are records, in their order. Another number is an error, and so is a
	// panic. After an error it is called again with the same records, as often
	// as Config.TransformRetries says; then all of them go to the error output,
	// as processing-failed. The records must not be written to, and are not kept.
	//
	// It is called again after a crash, and must decide by the record alone: what
	// was delivered before is known by its place and by where it went, its
	// partition or the error output. Of a record that goes elsewhere the second
	// time nobody can tell: it may be delivered twice, or never, if objects of the
	// new place that begin before and end behind it were delivered, and its own
	// was not. If only its data differs, either is delivered. An error, unlike
	// [ProcessingFailed], may come and go: nothing is lost by it.
	Transform(ctx context.Context, records []Record) ([]Result, error)
}

// A TransformFunc is a function that is a [Transform].
type TransformFunc func(ctx context.Context, records []Record) ([]Result, error)

// Transform calls the function.
func (f TransformFunc) Transform(ctx context.Context, records []Record) ([]Result, error) {
	return f(ctx, records)
}

// A Result is what a [Transform] makes of one record.
type Result struct {
	Status Status
	// Data is delivered in place of the record's if Status is Ok. It may be the
	// record's own. It is kept, and must not be written to any more.
	Data []byte
	// Keys are for prefixes, which refer to them as
	// !{partitionKeyFromLambda:name}.
	Keys map[string]string
	// Code and Message say in the error output why the record failed. Empty
	// means a Code of its own.
	Code, Message string
}

// A Status says what is to become of a record.
type Status int

const (
	// Ok delivers the result's data.
	Ok Status = iota
	// Dropped leaves the record out, on purpose: it counts as processed.
	Dropped
	// ProcessingFailed sends the record to the error output, as it came.
	ProcessingFailed
)
