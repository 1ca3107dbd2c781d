package weir

import "example.com/weir/internal/part"

type shard struct {
	parts []part.Part
}

func (s *shard) add(n int) { s.parts = append(s.parts, part.Part(n)) }
