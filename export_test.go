package weir

// WakeCheck returns a work that does what a put does for waiting readers when
// there are none.
func WakeCheck(s *Stream) func(n int) {
	sh := s.routes.Load().open[0]
	return func(n int) {
		for range n {
			sh.wake()
		}
	}
}

// Segments returns how many segments a stream's shards hold.
func Segments(s *Stream) int {
	n := 0
	for _, sh := range s.routes.Load().all {
		n += sh.ring.n
	}
	return n
}
