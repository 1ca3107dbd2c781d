// Package producer puts records to a stream: many at a time, again when that
// fails, and small ones packed into one.
//
//	p, err := producer.New(producer.Config{Stream: client.Embedded(stream)})
//	...
//	o, err := p.Put(ctx, weir.Entry{PartitionKey: "customer-7", Data: data})
//	err = p.PutAsync(ctx, e, func(o producer.Outcome) { ... }) // told later
//	...
//	err = p.Close(ctx) // what was taken in is delivered first
//
// The stream is the engine in this process, the service or anything else that
// is a [client.Stream].
//
// # What is promised
//
// Each record that was taken in has one outcome, which is told once. Delivered
// means stored; a record may be stored more than once, where a call failed
// without an answer or an aggregate landed in a shard that is not that of all
// its records. What is in an aggregate counts as delivered only if consumers,
// who discard aggregates with misplaced records, see it.
//
// The records of a partition key keep their order until one of them is put
// again, where the stream keeps the order of a call; with [Config.Ordered] they
// do through any failure, on any stream. That is about what was delivered: a
// record that failed is left out, and one of a call that was given up may be
// stored late.
//
// Memory is bounded: a put waits for room, or is refused.
//
// docs/producing.md is the guide.
package producer
