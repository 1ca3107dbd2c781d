// Package store keeps the records of a stream's shards in a journal, and what
// else is to be known of the stream and of each shard, which is text to it. It
// knows shards by their ids and their logs; it knows no stream, no quota and no
// clock.
//
// A record is noted, and then appended to its shard's log by whoever noted it;
// it is shown to readers when it is on disk, or taken back if it does not get
// there.
package store

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/shardlog"
)

// Options are what a store needs to know of whoever keeps something in it. O is
// what a shard is to them.
type Options[O any] struct {
	Journal journal.Options[Touch[O]] // policy, time and size of files; the rest is the store's
	// Show shows readers the records of a shard before an index, which are on disk.
	// Where the policy is an interval, who noted them shows them.
	Show func(of O, upTo uint64)
	// TakeBack takes back with [shardlog.Log.Retract] what was appended to a shard
	// and is not on disk, among it so much that batches had put.
	TakeBack func(of O, batch shardlog.Extent)
	// Attic is where records are read again that have left memory; nil if none
	// do.
	Attic *cold.Attic
}

// A Store is open for notes.
type Store[O any] struct {
	o       Options[O]
	journal *journal.Journal[Touch[O]]

	// What the head of the next file says. Guarded by the journal's Begin and End.
	stream json.RawMessage
	shards map[int64]*Shard[O]

	filing sync.Mutex // guards what follows
	files  []File
	pins   int // of Pin
}

// A Shard is what a store knows of one.
type Shard[O any] struct {
	store *Store[O]
	of    O
	log   *shardlog.Log
	shelf *cold.Shelf // nil if no records leave memory
	id    int64

	// As of the last note; guarded by the journal.
	about   json.RawMessage
	gaps    []shardlog.Gap
	next    uint64 // index of the record that is noted next
	bytes   int64  // of all records noted
	lastMs  int64
	batches shardlog.Extent
	group   *Group[O] // the one in which anything was noted last
	place   int       // in what the group touched
}

// A Group is notes that become durable together.
type Group[O any] = journal.Group[Touch[O]]

// A Touch is a shard of which records are noted in a group, or a change.
type Touch[O any] struct {
	undo    func() // of a change; nil for a shard
	sh      *Shard[O]
	from    uint64 // index of the first
	upTo    uint64 // index after the last
	batches shardlog.Extent
}

// A File knows of which shards a file has records, and the last index of each.
// When all of these are trimmed the file can go.
type File struct {
	Number uint64
	Last   map[int64]uint64
}

// A State is all that is to be known, or what has changed of it.
type State struct {
	Stream json.RawMessage
	Shards []ShardState `json:",omitempty"`
}

// ErrElses says that a state is that of somebody else's journal.
var ErrElses = errors.New("the directory holds a journal, but not that of a stream")

// ParseState reads a [State]. The error matches [ErrElses] if it says whose it
// is, as what is no stream is to.
func ParseState(text []byte) (s State, err error) {
	var of struct{ JournalOf string }
	if err = json.Unmarshal(text, &of); err == nil && of.JournalOf != "" {
		return s, ErrElses
	}
	err = json.Unmarshal(text, &s)
	return s, err
}

// A ShardState is what is to be known of a shard beside its records.
type ShardState struct {
	ID           int64
	About        json.RawMessage
	First, End   uint64 // the oldest index not trimmed, and the one after the newest
	Bytes        int64  // of all records ever
	LastMs       int64
	BatchRecords int64          `json:",omitempty"`
	BatchBytes   int64          `json:",omitempty"`
	Gaps         []shardlog.Gap `json:",omitempty"`
}

// New returns a store without its journal and its shards: see [Store.Add],
// [Store.Create] and [Store.Continue].
func New[O any](o Options[O]) *Store[O] {
	s := &Store[O]{o: o, shards: make(map[int64]*Shard[O])}
	s.o.Journal.State, s.o.Journal.Settled = s.state, s.settled
	return s
}

// Add takes a shard in, with the log that it has and what is to be known of it.
// It is for a store that is not open yet; [Change] takes others in.
func (s *Store[O]) Add(of O, log *shardlog.Log, m ShardState) *Shard[O] {
	sh := s.newShard(of, log, m)
	s.shards[m.ID] = sh
	return sh
}

