package weir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/scale"
	"github.com/weirstream/weir/internal/shardlog"
)

// SyncNever is a [Config.Sync] that leaves it to the operating system when what
// was put reaches the disk.
const SyncNever = time.Duration(-1)

// Open opens the stream on disk that dir holds, or makes one there if dir is
// empty or missing. A new stream is called as the directory is; one that is
// there keeps its name and its [Settings], whatever c says of them, and the
// number of its shards. All else is c's: limits, clock, [Config.MaxBytes] and
// [Config.Sync] among it. A stream on disk cannot be [Config.Hollow].
//
// What a put, a reshard or a change of settings has returned for is on disk,
// and a reader sees it not before: see [Config.Sync] for weaker promises. What
// a crash cut off in the middle of a write was never acknowledged, and is cut
// off; [Snapshot.Storage] tells how much that was. The stream goes on as if the
// time since then had been a rest. All records are held in memory too.
//
// The error matches [ErrDamaged] if what is there is not what was written, and
// names the file and the place; nothing is changed then. Only one process can
// have a directory open: for another one the error matches [ErrInUse]. What is
// wrong with c gives an error that matches [ErrInvalidArgument]. Others are
// those of the operating system.
func Open(dir string, c Config) (*Stream, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open stream in %s: %w", dir, err)
	}
	s, err := openIn(journal.Dir(abs), filepath.Base(abs), c)
	if err != nil {
		return nil, fmt.Errorf("open stream in %s: %w", dir, err)
	}
	return s, nil
}

// openIn is Open for any directory.
func openIn(dir journal.FS, name string, c Config) (*Stream, error) {
	if c.Hollow {
		return nil, invalidf("Config.Hollow", "is for streams in memory")
	}
	if c.Sync < SyncNever {
		return nil, invalidf("Config.Sync", "%v is neither SyncNever nor a time", c.Sync)
	}
	if _, err := c.Resolved(); err != nil {
		return nil, err
	}
	d, err := journal.Claim(dir)
	if err != nil {
		return nil, storageError(err)
	}
	var s *Stream
	if d.IsEmpty() {
		s, err = createIn(d, dir.Path(), name, c)
	} else {
		s, err = reopenIn(d, dir.Path(), c)
	}
	if err != nil {
		d.Close()
		return nil, storageError(err)
	}
	return s, nil
}

// storageError makes an error of the journal one of this package.
func storageError(err error) error {
	switch damage := (*journal.Damage)(nil); {
	case errors.As(err, &damage):
		return damagedf("%w", err)
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("%w: %w", ErrInUse, err)
	default:
		return err
	}
}

// storage is what a stream on disk has beside what one in memory has.
type storage struct {
	stream   *Stream
	dir      string
	journal  *journal.Journal[touch]
	deferred bool // what is put is shown at once, and written later
	found    Recovery

	// What the head of the next file will say. Guarded by the journal's Begin and
	// End.
	meta   savedStream
	shards map[ShardID]*storedShard

	changing sync.Mutex // one change after the other; taken after Stream.reshard and fanOut.mu

	filing sync.Mutex // guards what follows
	files  []storedFile
}

// A storedFile knows of which shards a file has records, and the last index of
// each. When all of these are trimmed the file can go.
type storedFile struct {
	number uint64
	last   map[ShardID]uint64
}

// A storedShard is what the journal knows of a shard.
type storedShard struct {
	sh   *shard
	meta savedShard // what its notes do not say

	next       uint64 // index of the record that is noted next
	bytes      int64  // of all records noted
	lastMs     int64
	batchCount shardlog.Extent
	group      *journal.Group[touch] // the one in which anything was noted last
	place      int                   // in what the group touched
}

// A touch is a shard of which records are noted in a group.
type touch struct {
	sh    *shard
	upTo  uint64 // index after the last
	batch shardlog.Extent
}

