package weir

// firstStream hides behind another file's name.
func (s *shard) firstStream(of *Stream) bool { return of.shards[0] == s }
