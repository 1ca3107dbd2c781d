// Package kinesistest is Kinesis for Go tests: the genuine client of the SDK,
// whose requests are answered in the test's process and in virtual time.
//
//	func TestConsumer(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			k := kinesistest.New(t, kinesistest.Stream("orders", 2))
//			client := k.Client() // a *kinesis.Client; no socket behind it
//			…                    // run the code under test with it
//			time.Sleep(25 * time.Hour)
//			…                    // retention has passed; that took no time
//		})
//	}
//
// There is nothing to start, no port, no environment and nothing to clean up.
// Fakes share nothing, so tests may be parallel; making one takes microseconds.
// A test that leaves a goroutine, an event stream or a response behind fails.
//
// # What it behaves like
//
// Behind the client is package kinesisserver, which speaks the service's wire
// protocol, and behind that package account and the engine. So shards have
// their limits, iterators expire, closed shards name their children, and errors
// come with the service's codes and words. What differs by default is that
// nothing takes time: a stream is ACTIVE when CreateStream returns.
// [ServiceDelays] make it take what it takes on the service; [Config] has the
// rest.
//
// # Getting a client
//
// [Fake.Client] is for code that takes a *kinesis.Client, or any interface with
// some of its methods. [Fake.Config] is for code that makes its own from an
// aws.Config, [Fake.Transport] for other HTTP clients, such as that of the
// first SDK, and [Fake.Server] gives a URL on loopback for other processes and
// languages. What they see is the same fake.
//
// # Time
//
// In a bubble of testing/synctest the fake lives in the bubble's time, and so
// do the client's back-offs and the events of a subscription; use time.Sleep,
// and [testing/synctest.Wait] or [Fake.WaitFor] to let others catch up. Outside
// of one [Fake.Advance] moves the clock: by default one that runs besides, with
// [Config.Start] one that stands still in between. The client's back-off takes
// no real time there either: it moves the clock. Prefer bubbles: there the code
// under test lives in the same time. A fake is made where it is used: in the
// bubble, not before it.
//
// # Arranging
//
// [Fake.Put] and [Fake.Generate] put records without a call, [Fake.PutAggregate]
// one as the Kinesis Producer Library makes it, [Fake.Split],
// [Fake.Merge] and [Fake.Reshard] change shards. [Fake.Load] makes the stream
// that [Fake.Save] wrote to a file, or that was written there by hand: a line
// of JSON for each record, split and merge. [Fake.Stream] is the engine's
// stream itself.
//
// # Making things fail
//
// [Fake.Fail] declares a fault: which calls, then what happens to them.
//
//	k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.ExpiredIterator)
//	k.Fail("PutRecords").Nth(2).ThrottleRecords(0, 7)      // the others are stored
//	k.Fail("PutRecords").Nth(3).FailRecords(kinesistest.InternalFailure, 2)
//	k.Fail("PutRecord").Probability(0.01).ResetAfter()     // stored, the answer lost
//	k.Fail("GetRecords").Times(5).EmptyPage()              // though there are records
//	k.Fail("SubscribeToShard").Consumer("billing").CutStream(10)
//	k.Fail("").For(time.Minute).Latency(time.Second, 3*time.Second)
//	k.Fail("PutRecord").When(poison).Throttle().Required()
//
// Bear in mind that the client tries three times: a fault that happens once is
// seen in [Fake.Calls], and seldom by the code under test. A fault that is
// Required and does not happen fails the test, and says which calls came near.
//
// [Chaos] makes things fail by themselves, from one seed. The seed is logged
// when the test fails, and given again it makes the same things fail; in a
// bubble the whole run is the same then, call for call, whatever the goroutines
// do.
//
// # Looking
//
// [Fake.Records] is every record that was put, by stream, shard and key, and
// with [Records.Deaggregate] those that the Kinesis Producer Library put into
// one; [Fake.Calls] every attempt of every operation with its input, output,
// error and virtual time, for which there are [InputOf] and [OutputOf];
// [Fake.Readers] who reads, from where, and how far behind; [Fake.Throttles]
// what was throttled in which second. [Fake.AssertData] and [Fake.AssertCalls]
// show what was expected, what came and the calls that led there; so does every
// test that fails.
//
// # Checking a consumer
//
// A [Checker] knows what was put and is told what the consumer saw:
//
//	check := k.Checker("orders", kinesistest.AtLeastOnce())
//	go consume(k.Client(), func(r types.Record) { check.Saw(r) })
//	k.Generate("orders", kinesistest.Load{Records: 1000, Over: time.Hour})
//	k.WaitFor("all are seen", time.Hour, check.Complete)
//	check.Check()
//
// It says which record was lost, came out of order or too often, when, and
// after which fault:
//
//	lost: 22:13:21.000 orders/0 user-7: "…", number 4959…; of its key 12 were seen,
//	the last at 22:13:20.000; the first fault since: #3 22:13:21.000 GetRecords
//	orders/0 → ExpiredIteratorException
//
// # Functions
//
// [Fake.Trigger] calls a handler of aws-lambda-go with a stream's records as
// Lambda's event source mapping does, with batches, retries, bisecting and
// windows, in the bubble's time:
//
//	tr := k.Trigger("orders", eventsource.Settings{BisectBatchOnFunctionError: true}, handle)
//	k.Put("orders", "alice", "poison")
//	k.WaitFor("all are processed or given up", time.Hour, tr.Done)
//
// [Trigger.Invocations] has what the handler was given and what came of it,
// [Trigger.Failures] what was given up. [Checker.SawEvent] tells a checker.
// [Fake.LambdaEvent] makes a single event of records.
//
// # Running again
//
// [Fake.SaveRun] writes the calls of a test to a file, with subscriptions,
// splits and merges, and [Fake.Replay] makes them again, at the same times, on
// another fake, and says what came out otherwise.
//
// # What it is not
//
// It does not check permissions or signatures (but, with [Config.ClientSkew],
// their times), and does not encrypt. A fake is one account in one region,
// whatever region a client says. Where the service's behaviour is not public the
// engine's documentation says what was chosen: a test against the service
// itself, now and then, is still worth having.
// docs/testing.md compares the ways to test.
package kinesistest