// storedChange is a change of what a stream has beside its records, or all of
// it at the head of a file.
type storedChange struct {
	Stream savedStream
	Shards []savedShard `json:",omitempty"` // those that are new or changed
}

// fileBytes is how large a file of a stream grows; tests have smaller ones. Zero
// means what the journal finds right.
var fileBytes int64

// newStorage returns the storage of a stream without its journal.
func newStorage(s *Stream, dir string) *storage {
	return &storage{stream: s, dir: dir, deferred: s.config.Sync > 0, shards: make(map[ShardID]*storedShard)}
}

func (d *storage) options() journal.Options[touch] {
	o := journal.Options[touch]{Policy: journal.Always, State: d.state, Settled: d.settled}
	switch sync := d.stream.config.Sync; {
	case sync == SyncNever:
		o.Policy = journal.Never
	case sync > 0:
		o.Policy, o.Every = journal.Interval, sync
	}
	o.FileBytes = fileBytes
	return o
}

// createIn makes a new stream in a directory that is empty.
func createIn(dir *journal.Directory, path, name string, c Config) (*Stream, error) {
	s, err := NewStream(name, c)
	if err != nil {
		return nil, err
	}
	d := newStorage(s, path)
	d.meta, _ = s.hold()
	for _, sh := range s.routes.Load().all {
		d.store(sh, sh.hold().meta)
	}
	s.reshard.Lock()
	s.describeMode(&d.meta, s.routes.Load().open)
	s.reshard.Unlock()
	if d.journal, err = journal.Create(dir, d.options()); err != nil {
		return nil, err
	}
	d.files = []storedFile{{number: 1, last: make(map[ShardID]uint64)}}
	s.disk = d
	return s, nil
}

// store takes a shard into the state. Nobody else has it yet, or the caller is
// between Begin and End.
func (d *storage) store(sh *shard, m savedShard) {
	st := &storedShard{
		sh: sh, meta: m, next: sh.log.Next(), bytes: m.Bytes, lastMs: m.LastMs,
		batchCount: shardlog.Extent{Records: m.BatchRecords, Bytes: m.BatchBytes},
	}
	sh.stored = st
	d.shards[sh.id] = st
}

// saved returns what is known of a shard after all notes.
func (st *storedShard) saved() savedShard {
	m := st.meta
	m.End, m.Bytes, m.LastMs = st.end(), st.bytes, st.lastMs
	m.BatchRecords, m.BatchBytes = st.batchCount.Records, st.batchCount.Bytes
	m.First = min(st.sh.log.First(), m.End)
	return m
}

// end returns the index after the last record that was noted, before the gap
// that may follow.
func (st *storedShard) end() uint64 {
	if n := len(st.meta.Gaps); n > 0 && st.meta.Gaps[n-1].To == st.next {
		return st.meta.Gaps[n-1].From
	}
	return st.next
}

// state returns what a file's head says. The journal is locked.
func (d *storage) state() []byte {
	c := storedChange{Stream: d.meta}
	for _, id := range slices.Sorted(maps.Keys(d.shards)) {
		c.Shards = append(c.Shards, d.shards[id].saved())
	}
	c.Stream.Shards = len(c.Shards)
	return mustMarshal(c)
}

// mustMarshal returns the text of what is plain data.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// begin begins a note of n records of a shard, which is between its begin and
// end, before they are appended to its log.
func (d *storage) begin(sh *shard, k notes.Kind, n int, ms int64, batch bool) (*journal.Group[touch], []byte, error) {
	g, err := d.journal.Begin()
	if err != nil {
		return nil, nil, d.refusal(err)
	}
	return g, notes.AppendRun(g.Notes(), k, notes.Run{
		Shard: int64(sh.id), Index: sh.stored.next, Ms: ms, First: min(sh.log.First(), sh.stored.next), Count: n, Batch: batch,
	}), nil
}

