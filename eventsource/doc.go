// Package eventsource calls a function with batches of a stream's records, as
// Lambda's event source mapping does.
//
//	source, err := eventsource.New(eventsource.Config{
//		Settings:  eventsource.Settings{StartingPosition: eventsource.TrimHorizon},
//		Function:  func(ctx context.Context, event []byte) ([]byte, error) { … },
//		OnFailure: eventsource.ToFile("failed.jsonl", eventsource.QueueForm),
//		Group:     consumer.Config{Streams: streams, Store: new(lease.Memory)},
//	})
//	...
//	err = source.Run(ctx) // until ctx ends
//
// A [Source] is one worker of a consumer group: leases, checkpoints, and
// children of shards after their parents come from package consumer. Make one
// in each process that shares the store.
//
// # What the function gets
//
// The event is the JSON that Lambda sends, byte for byte, of the records of one
// shard. A batch is given to the function when it has [Settings].BatchSize
// records, or [MaxPayloadBytes] as it is serialised, or when the batching
// window ends. With a ParallelizationFactor, records go to so many lanes by
// their partition key, and a batch of each lane is processed at a time. Records
// that match none of FilterCriteria are left out.
//
// # What its answer means
//
// Without an error the batch is processed; with ReportBatchItemFailures, up to
// the first record that the answer names. What failed is tried again, with
// back-off, as often as MaximumRetryAttempts says, as long as the records are
// not older than MaximumRecordAgeInSeconds, and in halves with
// BisectBatchOnFunctionError. Then it is given up: a [Failure] goes to
// [Config.OnFailure], and the shard goes on. Nothing set, a record that fails
// holds its lane without end.
//
// # What is promised
//
// Delivery is at least once. Of a key, a record is given to the function when
// all before it are processed or given up. The position that is kept is before
// the first record that is neither, so after a crash what other lanes have
// processed behind it comes again. The state of a tumbling window is kept in
// the same write as the position. What is held in memory is bounded; a shard is
// not read on when that much is held.
//
// docs/eventsource.md is the guide, with the choices that had to be made where
// the service is not documented.
package eventsource
