package weir

import (
	"cmp"
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
	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/scale"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/store"
)

// Open opens the stream on disk that dir holds, or makes one there if dir is
// empty or missing. A new stream is called as [Config.Name] says; one that is
// there keeps its name and its [Settings], whatever c says of them, and the
// number of its shards. All else is c's: limits, clock, [Config.MaxBytes] and
// [Config.Sync] among it. A stream on disk cannot be [Config.Hollow].
//
// What a put, a reshard or a change of settings has returned for is on disk,
// and a reader sees it not before: see [Config.Sync] for weaker promises. What
// a crash cut off in the middle of a write was never acknowledged, and is cut
// off; [Snapshot.Storage] tells how much that was. The stream goes on as if the
// time since then had been a rest. Records are held in memory too, all of them
// unless [Config.WhenFull] is [Spill].
//
// The error matches [ErrDamaged] if what is there is not what was written, and
// names the file and the place; nothing is changed then. Only one process can
// have a directory open: for another one the error matches [ErrInUse]. What is
// wrong with c gives an error that matches [ErrInvalidArgument]. Others are
// those of the operating system.
func Open(dir string, c Config) (*Stream, error) {
	if dir == "" {
		return nil, errNoDir()
	}
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

func errNoDir() error {
	return invalidf("dir", "is empty; it must name the directory of the stream")
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
	name = cmp.Or(c.Name, name)
	if names, _ := dir.List(); len(names) == 0 && checkStreamName(name) != nil { // or Claim made the directory
		return nil, checkStreamName(name)
	}
	d, err := journal.Claim(dir)
	if err != nil {
		return nil, storageError(err)
	}
	if c.WhenFull == Spill {
		c.Memory = cold.Enter(c.Memory)
	}
	var s *Stream
	if d.IsEmpty() {
		s, err = createIn(d, dir.Path(), name, c)
	} else {
		s, err = reopenIn(d, dir.Path(), c)
	}
	share := cold.ShareOf(c.Memory)
	if err != nil {
		share.Leave()
		d.Close()
		return nil, storageError(err)
	}
	share.Join(s.spill)
	return s, nil
}

// A storage is the keeper of a stream on disk.
type storage struct {
	stream *Stream
	dir    string
	store  *store.Store[*shard]
	told   Storage // immutable; what the stream's figures begin with

	changing sync.Mutex // taken after Stream.reshard and fanOut.mu
	meta     savedStream
}

// fileBytes is how large a file of a stream grows; tests have smaller ones.
// Zero means what the journal finds right.
var fileBytes int64

// newRefill returns what lets records leave memory and finds them again, or nil
// if none is to leave.
func newRefill(dir *journal.Directory, c Config) *cold.Refill {
	if c.WhenFull != Spill {
		return nil
	}
	return cold.NewRefill(cold.ShareOf(c.Memory).Attic(dir, c.MaxBytes), c.MaxBytes, RecordOverheadBytes, c.Memory)
}

// newStorage returns the keeper of a stream, with the shards that it has.
func newStorage(s *Stream, dir string, r *cold.Refill) *storage {
	d := &storage{stream: s, dir: dir, told: Storage{Dir: dir}}
	if a := r.Attic(); a != nil {
		a.Explain = d.refusal
	}
	o := journal.Options[store.Touch[*shard]]{FileBytes: fileBytes}
	switch sync := s.config.Sync; {
	case sync == SyncNever:
		o.Policy = journal.Never
	case sync > 0:
		o.Policy, o.Every = journal.Interval, sync
	}
	d.store = store.New(store.Options[*shard]{Journal: o, Show: s.show, TakeBack: (*shard).takeBack, Attic: r.Attic()})
	for _, sh := range s.routes.Load().all {
		m := sh.hold().meta
		sh.stored = d.store.Add(sh, &sh.log, store.ShardState{
			ID: int64(sh.id), About: m.about(), Bytes: m.Bytes, LastMs: m.LastMs,
			BatchRecords: m.BatchRecords, BatchBytes: m.BatchBytes, Gaps: m.Gaps,
		})
		if shelf := r.Shelf(int64(sh.id)); shelf != nil {
			sh.stored.SetShelf(shelf)
		}
	}
	return d
}

// about returns what the notes of its records do not say of a shard.
func (m *savedShard) about() []byte {
	return store.Text(savedShard{ID: m.ID, Created: m.Created, Keys: m.Keys, Parents: m.Parents, Opened: m.Opened, Ending: m.Ending})
}

// createIn makes a new stream in a directory that is empty.
func createIn(dir *journal.Directory, path, name string, c Config) (*Stream, error) {
	s, err := makeStream(name, c, true)
	if err != nil {
		return nil, err
	}
	d := newStorage(s, path, newRefill(dir, c))
	d.meta, _ = s.hold()
	d.describeMode(s.routes.Load().open)
	if err = d.store.Create(dir, store.Text(d.meta)); err != nil {
		return nil, err
	}
	s.disk = d
	return s, nil
}

// refusal says why something could not be noted.
func (d *storage) refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrClosed):
		return fmt.Errorf("stream %s: %w", d.stream.name, ErrClosed)
	default:
		return &StorageError{Stream: d.stream.name, Dir: d.dir, Err: storageError(err)}
	}
}

