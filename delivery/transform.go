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
	// It is called again after a crash: it should decide by the record alone.
	// Records that it treats otherwise then may be delivered twice.
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
