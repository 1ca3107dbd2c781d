// Package eventbridge does what EventBridge does between an event and a stream:
// a [Rule] looks which events match its pattern, and a [Target] makes a record
// of each and puts it to a stream, which may be the engine's or the service's.
//
//	r, err := eventbridge.NewRule(eventbridge.RuleConfig{
//		Name: "tasks", Pattern: `{"source": ["aws.ecs"]}`,
//		Targets: []eventbridge.TargetConfig{{
//			ID: "stream", Stream: client.Embedded(stream), PartitionKeyPath: "$.detail.taskArn",
//		}},
//	})
//	...
//	err = r.Send(ctx, event)
//
// The pattern is one of package eventpattern.
//
// # What is put
//
// The data of the record is the event as it came, without the blanks between
// its parts; or Input, a constant; or what InputPath finds; or what a
// [Transformer] makes. The partition key is what PartitionKeyPath finds in the
// event as it came, or the event's id.
//
// Paths are those of EventBridge: $ is the event, .name a field, [0] an
// element, .* and [*] all of them. A name has letters, digits, '-', '_' and
// '/'; others are written ['so'], but not in a transformer. Numbers keep their
// digits.
//
// # When it fails
//
// A put that fails is made again, with waits that double, until the event is
// older than MaximumEventAge or was tried MaximumRetryAttempts times more. What
// cannot succeed, such as a key that is too long or a stream that is not there,
// is not tried again. Then the event goes to DeadLetter with the attributes
// that EventBridge gives, or, where there is none, is dropped and counted. Send
// returns when everything was delivered or given up; an event may be put twice
// where an answer was lost, and events that had to be put again come later than
// others.
//
// # What EventBridge does not say
//
// A PartitionKeyPath that finds nothing, or no string, number or boolean, fails
// the event with INVALID_PARAMETER. So does an InputPath that finds nothing. An
// output of a transformer that is no JSON, as happens where a value with a
// quotation mark stands within a string, fails it with INVALID_JSON.
package eventbridge
