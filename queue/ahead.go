package queue

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

// readAhead reads records on, and puts each where it belongs, until so many can
// be delivered, or as many are held as may be. Where some are more urgent than
// others, it reads as many as may be held.
func (q *Queue) readAhead(now clock.Instant, most int) error {
	n := &q.m.number
	for n[held]+n[blocked]+n[visible] < MaxReadAhead && (q.config.Priority != nil || n[visible] < most) {
		rec, err := q.peek(now)
		if rec == nil || err != nil {
			return err
		}
		q.hold(rec, now)
		q.at++
	}
	return nil
}

// hold puts the record that peek returned where it belongs.
func (q *Queue) hold(rec *weir.Record, now clock.Instant) {
	m, id, index := q.m, q.shard, q.index
	ms := rec.ArrivalTime.UnixMilli()
	if q.seen.repeats(rec, &q.config) {
		m.skip(id, index, duplicate)
		return
	}
	level := 0
	if q.config.Priority != nil {
		level = min(max(0, q.config.Priority(*rec)), levels-1)
	}
	s, e := m.add(id, index, ms, level)
	to := visible
	if q.config.Delay > 0 {
		if e.deadline = clock.Of(rec.ArrivalTime).Plus(q.config.Delay); e.deadline > now {
			to = held
		}
	}
	if q.config.InOrder && !m.lanes.join(s, m.lanes.hash(rec.PartitionKey)) {
		to = blocked
	}
	m.log.note(noteHeld, uint64(id), index, uint64(s), uint64(level), uint64(to), uint64(e.deadline))
	m.enter(s, e, to)
}

// rejoin puts the entries of a queue that was read again into the lanes of
// their keys.
func (q *Queue) rejoin(now clock.Instant) error {
	if !q.config.InOrder {
		q.m.unblockAll(now)
		return nil
	}
	ids := make([]weir.ShardID, 0, len(q.m.shards))
	for id := range q.m.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids) // a parent is lower than its children
	for _, id := range ids {
		for s := q.m.shards[id].oldest; s != 0; {
			e := q.m.table.at(s)
			at, next := s, e.newer
			s = next
			one, err := q.reader.AppendRecord(q.one[:0], id, e.index)
			if errors.Is(err, weir.ErrRecordsLost) {
				continue // it is met again when it is its turn
			}
			if err != nil {
				return err
			}
			q.m.rejoin(at, e, one[0].PartitionKey, now)
		}
	}
	q.m.unblockAll(now)
	return nil
}

// rejoin puts an entry into the lane of its key, unless it is none that others
// wait for. A record that was restored keeps others from being delivered from
// now on.
func (m *machine) rejoin(s slot, e *entry, key string, now clock.Instant) {
	if st := e.state(); st == dead || st == deadInFlight {
		return
	}
	first := m.lanes.join(s, m.lanes.hash(key))
	switch st := e.state(); {
	case first && st == blocked:
		m.unblock(s, e, now)
	}
}

// unblockAll lets all go that wait for nobody.
func (m *machine) unblockAll(now clock.Instant) {
	for s := m.blocked.head; s != 0; {
		e := m.table.at(s)
		at, next := s, e.next
		s = next
		if int(at) < len(m.lanes.of) && m.lanes.of[at].in {
			continue
		}
		m.unblock(at, e, now)
	}
}

// sightings are the texts that records were known by, and when they arrived.
type sightings struct {
	at    map[string]int64 // Unix milliseconds
	order []sighting       // by arrival, as they were read
}

type sighting struct {
	text string
	ms   int64
}

// repeats reports whether a record is like one before it, and takes note of it
// if it is not.
func (s *sightings) repeats(rec *weir.Record, c *Config) bool {
	if c.Duplicate == nil {
		return false
	}
	text := c.Duplicate(*rec)
	if text == "" {
		return false
	}
	ms, window := rec.ArrivalTime.UnixMilli(), c.DuplicateWindow.Milliseconds()
	if was, ok := s.at[text]; ok && ms-was < window {
		return true
	}
	if s.at == nil {
		s.at = make(map[string]int64)
	}
	text = strings.Clone(text) // it may be a view of the stream's memory
	s.at[text] = ms
	s.order = append(s.order, sighting{text, ms})
	for len(s.order) > 0 && s.order[0].ms <= ms-2*window { // of shards that lag, too
		if o := s.order[0]; s.at[o.text] == o.ms {
			delete(s.at, o.text)
		}
		s.order = s.order[1:]
	}
	return false
}

// recall reads again what lies in the window of what a queue has read before.
func (q *Queue) recall(now clock.Instant) error {
	if q.config.Duplicate == nil {
		return nil
	}
	from := weir.AtTime(now.Time().Add(-2 * q.config.DuplicateWindow))
	r, err := q.stream.NewReader("", from.ToTip().Unseen())
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.TryNext()
		if err == io.EOF || err == nil && len(b.Records) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Records {
			if n := b.Records[i].SequenceNumber; q.m.has(n.Shard(), n.Index()) {
				q.seen.repeats(&b.Records[i], &q.config)
			}
		}
	}
}
