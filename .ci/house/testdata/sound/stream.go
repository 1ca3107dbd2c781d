// Package weir is a made-up engine that keeps the rules of the house.
package weir

// A Stream is made of shards.
type Stream struct {
	shards []*shard
	Name   string
}

// A Config says what a Stream is like.
type Config struct {
	Shards int
	Unused int
}

// New makes a stream.
func New(c Config) *Stream {
	return &Stream{shards: make([]*shard, c.Shards)}
}

// Put adds to the first shard.
func (s *Stream) Put(n int) { s.shards[0].add(n) }

// Forgotten is used by the root's own test only.
func (s *Stream) Forgotten() {}

// String is for printing.
func (s *Stream) String() string { return s.Name }
