// Package client is the way to the engine.
package client

import "example.com/weir"

// Open opens a stream.
func Open(name string) *weir.Stream {
	s := weir.New(weir.Config{Shards: 1})
	s.Name = name
	return s
}
