package queue

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

// A Lag is what a queue has before it in a shard.
type Lag struct {
	// Records are those that are not done, dead letters aside: never received, in
	// flight, delayed, or waiting for others of their key.
	Records int64
	// Dead are dead letters, received or not.
	Dead int64
	// Age is how long ago the oldest of Records arrived, in milliseconds: zero if there is none,
	// negative if that is not known, because more dead letters are older than it
	// than were worth looking at.
	Age time.Duration
}

// passedOver is how many dead letters [Queue.Lags] looks at in all, for the
// record behind them.
const passedOver = 100_000

// Lags returns what there is by shard, of those shards that have anything. It
// looks at every shard, and at the dead letters that are older than all else.
func (q *Queue) Lags() (map[weir.ShardID]Lag, error) {
	if q.isNone() {
		return nil, errNone()
	}
	var lags map[weir.ShardID]Lag
	var first map[weir.ShardID]uint64
	var now clock.Instant
	err := q.do(func(at clock.Instant) error {
		now = at
		q.m.sweepAll(q, now)
		lags = q.unreadLocked(now)
		first = q.m.addLags(lags)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// A record that has left memory is read from disk, without the queue's lock.
	var one []weir.Record
	for id, index := range first {
		if one, err = q.reader.AppendRecord(one[:0], id, index); err == nil {
			lag := lags[id]
			lag.Age = ageOf(&one[0], now)
			lags[id] = lag
		}
	}
	return lags, nil
}

// unreadLocked returns what was never received, by shard.
func (q *Queue) unreadLocked(now clock.Instant) map[weir.ShardID]Lag {
	lags := make(map[weir.ShardID]Lag)
	for id, lag := range q.reader.Lags() {
		lags[id] = Lag{Records: lag.Records, Age: lag.Age}
	}
	if left := len(q.buffer) - q.at; left > 0 {
		lags[q.shard] = Lag{Records: lags[q.shard].Records + int64(left), Age: ageOf(&q.buffer[q.at], now)}
	}
	return lags
}

func ageOf(rec *weir.Record, now clock.Instant) time.Duration {
	return max(0, time.Duration(now.Ms()-rec.ArrivalTime.UnixMilli())*time.Millisecond)
}

// addLags adds the entries to what was never read, and returns the index of
// each shard's oldest that is no dead letter.
func (m *machine) addLags(lags map[weir.ShardID]Lag) (first map[weir.ShardID]uint64) {
	first = make(map[weir.ShardID]uint64)
	look := passedOver
	for id, t := range m.shards {
		if t.entries == 0 {
			continue
		}
		lag := lags[id]
		lag.Dead = int64(t.dead)
		if n := t.entries - t.dead; n > 0 {
			lag.Records += int64(n)
			s := t.oldest
			for look > 0 && m.table.at(s).isDead() {
				s, look = m.table.at(s).newer, look-1
			}
			if e := m.table.at(s); e.isDead() {
				lag.Age = -1
			} else {
				first[id] = e.index
			}
		}
		lags[id] = lag
	}
	return first
}
