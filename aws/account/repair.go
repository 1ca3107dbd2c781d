package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// A StorageRepair is what mends one damage of an account on disk.
type StorageRepair struct {
	// What is damaged, and Damage how.
	What   string `json:"what"`
	Damage string `json:"damage"`
	// Loses says in words what is given up.
	Loses []string `json:"loses"`
	// Possible is false where nothing of it could be kept. Advice says what can be
	// done then.
	Possible bool   `json:"possible"`
	Advice   string `json:"advice,omitempty"`

	do func(discard bool) (kept []string, err error)
}

// Do carries the repair out. What it cuts off is kept beside, in files and
// directories whose names end with ".damaged", which Do returns; or it is
// removed, if discard is set, but never a stream. Whenever a crash comes, all
// that was there is there, and it is damaged as before or repaired.
func (r *StorageRepair) Do(discard bool) (kept []string, err error) {
	if !r.Possible {
		return nil, fmt.Errorf("repair %s: nothing of it can be kept", r.What)
	}
	if kept, err = r.do(discard); err != nil {
		err = fmt.Errorf("repair %s: %w", r.What, err)
	}
	return kept, err
}

// Repairs returns what mends the damages that are known, each for itself. There
// may be more to repair when these are done: the account is to be checked again.
// As long as the account's own journal is damaged that is all there is, because
// it says what else there should be; but for streams that are to say it, when the
// journal is to be made anew, and are damaged too: these come before.
func (c *StorageCheck) Repairs() (list []StorageRepair) {
	if c.Damage != nil {
		for i := range c.Streams {
			if s := &c.Streams[i]; slices.Contains(c.before, s.number) {
				list = append(list, c.repairsOf(s)[0])
			}
		}
		if len(list) > 0 {
			return list
		}
		loses := c.Loses
		if c.LostBytes > 0 {
			loses = slices.Concat([]string{fmt.Sprintf("%d bytes, in which: what stands below, and what cannot be read", c.LostBytes)}, loses)
		}
		return []StorageRepair{{
			What: "account " + c.name(), Damage: c.Damage.String(), Loses: loses, Possible: c.Repairable, do: c.repairJournal,
		}}
	}
	for i := range c.Streams {
		if s := &c.Streams[i]; !s.Unknown {
			list = append(list, c.repairsOf(s)...)
		}
	}
	return list
}

func (c *StorageCheck) name() string {
	if c.ID == "" {
		return "in " + c.Dir
	}
	return c.ID + " in " + c.Region
}

// repairsOf returns what mends a stream.
func (c *StorageCheck) repairsOf(s *StreamCheck) (list []StorageRepair) {
	what := "stream " + s.Name
	if s.Missing {
		return []StorageRepair{{
			What: what, Damage: s.Dir + " is missing or has no journal", Possible: true,
			Loses: []string{"the stream: the account gives it up, with its tags, policies, consumers, channels and queues"},
			do:    func(bool) ([]string, error) { return nil, c.forget(s, "") },
		}}
	}
	if d := s.Check.Damage; d != nil {
		list = append(list, StorageRepair{
			What: what, Damage: d.String(), Loses: recordsLost(s.Check), Possible: s.Check.Repairable, Advice: moveAway(s.Check.Repairable, s.Dir),
			do: func(discard bool) ([]string, error) {
				kept, err := s.Check.Repair(discard)
				return below(s.Dir, kept), err
			},
		})
	}
	for _, q := range s.Queues {
		if q.Damage == "" {
			continue
		}
		list = append(list, StorageRepair{
			What: what + ": queue " + q.Queue, Damage: q.Damage, Possible: q.Repairable, Advice: moveAway(q.Repairable, q.Dir),
			Loses: []string{fmt.Sprintf("%d bytes of what was delivered, acknowledged and dead since: such records are delivered again", q.LostBytes)},
			do: func(discard bool) ([]string, error) {
				kept, err := q.Repair(discard)
				return below(q.Dir, kept), err
			},
		})
	}
	for _, id := range s.MissingQueues {
		list = append(list, StorageRepair{
			What: what + ": queue " + id, Damage: "its directory is missing or has no journal", Possible: true,
			Loses: []string{"the queue: the account gives it up, with its tags and its policy; the records stay in the stream"},
			do:    func(bool) ([]string, error) { return nil, c.forget(s, id) },
		})
	}
	return list
}

// moveAway says what can be done where a repair is not possible.
func moveAway(possible bool, dir string) string {
	if possible {
		return ""
	}
	return "move " + dir + " away, and repair again: the account gives it up then, and all else can be opened"
}

