package weir

// SubscriptionsKept returns how many subscriptions are kept for a consumer,
// ended ones included.
func SubscriptionsKept(s *Stream, name string) int {
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	c, err := s.consumerLocked(name)
	if err != nil {
		return 0
	}
	return len(c.subscriptions)
}

// ShardsRemembered returns how many shards a follower remembers beyond those that
// it reads.
func ShardsRemembered(f *Follower) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.begun) + len(f.ended)
}
