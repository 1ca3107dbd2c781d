package account

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// A disk keeps an account in a directory: what it knows besides its streams'
// shards and records in a journal of its own, and each stream in a directory
// below. It is guarded by Account.mu.
//
// What the account knows is cut into parts, each of which has a key. An
// operation notes the parts that it has changed, and they are on disk before it
// is answered. What falls due by itself is noted by the next who looks; after a
// crash before that it falls due once more, and comes out the same.
type disk struct {
	a       *Account
	fs      journal.FS
	engines engines
	dir     *journal.Directory         // nil until there is something to keep
	found   *journal.Recovery          // what was read; nil if nothing was there
	told    weir.Storage               // immutable once read; what [Account.Storage] begins with
	journal *journal.Journal[struct{}] // nil until there is something to keep

	noted   map[string]json.RawMessage // the parts, as they are on disk
	last    uint64                     // greatest number of a stream's directory
	adopted bool                       // the journal did not say whose it is, and is to
	touched map[*stream]struct{}       // what may differ from what is noted
	doomed  []*stream                  // deleted; their directories can go when that is noted
	closed  bool
}

// diskVersion is of what the journal holds.
const diskVersion = 1

// A diskState is what the head of each file of the journal says.
type diskState struct {
	JournalOf string // "account": for whoever takes it for a stream's
	Version   int
	ID        string // empty, as Region, if a repair did not know it: a note says it then
	Region    string
	Last      uint64
	Parts     map[string]json.RawMessage
}

// A diskNote is one change. Parts that are null are gone.
type diskNote struct {
	Last   uint64
	Parts  map[string]json.RawMessage
	ID     string `json:",omitempty"`
	Region string `json:",omitempty"`
}

const journalOf = "account"

// diskFileBytes is how large a file of the journal grows, or twice as large as
// its head; tests have smaller ones.
var diskFileBytes int64 = 4 << 20

// The keys of parts. A stream's begins with the number of its directory.
const (
	keyAccount  = "account"
	keyDeleted  = "deleted/"
	keyStream   = "stream/"
	keyConsumer = "/consumer/"
	keyChannel  = "/channel/"
	keyQueue    = "/queue/"
)

func streamKey(number uint64) string { return fmt.Sprintf("%s%016d", keyStream, number) }

// readDisk reads what a directory holds, which it locks if there is anything. It
// changes nothing: see goOn.
func readDisk(a *Account, fs journal.FS, e engines) (*disk, error) {
	d := &disk{
		a: a, fs: fs, engines: e, noted: make(map[string]json.RawMessage), touched: make(map[*stream]struct{}),
		told: weir.Storage{Dir: fs.Path()},
	}
	if there, err := exists(fs); err != nil || !there {
		return d, err
	}
	return d, d.claim()
}

// claim locks the directory and reads its journal, if it has one.
func (d *disk) claim() error {
	dir, err := journal.Claim(d.fs)
	if err != nil {
		return err
	}
	if !dir.IsEmpty() {
		if d.found, err = dir.Replay(d, false); err != nil {
			return errors.Join(err, dir.Close())
		}
		re := &d.told.Recovery
		re.Files, re.Bytes, re.Closed = d.found.Files, d.found.Bytes, d.found.Clean
		re.Torn, re.TornFile = d.found.Cut, d.found.CutFile
	}
	d.dir = dir
	return nil
}

// goOn begins the journal, or goes on with the one that was read.
func (d *disk) goOn() (err error) {
	o := journal.Options[struct{}]{
		FileBytes: diskFileBytes, TwiceHead: true, State: d.state, Settled: func([]struct{}, journal.Spot, error) {},
	}
	if d.found == nil {
		d.journal, err = journal.Create(d.dir, o)
	} else {
		d.journal, err = journal.Continue(d.dir, d.found, o)
	}
	return err
}

// abandon lets go of the directory as it is.
func (d *disk) abandon() {
	switch {
	case d.journal != nil:
		d.journal.Abandon()
	case d.dir != nil:
		if d.found != nil {
			d.found.Abandon()
		}
		_ = d.dir.Close()
	}
	d.journal, d.dir, d.found = nil, nil, nil
}

// state returns what a file's head says.
func (d *disk) state() []byte {
	return text(diskState{journalOf, diskVersion, d.a.config.ID, d.a.config.Region, d.last, d.noted})
}

