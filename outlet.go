package weir

import (
	"context"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// An outlet is where a subscription's events come out. The zero value is ready.
type outlet struct {
	ended wait.List // woken when a subscription ends from outside
	batch []Record  // overwritten by each event
}

// A pause says what there is to wait for when no event is due.
type pause struct {
	wait     time.Duration // the longest to wait; zero only if there is nothing to wait for
	appended *wait.List    // what a change of may bring an event sooner; nil if none can
}

// A poller says what is due at a moment: an event, an error, or a pause.
type poller interface {
	poll(now instant) (Event, pause, error)
}

// next returns what p has as soon as it is due. The stream's clock decides;
// timers only say when to look at it again.
func (o *outlet) next(ctx context.Context, s *Stream, p poller) (Event, error) {
	for {
		if err := checkContext(ctx); err != nil {
			return Event{}, err
		}
		ev, first, err := p.poll(s.now())
		if err != nil || first.wait == 0 {
			return ev, err
		}
		// Enter, then look again: what changes in between is not missed.
		var appended <-chan struct{}
		if first.appended != nil {
			appended = first.appended.Enter()
		}
		ended := o.ended.Enter()
		ev, again, err := p.poll(s.now())
		if err != nil || again.wait == 0 {
			return ev, err
		}
		if again.appended == first.appended {
			pauseFor(ctx, again.wait, appended, ended)
		}
	}
}

// pauseFor waits for d or a change, and reports whether one of them came before the
// end of ctx. A d of never is no wait at all.
func pauseFor(ctx context.Context, d time.Duration, changed, ended <-chan struct{}) bool {
	var due <-chan time.Time
	if d < time.Duration(never) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-ended:
	case <-due:
	case <-ctx.Done():
		return false
	}
	return true
}

// The service's typical time from a put to a read, for [Config.GetRecordsDelay]
// and [Config.FanOutDelay].
const (
	TypicalGetRecordsDelay = 200 * time.Millisecond // with one reader that polls
	TypicalFanOutDelay     = 70 * time.Millisecond
)

// visible returns how many records from c on, at most most, have arrived delay
// ago or longer. It moves c up to the oldest readable record.
func (sh *shard) visible(c *shardlog.Cursor, horizon int64, now instant, delay time.Duration, most int) int {
	if delay == 0 {
		return most
	}
	sh.log.SkipTo(c, horizon)
	var hidden shardlog.Cursor
	sh.log.SkipTo(&hidden, horizonMs(now, delay))
	if hidden.Next <= c.Next {
		return 0
	}
	return int(min(uint64(most), hidden.Next-c.Next))
}

// untilVisible returns the pause after which the record at c, if there is one,
// has arrived delay ago.
func (sh *shard) untilVisible(c *shardlog.Cursor, now instant, delay time.Duration) pause {
	p := pause{wait: time.Duration(never), appended: &sh.waiting}
	if ms, ok := sh.log.ArrivalAt(*c); ok {
		at := instant(ms * int64(time.Millisecond)).plus(delay)
		p.wait = max(1, time.Duration(at-now))
	}
	return p
}

// numberBefore returns the number of the record before index i or, where that is
// not known any more or never was, another one after which i follows.
func (sh *shard) numberBefore(i uint64) SequenceNumber {
	i = sh.log.Previous(i)
	if ms, ok := sh.log.ArrivalOf(i); ok {
		return sh.number(i, ms)
	}
	return newSequenceNumber(sh.created, sh.shard, i, sh.created)
}
