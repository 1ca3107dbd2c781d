// Package window counts, sums or otherwise aggregates the records of a stream
// by key and by windows of event time: tumbling, sliding and session windows,
// and windows of so many records.
//
//	w, err := window.New(window.Config[*weir.Record, int64, int64]{
//		Windows: window.Tumbling(time.Minute, window.Count[*weir.Record]()),
//		Handler: func(ctx context.Context, results []window.Result[int64]) error {
//			return show(results) // "7 clicks on shoes from 12:00 to 12:01"
//		},
//		Idle: time.Second, IdleClock: true,
//		Group: consumer.Config{Name: "clicks", Streams: []client.Stream{client.Embedded(stream)}, Store: new(lease.Memory)},
//	})
//	...
//	err = w.Run(ctx)
//
// A Windower is one worker of a [consumer.Group]: others of the same store share
// the shards with it.
//
// # Keys
//
// A key lives in one shard, as records with one partition key do. The key of an
// event is the partition key of its record unless [Config.Read] gives another
// one. Then it must follow from the partition key, or the stream must have one
// shard: a key whose records are in several shards has windows in each of them,
// each with a part of its records. Splits and merges are followed: windows that
// are open go where their keys go.
//
// # Time
//
// Each record has a time: its arrival, unless [Config.Read] gives another one.
// The watermark of a shard is the newest time seen in it less [Config.Bound] and
// a millisecond: no record with that time or an earlier one is expected any
// more. A window is complete, and its result is handed over, when the watermark
// has reached its last millisecond. Records that come later are late: within
// [Config.Lateness] they make a new result of the same window, after that they
// go to [Config.Aside].
//
// The watermark moves with each record, not with batches, so that results do
// not depend on how records are batched, nor on where a crash fell. Where no
// records come it stands still, unless [Config.Idle] says when a shard is idle.
//
// # What is promised
//
// The windows that are open are kept in the lease of their shard, in the same
// conditional write as the position. So after a crash all goes on as if there
// had been none, and results that had been handed over but not noted come again,
// the same as before: a handler that keeps them by [Result.ID], as a [Table]
// does, has each once.
//
// A lease has room for [MaxStateBytes] of windows, which are compressed if they
// need it. What is larger goes to [Config.Snapshots], and without it ends Run
// with a [*StateError], before anything is lost.
//
// docs/windows.md is the guide.
package window