// text returns the JSON of what is plain data.
func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Head implements [journal.Visitor].
func (d *disk) Head(_ uint64, text []byte) error {
	var s diskState
	if err := json.Unmarshal(text, &s); err != nil {
		return &journal.Damage{Reason: err.Error()}
	}
	switch {
	case s.JournalOf == "":
		return errors.New("the directory holds a stream, and not an account")
	case s.JournalOf != journalOf:
		return fmt.Errorf("the directory holds a journal of %q, and not an account", s.JournalOf)
	case s.Version > diskVersion:
		return fmt.Errorf("the account is of version %d; versions up to %d can be read", s.Version, diskVersion)
	}
	if d.adopted = s.ID == "" && s.Region == ""; !d.adopted {
		if err := d.belongs(s.ID, s.Region); err != nil {
			return err
		}
	}
	d.last, d.noted = s.Last, s.Parts
	if d.noted == nil {
		d.noted = make(map[string]json.RawMessage)
	}
	return nil
}

// belongs refuses another account than the one that is being opened.
func (d *disk) belongs(id, region string) error {
	if c := d.a.config; id != c.ID || region != c.Region {
		return fmt.Errorf("the directory holds account %s in %s, and not %s in %s", id, region, c.ID, c.Region)
	}
	return nil
}

// Group implements [journal.Visitor].
func (d *disk) Group(_ uint64, notes []byte) error {
	var n diskNote
	if err := json.Unmarshal(notes, &n); err != nil {
		return &journal.Damage{Reason: err.Error()}
	}
	if n.ID != "" {
		d.adopted = false
		if err := d.belongs(n.ID, n.Region); err != nil {
			return err
		}
	}
	d.last = n.Last
	apply(d.noted, n.Parts)
	return nil
}

// Repaired implements [journal.Visitor].
func (d *disk) Repaired(uint64, []byte) error { return nil }

// apply changes parts. It returns what takes the change back.
func apply(parts, change map[string]json.RawMessage) (back map[string]json.RawMessage) {
	back = make(map[string]json.RawMessage, len(change))
	for key, part := range change {
		back[key] = parts[key]
		if part == nil || string(part) == "null" {
			delete(parts, key)
		} else {
			parts[key] = part
		}
	}
	return back
}

// touch takes note of a stream that may differ from what is on disk.
func (d *disk) touch(st *stream) {
	if d != nil {
		d.touched[st] = struct{}{}
	}
}

// doom has the directory of a stream that is deleted removed when that is noted.
func (d *disk) doom(st *stream) {
	if d != nil {
		d.doomed = append(d.doomed, st)
	}
}

// note writes down what has changed, and waits until it is on disk. If there is
// an error, it is not.
func (d *disk) note() error {
	if d.closed {
		return errClosed
	}
	change := d.changes()
	if len(change) == 0 && !d.adopted {
		clear(d.touched)
		return nil
	}
	if err := d.ensure(); err != nil {
		return err
	}
	g, err := d.journal.Begin()
	if err != nil {
		return err
	}
	back := apply(d.noted, change)
	note := diskNote{Last: d.last, Parts: change}
	if d.adopted {
		note.ID, note.Region = d.a.config.ID, d.a.config.Region
	}
	g.SetNotes(append(g.Notes(), text(note)...))
	d.journal.End()
	if err := d.journal.Commit(g); err != nil {
		apply(d.noted, back)
		return err
	}
	d.adopted = false
	clear(d.touched)
	d.a.deleted.noted()
	d.sweep()
	return nil
}

var errClosed = errors.New("the account is closed")

// ensure begins the journal if there is none yet.
func (d *disk) ensure() error {
	if d.journal != nil {
		return nil
	}
	err := d.claim()
	if err == nil && d.found != nil { // somebody has begun one since this one looked
		err = journal.ErrLocked
	}
	if err == nil {
		err = d.goOn()
	}
	if err != nil {
		d.abandon()
		d.noted = make(map[string]json.RawMessage)
	}
	return err
}

// sweep removes what is not needed any more, as far as it can be removed: what
// is left is removed when the account is opened again.
func (d *disk) sweep() {
	if s := d.journal.Stats(); s.Files > 1 {
		_ = d.journal.Release(s.CurrentNumber) // its head says everything
	}
	for _, st := range d.doomed {
		_ = st.engine.Close() // what is not on disk is not needed
		_ = d.engines.remove(st.number, st.name)
	}
	d.doomed = nil
}

// changes returns the parts that differ from what is noted.
func (d *disk) changes() map[string]json.RawMessage {
	change := make(map[string]json.RawMessage)
	set := func(key string, part json.RawMessage) {
		if string(d.noted[key]) != string(part) {
			change[key] = part
		}
	}
	set(keyAccount, d.a.part())
	for name := range d.a.deleted.changed {
		after, there := d.a.deleted.after[name]
		if !there {
			set(keyDeleted+name, nil)
		} else {
			set(keyDeleted+name, text(after))
		}
	}
	for st := range d.touched {
		now := st.parts()
		for key, part := range now {
			set(key, part)
		}
		for _, key := range d.keysOf(st.number) {
			if now[key] == nil {
				change[key] = nil
			}
		}
	}
	return change
}

