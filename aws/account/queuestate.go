package account

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A savedQueue is a queue but for what the engine holds of it.
type savedQueue struct {
	Stream  string            `json:"stream"`
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Order   int64             `json:"order"`
	Created time.Time         `json:"created"`
	Status  string            `json:"status"`
	Due     time.Time         `json:"due,omitzero"`
	Serving bool              `json:"serving,omitempty"`
	Start   queueStart        `json:"start"`
	Began   time.Time         `json:"began,omitzero"`
	Attrs   queueAttributes   `json:"attrs"`
	Held    queueAttributes   `json:"held"`
	Tags    map[string]string `json:"tags,omitempty"`
	Policy  string            `json:"policy,omitempty"`

	State []byte `json:"state,omitempty"` // of the engine's; nil if that is on disk
}

func (q *workQueue) saved() savedQueue {
	s := savedQueue{
		Stream: q.st.name, ID: q.id, Name: q.name, Order: q.order, Created: q.created, Status: q.status,
		Serving: q.serving.Load(), Start: q.start, Began: q.began, Attrs: q.attrs, Held: q.held,
		Tags: q.tags, Policy: q.policy,
	}
	if due := q.due.Load(); due != 0 {
		s.Due = time.Unix(0, due).UTC()
	}
	return s
}

// fill makes a queue what was saved of it.
func (q *workQueue) fill(s *savedQueue) {
	q.status, q.began, q.attrs, q.held = s.Status, s.Began, s.Attrs, s.Held
	q.tags, q.policy = addTags(nil, s.Tags), s.Policy
	q.due.Store(0)
	if !s.Due.IsZero() {
		q.due.Store(s.Due.UnixNano())
	}
	q.serving.Store(s.Serving && s.Status != StatusDeleting) // it was noted before it was shut
}

// loadQueues enters queues that were saved.
func (a *Account) loadQueues(list []savedQueue, streams map[string]*stream) error {
	for i := range list {
		s := &list[i]
		q := &workQueue{
			st: streams[s.Stream], id: s.ID, arn: a.arnOf("queue/" + s.ID), name: s.Name, order: s.Order,
			created: s.Created, start: s.Start,
		}
		if q.st == nil || q.id == "" {
			return errors.New("saved account: queue " + q.name + " has no stream or no id")
		}
		q.fill(s)
		if err := q.load(s); err != nil {
			return fmt.Errorf("saved account: queue %s: %w", q.name, err)
		}
		a.setQueueLocked(q, true)
	}
	return nil
}

// undoQueues makes the queues of a stream again what was saved of them.
func (a *Account) undoQueues(st *stream, list []savedQueue) {
	for _, q := range *a.queues.Load() {
		if q.st != st {
			continue
		}
		i := slices.IndexFunc(list, func(s savedQueue) bool { return s.ID == q.id })
		if i >= 0 {
			q.fill(&list[i])
			continue
		}
		a.setQueueLocked(q, false)
		q.shut()
	}
}
