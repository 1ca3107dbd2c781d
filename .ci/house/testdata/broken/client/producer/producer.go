// Package producer goes past the client.
package producer

import "example.com/weir"

// Put puts.
func Put(s *weir.Stream) { s.Put(1) }