// end ends what begin began, with the notes of the records.
func (d *storage) end(g *journal.Group[touch], sh *shard, noted []byte, n int, bytes, ms int64, batch bool) {
	g.SetNotes(noted)
	st, touched := sh.stored, g.Touched()
	if st.group != g {
		st.group, st.place = g, len(*touched)
		*touched = append(*touched, touch{sh: sh})
	}
	t := &(*touched)[st.place]
	st.next += uint64(n)
	st.bytes += bytes
	st.lastMs = ms
	if batch {
		in := shardlog.Extent{Records: int64(n), Bytes: bytes}
		st.batchCount, t.batch = st.batchCount.Plus(in), t.batch.Plus(in)
	}
	t.upTo = st.next
	d.journal.End()
}

// noteRecord notes a record that is about to be appended to a shard.
func (d *storage) noteRecord(sh *shard, key string, data []byte, ms int64) (*journal.Group[touch], error) {
	g, noted, err := d.begin(sh, notes.KindRun, 1, ms, false)
	if err != nil {
		return nil, err
	}
	d.end(g, sh, notes.AppendRecord(noted, key, data), 1, int64(len(key)+len(data)), ms, false)
	return g, nil
}

// noteCopies notes n records that are all alike.
func (d *storage) noteCopies(sh *shard, e *Entry, n int, ms int64) (*journal.Group[touch], error) {
	g, noted, err := d.begin(sh, notes.KindCopies, n, ms, false)
	if err != nil {
		return nil, err
	}
	d.end(g, sh, notes.AppendRecord(noted, e.PartitionKey, e.Data), n, int64(n)*int64(e.Size()), ms, false)
	return g, nil
}

// noteEntries notes some of a call's entries.
func (d *storage) noteEntries(sh *shard, entries []Entry, which []int32, ms int64, batch bool) (*journal.Group[touch], error) {
	g, noted, err := d.begin(sh, notes.KindRun, len(which), ms, batch)
	if err != nil {
		return nil, err
	}
	bytes := 0
	for _, i := range which {
		e := &entries[i]
		noted = notes.AppendRecord(noted, e.PartitionKey, e.Data)
		bytes += e.Size()
	}
	d.end(g, sh, noted, len(which), int64(bytes), ms, batch)
	return g, nil
}

// commit waits until a group is on disk and shown to readers. It reports
// nothing of a stream whose puts are acknowledged at once. The caller holds no
// shard's mutex.
func (d *storage) commit(g *journal.Group[touch]) error {
	if d.deferred {
		d.journal.Relieve()
		return nil
	}
	return d.refusal(d.journal.Commit(g))
}

// refusal says why something could not be noted.
func (d *storage) refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrClosed):
		return fmt.Errorf("stream %s: %w", d.stream.name, ErrClosed)
	default:
		return &StorageError{Stream: d.stream.name, Dir: d.dir, Err: err}
	}
}

// settled is told what became of a group. What is on disk is shown to readers;
// what is not is taken back.
func (d *storage) settled(touched []touch, file uint64, err error) {
	s := d.stream
	if err != nil {
		for i := range touched {
			d.takeBack(&touched[i])
		}
		return
	}
	d.filing.Lock()
	if n := len(d.files); d.files[n-1].number != file {
		d.files = append(d.files, storedFile{file, make(map[ShardID]uint64)})
	}
	last := d.files[len(d.files)-1].last
	for i := range touched {
		last[touched[i].sh.id] = touched[i].upTo - 1
	}
	d.filing.Unlock()
	if d.deferred || len(touched) == 0 {
		return
	}
	now := s.now()
	for i := range touched {
		t := &touched[i]
		s.after(t.sh, t.sh.show(t.upTo, now, s.retention()), false, now)
	}
}

// takeBack takes back what was noted of a shard and appended to it. Nothing is
// noted meanwhile. Its room in memory is for who put it to give back.
func (d *storage) takeBack(t *touch) {
	sh := t.sh
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.log.Retract()
	sh.batchRecords.Add(-t.batch.Records)
	sh.batchBytes.Add(-t.batch.Bytes)
	st := sh.stored
	st.next, st.bytes = sh.log.Next(), sh.log.Appended().Bytes
	st.batchCount = st.batchCount.Minus(t.batch)
}

