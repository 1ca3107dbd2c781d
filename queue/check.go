package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/internal/journal"
)

// A StorageCheck is what is on disk of a queue.
type StorageCheck struct {
	// Queue is its name and Dir its directory.
	Queue, Dir string
	Files      int
	Bytes      int64
	// Records is how many were read and are not done, DeadLetters how many of them
	// are dead, Acknowledged how many ever were acknowledged.
	Records, DeadLetters, Acknowledged int64
	// Torn is how many bytes at the end are a write that a crash cut off.
	Torn int64
	// Damage says where the queue is damaged, and is empty if it is sound. What
	// stands above is what comes before that.
	Damage string `json:",omitempty"`
	// Repairable says that [StorageCheck.Repair] leaves a queue, and LostBytes how
	// much it gives up.
	Repairable bool  `json:",omitempty"`
	LostBytes  int64 `json:",omitempty"`
}

// Repair makes the queue one that [New] opens: it gives up what comes from the
// damage on. What was delivered, acknowledged or dead since is as it was before:
// such records are delivered again. What is cut off is kept beside, in files of
// the directory whose names end with ".damaged", which Repair returns; or it is
// removed, if discard is set. Nothing is done if there is no damage.
func (c *StorageCheck) Repair(discard bool) (kept []string, err error) {
	if c.Damage == "" {
		return nil, nil
	}
	if kept, err = c.repair(discard); err != nil {
		err = fmt.Errorf("repair queue %s: %w", c.Queue, err)
	}
	return kept, err
}

func (c *StorageCheck) repair(discard bool) (kept []string, err error) {
	dir := journal.Dir(c.Dir)
	claimed, err := journal.Inspect(dir, true)
	if err != nil {
		return nil, newSurvey(dir, c.Queue).explain(err)
	}
	defer claimed.Close()
	now, found, err := surveyIn(claimed, dir, c.Queue)
	switch {
	case err != nil:
		return nil, err
	case !now.Repairable:
		return nil, fmt.Errorf("%w: nothing of it can be kept: %s", ErrDamaged, now.Damage)
	case now != *c:
		return nil, errors.New("the directory has changed since it was checked")
	}
	return claimed.Repair(found, []byte("{}"), discard)
}

// CheckStorage reads the queues on disk of the stream that dir holds, and tells
// of each whether [New] opens it. It changes nothing. Damage is no error. The
// error matches [weir.ErrInUse] if somebody has a queue open, or it is one of
// the operating system.
func CheckStorage(dir string) (list []StorageCheck, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), dirPrefix)
		if !ok || !e.IsDir() {
			continue
		}
		c, err := checkIn(journal.Dir(filepath.Join(dir, e.Name())), name)
		if errors.Is(err, journal.ErrNone) {
			continue // it was about to be made, or removed
		}
		if err != nil {
			return nil, fmt.Errorf("check queue %s: %w", name, err)
		}
		list = append(list, c)
	}
	return list, nil
}

func checkIn(dir journal.FS, name string) (StorageCheck, error) {
	claimed, err := journal.Inspect(dir, false)
	if err != nil {
		return StorageCheck{}, newSurvey(dir, name).explain(err)
	}
	defer claimed.Close()
	c, _, err := surveyIn(claimed, dir, name)
	return c, err
}

// newSurvey returns what reads a queue and has no stream.
func newSurvey(dir journal.FS, name string) *disk {
	q := &Queue{name: name, config: Config{}.withDefaults()}
	q.m = newMachine(q.config.Settings, q.config.MaxInFlight)
	return &disk{queue: q, dir: dir}
}

// surveyIn reads the queue of a directory that is locked.
func surveyIn(claimed *journal.Directory, dir journal.FS, name string) (StorageCheck, *journal.Check, error) {
	c := StorageCheck{Queue: name, Dir: dir.Path()}
	var d *disk
	found, err := claimed.Check(func() journal.Visitor {
		d = newSurvey(dir, name)
		return d
	}, nobody{})
	if err != nil {
		return c, nil, newSurvey(dir, name).explain(err)
	}
	c.Files, c.Torn, c.Repairable = len(found.Files), found.Cut, found.CanRepair()
	for _, f := range found.Files {
		c.Bytes += f.Sound
		c.LostBytes += f.Behind
	}
	if found.Damage != nil {
		c.Damage = found.Damage.Error()
	}
	m := d.queue.m
	c.Records, c.Acknowledged = int64(m.table.used), m.counted.Acknowledged
	c.DeadLetters = int64(m.number[dead] + m.number[deadInFlight])
	return c, found, nil
}

// nobody takes no note of what comes behind damage.
type nobody struct{}

func (nobody) Head(uint64, []byte) error     { return nil }
func (nobody) Group(uint64, []byte) error    { return nil }
func (nobody) Repaired(uint64, []byte) error { return nil }
