package cold

import (
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/shardlog"
)

// A Refill keeps the memory of logs bounded that are filled again from their
// journal: what was read first leaves it first, as it does while puts fill
// them. A nil Refill does nothing, and its logs keep all. It is for one
// goroutine.
type Refill struct {
	attic    *Attic
	overhead int64 // bytes that a record counts beside its own
	max      int64 // bytes; zero: no bound
	memory   Memory

	spot    journal.Spot // of what is being read
	rooms   map[int64]Room
	held    int64
	granted int64 // by memory
	stuck   int64 // bytes that must be held before it is worth looking again
}

// Memory is a bound that the logs share with others.
type Memory interface {
	Take(bytes int64) bool
	Count(bytes int64)
}

// NewRefill returns what fills logs from the attic's files, with up to max
// bytes, if that is not zero, and as many as memory grants, if that is not nil.
// A record counts overhead bytes beside its own.
func NewRefill(a *Attic, max, overhead int64, memory Memory) *Refill {
	return &Refill{attic: a, max: max, overhead: overhead, memory: memory, rooms: make(map[int64]Room)}
}

// Attic returns where the records are that have left memory, or nil.
func (r *Refill) Attic() *Attic {
	if r == nil {
		return nil
	}
	return r.attic
}

// Shelf returns the shelf of a log that was filled, or nil.
func (r *Refill) Shelf(id int64) *Shelf {
	if r == nil {
		return nil
	}
	return r.rooms[id].Shelf
}

// At says where in the files lies what is added next.
func (r *Refill) At(spot journal.Spot) {
	if r != nil {
		r.spot = spot
	}
}

// Open begins a log.
func (r *Refill) Open(id int64, log *shardlog.Log) {
	if r != nil {
		r.rooms[id] = Room{Log: log, Shelf: r.attic.NewShelf(id)}
	}
}

// Forget gives up a log.
func (r *Refill) Forget(id int64) {
	if r == nil {
		return
	}
	if room, ok := r.rooms[id]; ok {
		r.Gone(room.Log.Held())
		delete(r.rooms, id)
	}
}

// Added is told of records, from an index on, that a log has more.
func (r *Refill) Added(id int64, from uint64, e shardlog.Extent) {
	if r == nil {
		return
	}
	room := r.rooms[id]
	room.Shelf.Note(from, room.Log.Next(), r.spot, room.Log.First())
	r.held += r.bytes(e)
}

// Gone is told of records in memory that were trimmed.
func (r *Refill) Gone(e shardlog.Extent) {
	if r != nil {
		r.held -= r.bytes(e)
	}
}

func (r *Refill) bytes(e shardlog.Extent) int64 { return e.Bytes + e.Records*r.overhead }

// grantBytes is how much is asked for at once of memory that is shared.
const grantBytes = 256 << 10

// Spill lets the oldest records leave memory as long as there are too many. It
// is called between groups.
func (r *Refill) Spill() {
	if r == nil || r.held < r.stuck || !r.isOver() {
		return
	}
	rooms := make([]Room, 0, len(r.rooms))
	for _, room := range r.rooms {
		rooms = append(rooms, room)
	}
	r.stuck = 0
	if !Evict(rooms, func(gone shardlog.Extent) bool {
		r.Gone(gone)
		return !r.isOver()
	}) {
		r.stuck = r.held + grantBytes/4
	}
}

// isOver reports whether more is held than may be.
func (r *Refill) isOver() bool {
	for r.memory != nil && r.held > r.granted && r.memory.Take(grantBytes) {
		r.granted += grantBytes
	}
	return r.max > 0 && r.held > r.max || r.memory != nil && r.held > r.granted
}

// Done gives back what memory has granted: from now on the logs count
// themselves what they take.
func (r *Refill) Done() {
	if r != nil && r.granted > 0 {
		r.memory.Count(-r.granted)
		r.granted = 0
	}
}