// SetShelf says where the records are that the shard had when it was added.
func (sh *Shard[O]) SetShelf(shelf *cold.Shelf) { sh.shelf = shelf }

// Room returns what the shard's records can leave. lock is that of its log.
func (sh *Shard[O]) Room(lock sync.Locker) cold.Room {
	return cold.Room{Log: sh.log, Shelf: sh.shelf, Lock: lock}
}

func (s *Store[O]) newShard(of O, log *shardlog.Log, m ShardState) *Shard[O] {
	var shelf *cold.Shelf
	if s.o.Attic != nil {
		shelf = s.o.Attic.NewShelf(m.ID)
	}
	return &Shard[O]{
		shelf: shelf,
		store: s, of: of, log: log, id: m.ID, about: m.About, gaps: m.Gaps, next: log.Next(), bytes: m.Bytes, lastMs: m.LastMs,
		batches: shardlog.Extent{Records: m.BatchRecords, Bytes: m.BatchBytes},
	}
}

// Create begins a journal in an empty directory.
func (s *Store[O]) Create(d *journal.Directory, stream []byte) (err error) {
	s.stream = stream
	s.files = []File{{1, make(map[int64]uint64)}}
	s.journal, err = journal.Create(d, s.o.Journal)
	return err
}

// Continue goes on with a journal that was replayed, with those files.
func (s *Store[O]) Continue(d *journal.Directory, r *journal.Recovery, stream []byte, files []File) (err error) {
	s.stream, s.files = stream, files
	s.journal, err = journal.Continue(d, r, s.o.Journal)
	return err
}

// IsDeferred reports whether notes are written later, so that who makes them
// does not wait.
func (s *Store[O]) IsDeferred() bool { return s.o.Journal.Policy == journal.Interval }

// state returns what a file's head says. The journal is locked.
func (s *Store[O]) state() []byte {
	all := State{Stream: s.stream}
	for _, id := range slices.Sorted(maps.Keys(s.shards)) {
		all.Shards = append(all.Shards, s.shards[id].state())
	}
	return Text(all)
}

// Text returns the JSON of what is plain data.
func Text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// state returns what is to be known of the shard after all notes.
func (sh *Shard[O]) state() ShardState {
	end := sh.next
	if n := len(sh.gaps); n > 0 && sh.gaps[n-1].To == end {
		end = sh.gaps[n-1].From // nothing is noted behind the gap yet
	}
	return ShardState{
		ID: sh.id, About: sh.about, First: min(sh.log.First(), end), End: end, Bytes: sh.bytes, LastMs: sh.lastMs,
		BatchRecords: sh.batches.Records, BatchBytes: sh.batches.Bytes, Gaps: sh.gaps,
	}
}

// A Noting is a run of records of a shard that is being noted.
type Noting[O any] struct {
	sh    *Shard[O]
	group *Group[O]
	notes []byte
	run   notes.Run
	bytes int64
}

// Begin begins to note n records that arrive at ms. The caller holds the lock
// of the shard's log from here until it has appended them; nobody else notes
// anything until End. The error says why nothing can be noted.
func (sh *Shard[O]) Begin(n int, ms int64, batch bool) (Noting[O], error) {
	return sh.begin(notes.KindRun, n, ms, batch)
}

func (sh *Shard[O]) begin(k notes.Kind, n int, ms int64, batch bool) (Noting[O], error) {
	g, err := sh.store.journal.Begin()
	if err != nil {
		return Noting[O]{}, err
	}
	run := notes.Run{Shard: sh.id, Index: sh.next, Ms: ms, First: min(sh.log.First(), sh.next), Count: n, Batch: batch}
	return Noting[O]{sh: sh, group: g, notes: notes.AppendRun(g.Notes(), k, run), run: run}, nil
}

// Add notes the next record of the run.
func (n *Noting[O]) Add(key string, data []byte) {
	n.notes = notes.AppendRecord(n.notes, key, data)
	n.bytes += int64(len(key) + len(data))
}

