// Package delivery flushes a stream somewhere: it collects the records of each
// shard, makes objects of them by size, count and time, and delivers these to a
// [Sink], as the service's delivery streams do.
//
// What becomes of a record, in this order: an aggregate of the Kinesis Producer
// Library is taken apart; the record is decompressed, the messages of CloudWatch
// Logs are taken out of it, and it is split where it has several documents;
// a [Transform] changes or drops it; a [Partitioner] says by its keys which
// object it belongs to. A [Format] makes bytes of an object's records and a
// [Codec] compresses them. What cannot be processed goes to the error output
// with the record, and never stops a shard.
package delivery