// show shows readers the records before an index, and releases what has
// expired.
func (sh *shard) show(upTo uint64, now clock.Instant, retention time.Duration) (e effect) {
	sh.mu.Lock()
	e.first = sh.log.First() == sh.log.End() // before the end moves
	sh.log.PublishTo(upTo)
	return sh.release(e, now, retention)
}

// change notes a change of what the stream has beside its records, and waits
// until it is on disk. edit makes the change in what is known of the stream;
// ended and opened are shards that the change closes and opens. If there is an
// error the change is not to be made. Changes are made one after the other, in
// the order of their notes: the caller holds what they are guarded by.
func (d *storage) change(edit func(m *savedStream), closed []*shard, endings []shardEnding, opened []*shard) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	g, err := d.journal.Begin()
	if err != nil {
		return d.refusal(err)
	}
	was := d.meta
	edit(&d.meta)
	c := storedChange{Stream: d.meta}
	for _, sh := range opened {
		m := sh.savedMeta()
		m.First, m.End = 1, 1
		d.store(sh, m)
		c.Shards = append(c.Shards, m)
	}
	for i, sh := range closed {
		sh.stored.meta.Ending = endings[i].saved()
		// One that the same change opened is there already.
		if j := slices.IndexFunc(c.Shards, func(m savedShard) bool { return m.ID == sh.id }); j >= 0 {
			c.Shards[j] = sh.stored.saved()
		} else {
			c.Shards = append(c.Shards, sh.stored.saved())
		}
	}
	g.SetNotes(notes.AppendChange(g.Notes(), mustMarshal(c)))
	d.journal.End()
	if err = d.commit(g); err == nil {
		return nil
	}
	d.journal.Do(func() {
		d.meta = was
		for _, sh := range closed {
			sh.stored.meta.Ending = nil
		}
		for _, sh := range opened {
			delete(d.shards, sh.id)
		}
	})
	return err
}

// trims notes that shards were trimmed, and waits until that is on disk.
func (d *storage) trims(first map[ShardID]uint64) error {
	if len(first) == 0 {
		return nil
	}
	g, err := d.journal.Begin()
	if err != nil {
		return d.refusal(err)
	}
	noted := g.Notes()
	for _, id := range slices.Sorted(maps.Keys(first)) {
		noted = notes.AppendTrim(noted, int64(id), first[id])
	}
	g.SetNotes(noted)
	d.journal.End()
	return d.commit(g)
}

// forget removes shards that have vanished from the state.
func (d *storage) forget(gone []*shard) {
	d.journal.Do(func() {
		for _, sh := range gone {
			delete(d.shards, sh.id)
		}
	})
}

// sweep removes the files whose records are all trimmed, from the oldest on.
func (d *storage) sweep() {
	d.filing.Lock()
	defer d.filing.Unlock()
	routes, n := d.stream.routes.Load(), 0
	for n < len(d.files)-1 && d.files[n].isTrimmed(routes) {
		n++
	}
	if n == 0 {
		return
	}
	// What cannot be removed now is tried again with the next one.
	if err := d.journal.Release(d.files[n].number); err == nil {
		d.files = slices.Delete(d.files, 0, n)
	}
}

// isTrimmed reports whether nothing in the file can be read any more.
func (f *storedFile) isTrimmed(routes *routing) bool {
	for id, last := range f.last {
		if sh := routes.shard(id); sh != nil && sh.log.First() <= last {
			return false
		}
		delete(f.last, id) // for good: the next look is spared
	}
	return true
}