// End ends the run, and returns the group to wait for.
func (n *Noting[O]) End() *Group[O] {
	g, sh, touched := n.group, n.sh, n.group.Touched()
	g.SetNotes(n.notes)
	if sh.group != g {
		sh.group, sh.place = g, len(*touched)
		*touched = append(*touched, Touch[O]{sh: sh, from: n.run.Index})
	}
	t := &(*touched)[sh.place]
	sh.next += uint64(n.run.Count)
	sh.bytes += n.bytes
	sh.lastMs = n.run.Ms
	if n.run.Batch {
		in := shardlog.Extent{Records: int64(n.run.Count), Bytes: n.bytes}
		sh.batches, t.batches = sh.batches.Plus(in), t.batches.Plus(in)
	}
	t.upTo = sh.next
	sh.store.journal.End()
	return g
}

// Record notes one record, as Begin, Add and End do.
func (sh *Shard[O]) Record(key string, data []byte, ms int64) (*Group[O], error) {
	n, err := sh.Begin(1, ms, false)
	if err != nil {
		return nil, err
	}
	n.Add(key, data)
	return n.End(), nil
}

// Copies notes n records that are all alike.
func (sh *Shard[O]) Copies(key string, data []byte, n int, ms int64) (*Group[O], error) {
	run, err := sh.begin(notes.KindCopies, n, ms, false)
	if err != nil {
		return nil, err
	}
	run.Add(key, data)
	run.bytes *= int64(n)
	return run.End(), nil
}

// Commit waits until a group is on disk and shown, or not at all if notes are
// written later. The caller holds no lock that Show or TakeBack take.
func (s *Store[O]) Commit(g *Group[O]) error {
	if s.IsDeferred() {
		s.journal.Relieve()
		return nil
	}
	return s.journal.Commit(g)
}

// settled is told what became of a group.
func (s *Store[O]) settled(touched []Touch[O], at journal.Spot, err error) {
	if err != nil {
		// Here, and not by who waits: what is noted next builds on what there is.
		for _, t := range slices.Backward(touched) {
			if t.undo != nil {
				t.undo()
			} else {
				t.sh.takeBack(t.batches)
			}
		}
		return
	}
	s.filing.Lock()
	if n := len(s.files); s.files[n-1].Number != at.File {
		s.files = append(s.files, File{at.File, make(map[int64]uint64)})
	}
	last := s.files[len(s.files)-1].Last
	for _, t := range touched {
		if t.undo == nil {
			last[t.sh.id] = t.upTo - 1
			if t.sh.shelf != nil {
				t.sh.shelf.Note(t.from, t.upTo, at, t.sh.log.First())
			}
		}
	}
	s.filing.Unlock()
	if s.IsDeferred() {
		return
	}
	for _, t := range touched {
		if t.undo == nil {
			s.o.Show(t.sh.of, t.upTo)
		}
	}
}

// takeBack takes back what was noted and appended since the last group that is
// on disk. Nothing is noted meanwhile.
func (sh *Shard[O]) takeBack(batches shardlog.Extent) {
	sh.store.o.TakeBack(sh.of, batches)
	sh.next, sh.bytes = sh.log.Next(), sh.log.Appended().Bytes
	sh.batches = sh.batches.Minus(batches)
}

// A Change is a change of what there is beside records.
type Change[O any] struct {
	Stream []byte           // what is to be known of the stream then
	Set    map[int64][]byte // what is to be known of shards that are there
	Open   []Opening[O]
	Gaps   map[int64][]shardlog.Gap // of logs that leave indexes out from now on
}

// An Opening is a shard that a change opens, which has no records.
type Opening[O any] struct {
	Of     O
	Log    *shardlog.Log
	ID     int64
	About  []byte
	LastMs int64
	Into   **Shard[O] // where to note it
}

// Change notes a change that is about to be made, and waits until it is on
// disk. If there is an error it is not to be made. The caller makes one change
// after the other, ChangeLater's too.
func (s *Store[O]) Change(c Change[O]) error {
	g, err := s.note(c)
	if err != nil {
		return err
	}
	return s.Commit(g)
}

// ChangeLater notes a change without waiting.
func (s *Store[O]) ChangeLater(c Change[O]) error {
	_, err := s.note(c)
	return err
}

