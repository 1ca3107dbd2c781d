// Package cold reads records again that have left memory, from the journal that
// they were noted in. It knows where the records of each shard are, and keeps
// a little of what was read last: where many shards are read beside each other,
// what one of them needs has what the others need too.
package cold

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"sync"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/shardlog"
)

const (
	// placeBytes is how much of a file is one place of records in memory.
	placeBytes = 64 << 10
	// What leaves memory together is read together, if no more of a file than this
	// lies between, and in all.
	gapBytes, spanBytes = 1 << 20, 16 << 20
)

// assumed is how much memory there is taken to be where nobody says so.
const assumed = 64 << 20

// BlockBytes returns how large the blocks of so many logs are to be that have
// so much memory together, zero for as much as others leave them. What leaves
// memory leaves it by the block, and those that are being filled stay: together
// they are a 32nd of it. That is also about how much of a file a reader of all
// logs moves about in, a quarter of what is kept of what was read.
func BlockBytes(memory int64, logs int) int {
	const least, most = 4 << 10, 1 << 20
	return int(min(most, max(least, cmp.Or(memory, assumed)/int64(32*max(1, logs)))))
}

// KeptBytes returns how much is to be kept of what was read last, for logs that
// have so much memory.
func KeptBytes(memory int64) int64 {
	const least, most = 2 << 20, 64 << 20 // some pieces of a file, or two would drive each other out
	return min(most, max(least, cmp.Or(memory, assumed)/8))
}

// A Shelf knows where the records of one shard are. It may be used by any
// number of goroutines at a time.
type Shelf struct {
	attic *Attic
	id    int64

	mu sync.Mutex
	// places are those of records that may be in memory, in order.
	places []shardlog.Place
}

// NewShelf returns the shelf of a shard, with nothing on it.
func (a *Attic) NewShelf(id int64) *Shelf { return &Shelf{attic: a, id: id} }

// Note takes note of where the records are from an index on and before another
// one. None before the oldest index is asked for any more.
func (s *Shelf) Note(from, upTo uint64, at journal.Spot, oldest uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.places); n > 0 {
		p := &s.places[n-1]
		if p.End == from && p.File == at.File && at.To-p.At <= placeBytes {
			p.End, p.To = upTo, at.To
			return
		}
	}
	if len(s.places) == cap(s.places) {
		s.forget(oldest)
	}
	s.places = append(s.places, shardlog.Place{First: from, End: upTo, File: at.File, At: at.At, To: at.To})
}

// forget lets go of the places before an index.
func (s *Shelf) forget(i uint64) {
	s.places = slices.DeleteFunc(s.places, func(p shardlog.Place) bool { return p.End <= i })
}

// take returns the places of a block's records, few of them, or nil if these
// are not all on disk.
func (s *Shelf) take(b shardlog.Evictable) (list []shardlog.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.places); n == 0 || s.places[n-1].End < b.To {
		return nil
	}
	at := slices.IndexFunc(s.places, func(p shardlog.Place) bool { return p.End > b.From })
	places := s.places[at:]
	if n := slices.IndexFunc(places, func(p shardlog.Place) bool { return p.First >= b.To }); n >= 0 {
		places = places[:n]
	}
	list = together(places, b.Bytes, s.attic.copies)
	s.forget(b.To)
	return list
}

// together returns a block's places as they are to be read. Where records are
// to be views of what is read less of a file is read as one than where they are
// copied: a reader keeps all that he is given views of.
func together(places []shardlog.Place, bytes int64, copies bool) (list []shardlog.Place) {
	most, views := int64(spanBytes), !copies && !isThin(places, bytes)
	if views {
		most = maxViewBytes
	}
	for _, p := range places {
		if n := len(list); n > 0 {
			last := &list[n-1]
			if p.First == last.End && p.File == last.File && p.At-last.To <= gapBytes && p.To-last.At <= most {
				last.End, last.To = p.End, p.To
				continue
			}
		}
		p.Views = views
		list = append(list, p)
	}
	return list
}

// isThin reports whether a block has so few bytes, for all that is read for it,
// that they are better copied.
func isThin(places []shardlog.Place, bytes int64) bool {
	var read int64
	for i, p := range places {
		if i > 0 && p.File == places[i-1].File {
			read += p.To - places[i-1].To
		} else {
			read += p.To - p.At
		}
	}
	return thin*bytes < max(read, journal.ReadAhead)
}

// isWritten reports whether the records before an index are on disk.
func (s *Shelf) isWritten(to uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.places)
	return n > 0 && s.places[n-1].End >= to
}

// A Room is a log whose records can leave memory.
type Room struct {
	Log   *shardlog.Log
	Shelf *Shelf
	Lock  sync.Locker // of those who write to the log; nil if nobody else does
}

func (r *Room) lock() (unlock func()) {
	if r.Lock == nil {
		return func() {}
	}
	r.Lock.Lock()
	return r.Lock.Unlock
}