// Close writes what is not on disk yet, and gives the directory of a stream
// that [Open] opened free for others. What is put or changed after that is
// refused with an error that matches [ErrClosed]; what is in memory can be read
// on. The error says what could not be written. A stream in memory needs no
// Close, and nothing happens.
func (s *Stream) Close() error {
	if s.disk == nil {
		return nil
	}
	err := s.disk.journal.Close()
	if errors.Is(err, journal.ErrClosed) {
		return nil // a second time
	}
	return s.disk.refusal(err)
}

// noteMode notes, without waiting, what the machine of on-demand mode knows.
// The caller holds reshard.
func (s *Stream) noteMode() {
	if d := s.disk; d != nil && s.scaling.Load() != nil {
		d.changing.Lock()
		defer d.changing.Unlock()
		g, err := d.journal.Begin()
		if err != nil {
			return // it is noted with the next change, and every minute
		}
		s.describeMode(&d.meta, s.routes.Load().open)
		g.SetNotes(notes.AppendChange(g.Notes(), mustMarshal(storedChange{Stream: d.meta})))
		d.journal.End()
	}
}

// describeMode fills in what is saved of a stream's mode. The caller holds
// reshard.
func (s *Stream) describeMode(m *savedStream, open []*shard) {
	t := s.Settings()
	m.Mode, m.Distribution, m.Warm = int32(t.Mode), int32(t.Distribution), t.WarmThroughput
	m.Machine, m.Counted = nil, nil
	c := s.scaling.Load()
	if c == nil {
		return
	}
	saved := c.machine.Save()
	if left := c.left; len(left.Steps) > 0 {
		saved.Todo = scale.Todo{Minute: left.Minute, Steps: slices.Concat(left.Steps, saved.Todo.Steps)}
	}
	m.Machine, m.Counted = &saved, make(map[ShardID]scale.Load, len(open))
	for _, sh := range open {
		m.Counted[sh.id] = sh.counted
	}
}

// A replay is a stream that is read from its journal.
type replay struct {
	config Config // resolved
	kind   shardKind
	now    clock.Instant
	meta   savedStream
	shards map[ShardID]*replayed
	files  []storedFile
}

type replayed struct {
	sh *shard
	m  savedShard
}

func impossible(format string, args ...any) error {
	return &journal.Damage{Reason: fmt.Sprintf(format, args...)}
}

// reopenIn opens the stream of a directory that has one.
func reopenIn(dir *journal.Directory, path string, c Config) (*Stream, error) {
	r := &replay{config: c.withDefaults(), shards: make(map[ShardID]*replayed)}
	r.now = clock.Of(r.config.Now())
	r.kind = shardKind{limits: r.config.Limits, window: int64(r.config.MetricsWindow / time.Second)}
	found, err := dir.Replay(r, false)
	if err != nil {
		return nil, err
	}
	// What was acknowledged before it was synced may be lost, and the numbers with
	// it.
	lost := !found.Clean && found.Policy != journal.Always
	s, err := r.stream(c, lost)
	if err != nil {
		found.Abandon()
		return nil, err
	}
	d := newStorage(s, path)
	d.meta, d.files = r.meta, r.files
	d.found = Recovery{
		Files: found.Files, Bytes: found.Bytes, Torn: found.Cut, TornFile: found.CutFile, Closed: found.Clean, NumbersSkipped: lost,
	}
	for _, re := range r.shards {
		if s.routes.Load().shard(re.sh.id) != nil {
			d.store(re.sh, re.m)
		}
	}
	if d.journal, err = journal.Continue(dir, found, d.options()); err != nil {
		found.Abandon()
		return nil, err
	}
	s.disk = d
	if lost {
		err = d.noteGaps()
	}
	if err != nil {
		d.journal.Abandon()
		return nil, err
	}
	s.Trim()
	return s, nil
}

