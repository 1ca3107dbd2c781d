package producer

import "time"

// stamps say when records come. A reading of the clock takes a third of what
// taking a record in does, so of records that come a microsecond after another
// only one in stampedAtOnce has one of its own: the others have the one before,
// or what calls have read since, a few microseconds ago. Where a burst ends,
// oldStamp is the most.
type stamps struct {
	read    time.Duration // when the clock was read
	skipped int           // records that were stamped since
	left    int           // records that may be stamped before it is read again
	timer   *time.Timer   // nil until it is needed
	running bool          // it makes left zero
}

const (
	stampedAtOnce = 16
	oldStamp      = time.Millisecond
)

// stamp returns when a record that comes now is said to come. It is called with
// the mutex held.
func (p *Producer) stamp() time.Duration {
	s := &p.stamps
	if s.left > 0 {
		s.left--
		s.skipped++
		return max(s.read, p.m.now)
	}
	now := p.now()
	if now-s.read <= time.Duration(s.skipped+1)*time.Microsecond {
		s.left = stampedAtOnce - 1
		p.endStamps()
	}
	s.read, s.skipped = now, 0
	return now
}

// endStamps sees to it that the clock is read again, however few records come.
func (p *Producer) endStamps() {
	s := &p.stamps
	switch {
	case s.running || p.closed:
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(oldStamp, func() {
			p.mu.Lock()
			s.left, s.running = 0, false
			p.mu.Unlock()
		})
	default:
		s.timer.Reset(oldStamp)
	}
	s.running = true
}

func (s *stamps) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
