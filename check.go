package weir

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/store"
)

// A StorageCheck is what [CheckStorage] found.
type StorageCheck struct {
	Dir    string `json:"dir"`
	Stream string `json:"stream,omitempty"` // name; empty if that cannot be read
	// Files are those of the stream, the oldest first.
	Files []StorageFile `json:"files"`
	// Torn is how many bytes at the end are a write that a crash cut off, and
	// TornFile has them. They were never acknowledged, and [Open] cuts them off.
	Torn     int64  `json:"torn_bytes"`
	TornFile string `json:"torn_file,omitempty"`
	// Damage is the first damage, nil if the stream is sound.
	Damage *StorageDamage `json:"damage"`
	// Repairable says that [StorageCheck.Repair] leaves a stream.
	Repairable bool `json:"repairable"`
	// CreatedAt, Settings and Consumers are what [Open] finds, of consumers when
	// each was registered. They are zero if there is damage.
	CreatedAt time.Time            `json:"-"`
	Settings  Settings             `json:"-"`
	Consumers map[string]time.Time `json:"-"`

	fs  journal.FS
	now func() time.Time // nil is the system clock
}

// A StorageFile is a file of a stream on disk. What was put, trimmed and
// changed stands in it in groups, each of which was written at once.
type StorageFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"` // what was written to it, without zeros behind that
	// SoundBytes, Groups and Records are what is sound and stays. Records count
	// although they may be trimmed.
	SoundBytes int64 `json:"sound_bytes"`
	Groups     int64 `json:"groups"`
	Records    int64 `json:"records"`
	// LostBytes are what a repair gives up, and LostGroups and LostRecords what
	// can be read in them. What is damaged itself cannot be counted.
	LostBytes   int64 `json:"lost_bytes"`
	LostGroups  int64 `json:"lost_groups"`
	LostRecords int64 `json:"lost_records"`

	number uint64
}

// A StorageDamage is where a stream on disk is not what was written.
type StorageDamage struct {
	// File is empty if there is no place to name: all is readable, but does not
	// go together.
	File   string `json:"file,omitempty"`
	Offset int64  `json:"offset"` // in bytes
	Reason string `json:"reason"`
	// Follows says that something sound comes behind it, which a repair gives up.
	Follows bool `json:"sound_follows"`
}

// String tells the damage as the error of [Open] does.
func (d StorageDamage) String() string {
	if d.File == "" {
		return d.Reason
	}
	return (&journal.Damage{File: d.File, Offset: d.Offset, Reason: d.Reason}).Error()
}

