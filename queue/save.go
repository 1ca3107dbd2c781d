package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

// saved is what Save begins with; a checksum of the rest follows, and the rest.
const savedMagic = "weir queue 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save returns the queue as bytes, for [Load]: where it is in the stream, what
// is in flight, what is dead, and what was counted. It is for who keeps the
// stream in the same way; a queue on disk needs none of it. It takes some 20
// bytes for each record that is read and not done.
func (q *Queue) Save() ([]byte, error) {
	if q.isNone() {
		return nil, errNone()
	}
	var text []byte
	err := q.do(func(now clock.Instant) error {
		text = q.state()
		return nil
	})
	if err != nil {
		return nil, err
	}
	b := append([]byte(savedMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(savedMagic):], crc32.Checksum(text, castagnoli))
	return append(b, text...), nil
}

// Load returns the queue that Save returned, over the stream that it was over,
// or one that was saved and loaded, or opened again, after it was: records that
// are lost there are gone from the queue too. Of c the name, From and the
// settings are those that were saved. Receipts stay good.
//
// The error matches [ErrDamaged] if saved is not what Save returned, and
// [weir.ErrInvalidSequenceNumber] if the stream is another one.
func Load(s *weir.Stream, c Config, saved []byte) (*Queue, error) {
	q, err := prepare(s, c)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(saved, []byte(savedMagic))
	if !ok || len(rest) < 4 {
		return nil, damaged("it is no saved queue")
	}
	sum, text := binary.LittleEndian.Uint32(rest), rest[4:]
	if sum != crc32.Checksum(text, castagnoli) {
		return nil, damaged("its checksum is another")
	}
	if err := q.load(text); err != nil {
		return nil, err
	}
	q.told = q.m.counted
	return q, q.resume()
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: queue: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// state returns all that is to be known of the queue. Whoever calls it holds
// the lock, or that of the queue's journal.
func (q *Queue) state() []byte {
	m, b := q.m, []byte(nil)
	number := func(v ...uint64) {
		for _, n := range v {
			b = binary.AppendUvarint(b, n)
		}
	}
	number(uint64(len(q.name)))
	b = append(b, q.name...)
	number(q.id)
	b = append(b, q.secret[:]...)
	number(uint64(m.settings.Visibility+1), uint64(m.settings.MaxReceives+1), uint64(q.futureMs), uint64(q.lostSoFar()))
	counted := m.counted
	counted.EmptyReceives += q.empty.Load()
	for _, n := range counted.all() {
		number(uint64(*n))
	}
	made := make(map[weir.ShardID]int64)
	for _, sh := range q.stream.Shards() {
		made[sh.ID] = created(sh)
	}
	// Those too that have vanished: what is noted later may be of their records.
	number(uint64(len(m.shards)))
	for _, id := range slices.Sorted(maps.Keys(m.shards)) {
		t := m.shards[id]
		number(uint64(id), uint64(made[id]), t.next)
		n := 0
		for s := t.oldest; s != 0; s = m.table.at(s).newer {
			n++
		}
		number(uint64(n))
		for s := t.oldest; s != 0; {
			e := m.table.at(s)
			number(e.index, uint64(s), uint64(e.marks&^heapMark), e.received, uint64(e.deadline))
			s = e.newer
		}
	}
	// Those that are in lists, in their order.
	for _, l := range m.lists() {
		for s := l.head; s != 0; s = m.table.at(s).next {
			number(uint64(s))
		}
		number(0)
	}
	return b
}

// lists returns the lists of entries that no time moves.
func (m *machine) lists() []*list {
	all := []*list{&m.dead, &m.blocked}
	for l := range m.visible {
		all = append(all, &m.visible[l])
	}
	return all
}

// created returns the second in which a shard was created, which tells it from
// one of another stream.
func created(sh weir.Shard) int64 { return sh.StartingSequenceNumber.ShardCreated().Unix() }

// lostSoFar returns how many records expired before they were read.
func (q *Queue) lostSoFar() int64 {
	if q.reader == nil {
		return q.lost
	}
	return q.lost + q.reader.Lost()
}

// all returns the counts in the order in which they are saved.
func (t *Totals) all() []*int64 {
	return []*int64{
		&t.Received, &t.Redelivered, &t.Acknowledged, &t.EmptyReceives,
		&t.DeadLettered, &t.Restored, &t.Expired, &t.Duplicates,
	}
}

// load makes the queue, which has nothing, what state returned.
func (q *Queue) load(text []byte) error {
	q.m = newMachine(q.config.Settings, q.config.MaxInFlight)
	r := &script{b: text}
	n := r.number()
	if n > maxNameLength || n > uint64(len(r.b)) {
		return damaged("a name of %d characters", n)
	}
	q.name, r.b = string(r.b[:n]), r.b[n:]
	q.id = r.number()
	if len(r.b) < len(q.secret) {
		return damaged("%w", errCut)
	}
	r.b = r.b[copy(q.secret[:], r.b):]
	q.m.settings = Settings{time.Duration(r.number()) - 1, int(r.number()) - 1}.withDefaults()
	if err := q.m.settings.check(""); err != nil {
		return damaged("%w", err)
	}
	q.futureMs, q.lost = int64(r.number()), int64(r.number())
	for _, n := range q.m.counted.all() {
		*n = int64(r.number())
	}
	q.made, q.unlisted = make(map[weir.ShardID]int64), 0
	for n := r.number(); n > 0 && r.err == nil; n-- {
		q.loadShard(r)
	}
	for _, l := range q.m.lists() {
		q.loadList(r, l)
	}
	if r.err == nil && (len(r.b) > 0 || q.unlisted > 0) {
		r.err = fmt.Errorf("%d bytes follow, and %d records are in no list", len(r.b), q.unlisted)
	}
	if r.err != nil {
		return damaged("%w", r.err)
	}
	return nil
}

func (q *Queue) loadShard(r *script) {
	m, id := q.m, r.shard()
	q.made[id] = int64(r.number())
	next, n := r.index(), r.number()
	if r.err == nil && m.shards[id] != nil {
		r.err = fmt.Errorf("%v is there twice", id)
	}
	for ; n > 0 && r.err == nil; n-- {
		index, s := r.index(), r.slot()
		marks, received, deadline := r.number(), r.number(), r.instant()
		of := entry{marks: uint32(marks)}
		if st := of.state(); r.err == nil && (st == free || st >= states || marks >= 1<<32 || of.level() >= levels || index >= next) {
			r.err = fmt.Errorf("record %d of %v in state %d", index, id, st)
		}
		e := m.addAt(r, id, index, s, of.level())
		if e == nil {
			return
		}
		e.setDelivery(of.delivery())
		e.received, e.deadline = received, deadline
		if e.setState(of.state()); e.isTimed() {
			m.enter(s, e, of.state())
		} else {
			q.unlisted++
		}
	}
	m.track(id).next = next
}

// loadList reads which entries are in a list.
func (q *Queue) loadList(r *script, l *list) {
	m := q.m
	for s := r.slot(); s != 0 && r.err == nil; s = r.slot() {
		if uint32(s) >= m.table.end() {
			r.err = fmt.Errorf("slot %d is free", s)
			return
		}
		e := m.table.at(s)
		if st := e.state(); st == free || e.isTimed() || m.listOf(e) != l || e.prev != 0 || l.head == s {
			r.err = fmt.Errorf("slot %d is in another list", s)
			return
		}
		m.enter(s, e, e.state())
		q.unlisted--
	}
}

// resume goes on in the stream where the queue was.
func (q *Queue) resume() error {
	q.m.table.settle()
	now := clock.Of(q.now())
	from, err := q.positions()
	if err != nil {
		return err
	}
	for {
		q.reader, err = q.stream.NewReader(q.name, weir.Resume(from, weir.TrimHorizon()).Unseen())
		var lost *weir.SequenceNumberError
		if !errors.As(err, &lost) {
			break
		}
		// A crash has taken back what the shard's number names. What is there of the
		// shard is read again, and what the queue knows of it passed over.
		was := len(from)
		from = slices.DeleteFunc(from, func(n weir.SequenceNumber) bool { return n.Shard() == lost.Shard })
		if len(from) == was {
			return err
		}
	}
	if err != nil {
		return err
	}
	q.m.sweepAll(q, now)
	if err := q.recall(now); err != nil {
		return err
	}
	return q.rejoin(now)
}

// positions returns how far the queue has read the stream. The error says that
// it is another stream.
func (q *Queue) positions() (weir.Positions, error) {
	numbers, parents := make(map[weir.ShardID]weir.SequenceNumber), make(map[weir.ShardID][]weir.ShardID)
	for _, sh := range q.stream.Shards() {
		parents[sh.ID] = sh.Parents
		t, made := q.m.shards[sh.ID], q.made[sh.ID]
		if t == nil {
			continue
		}
		if made != 0 && made != created(sh) {
			return nil, fmt.Errorf("queue %s: %v is one of another stream: %w", q.name, sh.ID, weir.ErrInvalidSequenceNumber)
		}
		numbers[sh.ID] = sh.StartingSequenceNumber.WithIndex(t.next - 1)
	}
	// Whoever has begun a shard has read those before it to their end.
	before := make(map[weir.ShardID]bool)
	for todo := slices.Collect(maps.Keys(numbers)); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, p := range parents[id] {
			if !before[p] {
				before[p] = true
				todo = append(todo, p)
			}
		}
	}
	maps.DeleteFunc(numbers, func(id weir.ShardID, _ weir.SequenceNumber) bool { return before[id] })
	return slices.Collect(maps.Values(numbers)), nil
}
