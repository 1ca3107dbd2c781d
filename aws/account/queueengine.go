package account

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// config returns the engine's configuration of a queue.
func (q *workQueue) config() queue.Config {
	c := queue.Config{
		Name: q.id, Settings: q.held.settings(), MaxInFlight: min(q.st.a.config.Quotas.QueueInFlight, queue.MaxInFlight),
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
	if q.engine, err = queue.New(q.st.engine, q.config()); err != nil {
		return c.a.translate(err)
	}
	return nil
}

// load makes the engine's queue of one that was saved.
func (q *workQueue) load(*savedQueue) (err error) {
	q.engine, err = queue.New(q.st.engine, q.config())
	return err
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
	_ = q.engine.Delete(context.Background()) // what is left is removed at the next start
}

// QueueStats are what a queue counts.
type QueueStats struct {
	Name, ID string
	Stream   string
	// EmptyReceives is how many receives returned nothing.
	EmptyReceives int64
	queue.Counts
}

// QueueStats returns what the queues that deliver count, in no order. It looks at
// every shard of their streams.
func (a *Account) QueueStats() (list []QueueStats) {
	for _, q := range *a.queues.Load() {
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
