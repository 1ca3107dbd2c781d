package scale

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
)

// A Saved is what a machine remembers, to be restored in another process.
type Saved struct {
	Warm      float64 `json:",omitempty"`
	Next      int64   // id of the next shard to be opened
	Observed  int64
	At, Until int64
	Hours     []SavedPeak `json:",omitempty"`
	Minutes   []SavedPeak `json:",omitempty"`
	Due       []int64     `json:",omitempty"`
	RoomFor   []SavedRoom `json:",omitempty"`
	Release   int64       `json:",omitempty"`
	CameWith  int
	KeepsTill int64
	Open      []SavedShard
	Todo      Todo
}

// A SavedPeak is the greatest load of a period.
type SavedPeak struct {
	Period int64
	Load   Load
}

// A SavedRoom is a plan to have room for a load, in shards' limits.
type SavedRoom struct {
	At     int64
	Shards float64
}

// A SavedShard is an open shard.
type SavedShard struct {
	ID                     int64
	Keys                   keyspace.Range
	Minute, Hour, LastHour Load
	SplitAt                int64 `json:",omitempty"`
	Sibling                int64 // id, or -1
	Vain                   int   `json:",omitempty"`
}

// Save returns what the machine remembers.
func (m *Machine) Save() Saved {
	s := Saved{
		Warm: m.warm, Next: m.next, Observed: m.observed, At: m.at, Until: m.until, Hours: m.hours.save(), Minutes: m.minutes.save(),
		Due: append([]int64(nil), m.due...), Release: m.release, CameWith: m.cameWith, KeepsTill: m.keepsTill,
		Todo: Todo{m.todo.Minute, append([]plan.Step(nil), m.todo.Steps...)},
	}
	for _, r := range m.roomFor {
		s.RoomFor = append(s.RoomFor, SavedRoom{r.at, r.shards})
	}
	for _, sh := range m.open {
		saved := SavedShard{sh.ID, sh.Keys, sh.minute, sh.hour, sh.lastHour, sh.splitAt, -1, sh.vain}
		if sh.sibling != nil {
			saved.Sibling = sh.sibling.ID
		}
		s.Open = append(s.Open, saved)
	}
	return s
}

func (p peaks) save() (list []SavedPeak) {
	for i := range p {
		if p[i].period != 0 || p[i].load != (Load{}) {
			list = append(list, SavedPeak{p[i].period, p[i].load})
		}
	}
	return list
}

func (p peaks) restore(list []SavedPeak) error {
	for _, saved := range list {
		if saved.Period < 0 {
			return errors.New("a peak before 1970")
		}
		p.offer(saved.Period, saved.Load)
	}
	return nil
}

// Fits returns an error unless the machine was saved of a stream with those
// open shards, by hash key, whose next one has the id next: what it still has
// to do leads from these to the shards that it knows.
func (s *Saved) Fits(open []plan.Shard, next int64) error {
	there := make(map[int64]keyspace.Range, len(open))
	for _, sh := range open {
		there[sh.ID] = sh.Keys
	}
	for i, step := range s.Todo.Steps {
		lower, ok := there[step.Lower]
		upper, both := there[step.Upper]
		switch {
		case !ok || step.Child != next:
			return fmt.Errorf("step %d, of shard %d, is impossible", i, step.Lower)
		case step.IsSplit() && lower.CanSplitAt(step.At):
			there[next], there[next+1] = lower.SplitAt(step.At)
			next += 2
		case !step.IsSplit() && both && lower.Adjoins(upper):
			there[next] = lower.Union(upper)
			delete(there, step.Upper)
			next++
		default:
			return fmt.Errorf("step %d, of shard %d, is impossible", i, step.Lower)
		}
		delete(there, step.Lower)
	}
	if len(there) != len(s.Open) || next != s.Next {
		return fmt.Errorf("it knows %d shards and %d as the next, not %d and %d", len(s.Open), s.Next, len(there), next)
	}
	for _, sh := range s.Open {
		if keys, ok := there[sh.ID]; !ok || keys != sh.Keys {
			return fmt.Errorf("it knows another shard %d", sh.ID)
		}
	}
	return nil
}

// maxMinute is later than any minute that a clock can tell.
const maxMinute = 1 << 40

// possible returns an error if there can be no such machine.
func (s *Saved) possible() error {
	for _, minute := range append([]int64{s.Observed, s.At, s.Until, s.Release, s.KeepsTill, s.Todo.Minute}, s.Due...) {
		if minute < 0 || minute > maxMinute {
			return fmt.Errorf("minute %d", minute)
		}
	}
	if s.Until-s.At > restsAfter {
		return fmt.Errorf("it is %d minutes behind", s.Until-s.At)
	}
	if !slices.IsSorted(s.Due) {
		return errors.New("what is planned is not in order")
	}
	for i, sh := range s.Open {
		if i > 0 && !s.Open[i-1].Keys.Adjoins(sh.Keys) {
			return fmt.Errorf("shard %d does not follow the one before", sh.ID)
		}
	}
	return nil
}

// Restore returns a machine that goes on where the saved one stood, by other
// limits if need be. The error says what cannot be. Whether the stream is the
// one that it was saved of is for [Saved.Fits] to say.
func Restore(l Limits, s Saved) (*Machine, error) {
	if err := s.possible(); err != nil {
		return nil, err
	}
	m := &Machine{
		limits: l, warm: s.Warm, count: len(s.Open), next: s.Next, observed: s.Observed, at: s.At, until: s.Until,
		hours: make(peaks, peakHours+1), minutes: make(peaks, 60), due: s.Due, release: s.Release,
		cameWith: s.CameWith, keepsTill: s.KeepsTill, todo: s.Todo,
	}
	if err := errors.Join(m.hours.restore(s.Hours), m.minutes.restore(s.Minutes)); err != nil {
		return nil, err
	}
	for _, r := range s.RoomFor {
		m.roomFor = append(m.roomFor, room{r.At, r.Shards})
	}
	byID := make(map[int64]*shard, len(s.Open))
	for _, saved := range s.Open {
		sh := &shard{
			Shard:  plan.Shard{ID: saved.ID, Keys: saved.Keys},
			minute: saved.Minute, hour: saved.Hour, lastHour: saved.LastHour, splitAt: saved.SplitAt, vain: saved.Vain,
		}
		m.open = append(m.open, sh)
		byID[saved.ID] = sh
	}
	if len(byID) != len(s.Open) {
		return nil, errors.New("a shard is there twice")
	}
	for i, saved := range s.Open {
		if saved.Sibling >= 0 {
			m.open[i].sibling = byID[saved.Sibling]
		}
	}
	return m, nil
}
