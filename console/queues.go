package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/weirstream/weir"
)

// A Queue is a work queue of a stream, as a console shows it.
type Queue struct {
	Name string
	// ARN is for the commands that are shown; empty for a queue of the program.
	ARN string
	// Look returns how many records are where. It is called when somebody looks.
	Look func(ctx context.Context) (QueueState, error)
	// Restore makes dead letters records like others again, so many at most, and
	// returns how many. Nil means that the console cannot.
	Restore func(ctx context.Context, most int) (int, error)
}

// A QueueState says how many records of a queue are where. What is negative is
// not known.
type QueueState struct {
	Visible      int64 // can be received now
	InFlight     int64 // were received, and are not acknowledged yet
	Waiting      int64 // for their delay, or for others of their key
	Dead         int64 // dead letters that can be received now
	DeadInFlight int64
	Oldest       time.Duration // age of the oldest record that is not acknowledged
	Shards       []QueueShard  // lag by shard, where it is known
}

// A QueueShard is a queue's lag in a shard: the records that are not
// acknowledged, and dead letters beside them.
type QueueShard struct {
	Shard  weir.ShardID
	Behind int64
	Dead   int64
	Age    time.Duration // of the oldest that is no dead letter; negative is not known
}

// queueView is a queue as a page shows it.
type queueView struct {
	Queue
	QueueState
	Err  string
	Lags lags
}

// What one page may take.
const (
	mostQueues = 50
	// Dead letters are restored so many at a time, until there are no more, so many
	// were, or so long has passed.
	restoredAtOnce = 1000
	mostRestored   = 100_000
	restoreFor     = 5 * time.Second
)

// viewQueues fills in the queues of a stream.
func (c *Console) viewQueues(ctx context.Context, d *readersData) {
	if c.config.Queues == nil {
		return
	}
	queues, err := c.config.Queues(ctx, d.Stream)
	if err != nil {
		d.QueuesErr = err.Error()
	}
	d.QueuesLeft = max(0, len(queues)-mostQueues)
	for _, q := range queues[:min(len(queues), mostQueues)] {
		v := queueView{Queue: q}
		if v.QueueState, err = q.Look(ctx); err != nil {
			v.Err = err.Error()
		}
		for _, sh := range v.Shards {
			row := lagRow{Shard: sh.Shard.String(), Behind: sh.Behind, Age: sh.Age}
			if sh.Dead > 0 {
				row.Note = countText(sh.Dead) + " dead " + plural(int(sh.Dead), "letter", "letters")
			}
			v.Lags.Rows = append(v.Lags.Rows, row)
		}
		v.Lags.cut("Shards of queue " + q.Name)
		d.Queues = append(d.Queues, v)
	}
}

// restoreData is the page that says what restoring dead letters would do.
type restoreData struct {
	frame
	Queue   string
	Dead    int64
	Most    int
	For     time.Duration
	Command string
	Err     string
}

// restore makes dead letters of a queue records like others again.
func (c *Console) restore(r *http.Request) answer {
	f, err := c.streamFrame(r, "readers")
	if err != nil {
		return answer{err: err}
	}
	f.Live = false
	q, err := c.queue(r.Context(), f.Stream, r.FormValue("queue"))
	if err != nil {
		return answer{status: http.StatusNotFound, err: err}
	}
	f.Title = "Restore dead letters of " + q.Name
	d := restoreData{frame: f, Queue: q.Name, Most: mostRestored, For: restoreFor}
	if q.ARN != "" {
		d.Command = c.command(r, f.Stream, "receive-dead-letter-queue-records", "--queue-arn", q.ARN) + "\n" +
			c.command(r, f.Stream, "restore-dead-letter-queue-records", "--queue-arn", q.ARN, "--entries", "ReceiptHandle=HANDLE")
	}
	if r.Method != http.MethodPost {
		state, err := q.Look(r.Context())
		if err != nil {
			return answer{err: err}
		}
		d.Dead = state.Dead
		return answer{template: "restore", data: d}
	}
	n, all, err := restoreAll(r.Context(), q)
	if err != nil {
		d.Err = err.Error()
		if n > 0 {
			d.Err += fmt.Sprintf(" (%s had been restored before)", countText(n))
		}
		return answer{status: http.StatusUnprocessableEntity, template: "restore", data: d}
	}
	text := fmt.Sprintf("Done: %s of queue %s %s again", number(n, "dead letter", "dead letters"), q.Name, plural(n, "is a record", "are records"))
	if !all {
		text += fmt.Sprintf("; there may be more, for it goes on for %s, or up to %s, at a time", spanText(restoreFor), countText(mostRestored))
	}
	id := c.said.add(note{Text: text, Command: d.Command})
	return answer{location: link("readers", f.Stream, "said", id)}
}

// restoreAll restores dead letters of a queue until there are no more, which it
// reports, or its bounds are reached.
func restoreAll(ctx context.Context, q Queue) (restored int, all bool, err error) {
	for begin := time.Now(); restored < mostRestored && time.Since(begin) < restoreFor; {
		n, err := q.Restore(ctx, min(mostRestored-restored, restoredAtOnce))
		if restored += n; err != nil || n == 0 {
			return restored, err == nil, err
		}
	}
	return restored, false, nil
}

// queue returns a queue of a stream whose dead letters can be restored.
func (c *Console) queue(ctx context.Context, s Stream, name string) (Queue, error) {
	if c.config.Queues == nil {
		return Queue{}, errors.New("the console knows no queues")
	}
	queues, err := c.config.Queues(ctx, s)
	for _, q := range queues {
		if q.Name == name && q.Restore != nil {
			return q, nil
		}
	}
	if err != nil {
		return Queue{}, err
	}
	return Queue{}, fmt.Errorf("queue: there is none %.80q whose dead letters can be restored", name)
}