// oldest returns when the first record of the log's oldest block arrived, if
// that can leave memory.
func (r *Room) oldest() (ms int64, ok bool) {
	defer r.lock()()
	b, ok := r.Log.Evictable()
	return b.Ms, ok && r.Shelf.isWritten(b.To)
}

// evict gives up the memory of the log's oldest block.
func (r *Room) evict() shardlog.Extent {
	defer r.lock()()
	b, ok := r.Log.Evictable()
	if !ok {
		return shardlog.Extent{}
	}
	return r.Log.Evict(r.Shelf, r.Shelf.take(b))
}

// Evict makes the oldest records of all rooms leave memory, block after block,
// until enough, which is told what has left, says so. It reports whether it
// came as far as that.
func Evict(rooms []Room, enough func(gone shardlog.Extent) bool) bool {
	var dated byAge
	for i := range rooms {
		if ms, ok := rooms[i].oldest(); ok {
			dated = append(dated, aged{ms, &rooms[i]})
		}
	}
	heap.Init(&dated)
	for len(dated) > 0 {
		first := &dated[0]
		gone := first.room.evict()
		if gone.Records > 0 && enough(gone) {
			return true
		}
		ms, ok := first.room.oldest()
		if !ok || gone.Records == 0 && ms == first.ms {
			// There is no more, or what there is cannot be found on disk, which is not to
			// be tried for ever.
			heap.Pop(&dated)
			continue
		}
		first.ms = ms
		heap.Fix(&dated, 0)
	}
	return false
}

// byAge is a heap of rooms by when their oldest block in memory begins.
type byAge []aged

type aged struct {
	ms   int64
	room *Room
}

func (h byAge) Len() int           { return len(h) }
func (h byAge) Less(i, j int) bool { return h[i].ms < h[j].ms }
func (h byAge) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byAge) Push(x any)        { *h = append(*h, x.(aged)) }
func (h *byAge) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Fetch implements [shardlog.Shelf].
func (s *Shelf) Fetch(p shardlog.Place, f *shardlog.Filling) error {
	err := s.fetch(p, f)
	if err != nil && s.attic.Explain != nil {
		err = s.attic.Explain(err)
	}
	return err
}

func (s *Shelf) fetch(p shardlog.Place, f *shardlog.Filling) error {
	next := p.First
	for at := p.At; at < p.To; {
		c, err := s.attic.chunk(p.File, at)
		if err != nil {
			return err
		}
		views := p.Views && cap(c.memory) <= maxViewBytes
		if views {
			f.In(c.Memory)
		}
		next, err = s.fill(f, c, at, next, p.End, views)
		at = c.To
		s.attic.cache.release(c, views)
		if err != nil {
			return err
		}
		if next == p.End && f.IsDone() {
			return nil
		}
	}
	return journal.DamageAt(p.File, p.At, fmt.Sprintf("shard %d has records up to %d in the %d bytes from here, and should have them up to %d",
		s.id, int64(next)-1, p.To-p.At, p.End-1))
}

// fill adds the shard's records of a chunk, from a place on, whose index is at
// least next and less than end, and returns the index that follows. They are
// views of the chunk's memory if that is said.
func (s *Shelf) fill(f *shardlog.Filling, c *chunk, at int64, next, end uint64, views bool) (uint64, error) {
	for i := range c.runs {
		r := &c.runs[i]
		if r.shard != s.id || r.frame < at || r.index+uint64(r.count) <= next {
			continue
		}
		if r.index > next || !c.fill(f, r, next-r.index, min(end-next, r.index+uint64(r.count)-next), views) {
			return next, journal.DamageAt(c.File, r.frame, fmt.Sprintf("record %d of shard %d is not what was noted", next, s.id))
		}
		if next = min(end, r.index+uint64(r.count)); next == end {
			break
		}
	}
	return next, nil
}

// A run is records of one shard that were noted together.
type run struct {
	shard  int64
	index  uint64
	ms     int64
	frame  int64 // where that begins
	count  int32
	first  int32 // of the chunk's records
	copies bool
}

// noted returns how many records of the run were written.
func (r *run) noted() int {
	if r.copies {
		return 1
	}
	return int(r.count)
}

// fill adds n records of a run behind the first few. It reports false if they
// cannot be what was noted.
func (c *chunk) fill(f *shardlog.Filling, r *run, skip, n uint64, views bool) bool {
	list := c.records[r.first:][:r.noted()]
	for i := skip; i < skip+n; i++ {
		at := &list[0]
		if !r.copies {
			at = &list[i]
		}
		if views {
			if !f.View(int(at.at), int(at.keyLen), int(at.size), r.ms) {
				return false
			}
			continue
		}
		b := c.Memory[at.at : at.at+at.size]
		if !f.Add(b[:at.keyLen], b[at.keyLen:], r.ms) {
			return false
		}
	}
	return true
}
