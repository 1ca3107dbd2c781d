// Package queue makes a work queue of a stream: each record is handed to one
// receiver, is out of sight of the others for a while, and comes back unless it
// is acknowledged. What is not acknowledged after some deliveries is a dead
// letter. Nothing of the stream changes: whoever reads it sees every record,
// and any number of queues stand on it without knowing of each other.
//
//	q, err := queue.New(stream, queue.Config{})
//	for d, err := range q.Deliveries(ctx) {
//		if err != nil {
//			return err
//		}
//		if work(d.Data) == nil {
//			d.Ack(ctx)
//		}
//	}
//
// # Receiving
//
// [Queue.Receive] waits for a record without polling and returns as soon as
// there is one, with others that are there; [Queue.TryReceive] does not wait,
// and [Queue.ReceiveWith] takes a [Request] with a time to wait and a
// visibility of its own. Each [Delivery] has a [Receipt], new with each
// delivery, by which [Queue.Acknowledge] and [Queue.Extend] know it.
//
// # What is promised
//
// At least once: a record is delivered until it is acknowledged, becomes a dead
// letter, or expires in the stream. No two deliveries of a record run at the
// same time; a visibility of zero is the exception that one asks for. An
// acknowledged record never comes back. There is no order, unless the queue is
// [Config.InOrder].
//
// # Dead letters
//
// [Queue.DeadLetters] has what was delivered [Settings].MaxReceives times in
// vain. They stay in the queue, can be received and acknowledged as others are,
// and [DeadLetters.Restore] makes one a record like any other again.
//
// # Time
//
// All that depends on time is decided at the moment of a call, from one reading
// of the clock. The queue has neither a goroutine nor a timer, but for the
// timer of a call that waits.
//
// # Memory
//
// A record takes memory of the queue from its first delivery until it is done:
// some 48 bytes. Records that were never delivered, and those that are done,
// take none.
//
// # The service
//
// These are the semantics of the queues of Amazon Kinesis Data Streams. They
// are there for on-demand streams only, begin at the latest record, and know
// neither order, delay, priority nor duplicates; package account of the module
// github.com/weirstream/weir/aws has them as the service has.
package queue
