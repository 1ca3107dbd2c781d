package kinesisserver

import (
	"net"
	"net/http"
	"sync"
)

// silentConns are the connections that have not sent a request yet. Shutdown of
// net/http leaves them five seconds to send one, as if they were busy; here
// they are closed at once, as idle ones are.
type silentConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{} // made when it is needed
	closed bool
}

// changed follows the state of a connection, as [http.Server.ConnState].
func (s *silentConns) changed(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.conns, c)
	case s.closed:
		c.Close()
	default:
		if s.conns == nil {
			s.conns = make(map[net.Conn]struct{})
		}
		s.conns[c] = struct{}{}
	}
}

// close closes the connections, and from now on each new one.
func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
}
