package weir

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/internal/shardlog"
)

// CheckInvariants checks what must hold whenever no call is under way.
func CheckInvariants(s *Stream) error {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	routes := s.routes.Load()
	if err := checkRouting(routes); err != nil {
		return err
	}
	held := int64(0)
	for _, sh := range routes.all {
		if err := checkShard(sh, len(routes.open) == 0); err != nil {
			return fmt.Errorf("%v: %w", sh.id, err)
		}
		if err := checkParents(routes, sh); err != nil {
			return fmt.Errorf("%v: %w", sh.id, err)
		}
		held += memoryOf(sh.held())
	}
	if err := checkMemory(s, held); err != nil || s.full.max == 0 {
		return err
	}
	return CheckOldest(s)
}

func checkMemory(s *Stream, held int64) error {
	switch counted := s.full.held.Load(); {
	case s.full.max == 0:
		return nil
	case counted != held:
		return fmt.Errorf("%d bytes are counted as held, but the shards hold %d", counted, held)
	case s.full.policy == Spill && held > s.full.max && held >= s.full.stuck.Load() && s.disk.evict(func(shardlog.Extent) bool { return true }):
		return fmt.Errorf("%d bytes are held, more than MaxBytes, %d, and some could leave", held, s.full.max)
	case s.full.policy != Spill && held > s.full.max:
		return fmt.Errorf("%d bytes are held, more than MaxBytes, %d", held, s.full.max)
	case !s.full.line.Empty():
		return fmt.Errorf("somebody is left in the line of those who wait for memory")
	}
	return nil
}

// checkRouting checks that the open ranges cover the key space exactly once.
func checkRouting(r *routing) error {
	byID := func(a, b *shard) int { return int(a.id) - int(b.id) }
	if !slices.IsSortedFunc(r.all, byID) {
		return fmt.Errorf("shards are not in the order of their ids")
	}
	next := HashKey{}
	for i, sh := range r.open {
		switch {
		case sh.keys.Start != next:
			return fmt.Errorf("%v begins at %v, not at %v", sh.id, sh.keys.Start, next)
		case sh.keys.End.less(sh.keys.Start):
			return fmt.Errorf("%v has the empty range %v", sh.id, sh.keys)
		case r.starts[i] != sh.keys.Start:
			return fmt.Errorf("%v is looked up under %v, but begins at %v", sh.id, r.starts[i], sh.keys.Start)
		case r.shard(sh.id) != sh:
			return fmt.Errorf("%v is open but not listed", sh.id)
		}
		next = sh.keys.End.Add(1)
	}
	if next != (HashKey{}) && len(r.open) > 0 {
		return fmt.Errorf("the open shards end at %v", next.Sub(1))
	}
	for _, sh := range r.all {
		if open := slices.Contains(r.open, sh); open == sh.closed || sh.id >= r.next {
			return fmt.Errorf("%v: open is %v, closed is %v, next is %v", sh.id, open, sh.closed, r.next)
		}
	}
	return nil
}

// checkParents checks that a child's numbers exceed its parents'.
func checkParents(r *routing, sh *shard) error {
	for _, id := range sh.parents {
		parent := r.shard(id)
		if parent == nil {
			continue // vanished
		}
		e := parent.ending.Load()
		switch {
		case e == nil:
			return fmt.Errorf("its parent %v is open", id)
		case !slices.Contains(e.children, sh):
			return fmt.Errorf("its parent %v does not know it", id)
		case parent.endingNumber().Compare(sh.startingNumber()) >= 0:
			return fmt.Errorf("its numbers do not exceed those of its parent %v", id)
		}
	}
	return nil
}

func checkShard(sh *shard, ended bool) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if err := sh.log.Check(); err != nil {
		return err
	}
	end := sh.log.End()
	if all := sh.log.Appended(); all != sh.log.Published() {
		return fmt.Errorf("%+v is appended, %+v published", all, sh.log.Published())
	}
	if ms, ok := sh.log.ArrivalOf(end - 1); ok && sh.lastMs < ms {
		return fmt.Errorf("the newest record arrived at %d, later than lastMs, %d", ms, sh.lastMs)
	}
	if ms, ok := sh.log.Oldest(); ok && ms < sh.opened {
		return fmt.Errorf("the oldest record arrived at %d, before the shard was opened at %d", ms, sh.opened)
	}
	if !sh.line.Empty() {
		return fmt.Errorf("somebody is left in the line of those who wait for quota")
	}
	e := sh.ending.Load()
	if sh.closed != (e != nil) || e != nil && (e.index != end || e.closedMs < sh.lastMs || len(e.children) == 0 && !ended) {
		return fmt.Errorf("closed is %v, end is %d, ending is %+v", sh.closed, end, e)
	}
	return nil
}
