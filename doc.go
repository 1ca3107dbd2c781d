// Package weir is stream primitives with the semantics of Amazon Kinesis Data
// Streams, inside the caller's process.
//
// The shortest useful program puts a record and reads it back:
//
//	s, err := weir.NewStream("clicks", weir.Config{})
//	…
//	at, err := s.PutRecord(ctx, "user-42", []byte("hello"))
//	…
//	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
//		…
//	}
//
// # Model
//
// A [Stream] is a named set of shards. A shard is an ordered log with a range
// of hash keys; the ranges of the open shards cover all 2^128 of them. A record
// goes to the shard whose range holds the MD5 of its partition key, so all
// records of a key are in order, and gets a sequence number that rises. Shards
// are split and merged while the stream is in use: a closed shard takes no more
// records, stays readable until its last record expires, and names the children
// that follow it.
//
// # Writing
//
// [Stream.PutRecord] stores one record, [Stream.PutRecords] up to 500 with one
// outcome each. Both refuse what a limit of the shard does not let through,
// with an error that matches [ErrThroughputExceeded] and says when to try
// again; [Stream.PutRecordWait] and [Stream.PutRecordsWait] wait for room
// instead. [Stream.Put] takes what the service's operation takes besides.
// [Stream.EndWrites] ends the writing, so that those who read come to an end.
//
// # Reading
//
// A [Position] says where to begin, and how: the trim horizon, [Latest], a
// time, a sequence number, or where a reader stood before, [Resume]; in one
// shard, to the tip and no further, or so that losing records is an error.
//
// There are three ways to read. [Stream.Iterator] and [Stream.GetRecords] are
// the service's operations: an iterator is a position in one shard that expires
// after five minutes; each call spends the shard's read quota and never waits.
// A [Reader] reads one shard or the whole stream, each key in order, waits for
// more without polling and spends no quota; [Stream.Records] is a loop over its
// records. Registered consumers have a throughput of their own:
// [Stream.RegisterConsumer] and [Stream.Subscribe]. All three give a [Batch] at
// a time, which says where to read on and how far behind that is.
//
// A reader says how far it is behind, how many records had gone before it came
// to them, and its [Positions]: how far each shard was read, to be saved,
// resumed from, and for [Stream.TrimToPositions] to give memory back.
//
// Records are views of the stream's memory. They stay valid for as long as they
// are held, but must not be written to, and hold a block of up to a MiB; see
// [Record].
//
// # Limits
//
// The zero [Config] behaves like the service's provisioned stream with one
// shard: 24 hours of retention, 1 MiB and 1,000 records a second in, 2 MiB and
// 5 calls a second out. Each number is a field of [Limits] that can be changed
// or lifted, and [Unlimited] lifts them all. [Config.MaxBytes] bounds the
// memory, and [Config.WhenFull] says what gives way.
//
// For simulations and load tests, [Config.Hollow] keeps records without their
// keys and data, eight bytes each, and [Stream.PutCopies] puts many at once;
// limits, sizes and metrics are the usual ones.
//
// # Metrics
//
// [Stream.Snapshot] tells what a stream, its shards and its readers have done,
// hold and are behind by; [Stream.Seconds] and [Stream.ConsumerSeconds] tell it
// second by second. Package metrics has the counts. None of them holds up a
// put.
//
// # Time
//
// The only clock is [Config.Now], read once at the beginning of each operation;
// all that depends on time is decided then. The engine owns no goroutine, timer
// or ticker, so inside a testing/synctest bubble a day of retention passes in
// no time, and outside one a clock set by hand does the same.
//
// # Errors
//
// There is a sentinel for each condition that a caller may branch on, such as
// [ErrShardNotFound], and a type where there is something to read, such as
// [*LimitError]. Use [errors.Is] and [errors.As].
//
// # Concurrency
//
// All methods of a Stream may be called by any number of goroutines. Readers
// take no lock that a writer takes; writers share a shard's mutex for as long
// as it takes to copy a record.
//
// # On disk
//
// The records of [NewStream] live in this process's memory and end with it.
// [Open] makes a stream on disk: what a put has returned for is there after a
// crash. docs/storage.md has the promises, fault by fault.
//
// # Differences from the service
//
// There is no replication and no authentication. Records of one PutRecords keep
// their order within a shard, which the service does not promise. Where the
// service's behaviour is not public, docs/semantics.md says what was chosen.
package weir
