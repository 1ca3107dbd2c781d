package kinesisserver

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A budget is how many bytes requests under way may hold, for all connections
// together: their bodies, their answers, and the events of subscriptions. The
// first 64 KiB of each body and each answer come out of a part of their own, so
// that small ones go on while large ones wait for slow clients.
//
// A client that has stalled for seconds loses its connection, and with it what
// it holds, but only while the budget is short: a debugger may stop a client
// for as long as the time-outs allow.
type budget struct {
	large, small part
	stall        time.Duration // immutable once in use

	parties [flightParties]flightParty
	next    atomic.Uint32 // party
	cutAt   atomic.Int64  // when the stalled were last looked for, Unix nanoseconds

	mu      sync.Mutex    // guards changed
	changed chan struct{} // made by the first who waits for room, closed by who gives some back
	waiting atomic.Int32
}

const (
	// stallTime is how long a client may stall while the budget is short.
	stallTime = 5 * time.Second
	// cutEvery is how often stalled clients are looked for.
	cutEvery = 100 * time.Millisecond
	// requestBytes is what a request counts for beside its body and its answer.
	requestBytes = 16 << 10
	// progressBytes is how much of a body has to come within the stall time, and
	// partBytes how much of an answer has to go.
	progressBytes = 64 << 10
	partBytes     = 256 << 10
)

// A part is a bound of bytes.
type part struct {
	most int64 // negative: any number
	held atomic.Int64
}

// take takes n bytes, unless that would be too many.
func (p *part) take(n int64) bool {
	if held := p.held.Add(n); p.most >= 0 && held > p.most {
		p.held.Add(-n)
		return false
	}
	return true
}

func (b *budget) init(most int64) {
	b.large.most, b.small.most, b.stall = most, most, stallTime
}

// A flight is what an exchange holds of the budget, and what it waits for.
type flight struct {
	large, small int64
	// waits is since when the client has been waited for, Unix nanoseconds; zero
	// while it is not.
	waits atomic.Int64
	conn  *clientConn // nil if the server did not accept it
	first bool        // none of its connection's was under way: it finds room whatever others do

	party      *flightParty // of which it is a member; nil while it is of none
	prev, next *flight
}

// Flights are listed in several parties, so that those who come and go seldom
// meet.
const flightParties = 16

type flightParty struct {
	mu  sync.Mutex // guards first, and prev and next of its members
	one *flight    // the first
	_   [40]byte
}

// begin begins a flight, unless there are too many.
func (b *budget) begin(f *flight, ctx context.Context) bool {
	f.conn, _ = ctx.Value(connKey{}).(*clientConn)
	f.first = f.conn != nil && f.conn.flights.Add(1) == 1
	if !b.takeSmall(f, requestBytes) {
		f.conn.leave()
		return false
	}
	f.small = requestBytes
	p := &b.parties[b.next.Add(1)%flightParties]
	p.mu.Lock()
	defer p.mu.Unlock()
	f.party, f.next = p, p.one
	if p.one != nil {
		p.one.prev = f
	}
	p.one = f
	return true
}

// end gives back what a flight holds.
func (b *budget) end(f *flight) {
	p := f.party
	if p == nil {
		return
	}
	p.mu.Lock()
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		p.one = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.party, f.prev, f.next = nil, nil, nil
	p.mu.Unlock()
	f.conn.leave()
	b.give(f, f.large, f.small)
}

// give gives back bytes of a flight.
func (b *budget) give(f *flight, large, small int64) {
	if large == 0 && small == 0 {
		return
	}
	f.large -= large
	f.small -= small
	b.large.held.Add(-large)
	b.small.held.Add(-small)
	if b.waiting.Load() > 0 {
		b.mu.Lock()
		if b.changed != nil {
			close(b.changed)
			b.changed = nil
		}
		b.mu.Unlock()
	}
}

// take takes n bytes of a part. If these are too many it cuts off clients that
// have stalled, whose bytes are free soon, but not at once.
func (b *budget) take(p *part, n int64) bool {
	if p.take(n) {
		return true
	}
	b.cut(time.Now())
	return p.take(n)
}

// takeSmall takes n bytes for a flight out of the part for small ones. One that is
// its connection's first takes them in any case: it is connections that are
// bounded then, and a few that have many requests under way leave room for all
// others.
func (b *budget) takeSmall(f *flight, n int64) bool {
	if f.first {
		b.small.held.Add(n)
		return true
	}
	return b.take(&b.small, n)
}

// cut closes the connections of clients that have stalled.
func (b *budget) cut(now time.Time) {
	last := b.cutAt.Load()
	if now.UnixNano()-last < int64(min(cutEvery, b.stall)) || !b.cutAt.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	var stalled []*clientConn
	for i := range b.parties {
		p := &b.parties[i]
		p.mu.Lock()
		for f := p.one; f != nil; f = f.next {
			if since := f.waits.Load(); since != 0 && now.UnixNano()-since >= int64(b.stall) && f.conn != nil {
				stalled = append(stalled, f.conn)
			}
		}
		p.mu.Unlock()
	}
	for _, c := range stalled {
		c.Close()
	}
}

// wait takes n bytes of a part for a flight, and waits until there are as many
// or ctx ends. More than there ever are it takes when nobody else has any.
func (b *budget) wait(ctx context.Context, f *flight, p *part, n int64) error {
	if p.most >= 0 {
		n = min(n, p.most)
	}
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	for {
		b.mu.Lock()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if b.take(p, n) { // after it is known what to wait for
			if p == &b.large {
				f.large += n
			} else {
				f.small += n
			}
			return nil
		}
		look := time.NewTimer(b.stall) // for those who have stalled meanwhile
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			look.Stop()
			return context.Cause(ctx)
		}
		look.Stop()
	}
}

// connKey is where a request's context has its connection.
type connKey struct{}

// A clientConn is a connection that the server has accepted.
type clientConn struct {
	net.Conn
	flights atomic.Int32 // under way
}

// leave ends a flight; c may be nil.
func (c *clientConn) leave() {
	if c != nil {
		c.flights.Add(-1)
	}
}

// withConn gives requests their connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, &clientConn{Conn: c})
}

// hold makes the exchange one that holds n more bytes of large bodies, unless
// these are too many.
func (x *exchange) hold(n int) bool {
	if n <= 0 {
		return true
	}
	if !x.server.budget.take(&x.server.budget.large, int64(n)) {
		return false
	}
	x.flight.large += int64(n)
	return true
}

// holdSmall makes the exchange one that holds 64 KiB, unless these are too many.
func (x *exchange) holdSmall() bool {
	if !x.server.budget.takeSmall(&x.flight, maxFirstBytes) {
		return false
	}
	x.flight.small += maxFirstBytes
	return true
}

// waits notes that the client is waited for; or, once it is not any more, that
// it is not.
func (x *exchange) waits(yes bool) {
	var since int64
	if yes {
		since = time.Now().UnixNano()
	}
	x.flight.waits.Store(since)
}