func (d *storage) isDeferred() bool { return d.store.IsDeferred() }

func (d *storage) commit(g *store.Group[*shard]) error { return d.refusal(d.store.Commit(g)) }

// change notes a change of the stream that is about to be made: what edit makes
// of what is known of it, and what is known of shards.
func (d *storage) change(c store.Change[*shard], edit func(m *savedStream)) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	was := d.meta
	edit(&d.meta)
	c.Stream = store.Text(d.meta)
	err := d.store.Change(c)
	if err != nil {
		d.meta = was
	}
	return d.refusal(err)
}

func (d *storage) set(was, to Settings, switches []clock.Instant) error {
	return d.change(store.Change[*shard]{}, func(m *savedStream) {
		m.Retention, m.RecordBytes, m.Warm = int64(to.Retention), int64(to.RecordBytes), to.WarmThroughput
		m.Distribution, m.Switches = int32(to.Distribution), slices.Clone(switches)
		if to.Mode != was.Mode { // the machine begins anew
			m.Mode, m.Machine, m.Counted = int32(to.Mode), nil, nil
		}
	})
}

func (d *storage) register(name string, at clock.Instant) error {
	return d.change(store.Change[*shard]{}, func(m *savedStream) {
		m.Consumers = append(slices.Clone(m.Consumers), savedConsumer{name, at})
	})
}

func (d *storage) deregister(name string) error {
	return d.change(store.Change[*shard]{}, func(m *savedStream) {
		m.Consumers = slices.DeleteFunc(slices.Clone(m.Consumers), func(c savedConsumer) bool { return c.Name == name })
	})
}

func (d *storage) reshard(c *shardChange, resizes []clock.Instant) error {
	change := store.Change[*shard]{Set: make(map[int64][]byte)}
	for _, sh := range c.opened {
		m := sh.savedMeta()
		change.Open = append(change.Open, store.Opening[*shard]{
			Of: sh, Log: &sh.log, ID: int64(sh.id), About: m.about(), LastMs: m.LastMs, Into: &sh.stored,
		})
	}
	for i, sh := range c.closed {
		m := sh.savedMeta()
		m.Ending = c.ending[i].saved()
		change.Set[int64(sh.id)] = m.about()
	}
	return d.change(change, func(m *savedStream) {
		open := c.open()
		m.Next, m.Resizes, m.Ended = c.routes.next+ShardID(len(c.opened)), slices.Clone(resizes), len(open) == 0
		d.describeMode(open)
	})
}

