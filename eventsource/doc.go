// Package eventsource calls a function with batches of a stream's records, as
// Lambda's event source mapping does.
package eventsource