// CheckStorage reads the stream on disk that dir holds, and tells whether
// [Open] opens it, and if not, what of it is sound. It changes nothing, and
// keeps no records in memory. Damage is no error. The error matches [ErrInUse]
// if somebody has the stream open, or it is one of the operating system, or it
// says that the directory holds no stream or one that a later version wrote.
//
// That the oldest files of a stream are missing is not noticed: they are
// removed when their records have expired. Nor is that its end is missing.
func CheckStorage(dir string) (*StorageCheck, error) {
	if dir == "" { // and not the one that the process is in
		return nil, errNoDir()
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		var c *StorageCheck
		if c, err = checkIn(journal.Dir(abs), nil); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("check stream in %s: %w", dir, err)
}

// checkIn is CheckStorage for any directory, at a time that a clock tells: what
// has expired by then need not go together with the rest.
func checkIn(fs journal.FS, now func() time.Time) (*StorageCheck, error) {
	dir, err := journal.Inspect(fs, false)
	if err != nil {
		return nil, storageError(err)
	}
	defer dir.Close()
	c, _, _, err := survey(fs, dir, now)
	return c, err
}

// survey reads the stream of a directory that is locked.
func survey(fs journal.FS, dir *journal.Directory, now func() time.Time) (*StorageCheck, *journal.Check, *wreckage, error) {
	config := Config{Limits: Unlimited(), Now: now}
	var read *surveyor
	records := make(map[uint64]int64)
	lost := &wreckage{records: make(map[uint64]int64)}
	found, err := dir.Check(func() journal.Visitor {
		read = &surveyor{newReplay(config), records}
		read.kind.log.Hollow = true // so that what many copies stand for takes no memory
		return read
	}, lost)
	if err != nil {
		return nil, nil, nil, storageError(err)
	}
	c := &StorageCheck{
		Dir: fs.Path(), Stream: read.meta.Name, Torn: found.Cut, TornFile: found.CutFile, Repairable: found.CanRepair(), fs: fs, now: now,
	}
	for _, f := range found.Files {
		c.Files = append(c.Files, StorageFile{
			Name: f.Name, Bytes: f.Size, SoundBytes: f.Sound, Groups: f.Groups, Records: records[f.Number],
			LostBytes: f.Behind, LostGroups: f.BehindGroups, LostRecords: lost.records[f.Number], number: f.Number,
		})
	}
	if d := found.Damage; d != nil {
		c.Damage = &StorageDamage{File: d.File, Offset: d.Offset, Reason: d.Reason, Follows: found.Follows}
		return c, found, lost, nil
	}
	// What no single note says: whether the shards go together.
	damage := (*journal.Damage)(nil)
	switch s, err := read.stream(config, found.Lost); {
	case err == nil:
		c.CreatedAt, c.Settings, c.Consumers = s.CreatedAt(), s.Settings(), make(map[string]time.Time)
		for _, cons := range read.meta.Consumers {
			c.Consumers[cons.Name] = cons.Created.Time()
		}
	case errors.As(err, &damage):
		c.Damage = &StorageDamage{Reason: damage.Reason}
	case errors.Is(err, ErrDamaged):
		c.Damage = &StorageDamage{Reason: err.Error()}
	default:
		return nil, nil, nil, err
	}
	return c, found, lost, nil
}

// Repair makes the stream one that [Open] opens: it gives up what comes from
// the damage on. If the head of the oldest file is damaged, it gives up that
// file and keeps the rest, of which there may be more to repair. Numbers that
// were given out in what is lost are not given out again: each open shard
// leaves out at least 2^40 indexes, and shards that open later count as created
// at least a minute later, so that positions behind the damage are refused as
// [LoadStream] says. What is given up is kept beside, in files of the directory
// whose names end with ".damaged", which Repair returns; or it is removed, if
// discard is set.
//
// Nothing is done if there is no damage. The error says that nothing can be
// kept, or that the directory is not as it was when it was checked, or it is
// one that [CheckStorage] has. Whenever a crash comes, the stream is damaged as
// before or repaired.
func (c *StorageCheck) Repair(discard bool) (kept []string, err error) {
	if c.Damage == nil {
		return nil, nil
	}
	if kept, err = c.repair(discard); err != nil {
		return kept, fmt.Errorf("repair stream in %s: %w", c.Dir, err)
	}
	return kept, nil
}

func (c *StorageCheck) repair(discard bool) (kept []string, err error) {
	if !c.Repairable {
		return nil, damagedf("nothing of it can be kept: %v", c.Damage)
	}
	dir, err := journal.Inspect(c.fs, true)
	if err != nil {
		return nil, storageError(err)
	}
	defer dir.Close()
	now, found, lost, err := survey(c.fs, dir, c.now)
	if err != nil {
		return nil, err
	}
	if now.Damage == nil || *now.Damage != *c.Damage || !slices.Equal(now.Files, c.Files) {
		return nil, errors.New("the directory has changed since it was checked")
	}
	return dir.Repair(found, store.Text(lost.numbers), discard)
}

// A replay is a stream that is being read from its journal.
type replay struct {
	config Config // resolved
	kind   shardKind
	meta   savedStream
	shards map[ShardID]*replayed
	files  []store.File
	gone   []ShardID    // vanished since the stream was closed
	cut    lostNumbers  // by repairs
	refill *cold.Refill // nil unless records may leave memory
}

// A replayed is a shard of it. What m says of its records is filled in at the
// end, but for LastMs and batches.
type replayed struct {
	sh *shard
	m  savedShard
}

func impossible(format string, args ...any) error {
	return &journal.Damage{Reason: fmt.Sprintf(format, args...)}
}

// newReplay returns a stream of which nothing is read yet.
func newReplay(c Config) *replay {
	r := &replay{config: c.withDefaults(), shards: make(map[ShardID]*replayed)}
	r.kind = shardKind{limits: r.config.Limits, window: int64(r.config.MetricsWindow / time.Second)}
	r.kind.log.Aggregated, r.kind.log.Memory = new(atomic.Bool), cold.Replayed(c.Memory)
	return r
}

// Head implements [journal.Visitor]. The first head is where the replay begins,
// with the shards that it names; the others say what is there already.
func (r *replay) Head(file uint64, state []byte) error {
	all, err := store.ParseState(state)
	switch {
	case errors.Is(err, store.ErrElses):
		return err
	case err != nil:
		return impossible("%v", err)
	case len(r.files) == 0:
		cold.ShareOf(r.config.Memory).SetLogs(len(all.Shards))
		r.kind.log.BlockBytes = r.config.blockBytes(len(all.Shards))
		err = r.change(&all)
	default:
		err = r.agree(&all)
	}
	r.files = append(r.files, store.File{Number: file, Last: make(map[int64]uint64)})
	return err
}

// agree checks that a head says what was read before it. Shards that it does
// not name have vanished.
func (r *replay) agree(all *store.State) error {
	named := make(map[ShardID]bool, len(all.Shards))
	for _, m := range all.Shards {
		id := ShardID(m.ID)
		named[id] = true
		re := r.shards[id]
		if re == nil {
			return impossible("%v comes from nowhere", id)
		}
		if end := re.sh.log.End(); end != m.End || re.sh.log.Published().Bytes != m.Bytes {
			return impossible("%v has records up to %d, and should have them up to %d", id, end-1, m.End-1)
		}
	}
	for id := range r.shards {
		if !named[id] {
			r.forget(id)
		}
	}
	return nil
}

// Place implements [journal.Placer].
func (r *replay) Place(at journal.Spot) { r.refill.At(at) }

// A surveyor is a replay that keeps no records, and counts them.
type surveyor struct {
	*replay
	records map[uint64]int64 // of each file
}

// Group implements [journal.Visitor].
func (v *surveyor) Group(file uint64, noted []byte) error {
	if err := v.replay.Group(file, noted); err != nil {
		return err
	}
	eachNote(noted, func(n notes.Note) {
		if re := v.shards[ShardID(n.Shard)]; n.Count > 0 && re != nil {
			v.records[file] += int64(n.Count)
			re.sh.log.TrimTo(re.sh.log.End())
		}
	})
	return nil
}

// eachNote calls f with each note, as far as they can be read.
func eachNote(noted []byte, f func(n notes.Note)) {
	for in := notes.NewReader(noted); ; {
		n, err := in.Next()
		if err != nil {
			return
		}
		f(n)
		follow := n.Count
		if n.Kind == notes.KindCopies {
			follow = 1
		}
		for range follow {
			if _, _, err := in.Record(); err != nil {
				return
			}
		}
	}
}

// A wreckage is what a repair gives up.
type wreckage struct {
	records map[uint64]int64 // of each file
	numbers lostNumbers
}

// Head implements [journal.Visitor].
func (w *wreckage) Head(_ uint64, state []byte) error {
	w.change(state)
	return nil
}

// Group implements [journal.Visitor].
func (w *wreckage) Group(file uint64, noted []byte) error {
	eachNote(noted, func(n notes.Note) {
		switch n.Kind {
		case notes.KindRun, notes.KindCopies:
			w.records[file] += int64(n.Count)
			w.numbers.add(ShardID(n.Shard), n.Index+uint64(n.Count), 0)
		case notes.KindChange:
			w.change(n.Text)
		}
	})
	return nil
}

// Repaired implements [journal.Visitor].
func (w *wreckage) Repaired(_ uint64, mark []byte) error { return w.numbers.merge(mark) }

func (w *wreckage) change(text []byte) {
	var all store.State
	var stream savedStream
	if json.Unmarshal(text, &all) != nil || json.Unmarshal(all.Stream, &stream) != nil {
		return
	}
	w.numbers.add(0, 0, stream.OpensAfter)
	for _, m := range all.Shards {
		var about savedShard
		if json.Unmarshal(m.About, &about) == nil {
			w.numbers.add(about.ID, m.End, about.Created)
		}
		if n := len(m.Gaps); n > 0 {
			w.numbers.add(about.ID, m.Gaps[n-1].To, 0)
		}
	}
}

// lostNumbers are the greatest of what a repair has cut off.
type lostNumbers struct {
	Next   map[ShardID]uint64 `json:",omitempty"` // index after the last
	Second uint64             `json:",omitempty"` // in which a shard was created
}

// add takes note of an index and a second, unless they cannot be.
func (l *lostNumbers) add(id ShardID, next, second uint64) {
	if l.Next == nil {
		l.Next = make(map[ShardID]uint64)
	}
	const most = closedShardIndex / 2
	if next <= most && next > l.Next[id] {
		l.Next[id] = next
	}
	if second < uint64(clock.MaxSecond)/2 {
		l.Second = max(l.Second, second)
	}
}

// merge takes note of what a mark says.
func (l *lostNumbers) merge(mark []byte) error {
	var other lostNumbers
	if err := json.Unmarshal(mark, &other); err != nil {
		return impossible("%v", err)
	}
	for _, id := range slices.Sorted(maps.Keys(other.Next)) {
		l.add(id, other.Next[id], 0)
	}
	l.add(0, 0, other.Second)
	return nil
}

// beyond returns how many indexes from next on are lost.
func (l *lostNumbers) beyond(id ShardID, next uint64) uint64 {
	return max(l.Next[id], next) - next
}

// Repaired implements [journal.Visitor].
func (r *replay) Repaired(_ uint64, mark []byte) error { return r.cut.merge(mark) }
