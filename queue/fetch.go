package queue

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir"
)

// errOnDisk says that a record is to be fetched before it can be delivered. It
// does not leave the package.
var errOnDisk = errors.New("on disk")

// A recordAt is where a record is in the stream.
type recordAt struct {
	shard weir.ShardID
	index uint64
}

// again brings the record of an entry, which was read before, to q.one. If it
// has left memory and was not fetched the error is errOnDisk: then it, and up to
// so many behind it, are noted as absent.
func (q *Queue) again(s slot, e *entry, most int) (err error) {
	if rec, ok := q.present[recordAt{e.shard, e.index}]; ok {
		if rec == nil {
			return weir.ErrRecordsLost
		}
		q.one = append(q.one[:0], *rec)
		return nil
	}
	if !q.reader.RecordOnDisk(e.shard, e.index) {
		q.one, err = q.reader.AppendRecord(q.one[:0], e.shard, e.index)
		return err
	}
	q.absent = q.absent[:0]
	for n := 0; s != 0 && n < most; n++ {
		e := q.m.table.at(s)
		if q.reader.RecordOnDisk(e.shard, e.index) {
			q.absent = append(q.absent, recordAt{e.shard, e.index})
		}
		s = e.next
	}
	return errOnDisk
}

// fetch reads what the last call has found on disk, with no lock held that
// others need. The error says what cannot be read.
func (q *Queue) fetch() error {
	q.fetching.Lock()
	defer q.fetching.Unlock()
	q.mu.Lock()
	absent, unread := q.absent, q.unread
	q.absent, q.unread, q.present = nil, false, nil
	q.mu.Unlock()
	var err error
	size := 0
	present := make(map[recordAt]*weir.Record, len(absent))
	for _, p := range absent {
		if size > defaultMaxBytes {
			break // the others are met when these are delivered
		}
		one, bad := q.reader.AppendRecord(nil, p.shard, p.index)
		switch {
		case bad == nil:
			present[p], size = &one[0], size+one[0].Size()
		case errors.Is(bad, weir.ErrRecordsLost):
			present[p] = nil
		default:
			err = errors.Join(err, bad)
		}
	}
	if err != nil {
		q.log.Warn("records that have left memory cannot be read", "err", err)
	}
	if len(present) == 0 && err != nil {
		return fmt.Errorf("queue %s: %w", q.name, err)
	}
	q.mu.Lock()
	q.present = present
	q.mu.Unlock()
	if unread {
		if err = q.reader.Fetch(); err != nil {
			q.log.Warn("records that have left memory cannot be read", "err", err)
		}
		return err
	}
	return nil
}
