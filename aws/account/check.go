package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/queue"
)

// A StorageCheck is what [CheckStorage] found of an account on disk.
type StorageCheck struct {
	Dir string `json:"dir"`
	// ID and Region are empty where they cannot be read.
	ID     string `json:"id,omitempty"`
	Region string `json:"region,omitempty"`
	// Files is how many the account's own journal has, Bytes their size, and Torn
	// how many at the end are a write that a crash cut off.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	Torn  int64 `json:"torn_bytes"`
	// Damage is the first damage of that journal, nil if it is sound, and Repairable
	// says that a repair leaves one.
	Damage     *weir.StorageDamage `json:"damage"`
	Repairable bool                `json:"repairable"`
	// Rebuilds says that the journal has only one head, which is damaged: a repair
	// makes another of what stands behind it and of what streams know themselves.
	Rebuilds bool `json:"rebuilds"`
	// LostBytes are what a repair of the journal gives up. Loses says in words what
	// that does, as far as it can be read: what is damaged itself cannot be told.
	LostBytes int64    `json:"lost_bytes"`
	Loses     []string `json:"loses"`
	// Streams are those that the account has, and those whose directories are there
	// though it does not have them.
	Streams []StreamCheck `json:"streams"`

	at          place
	kept, known map[string]json.RawMessage // parts: what a repair keeps, and the latest that can be read
	last        uint64
	checked     map[uint64]*weir.StorageCheck // of streams, by number
	before      []uint64                      // streams to be repaired before the journal is made anew
}

// A place is where an account is kept.
type place struct {
	dir     string
	journal journal.FS
	moves   mover
}

// A mover puts directories aside.
type mover interface {
	Rename(from, to string) error
	SyncDir(dir string) error
}

type osMover struct{}

func (osMover) Rename(from, to string) error { return os.Rename(from, to) }
func (osMover) SyncDir(dir string) error     { return journal.Dir(dir).SyncDir() }

