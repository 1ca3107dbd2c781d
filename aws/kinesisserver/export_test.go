package kinesisserver

import (
	"bytes"
	"net/http"
	"time"
)

// A recorder keeps what is written.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func newRecorder() *recorder                    { return &recorder{header: make(http.Header)} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) FlushError() error           { return nil }

// Break makes an operation panic, until the function that it returns is called.
func (s *Server) Break(name string) (mend func()) {
	whole := s.operations[name]
	s.operations[name] = &operation{name: name, input: whole.input, run: func(*exchange) error { panic("broken") }}
	return func() { s.operations[name] = whole }
}

// OnYield has f called where the server lets its clients run.
func (s *Server) OnYield(f func()) {
	usual := s.yield
	s.yield = func() { f(); usual() }
}

// Hold makes an operation wait before it runs, until release is called. Each
// call that waits is told to entered.
func (s *Server) Hold(name string) (entered <-chan struct{}, release func()) {
	whole := s.operations[name]
	in, out := make(chan struct{}), make(chan struct{})
	s.operations[name] = &operation{name: name, input: whole.input, run: func(x *exchange) error {
		in <- struct{}{}
		<-out
		return whole.run(x)
	}}
	return in, func() { close(out) }
}

// OperationNames are the names of all operations, in the table's order.
func OperationNames() (names []string) {
	for i := range operations {
		names = append(names, operations[i].name)
	}
	return names
}

// SetStall says how long a client may stall while the budget is short. It must
// be called before anything is served.
func (s *Server) SetStall(d time.Duration) { s.budget.stall = d }

// SetRefusal says how long a connection beyond the bound has to take why. It
// must be called before anything is served.
func (s *Server) SetRefusal(d time.Duration) { s.refusal = d }

// Held returns the bytes that are held of the two parts of the budget.
func (s *Server) Held() (large, small int64) {
	return s.budget.large.held.Load(), s.budget.small.held.Load()
}