// noteGaps notes the indexes that were left out of all open shards.
func (d *storage) noteGaps() error {
	g, err := d.journal.Begin()
	if err != nil {
		return d.refusal(err)
	}
	d.meta.OpensAfter = d.stream.opensAfter
	c := storedChange{Stream: d.meta}
	for _, sh := range d.stream.routes.Load().open {
		sh.stored.meta.Gaps = sh.log.Gaps()
		c.Shards = append(c.Shards, sh.stored.saved())
	}
	g.SetNotes(notes.AppendChange(g.Notes(), mustMarshal(c)))
	d.journal.End()
	if d.deferred {
		return d.refusal(d.journal.Flush())
	}
	return d.commit(g)
}

// Head implements [journal.Visitor]. The first head is where the replay begins,
// with those shards that it knows; the others say what is there already.
func (r *replay) Head(file uint64, state []byte) error {
	var c storedChange
	if err := json.Unmarshal(state, &c); err != nil {
		return impossible("%v", err)
	}
	if len(r.files) == 0 {
		r.meta = c.Stream
		for i := range c.Shards {
			if err := r.open(c.Shards[i]); err != nil {
				return err
			}
		}
	} else if err := r.agree(&c); err != nil {
		return err
	}
	r.files = append(r.files, storedFile{file, make(map[ShardID]uint64)})
	return nil
}

// agree checks that a head says what was read before it. Shards that it does
// not name have vanished.
func (r *replay) agree(c *storedChange) error {
	named := make(map[ShardID]bool, len(c.Shards))
	for i := range c.Shards {
		m := &c.Shards[i]
		named[m.ID] = true
		re := r.shards[m.ID]
		if re == nil {
			return impossible("%v comes from nowhere", m.ID)
		}
		if end := re.sh.log.End(); end != m.End || re.sh.log.Published().Bytes != m.Bytes {
			return impossible("%v has records up to %d, and should have them up to %d", m.ID, end-1, m.End-1)
		}
	}
	maps.DeleteFunc(r.shards, func(id ShardID, _ *replayed) bool { return !named[id] })
	return nil
}

// open adds a shard that has no records that could be read.
func (r *replay) open(m savedShard) error {
	held := m
	held.First = m.End // its records are in files that have gone
	if m.ID >= r.meta.Next || m.First > m.End || !held.possible() {
		return impossible("%v is impossible", m.ID)
	}
	sh := newShard(r.kind, identity{created: m.Created, id: m.ID}, m.Keys, m.Parents, m.Opened)
	sh.log = shardlog.Log{}
	log, err := shardlog.Restore(&sh.log, r.kind.log, shardlog.State{
		First: m.End, End: m.End, Bytes: m.Bytes, LastMs: m.LastMs, Gaps: m.Gaps,
	}, 0)
	if err == nil {
		err = log.Done()
	}
	if err != nil {
		return impossible("%v: %v", m.ID, err)
	}
	r.shards[m.ID] = &replayed{sh: sh, m: m}
	return nil
}

// Group implements [journal.Visitor].
func (r *replay) Group(_ uint64, noted []byte) error {
	for in := notes.NewReader(noted); ; {
		n, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return impossible("%v", err)
		}
		switch n.Kind {
		case notes.KindRun, notes.KindCopies:
			err = r.run(&n, in)
		case notes.KindTrim:
			if re := r.shards[ShardID(n.Shard)]; re != nil {
				re.sh.log.TrimTo(n.First)
			}
		case notes.KindChange:
			err = r.change(n.Text)
		}
		if err != nil {
			return err
		}
	}
}

