package console

import (
	"context"
	"errors"

	"github.com/weirstream/weir/queue"
)

// WorkQueue returns a queue of this process as a console shows it, for
// [Config.Queues].
func WorkQueue(q *queue.Queue) Queue {
	return Queue{
		Name: q.Name(),
		Look: func(context.Context) (QueueState, error) {
			c, err := q.Counts()
			return StateOf(c), err
		},
		Restore: func(ctx context.Context, most int) (int, error) { return restoreDead(ctx, q.DeadLetters(), most) },
	}
}

// StateOf returns what counts of a queue say. They do not tell the lag of each
// shard, nor how old the oldest record is.
func StateOf(c queue.Counts) QueueState {
	return QueueState{
		Visible: c.Visible, InFlight: c.InFlight, Waiting: c.Delayed + c.Blocked, Dead: c.DeadVisible, DeadInFlight: c.DeadInFlight, Oldest: -1,
	}
}

// restoredTogether is how many dead letters are received by a call.
const restoredTogether = 100

// restoreDead restores dead letters until there are no more, or so many are
// restored.
func restoreDead(ctx context.Context, dead queue.DeadLetters, most int) (restored int, err error) {
	for restored < most {
		list, err := dead.TryReceive(ctx, min(most-restored, restoredTogether))
		if err != nil || len(list) == 0 {
			return restored, err
		}
		receipts := make([]queue.Receipt, len(list))
		for i, d := range list {
			receipts[i] = d.Receipt
		}
		each, err := dead.Restore(ctx, receipts...)
		if err != nil {
			return restored, err
		}
		restored += len(list)
		for _, bad := range each { // none if all are restored
			if bad != nil {
				restored--
			}
			err = errors.Join(err, bad)
		}
		if err != nil {
			return restored, err
		}
	}
	return restored, nil
}
