// Package consumer processes whole streams: a [Group] is workers that share the
// shards, remember how far each has been processed, and take over from those
// that fail.
//
//	g, err := consumer.New(consumer.Config{
//		Name: "billing", Streams: []client.Stream{client.Embedded(stream)}, Store: new(lease.Memory),
//		Handler: func(ctx context.Context, b *consumer.Batch) error {
//			return charge(ctx, b.Records)
//		},
//	})
//	...
//	err = g.Run(ctx) // until ctx ends; then what is in hand is finished and written
//
// A Group value is one worker. Make one in each process that shares the store, or
// several in one process.
//
// # What is promised
//
// Every record is processed at least once, and the records of a shard in their
// order. A child of a shard is begun when its parents have been processed to
// their end, so the records of a key keep their order over splits and merges.
// Records come again after an unclean event only: a worker that is killed, or
// cannot write its leases, or a handler that fails. An end of Run, and a lease
// that moves to another worker because that has fewer, repeat nothing.
//
// An error of the handler never skips a record, unless [Config.OnError] says so.
// Records that expired before they were read end Run, unless [Config.Expired]
// says otherwise.
//
// What [Batch.SetState] keeps is written together with the checkpoint: state and
// position are never one without the other.
//
// # Leases
//
// Who reads which shard stands in a [lease.Store]. Its rows and the way they are
// written are those of the Kinesis Client Library 2.x. Each worker judges by its
// own clock, which only goes forward, whether a lease has been renewed; no two
// clocks are compared. A handler's context ends before another worker may begin,
// and a worker that was paused cannot write any more: each write names the
// lease's counter.
//
// docs/groups.md is the guide.
package consumer
