// Package producer puts records to a stream: many at a time, again when that
// fails, and small ones packed into one.
package producer