// scaled notes, without waiting, what the machine of on-demand mode knows, and
// how often the stream was changed. The caller holds Stream.reshard.
func (d *storage) scaled() {
	d.changing.Lock()
	defer d.changing.Unlock()
	s := d.stream
	d.meta.Resizes, d.meta.Switches = slices.Clone(s.resizes), slices.Clone(s.switches)
	d.describeMode(s.routes.Load().open)
	// What cannot be noted now is with the next change, or in a minute.
	d.store.ChangeLater(store.Change[*shard]{Stream: store.Text(d.meta)})
}

// describeMode fills in what is known of the stream's mode. The caller holds
// Stream.reshard, or has the stream to itself.
func (d *storage) describeMode(open []*shard) {
	m, t := &d.meta, d.stream.Settings()
	m.Mode, m.Distribution, m.Warm = int32(t.Mode), int32(t.Distribution), t.WarmThroughput
	m.Machine, m.Counted = nil, nil
	c := d.stream.scaling.Load()
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

// trim notes that shards are about to be trimmed, each up to and including an
// index.
func (d *storage) trim(upTo map[*shard]uint64) error {
	first := make(map[int64]uint64, len(upTo))
	for sh, i := range upTo {
		if to := min(i+1, sh.log.End()); to > sh.log.First() {
			first[int64(sh.id)] = to
		}
	}
	return d.refusal(d.store.Trim(first))
}

// trimmed notes how far all shards are trimmed.
func (d *storage) trimmed() error {
	first := make(map[int64]uint64)
	for _, sh := range d.stream.routes.Load().all {
		first[int64(sh.id)] = sh.log.First()
	}
	return d.refusal(d.store.Trim(first))
}

func (d *storage) forget(sh *shard) { d.store.Forget(int64(sh.id)) }

func (d *storage) sweep() { d.store.Sweep() }

func (d *storage) pin() (undo func()) { return d.store.Pin() }

func (d *storage) evict(enough func(shardlog.Extent) bool) bool {
	all := d.stream.routes.Load().all
	rooms := make([]cold.Room, len(all))
	for i, sh := range all {
		rooms[i] = sh.stored.Room(&sh.mu)
	}
	return cold.Evict(rooms, enough)
}

func (d *storage) close() error {
	// What is not noted of this is found again by the next process, as far as its
	// clock says so.
	d.trimmed()
	d.scaled()
	cold.ShareOf(d.stream.config.Memory).Leave()
	return d.refusal(d.store.Close())
}

func (d *storage) figures() *Storage {
	f, j := d.told, d.store.Stats()
	f.Files, f.WrittenBytes, f.Syncs, f.Refused = j.Files, j.Bytes, j.Syncs, d.refusal(j.Refused)
	for _, sh := range d.stream.routes.Load().all {
		sh.mu.Lock()
		held, cold := sh.log.Held(), sh.log.OnDisk()
		sh.mu.Unlock()
		f.RecordsInMemory += held.Records
		f.BytesInMemory += held.Bytes
		f.RecordsOnDisk += cold.Records
		f.BytesOnDisk += cold.Bytes
	}
	return &f
}

// reopenIn opens the stream of a directory that has one.
func reopenIn(dir *journal.Directory, path string, c Config) (*Stream, error) {
	r := newReplay(c)
	r.refill = newRefill(dir, c)
	defer r.refill.Done()
	found, err := dir.Replay(r, false)
	if err != nil {
		return nil, err
	}
	lost := found.Lost // numbers may be, that were given out
	s, err := r.stream(c, lost)
	if err != nil {
		found.Abandon()
		return nil, err
	}
	d := newStorage(s, path, r.refill)
	d.meta = r.meta
	d.meta.OpensAfter = s.opensAfter
	re := &d.told.Recovery
	re.Files, re.Bytes, re.Torn, re.TornFile = found.Files, found.Bytes, found.Cut, found.CutFile
	re.Closed, re.NumbersSkipped = found.Clean, lost
	if err = d.store.Continue(dir, found, store.Text(d.meta), r.files); err != nil {
		found.Abandon()
		return nil, err
	}
	s.disk = d
	if lost { // before all else: see journal.Recovery.Lost
		err = d.noteGaps()
	}
	if err != nil {
		d.store.Abandon()
		return nil, err
	}
	for _, id := range r.gone {
		d.store.Forget(int64(id))
	}
	s.Trim()
	s.dropExcess(s.now())
	return s, nil
}

// noteGaps notes the indexes that were left out of all open shards.
func (d *storage) noteGaps() error {
	gaps := make(map[int64][]shardlog.Gap)
	for _, sh := range d.stream.routes.Load().open {
		gaps[int64(sh.id)] = sh.log.Gaps()
	}
	if err := d.change(store.Change[*shard]{Gaps: gaps}, func(*savedStream) {}); err != nil {
		return err
	}
	if d.isDeferred() {
		return d.refusal(d.store.Flush())
	}
	return nil
}

// Group implements [journal.Visitor].
func (r *replay) Group(_ uint64, noted []byte) error {
	defer r.refill.Spill()
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
				r.refill.Gone(re.sh.log.TrimTo(n.First))
			}
		case notes.KindGone:
			r.forget(ShardID(n.Shard))
		case notes.KindChange:
			var change store.State
			if err = json.Unmarshal(n.Text, &change); err != nil {
				return impossible("%v", err)
			}
			err = r.change(&change)
		}
		if err != nil {
			return err
		}
	}
}

