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
	c := StorageCheck{Queue: name, Dir: dir.Path()}
	q := &Queue{name: name, config: Config{}.withDefaults()}
	q.m = newMachine(q.config.Settings, q.config.MaxInFlight)
	d := &disk{queue: q, dir: dir}
	claimed, err := journal.Inspect(dir, false)
	if err != nil {
		return c, d.explain(err)
	}
	defer claimed.Close()
	found, err := claimed.Replay(d, true)
	var damage *journal.Damage
	if err != nil && !errors.As(err, &damage) {
		return c, d.explain(err)
	}
	if damage != nil {
		c.Damage = damage.Error()
	} else {
		found.Abandon()
	}
	c.Files, c.Bytes, c.Torn = found.Files, found.Bytes, found.Cut
	c.Records, c.Acknowledged = int64(q.m.table.used), q.m.counted.Acknowledged
	c.DeadLetters = int64(q.m.number[dead] + q.m.number[deadInFlight])
	return c, nil
}
