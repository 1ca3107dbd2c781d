// Package simulate runs a workload on a stream in virtual time: a day of traffic in
// seconds, to see what would be throttled, how far consumers would fall behind, and
// how many shards are enough.
//
//	r, err := simulate.Run(ctx, simulate.Config{
//		Workload: workload.Workload{
//			Duration:  workload.Duration(24 * time.Hour),
//			Stream:    workload.Stream{Shards: 8},
//			Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 7000}}},
//			Consumers: []workload.Consumer{{Name: "billing", PerRecord: workload.Duration(time.Millisecond)}},
//		},
//		Step: 100 * time.Millisecond,
//	})
//	…
//	fmt.Println(r.ThrottledRecords, r.Consumers[0].P99Age)
//
// # What runs
//
// It is no formula. The records of the workload are put into a real [weir.Stream]
// whose clock is the simulation's, and the consumers read it: routing, limits,
// on-demand capacity, resharding, iterators, subscriptions and retention are those of
// the engine. Only the records are hollow, which is [weir.Config.Hollow]: they have a
// size, a place and an arrival, but no content.
//
// Events happen in the order of their times, and those of the same moment in a fixed
// order. There is no goroutine, no sleep and no chance but the workload's seed: the
// same [Config] gives the same [Result], to the byte.
//
// # Record by record, or batched
//
// With [Config.Step] zero each record is put by itself at its own time, some millions
// in a second. With a step, 100 ms say, the records of a step that go to the same
// shard are put together at the end of it, all of the same size. That is ten times as
// fast and more at high rates, and takes no longer the more records there are in a
// step. What is accepted and throttled is the same within a percent, but for this:
//
//   - When the bucket of a limit was full, what it would have been refilled with during
//     one step is missing. Bursts with pauses between them lose a step's worth of the
//     limit each; a shorter step loses less.
//   - Small records do not pass where large ones are refused. Where sizes differ much
//     and bytes are the limit, the same bytes pass but fewer records.
//   - Throttled records that are tried again compete with others than they would have.
//     As many get through in the end, but how often they were refused before differs by
//     up to a fifth.
//   - Where the stream distributes records itself they are put one by one still, at
//     the end of their step.
//
// # Producers
//
// A producer here knows no batches and no lingering, because both decide only in which
// call a record is put, not whether it passes: success is per record. Latency and the
// limits of connections are left to a load generator. Throttled records are tried again
// as the workload says, each after its back-off to the nanosecond; with evenly spaced
// records that may keep them in step with others, so use [workload.Poisson] where it
// matters. At most [MaxPending] wait, and more are lost.
//
// # Consumers
//
// A consumer that shares calls GetRecords for each of its shards once in a poll
// interval, at a different moment for each shard, and spends the shards' real quota. If
// processing takes longer the next call waits for it; if a limit refuses it, it is made
// when the interval is over and the limit allows it. Where several consumers share,
// intervals vary by a tenth, as they do in life, or one of two could be refused for ever.
//
// A consumer with enhanced fan-out holds a subscription to each shard and takes the next
// event when it is done with the last. A record that finds it waiting is given to it
// after [FanOutDelay], and the subscription's own limit of bytes paces the rest.
//
// Both begin at whole milliseconds, which is how exactly records know their arrival, and
// begin a closed shard's children when they have read all its parents. In an
// outage nothing is called and work stands still; it goes on afterwards. Iterators that
// expired meanwhile are renewed.
//
// # Queues
//
// A queue of the workload is a [github.com/weirstream/weir/queue.Queue] over the stream. A worker that has
// nothing receives as soon as there is something, processes the batch, and
// acknowledges what has not failed. What comes back because its time is over, or
// because it failed, is received again; after some times it is a dead letter. The
// calls of queues have no limits, as far as is known.
//
// # Seconds and the result
//
// [Config.Each] is given every [Second]: what each shard was offered, accepted and
// throttled, what was read, and how far each consumer was. [Run] returns the totals as
// a [Result], with the worst seconds, the episodes of throttling, the changes of
// capacity, the hottest key, how each consumer fared and came back from its outages,
// what retention lost, and what was stored.
//
// An age is that of the oldest record that a consumer was not given at the end of a
// second. It rises while the consumer is away, and counts shards that it is still to
// begin.
//
// # Questions
//
// [FindShards] looks for the smallest number of shards, and says when a hot key makes
// every number too small. [Sweep] simulates several numbers. [CatchUp] says how long a
// consumer needs after an outage. Whether an on-demand stream would have throttled a
// spike, and when it recovered, is [Result.OnDemand].
//
// # Memory
//
// Memory does not grow with the duration: records are released when all consumers have
// read them, lists are bounded, and the seconds go out through Each. What is needed is
// eight bytes for each record that some consumer has not read: so a consumer that is
// away for a day, or begins after a day at the trim horizon, takes a day's records times
// eight bytes. With a queue all records are kept for the retention, since what is not
// acknowledged may lie anywhere.
package simulate
