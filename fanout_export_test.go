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