// run appends records to a shard.
func (r *replay) run(n *notes.Note, in *notes.Reader) error {
	id := ShardID(n.Shard)
	re := r.shards[id]
	if re == nil {
		return impossible("there are records of %v, which was never opened", id)
	}
	if re.m.Ending != nil {
		return impossible("%v goes on with record %d, after it was closed", id, n.Index)
	}
	log := &re.sh.log
	if n.Index != log.Next() || n.Ms < re.m.LastMs || n.Ms > clock.MaxMs || n.Kind == notes.KindCopies && n.Count > shardlog.CopiesAtOnce {
		return impossible("%v goes on with %d records from %d at %d, after %d at %d", id, n.Count, n.Index, n.Ms, log.Next()-1, re.m.LastMs)
	}
	before := log.Appended()
	for i := range n.Count {
		key, data, err := in.Record()
		if err != nil || len(key) > 4*MaxPartitionKeyLength || len(key)+len(data) > MaxRecordBytes {
			return impossible("record %d of %v: %d bytes, %v", n.Index+uint64(i), id, len(key)+len(data), err)
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
		r.refill.Gone(log.TrimTo(n.First))
	}
	r.refill.Added(n.Shard, n.Index, log.Appended().Minus(before))
	r.files[len(r.files)-1].Last[n.Shard] = log.End() - 1
	return nil
}

// change takes over what is known of the stream and of some shards.
func (r *replay) change(all *store.State) error {
	r.meta = savedStream{}
	if err := json.Unmarshal(all.Stream, &r.meta); err != nil {
		return impossible("%v", err)
	}
	for i := range all.Shards {
		m := &all.Shards[i]
		var about savedShard
		if err := json.Unmarshal(m.About, &about); err != nil || int64(about.ID) != m.ID {
			return impossible("%v is called %v: %v", ShardID(m.ID), about.ID, err)
		}
		re := r.shards[about.ID]
		if re == nil {
			if err := r.open(about, m); err != nil {
				return err
			}
			continue
		}
		if end := re.sh.log.End(); m.End != end {
			return impossible("%v has records up to %d, and should have them up to %d", about.ID, end-1, m.End-1)
		}
		if re.m.Ending != nil && about.Ending == nil {
			return impossible("%v is open, after it was closed", about.ID)
		}
		if re.m.Ending = about.Ending; about.Ending != nil {
			re.sh.log.Finish()
		}
		if err := re.leaveOut(m.Gaps); err != nil {
			return impossible("%v: %v", about.ID, err)
		}
	}
	return nil
}

// open adds a shard none of whose records before this is there any more.
func (r *replay) open(about savedShard, m *store.ShardState) error {
	about.First, about.End, about.Bytes, about.LastMs, about.Gaps = m.End, m.End, m.Bytes, m.LastMs, m.Gaps
	about.BatchRecords, about.BatchBytes = m.BatchRecords, m.BatchBytes
	if about.ID >= r.meta.Next || !about.possible() {
		return impossible("%v is impossible", about.ID)
	}
	sh := newShard(r.kind, identity{created: about.Created, id: about.ID}, about.Keys, about.Parents, about.Opened)
	sh.log = shardlog.Log{}
	log, err := shardlog.Restore(&sh.log, r.kind.log, shardlog.State{
		First: m.End, End: m.End, Bytes: m.Bytes, LastMs: m.LastMs, Gaps: m.Gaps,
	}, 0)
	if err == nil {
		err = log.Done()
	}
	if err != nil {
		return impossible("%v: %v", about.ID, err)
	}
	r.shards[about.ID] = &replayed{sh: sh, m: about}
	r.refill.Open(int64(about.ID), &sh.log)
	return nil
}

// forget gives up a shard that has vanished.
func (r *replay) forget(id ShardID) {
	r.refill.Forget(int64(id))
	delete(r.shards, id)
}

// leaveOut makes gaps those of the shard's log, if it has others.
func (re *replayed) leaveOut(gaps []shardlog.Gap) error {
	log := &re.sh.log
	if slices.Equal(gaps, log.Gaps()) {
		return nil
	}
	if len(gaps) == 0 || gaps[len(gaps)-1].To < log.Next() {
		return fmt.Errorf("gaps %v follow %v", gaps, log.Gaps())
	}
	err := log.Skip(gaps[len(gaps)-1].To - log.Next())
	if err == nil && !slices.Equal(gaps, log.Gaps()) {
		err = fmt.Errorf("gaps %v follow", gaps)
	}
	return err
}

// stream returns the stream that was read. If numbers may be lost that were
// given out, it leaves some out.
func (r *replay) stream(c Config, lost bool) (*Stream, error) {
	if c.Name != "" && c.Name != r.meta.Name {
		return nil, invalidf("Config.Name", "the stream there is called %q, and not %q", r.meta.Name, c.Name)
	}
	l := &loader{meta: r.meta, lost: lost}
	horizon := clock.HorizonMs(clock.Of(r.config.Now()), time.Duration(r.meta.Retention))
	for id, re := range r.shards {
		if e := re.m.Ending; e != nil && e.ClosedMs <= horizon {
			r.forget(id)
			r.gone = append(r.gone, id)
		}
	}
	l.meta.Shards = len(r.shards)
	l.meta.OpensAfter = max(l.meta.OpensAfter, r.cut.Second)
	for _, id := range slices.Sorted(maps.Keys(r.shards)) {
		sh, m := r.shards[id].sh, &r.shards[id].m
		if lost && m.Ending == nil {
			if err := sh.log.Skip(lostIndexes + r.cut.beyond(id, sh.log.Next())); err != nil {
				return nil, impossible("%v: %v", id, err)
			}
		}
		m.First, m.End, m.Bytes, m.Gaps = sh.log.First(), sh.log.End(), sh.log.Published().Bytes, sh.log.Gaps()
		sh.lastMs, sh.counted = m.LastMs, r.meta.Counted[id]
		sh.batchRecords.Store(m.BatchRecords)
		sh.batchBytes.Store(m.BatchBytes)
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
	l.s.aggregated = r.kind.log.Aggregated
	for _, sh := range l.shards {
		l.s.countShard(sh)
	}
	return l.finish()
}

// countShard counts from now on what a shard takes that was made without being
// counted.
func (s *Stream) countShard(sh *shard) {
	if m := s.config.Memory; m != nil {
		m.Count(shardBytes)
		sh.history.Grown, sh.marks.Grown = m.Count, m.Count
		sh.log.CountIn(cold.BlocksOf(m))
	}
}