// note notes a change. It is taken back if it does not get to the disk.
func (s *Store[O]) note(c Change[O]) (*Group[O], error) {
	g, err := s.journal.Begin()
	if err != nil {
		return nil, err
	}
	defer s.journal.End()
	was, about := s.stream, make(map[int64]json.RawMessage, len(c.Set))
	s.stream = c.Stream
	for _, o := range c.Open {
		*o.Into = s.Add(o.Of, o.Log, ShardState{ID: o.ID, About: o.About, First: 1, End: 1, LastMs: o.LastMs})
	}
	for id, text := range c.Set {
		about[id], s.shards[id].about = s.shards[id].about, text
	}
	for id, gaps := range c.Gaps {
		s.shards[id].gaps = gaps
	}
	all := State{Stream: c.Stream}
	for _, id := range c.changed() {
		all.Shards = append(all.Shards, s.shards[id].state())
	}
	g.SetNotes(notes.AppendChange(g.Notes(), Text(all)))
	*g.Touched() = append(*g.Touched(), Touch[O]{undo: func() {
		s.stream = was
		for id, text := range about {
			s.shards[id].about = text
		}
		for _, o := range c.Open {
			delete(s.shards, o.ID)
		}
	}})
	return g, nil
}

// changed returns the shards that a change is of, in order.
func (c *Change[O]) changed() []int64 {
	ids := make(map[int64]bool)
	for _, o := range c.Open {
		ids[o.ID] = true
	}
	for id := range c.Set {
		ids[id] = true
	}
	for id := range c.Gaps {
		ids[id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// Trim notes the indexes before which shards are trimmed, and waits until that
// is on disk.
func (s *Store[O]) Trim(first map[int64]uint64) error {
	if len(first) == 0 {
		return nil
	}
	g, err := s.journal.Begin()
	if err != nil {
		return err
	}
	b := g.Notes()
	for _, id := range slices.Sorted(maps.Keys(first)) {
		b = notes.AppendTrim(b, id, first[id])
	}
	g.SetNotes(b)
	s.journal.End()
	return s.Commit(g)
}

// Forget removes a shard that has vanished. It is on disk with the next group.
func (s *Store[O]) Forget(id int64) {
	g, err := s.journal.Begin()
	if err != nil {
		s.journal.Do(func() { delete(s.shards, id) })
		return
	}
	delete(s.shards, id)
	g.SetNotes(notes.AppendGone(g.Notes(), id))
	s.journal.End()
}

// Sweep removes the files whose records are all trimmed, from the oldest on.
func (s *Store[O]) Sweep() {
	s.filing.Lock()
	defer s.filing.Unlock()
	if len(s.files) < 2 || s.pins > 0 {
		return
	}
	n := 0
	s.journal.Do(func() {
		for n < len(s.files)-1 && s.isTrimmed(&s.files[n]) {
			n++
		}
	})
	if n == 0 {
		return
	}
	// What cannot be removed now is tried again with the next one.
	if err := s.journal.Release(s.files[n].Number); err == nil {
		s.files = slices.Delete(s.files, 0, n)
	}
}

// Pin keeps all files until it is undone, whatever is trimmed meanwhile: who
// looks at the logs after Pin finds on disk what has left memory.
func (s *Store[O]) Pin() (undo func()) {
	s.pin(1)
	return func() {
		s.pin(-1)
		s.Sweep()
	}
}

func (s *Store[O]) pin(n int) {
	s.filing.Lock()
	defer s.filing.Unlock()
	s.pins += n
}

// isTrimmed reports whether nothing in a file can be read any more.
func (s *Store[O]) isTrimmed(f *File) bool {
	for id, last := range f.Last {
		if sh := s.shards[id]; sh != nil && sh.log.First() <= last {
			return false
		}
		delete(f.Last, id) // for good: the next look is spared
	}
	return true
}

// Flush writes what was noted so far.
func (s *Store[O]) Flush() error { return s.journal.Flush() }

// Stats returns figures of the journal.
func (s *Store[O]) Stats() journal.Stats { return s.journal.Stats() }

// Close writes what is noted and closes the journal. A second time it does
// nothing.
func (s *Store[O]) Close() error {
	if err := s.journal.Close(); !errors.Is(err, journal.ErrClosed) {
		return err
	}
	return nil
}

// Abandon closes the journal as a crash would.
func (s *Store[O]) Abandon() { s.journal.Abandon() }