// keysOf returns the keys that are noted of a stream.
func (d *disk) keysOf(number uint64) (keys []string) {
	first := streamKey(number)
	if _, ok := d.noted[first]; !ok {
		return nil
	}
	var saved savedStream
	if json.Unmarshal(d.noted[first], &saved) != nil {
		return nil
	}
	for _, key := range saved.Parts {
		keys = append(keys, first+key)
	}
	return append(keys, first)
}

// part returns what is to be known of the account itself; nil if that is
// nothing.
func (a *Account) part() json.RawMessage {
	saved := savedAccount{Version: savedVersion, ChannelSeq: a.channelSeq, QueueSeq: a.queueSeq, Commitment: a.commitment}
	if saved.ChannelSeq == 0 && saved.QueueSeq == 0 && saved.Commitment == (commitment{}) {
		return nil
	}
	return text(saved)
}

// parts returns what is to be known of a stream, by key; nothing if it is
// deleted.
func (st *stream) parts() map[string]json.RawMessage {
	if st.gone {
		return nil
	}
	first, saved := streamKey(st.number), st.saveLocked()
	parts := make(map[string]json.RawMessage, 1+len(saved.Consumers))
	for _, cons := range saved.Consumers {
		key := keyConsumer + cons.Name
		parts[first+key], saved.Parts = text(cons), append(saved.Parts, key)
	}
	saved.Consumers = nil
	for _, ch := range st.a.channels {
		if ch.st == st {
			key := keyChannel + ch.id
			parts[first+key], saved.Parts = text(ch.saved()), append(saved.Parts, key)
		}
	}
	for _, q := range *st.a.queues.Load() {
		if q.st == st {
			key := keyQueue + q.id
			parts[first+key], saved.Parts = text(q.saved()), append(saved.Parts, key)
		}
	}
	slices.Sort(saved.Parts)
	parts[first] = text(saved)
	return parts
}

// saved returns the account as it is noted.
func (d *disk) saved() (s savedAccount, err error) {
	if part := d.noted[keyAccount]; part != nil {
		if err := json.Unmarshal(part, &s); err != nil {
			return s, err
		}
	}
	s.Version, s.Deleted = savedVersion, make(map[string]weir.SequenceNumber)
	for _, key := range slices.Sorted(maps.Keys(d.noted)) {
		if name, ok := strings.CutPrefix(key, keyDeleted); ok {
			var after weir.SequenceNumber
			if err := json.Unmarshal(d.noted[key], &after); err != nil {
				return s, fmt.Errorf("%s: %w", key, err)
			}
			s.Deleted[name] = after
		}
		rest, ok := strings.CutPrefix(key, keyStream)
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		var number uint64
		if _, err := fmt.Sscanf(rest, "%d", &number); err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
		st, more, err := d.savedStream(number)
		if err != nil {
			return s, err
		}
		s.Streams = append(s.Streams, st)
		s.Channels, s.Queues = append(s.Channels, more.channels...), append(s.Queues, more.queues...)
	}
	slices.SortFunc(s.Channels, func(x, y savedChannel) int { return cmp.Compare(x.Order, y.Order) })
	return s, nil
}

// savedRest is what the account has of a stream.
type savedRest struct {
	channels []savedChannel
	queues   []savedQueue
}

// savedStream returns a stream as it is noted, and what the account has of it.
func (d *disk) savedStream(number uint64) (st savedStream, rest savedRest, err error) {
	first := streamKey(number)
	if err := json.Unmarshal(d.noted[first], &st); err != nil {
		return st, rest, fmt.Errorf("%s: %w", first, err)
	}
	for _, key := range st.Parts {
		part := d.noted[first+key]
		switch {
		case strings.HasPrefix(key, keyConsumer):
			var cons savedConsumer
			err = json.Unmarshal(part, &cons)
			st.Consumers = append(st.Consumers, cons)
		case strings.HasPrefix(key, keyQueue):
			var q savedQueue
			err = json.Unmarshal(part, &q)
			rest.queues = append(rest.queues, q)
		default:
			var ch savedChannel
			err = json.Unmarshal(part, &ch)
			rest.channels = append(rest.channels, ch)
		}
		if err != nil {
			return st, rest, fmt.Errorf("%s%s: %w", first, key, err)
		}
	}
	slices.SortFunc(st.Consumers, func(x, y savedConsumer) int { return cmp.Compare(x.Order, y.Order) })
	st.Parts, st.number = nil, number
	return st, rest, nil
}
