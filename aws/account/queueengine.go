package account

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// config returns the engine's configuration of a queue.
func (q *workQueue) config() queue.Config {
	c := queue.Config{
		Name: q.id, Settings: q.held.settings(), MaxInFlight: min(q.st.a.config.Quotas.QueueInFlight, queue.MaxInFlight),
		Logger: q.st.a.config.Logger,
	}
	switch q.start.Type {
	case IteratorLatest:
		c.From = weir.Latest()
	case IteratorAtTimestamp:
		c.From = weir.AtTime(q.start.At)
	}
	return c
}

// settings returns attributes as the engine has them.
func (a queueAttributes) settings() queue.Settings {
	s := queue.Settings{Visibility: time.Duration(a.Visibility) * time.Second, MaxReceives: int(a.MaxReceives)}
	if s.Visibility == 0 {
		s.Visibility = -1
	}
	if s.MaxReceives == 0 {
		s.MaxReceives = -1
	}
	return s
}

// open makes the engine's queue of a new one.
func (q *workQueue) open(c *control) (err error) {
	if d := c.a.disk; d != nil {
		if err := d.engines.checkFiles(0, 0); err != nil {
			return err
		}
	}
	if q.engine, err = queue.New(q.st.engine, q.config()); err != nil {
		return c.a.translate(err)
	}
	return nil
}

// load makes the engine's queue of one that was saved. One that is DELETING has
// none any more.
func (q *workQueue) load(s *savedQueue) (err error) {
	if q.status == StatusDeleting {
		return nil
	}
	if len(s.State) > 0 {
		q.engine, err = queue.Load(q.st.engine, q.config(), s.State)
	} else {
		if on := q.st.engine.Snapshot().Storage; on != nil {
			err = checkThere(filepath.Join(on.Dir, queuePrefix+q.id))
		}
		if err == nil {
			q.engine, err = queue.New(q.st.engine, q.config())
		}
	}
	if err == nil && q.engine.Settings() != q.held.settings() {
		q.tune()
	}
	return err
}

// state returns what the engine holds of the queue in memory.
func (q *workQueue) state() ([]byte, error) {
	if q.engine == nil || q.status == StatusDeleting || q.st.a.disk != nil {
		return nil, nil
	}
	return q.engine.Save()
}

// tune has the engine do what the attributes say.
func (q *workQueue) tune() {
	err := q.engine.Set(context.Background(), func(s *queue.Settings) { *s = q.held.settings() })
	if err != nil {
		_ = q.st.a.failed(fmt.Errorf("queue %s: %w", q.name, err)) // it goes on as it was
	}
}

// shut ends the delivery: handles are worth nothing, and who waits for records
// gets none.
func (q *workQueue) shut() {
	q.serving.Store(false)
	if q.engine == nil {
		return
	}
	_ = q.engine.Delete(context.Background()) // what is left is removed at the next start
	q.memory.set(q.st, 0)
}

// A queueMemory is what a queue counts for in [Config.Memory]: the records that
// were received and are not done, counted again after each thousand.
type queueMemory struct {
	received atomic.Int64 // since they were counted

	mu   sync.Mutex // guards held
	held int64      // bytes
}

const (
	recountEvery = 1000 // records
	recordBytes  = 64   // of a record that was received
)

// recount is told that so many records were received.
func (q *workQueue) recount(n int) {
	if q.st.memory == nil || n == 0 || q.memory.received.Add(int64(n)) < recountEvery {
		return
	}
	q.memory.received.Store(0)
	if c, err := q.engine.Counts(); err == nil {
		known := c.Received - c.Redelivered - c.Acknowledged - c.Expired // which may have expired without being received
		q.memory.set(q.st, recordBytes*max(known, c.InFlight+c.DeadInFlight+c.DeadVisible))
	}
}

func (m *queueMemory) set(st *stream, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st.memory.Count(bytes - m.held)
	m.held = bytes
}

// QueueOf returns the names of a queue and of its stream by its ARN, which are ""
// if there is none.
func (a *Account) QueueOf(arn string) (name, stream string) {
	id, err := a.queueID(arn)
	if q := a.queueByID(id); err == nil && q != nil {
		return q.name, q.st.name
	}
	return "", ""
}

// QueueLags returns what a queue has before it by shard, as [queue.Queue.Lags];
// nil if none of its ID delivers.
func (a *Account) QueueLags(id string) (map[weir.ShardID]queue.Lag, error) {
	q := a.queueByID(id)
	if q == nil || !q.serving.Load() {
		return nil, nil
	}
	return q.engine.Lags()
}

// QueueStats are what a queue counts.
type QueueStats struct {
	Name, ID string
	Stream   string
	// EmptyReceives is how many receives returned nothing.
	EmptyReceives int64
	queue.Counts
}

// QueueStats returns what the queues that deliver count, in no order: all, or
// those of the streams that are named. It looks at every shard of their streams.
func (a *Account) QueueStats(streams ...string) (list []QueueStats) {
	for _, q := range *a.queues.Load() {
		if len(streams) > 0 && !slices.Contains(streams, q.st.name) {
			continue
		}
		if q.catchUp(a.config.Now()); !q.serving.Load() {
			continue
		}
		counts, err := q.engine.Counts()
		if err != nil {
			continue // it was deleted meanwhile
		}
		list = append(list, QueueStats{q.name, q.id, q.st.name, q.empty.Load(), counts})
	}
	return list
}