// A StreamCheck is what there is of a stream of an account.
type StreamCheck struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`
	// Missing says that the account has the stream, and there is no directory of it.
	Missing bool `json:"missing"`
	// Unknown says that the account does not have it: a crash left the directory,
	// and the next Open removes it.
	Unknown bool `json:"unknown"`
	// Check is what there is of the stream; nil if it is missing.
	Check  *weir.StorageCheck   `json:"check"`
	Queues []queue.StorageCheck `json:"queues"`
	// MissingQueues are the ids of queues that the account has, and of which there
	// is no directory.
	MissingQueues []string `json:"missing_queues"`

	number uint64
}

// IsSound reports whether [Open] opens the stream.
func (s *StreamCheck) IsSound() bool {
	return s.Unknown || !s.Missing && s.Check.Damage == nil && len(s.MissingQueues) == 0 &&
		!slices.ContainsFunc(s.Queues, func(q queue.StorageCheck) bool { return q.Damage != "" })
}

// IsSound reports whether [Open] opens the account.
func (c *StorageCheck) IsSound() bool {
	return c.Damage == nil && !slices.ContainsFunc(c.Streams, func(s StreamCheck) bool { return !s.IsSound() })
}

// IsStorage reports whether a directory looks like that of an account.
func IsStorage(dir string) bool {
	if info, err := os.Stat(filepath.Join(dir, streamsDir)); err == nil && info.IsDir() {
		return true
	}
	files, _ := filepath.Glob(filepath.Join(globEscape(dir), "*.journal"))
	if len(files) == 0 {
		return false
	}
	f, err := os.Open(files[0])
	if err != nil {
		return false
	}
	defer f.Close() // it is read only
	begins := make([]byte, 512)
	n, _ := f.Read(begins)
	return strings.Contains(string(begins[:n]), `"JournalOf":"`+journalOf+`"`)
}

// CheckStorage reads the account that dir holds, its own journal and all of its
// streams and queues, and tells whether [Open] opens it, and if not, what of it
// is sound. It changes nothing, and keeps no records in memory. Damage is no
// error. The error matches [weir.ErrInUse] if somebody has the account or a
// stream of it open, or it is one of the operating system, or it says that the
// directory holds no account or one that a later version wrote.
func CheckStorage(dir string) (*StorageCheck, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		var c *StorageCheck
		if c, err = (place{abs, journal.Dir(abs), osMover{}}).check(); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("check account in %s: %w", dir, diskError(err))
}

func (p place) check() (*StorageCheck, error) {
	at, err := journal.Inspect(p.journal, false)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	c, _, err := p.survey(at)
	return c, err
}

// survey reads an account whose directory is locked.
func (p place) survey(at *journal.Directory) (*StorageCheck, *journal.Check, error) {
	var read *partsReader
	behind := &partsReader{}
	found, err := at.Check(func() journal.Visitor {
		read = &partsReader{}
		return read
	}, behind)
	if err != nil {
		return nil, nil, err
	}
	c := &StorageCheck{
		Dir: p.dir, ID: read.state.ID, Region: read.state.Region, Files: len(found.Files), Torn: found.Cut, Repairable: found.CanRepair(),
		at: p, kept: read.state.Parts, last: max(read.state.Last, behind.state.Last), Loses: []string{},
		checked: make(map[uint64]*weir.StorageCheck),
	}
	for _, f := range found.Files {
		c.Bytes += f.Size
		c.LostBytes += f.Behind
	}
	c.known = maps.Clone(c.kept)
	if d := found.Damage; d != nil {
		c.Damage = &weir.StorageDamage{File: d.File, Offset: d.Offset, Reason: d.Reason, Follows: found.Follows}
		c.known = behind.over(c.known)
	}
	there, err := c.directories()
	if err != nil {
		return nil, nil, err
	}
	if found.CanRebuild() {
		c.LostBytes -= found.SoundBehind
		if err := c.rebuild(found.Whole, &behind.state, there); err != nil {
			return nil, nil, err
		}
	}
	if err := c.checkStreams(there); err != nil {
		return nil, nil, err
	}
	if found.CanRepair() {
		c.Loses = append(c.Loses, losses(c.kept, c.known)...)
	}
	return c, found, nil
}

// A partsReader reads the parts of an account, whosever it is.
type partsReader struct {
	state   diskState
	changes []map[string]json.RawMessage // since the last head; nil is one
}

// Head implements [journal.Visitor].
func (r *partsReader) Head(_ uint64, text []byte) error {
	var s diskState
	if err := json.Unmarshal(text, &s); err != nil {
		return &journal.Damage{Reason: err.Error()}
	}
	if s.JournalOf != journalOf {
		return errors.New("the directory holds no account")
	}
	if s.Version > diskVersion {
		return fmt.Errorf("the account is of version %d; versions up to %d can be read", s.Version, diskVersion)
	}
	if s.Parts == nil {
		s.Parts = make(map[string]json.RawMessage)
	}
	r.state, r.changes = s, append(r.changes[:0], s.Parts)
	return nil
}

// Group implements [journal.Visitor].
func (r *partsReader) Group(_ uint64, notes []byte) error {
	var n diskNote
	if err := json.Unmarshal(notes, &n); err != nil {
		return &journal.Damage{Reason: err.Error()}
	}
	r.state.Last = n.Last
	if n.ID != "" {
		r.state.ID, r.state.Region = n.ID, n.Region
	}
	if r.state.Parts != nil {
		apply(r.state.Parts, n.Parts)
	} else {
		r.changes = append(r.changes, n.Parts)
	}
	return nil
}

// Repaired implements [journal.Visitor].
func (r *partsReader) Repaired(uint64, []byte) error { return nil }

// over returns the parts as they are after all that was read behind damage.
func (r *partsReader) over(parts map[string]json.RawMessage) map[string]json.RawMessage {
	if r.state.Parts != nil { // a head says all
		return maps.Clone(r.state.Parts)
	}
	if parts == nil {
		parts = make(map[string]json.RawMessage)
	}
	for _, change := range r.changes {
		apply(parts, change)
	}
	return parts
}

// A partKey is what the key of a part names.
type partKey struct {
	number uint64 // of a stream; 0 for the account's own
	kind   string // keyConsumer, keyChannel or keyQueue; empty for the stream itself
	id     string
}

func parseKey(key string) (k partKey, ok bool) {
	rest, ok := strings.CutPrefix(key, keyStream)
	if !ok {
		return k, false
	}
	digits, rest, _ := strings.Cut(rest, "/")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return k, false
	}
	k.number = number
	for _, kind := range []string{keyConsumer, keyChannel, keyQueue} {
		if id, ok := strings.CutPrefix("/"+rest, kind); ok {
			k.kind, k.id = kind, id
		}
	}
	return k, true
}

// streamOf returns what is noted of a stream.
func streamOf(parts map[string]json.RawMessage, number uint64) (s savedStream, ok bool) {
	part := parts[streamKey(number)]
	return s, part != nil && json.Unmarshal(part, &s) == nil
}

// directories returns the names of the directories of streams, by number.
func (c *StorageCheck) directories() (map[uint64]string, error) {
	entries, err := os.ReadDir(filepath.Join(c.Dir, streamsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	there := make(map[uint64]string)
	for _, e := range entries {
		if parts := streamDir.FindStringSubmatch(e.Name()); parts != nil && e.IsDir() {
			number, _ := strconv.ParseUint(parts[1], 10, 64)
			there[number] = e.Name()
		}
	}
	return there, nil
}

// checkStreams checks the streams that there are, and those that should be.
func (c *StorageCheck) checkStreams(there map[uint64]string) error {
	for _, key := range slices.Sorted(maps.Keys(c.kept)) {
		if k, ok := parseKey(key); ok && k.kind == "" {
			saved, _ := streamOf(c.kept, k.number)
			s := StreamCheck{Name: saved.Name, Dir: streamDirs(c.Dir).path(k.number, saved.Name), number: k.number}
			s.Missing = checkThere(s.Dir) != nil
			delete(there, k.number)
			c.Streams = append(c.Streams, s)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(there)) {
		name := strings.TrimSuffix(there[number][17:], ".stream")
		s := StreamCheck{Name: name, Dir: filepath.Join(c.Dir, streamsDir, there[number]), Unknown: true, number: number}
		if checkThere(s.Dir) == nil {
			c.Streams = append(c.Streams, s)
		}
	}
	for i := range c.Streams {
		if err := c.checkStream(&c.Streams[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *StorageCheck) checkStream(s *StreamCheck) (err error) {
	if s.Missing {
		return nil
	}
	if s.Check = c.checked[s.number]; s.Check == nil {
		if s.Check, err = weir.CheckStorage(s.Dir); err != nil {
			return err
		}
	}
	if s.Queues, err = queue.CheckStorage(s.Dir); err != nil {
		return err
	}
	if s.Unknown {
		return nil
	}
	for key, part := range c.kept {
		k, _ := parseKey(key)
		if k.number != s.number || k.kind != keyQueue {
			continue
		}
		var q savedQueue
		if json.Unmarshal(part, &q) == nil && q.Status != StatusDeleting && checkThere(filepath.Join(s.Dir, queuePrefix+k.id)) != nil {
			s.MissingQueues = append(s.MissingQueues, k.id)
		}
	}
	slices.Sort(s.MissingQueues)
	return nil
}

// losses says what it does to an account that it is again as it was.
func losses(was, now map[string]json.RawMessage) (list []string) {
	keys := make(map[string]bool)
	for _, parts := range []map[string]json.RawMessage{was, now} {
		for key := range parts {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if before, after := was[key], now[key]; string(before) != string(after) {
			list = append(list, lossOf(key, was, now)...)
		}
	}
	return list
}

// lossOf says it of one part that differs.
func lossOf(key string, was, now map[string]json.RawMessage) []string {
	if name, ok := strings.CutPrefix(key, keyDeleted); ok {
		if was[key] != nil {
			return nil // of a name that has a stream by now
		}
		return []string{fmt.Sprintf("stream %s: it is forgotten which numbers it had when it was deleted", name)}
	}
	k, ok := parseKey(key)
	if !ok {
		return []string{"the account: its own settings, such as On-demand Advantage, are as they were before"}
	}
	stream, there := streamOf(was, k.number)
	if !there {
		stream, _ = streamOf(now, k.number)
	}
	switch what := "stream " + stream.Name; {
	case k.kind == "" && was[key] == nil:
		return []string{what + ": it was created later, and is not known any more; its directory is kept aside"}
	case k.kind == "" && now[key] == nil:
		return []string{what + ": it was deleted, and comes back, if its directory is there"}
	case k.kind == "":
		return changedSettings(what, was[key], now[key])
	case !there || now[streamKey(k.number)] == nil:
		return nil // that is said of its stream
	default:
		return []string{what + ": " + k.lost(was[key], now[key])}
	}
}

// lost says what becomes of a consumer, a channel or a queue.
func (k partKey) lost(was, now json.RawMessage) string {
	kind := strings.Trim(k.kind, "/")
	var s struct{ Name string }
	if json.Unmarshal(was, &s) != nil {
		_ = json.Unmarshal(now, &s) // or it has no name
	}
	what := kind + " " + s.Name
	switch {
	case was == nil:
		return what + " was created later, and is not known any more"
	case now == nil:
		return what + " was deleted, and comes back"
	default:
		return what + " has the settings that it had before"
	}
}

// changedSettings says which settings of a stream are as they were.
func changedSettings(what string, was, now json.RawMessage) []string {
	var before, after map[string]json.RawMessage
	if json.Unmarshal(was, &before) != nil || json.Unmarshal(now, &after) != nil {
		return []string{what + ": its settings are as they were before"}
	}
	var fields []string
	for name, of := range map[string]string{
		"status": "status", "change": "change that is under way", "mode": "mode", "warm": "warm throughput", "encryption": "encryption",
		"tags": "tags", "policy": "policy", "metrics": "enhanced monitoring",
	} {
		if string(before[name]) != string(after[name]) {
			fields = append(fields, of)
		}
	}
	if len(fields) == 0 {
		return nil // counters, or what belongs to it, of which each is said
	}
	slices.Sort(fields)
	return []string{what + ": as they were before: " + strings.Join(fields, ", ")}
}
