package model

import (
	"fmt"
	"maps"
)

// A Traversal follows a reader of the whole stream, and says what is wrong with
// what that gives. The order between shards is the reader's choice, as long as
// parents come before their children; so each hash's records come in the order
// in which they were put, each of them once, and none is left out.
type Traversal struct {
	stream *Stream
	next   map[int]int    // by shard: the index of the record it gives next, from 0
	last   map[string]int // by hash: the last put that was given
}

// Traverse begins a traversal. The order of a key is checked from there on.
func (s *Stream) Traverse(p Position, now int64) (*Traversal, Fault) {
	t := &Traversal{s, map[int]int{}, map[string]int{}}
	if p.Kind == AtSequence || p.Kind == AfterSequence || p.Kind == AtTime && p.Ms > floorDiv(now, 1e6) {
		return nil, BadArgument
	}
	for _, sh := range s.shards {
		for i, r := range sh.records {
			if p.Kind == Latest || p.Kind == AtTime && r.Arrival < p.Ms {
				t.next[sh.ID] = i + 1
			}
		}
	}
	return t, OK
}

// Clone returns another traversal at the same place.
func (t *Traversal) Clone() *Traversal {
	return &Traversal{t.stream, maps.Clone(t.next), maps.Clone(t.last)}
}

// Rest returns how many records that can be read are still to be given.
func (t *Traversal) Rest(now int64) (n int) {
	for _, sh := range t.stream.shards {
		n += len(t.rest(sh, now))
	}
	return n
}

// rest returns what is still to be given of a shard.
func (t *Traversal) rest(sh *Shard, now int64) []Record {
	return sh.records[t.place(sh, now):]
}

func (t *Traversal) place(sh *Shard, now int64) int {
	return max(t.next[sh.ID], int(t.stream.first(sh, now)))
}

// Take checks records of one shard that were given.
func (t *Traversal) Take(id int, records []Record, now int64) error {
	sh := t.stream.shards[id]
	for parent := range t.stream.ancestors(sh) {
		if n := len(t.rest(parent, now)); n > 0 {
			return fmt.Errorf("shard %d is read before %d records of shard %d", id, n, parent.ID)
		}
	}
	rest, place := t.rest(sh, now), t.place(sh, now)
	if len(records) > len(rest) {
		return fmt.Errorf("%d records of shard %d, which has %d left", len(records), id, len(rest))
	}
	for i, r := range records {
		from := sh.origins[place+i]
		before, any := t.last[from.hash]
		switch {
		case r != rest[i]:
			return fmt.Errorf("record %s of shard %d where %s is due", r.Number, id, rest[i].Number)
		case any && from.hash != "" && from.put <= before:
			return fmt.Errorf("put %d of hash %s after put %d", from.put, from.hash, before)
		}
		t.last[from.hash] = from.put
	}
	t.next[id] = place + len(records)
	return nil
}

// Given returns between which counts the number of records lies that a reader
// has behind it in a shard: those that it gave, and those and the ones that
// expired since. It also returns whether these are all there will ever be.
func (t *Traversal) Given(id int, now int64) (least, most int, all bool) {
	sh := t.stream.shards[id]
	return t.next[id], t.place(sh, now), sh.Closed && len(t.rest(sh, now)) == 0
}

// ancestors returns all shards that a shard came from.
func (s *Stream) ancestors(sh *Shard) map[*Shard]bool {
	all := map[*Shard]bool{}
	var add func(sh *Shard)
	add = func(sh *Shard) {
		for _, id := range sh.Parents {
			if parent := s.shards[id]; !all[parent] {
				all[parent] = true
				add(parent)
			}
		}
	}
	add(sh)
	return all
}
