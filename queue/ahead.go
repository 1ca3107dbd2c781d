package queue

import "github.com/weirstream/weir/internal/clock"

// readAhead reads records on, and puts each where it belongs, until so many can
// be delivered, or as many are held as may be.
func (q *Queue) readAhead(now clock.Instant, most int) error { return nil }