// run appends records to a shard.
func (r *replay) run(n *notes.Note, in *notes.Reader) error {
	re := r.shards[ShardID(n.Shard)]
	if re == nil {
		return impossible("there are records of %v, which was never opened", ShardID(n.Shard))
	}
	log := &re.sh.log
	if n.Index != log.Next() || n.Ms < re.m.LastMs || n.Count < 1 {
		return impossible("%v goes on with record %d at %d, after %d at %d", ShardID(n.Shard), n.Index, n.Ms, log.Next()-1, re.m.LastMs)
	}
	before := log.Appended()
	for i := range n.Count {
		key, data, err := in.Record()
		if err != nil || len(key) > 4*MaxPartitionKeyLength || len(key)+len(data) > MaxRecordBytes {
			return impossible("record %d of %v has %d bytes: %v", n.Index+uint64(i), ShardID(n.Shard), len(key)+len(data), err)
		}
		if n.Kind == notes.KindCopies {
			log.AppendCopies(key, data, n.Ms, n.Count)
			break
		}
		log.Append(key, data, n.Ms)
	}
	log.Publish()
	re.m.LastMs = n.Ms
	if n.Batch {
		in := log.Appended().Minus(before)
		re.m.BatchRecords += in.Records
		re.m.BatchBytes += in.Bytes
	}
	if n.First > log.First() {
		log.TrimTo(n.First)
	}
	r.files[len(r.files)-1].last[re.m.ID] = log.End() - 1
	return nil
}

// change takes over a change.
func (r *replay) change(text []byte) error {
	var c storedChange
	if err := json.Unmarshal(text, &c); err != nil {
		return impossible("%v", err)
	}
	r.meta = c.Stream
	for i := range c.Shards {
		m := &c.Shards[i]
		re := r.shards[m.ID]
		if re == nil {
			if m.End != 1 {
				return impossible("%v begins with record %d", m.ID, m.End)
			}
			if err := r.open(*m); err != nil {
				return err
			}
			continue
		}
		if end := re.sh.log.End(); m.End != end {
			return impossible("%v has records up to %d, and should have them up to %d", m.ID, end-1, m.End-1)
		}
		re.m.Ending = m.Ending
		if err := re.leaveOut(r.kind, m.Gaps); err != nil {
			return impossible("%v: %v", m.ID, err)
		}
		re.sh.log.TrimTo(m.First)
	}
	return nil
}

// leaveOut makes gaps those of the shard's log, if it has others.
func (re *replayed) leaveOut(kind shardKind, gaps []shardlog.Gap) error {
	log := &re.sh.log
	if slices.Equal(gaps, log.Gaps()) {
		return nil
	}
	if len(gaps) == 0 || gaps[len(gaps)-1].To < log.Next() {
		return fmt.Errorf("gaps %v follow %v", gaps, log.Gaps())
	}
	if err := re.skip(kind, gaps[len(gaps)-1].To-log.Next()); err != nil {
		return err
	}
	if !slices.Equal(gaps, re.sh.log.Gaps()) {
		return fmt.Errorf("gaps %v follow", gaps)
	}
	return nil
}

// skip leaves n indexes out.
func (re *replayed) skip(kind shardKind, n uint64) error {
	old := &re.sh.log
	state, blocks := old.State(re.m.LastMs), old.Blocks()
	re.sh.log = shardlog.Log{}
	log, err := shardlog.Restore(&re.sh.log, kind.log, state, n)
	for _, b := range blocks {
		if err == nil {
			err = log.Block(b.BlockHead, slices.Concat(b.Data, b.Headers))
		}
	}
	if err == nil {
		err = log.Done()
	}
	re.m.Gaps = re.sh.log.Gaps()
	return err
}

// stream returns the stream that was read. If numbers may be lost that were
// given out, it leaves some out.
func (r *replay) stream(c Config, lost bool) (*Stream, error) {
	l := &loader{meta: r.meta, lost: lost}
	l.meta.Shards = len(r.shards)
	for _, id := range slices.Sorted(maps.Keys(r.shards)) {
		re := r.shards[id]
		if lost && re.m.Ending == nil {
			if err := re.skip(r.kind, lostIndexes); err != nil {
				return nil, impossible("%v: %v", id, err)
			}
		}
		m := &re.m
		sh := re.sh
		m.First, m.End, m.Bytes, m.Gaps = sh.log.First(), sh.log.End(), sh.log.Published().Bytes, sh.log.Gaps()
		sh.lastMs = m.LastMs
		sh.batchRecords.Store(m.BatchRecords)
		sh.batchBytes.Store(m.BatchBytes)
		sh.counted = r.meta.Counted[id]
		if r.meta.RecordBytes > mib {
			sh.quota.AdmitLarge()
		}
		if sh.log.Published().Records > 0 {
			l.meta.LastSecond = max(l.meta.LastSecond, m.LastMs/1000)
		}
		l.shards, l.saved = append(l.shards, sh), append(l.saved, *m)
	}
	if err := l.begin(c); err != nil {
		return nil, err
	}
	return l.finish()
}

