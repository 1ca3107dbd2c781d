// Package lambda makes functions for package eventsource of what is written for
// Lambda: handlers of aws-lambda-go in this process, functions in any language
// behind the runtime interface emulator, and commands.
//
//	f, err := lambda.Handler(handle, lambda.HandlerConfig{})        // func(context.Context, events.KinesisEvent) error
//	f, err := lambda.Endpoint(lambda.EndpointConfig{URL: "http://localhost:9000"})
//	f, err := lambda.Command(lambda.CommandConfig{Args: []string{"python3", "handle.py"}})
//	...
//	source, err := eventsource.New(eventsource.Config{Function: f, …})
//
// What they are given is the event that Lambda sends, byte for byte. What they
// answer goes to the event source, which knows what it means. What each of them
// takes for an error, and what for a function that was not begun, which is no
// attempt, stands at each.
//
// A function that is too slow is stopped at its Timeout, or is at least no
// longer waited for. [eventsource.Config].Timeout does the same, with the time
// in which it waits for others to end.
package lambda