// recordsLost says what a repair of a stream gives up.
func recordsLost(c *weir.StorageCheck) []string {
	var bytes, records int64
	for _, f := range c.Files {
		bytes, records = bytes+f.LostBytes, records+f.LostRecords
	}
	return []string{fmt.Sprintf("%d bytes, in which %d records can be read", bytes, records)}
}

func below(dir string, names []string) (paths []string) {
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

// repairJournal cuts the account's own journal, or makes it anew. Streams and
// queues that it does not know then are put aside before: else the next Open
// would remove them.
func (c *StorageCheck) repairJournal(discard bool) (kept []string, err error) {
	at, err := journal.Inspect(c.at.journal, true)
	if err != nil {
		return nil, diskError(err)
	}
	defer at.Close()
	now, found, err := c.at.survey(at)
	if err != nil {
		return nil, diskError(err)
	}
	if now.Damage == nil || *now.Damage != *c.Damage || now.Rebuilds && !slices.Equal(now.Loses, c.Loses) {
		return nil, errors.New("the directory has changed since it was checked")
	}
	for i := range now.Streams {
		s := &now.Streams[i]
		aside, err := now.putAside(s)
		kept = append(kept, aside...)
		if err != nil {
			return kept, err
		}
	}
	var own []string
	if now.Rebuilds {
		own, err = at.Rebuild(found, text(diskState{journalOf, diskVersion, now.ID, now.Region, now.last, now.kept}), discard)
	} else {
		own, err = at.Repair(found, []byte("{}"), discard)
	}
	return append(kept, below(c.Dir, own)...), err
}

// putAside puts a stream aside that is not known any more, or those of its
// queues that are not.
func (c *StorageCheck) putAside(s *StreamCheck) (kept []string, err error) {
	if s.Unknown {
		to, err := c.at.aside(s.Dir, s.Dir)
		if to != "" {
			kept = append(kept, to)
		}
		return kept, err
	}
	for _, q := range s.Queues {
		key := streamKey(s.number) + keyQueue + q.Queue
		if c.kept[key] != nil {
			continue
		}
		to, err := c.at.aside(q.Dir, filepath.Join(s.Dir, "lost-"+filepath.Base(q.Dir)))
		if to != "" {
			kept = append(kept, to)
		}
		if err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// aside renames a directory to a name that ends with ".damaged" and is free. If
// it cannot be told whether that holds, there is a name and an error.
func (p place) aside(dir, as string) (to string, err error) {
	for n := 1; ; n++ {
		to = as + ".damaged"
		if n > 1 {
			to = fmt.Sprintf("%s.%d.damaged", as, n)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
	}
	if err := p.moves.Rename(dir, to); err != nil {
		return "", err
	}
	return to, p.moves.SyncDir(filepath.Dir(to))
}

// forget notes that the account has no such stream, or one without that queue.
func (c *StorageCheck) forget(s *StreamCheck, queue string) error {
	at, err := journal.Claim(c.at.journal)
	if err != nil {
		return diskError(err)
	}
	read := &partsReader{}
	found, err := at.Replay(read, false)
	if err != nil {
		return errors.Join(diskError(err), at.Close())
	}
	d := &disk{noted: read.state.Parts}
	change := make(map[string]json.RawMessage)
	if first := streamKey(s.number); queue == "" {
		for _, key := range d.keysOf(s.number) {
			change[key] = nil
		}
	} else if saved, ok := streamOf(d.noted, s.number); ok {
		saved.Parts = slices.DeleteFunc(saved.Parts, func(key string) bool { return key == keyQueue+queue })
		change[first], change[first+keyQueue+queue] = text(saved), nil
	}
	j, err := journal.Continue(at, found, journal.Options[struct{}]{
		FileBytes: diskFileBytes, TwiceHead: true, Settled: func([]struct{}, journal.Spot, error) {},
		State: func() []byte { return text(read.state) },
	})
	if err != nil {
		found.Abandon()
		return errors.Join(err, at.Close())
	}
	g, err := j.Begin()
	if err != nil {
		return errors.Join(err, j.Close())
	}
	apply(d.noted, change)
	g.SetNotes(append(g.Notes(), text(diskNote{Last: read.state.Last, Parts: change})...))
	j.End()
	return errors.Join(j.Commit(g), j.Close())
}

// String tells what the repair gives up, a line for each.
func (r *StorageRepair) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is damaged: %s.\n", r.What, r.Damage)
	if !r.Possible {
		b.WriteString("  Nothing of it can be kept, and nothing is changed.\n")
		if r.Advice != "" {
			fmt.Fprintf(&b, "  What can be done: %s.\n", r.Advice)
		}
		return b.String()
	}
	for _, line := range r.Loses {
		fmt.Fprintf(&b, "  A repair gives up: %s.\n", line)
	}
	return b.String()
}
