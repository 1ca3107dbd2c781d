package kinesisclient

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weirstream/weir"
)

// turn is how far apart the polls of a shard are, of which the service lets all
// who read it make five a second.
const turn = time.Second / 5

// A turns says who polls a shard next: all readers of a [Stream] take them in the
// order in which their polls are due, so that each gets its share. The zero
// value is ready.
type turns struct {
	mu   sync.Mutex // guards what follows
	next map[weir.ShardID]time.Time
	most int // shards in next at which what has passed is forgotten
}

// take returns when whoever polls a shard now may do so: at once, or behind
// those who asked before.
func (t *turns) take(shard weir.ShardID, now time.Time) time.Time {
	const few = 64
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next, t.most = make(map[weir.ShardID]time.Time), few
	}
	if _, known := t.next[shard]; !known && len(t.next) >= t.most {
		for id, next := range t.next {
			if !next.After(now) {
				delete(t.next, id)
			}
		}
		t.most = max(few, 2*len(t.next))
	}
	at := now
	if next := t.next[shard]; next.After(at) {
		at = next
	}
	t.next[shard] = at.Add(turn)
	return at
}

// The back-off of a poller, before its jitter.
const (
	backOffFirst = time.Second
	backOffMost  = 8 * time.Second
)

// backOff returns how long a poller waits after so many throttles in a row, at
// least one: between a half and the whole of a time that doubles up to its
// bound. The half that is left to chance keeps readers apart that were
// throttled together.
func backOff(throttles int) time.Duration {
	most := backOffMost
	if n := throttles - 1; n < 3 {
		most = backOffFirst << n
	}
	return most/2 + rand.N(most/2+1)
}