// trimTo notes and trims, each shard up to and including an index.
func (s *Stream) trimShardsTo(upTo map[*shard]uint64) error {
	if s.disk != nil {
		first := make(map[ShardID]uint64, len(upTo))
		for sh, i := range upTo {
			if end := sh.log.End(); min(i, end-1)+1 > sh.log.First() {
				first[sh.id] = min(i, end-1) + 1
			}
		}
		if err := s.disk.trims(first); err != nil {
			return err
		}
	}
	for sh, i := range upTo {
		s.full.giveExtent(sh.trimTo(i))
	}
	if s.disk != nil {
		s.disk.sweep()
	}
	return nil
}

// A Recovery is what [Open] found.
type Recovery struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Torn is how many bytes at the end were a write that a crash had cut off.
	// They were never acknowledged, and are gone. TornFile had them.
	Torn     int64  `json:"torn_bytes"`
	TornFile string `json:"torn_file,omitempty"`
	// Closed says that the stream had been closed with [Stream.Close].
	Closed bool `json:"closed"`
	// NumbersSkipped says that records may be lost which had been acknowledged
	// before they were on disk, as [Config.Sync] allows. Their numbers are left
	// out, so that none is given out twice and positions behind them are refused.
	NumbersSkipped bool `json:"numbers_skipped"`
}

// Storage is what there is to tell of a stream on disk.
type Storage struct {
	Dir   string `json:"dir"`
	Files int    `json:"files"`
	// WrittenBytes and Syncs count since the stream was opened. Puts that come at
	// the same time share a sync.
	WrittenBytes int64 `json:"written_bytes"`
	Syncs        int64 `json:"syncs"`
	// Refused is why nothing can be put; nil if it can.
	Refused error `json:"-"`
	// Recovery is what was found when the stream was opened.
	Recovery Recovery `json:"recovery"`
}

// storageNow returns what there is to tell, nil for a stream in memory.
func (s *Stream) storageNow() *Storage {
	d := s.disk
	if d == nil {
		return nil
	}
	j := d.journal.Stats()
	return &Storage{
		Dir: d.dir, Files: j.Files, WrittenBytes: j.Bytes, Syncs: j.Syncs, Refused: d.refusal(j.Refused), Recovery: d.found,
	}
}

// settle shows what a write appended to a shard that is between its begin and
// end, or waits until it is on disk and shown. An error says that nothing of it
// is there.
func (s *Stream) settle(sh *shard, g *journal.Group[touch], tidy bool, now clock.Instant) error {
	if s.disk.deferred {
		s.after(sh, sh.end(now, s.retention()), tidy, now)
		return s.disk.commit(g)
	}
	sh.abandon()
	if err := s.disk.commit(g); err != nil {
		return err
	}
	if tidy {
		s.tidy(now)
	}
	return nil
}

// putOnDisk appends a record to a shard that is between its begin and end.
func (s *Stream) putOnDisk(sh *shard, key string, data []byte, now clock.Instant) (Placed, error) {
	ms, tidy := s.stamp(sh, now)
	g, err := s.disk.noteRecord(sh, key, data, ms)
	if err != nil {
		sh.abandon()
		return Placed{}, err
	}
	i := sh.log.Append(key, data, ms)
	return Placed{ShardID: sh.id, SequenceNumber: sh.number(i, ms)}, s.settle(sh, g, tidy, now)
}
