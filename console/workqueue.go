package console

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// WorkQueue returns a queue of this process as a console shows it, for
// [Config.Queues].
func WorkQueue(q *queue.Queue) Queue {
	return Queue{
		Name: q.Name(),
		Look: func(context.Context) (QueueState, error) {
			c, err := q.Counts()
			if err != nil {
				return QueueState{}, err
			}
			lags, err := q.Lags()
			return StateOf(c, lags), err
		},
		Restore: func(ctx context.Context, most int) (int, error) { return restoreDead(ctx, q.DeadLetters(), most) },
	}
}

// StateOf returns what counts of a queue and its lag by shard say.
func StateOf(c queue.Counts, lags map[weir.ShardID]queue.Lag) QueueState {
	s := QueueState{
		Visible: c.Visible, InFlight: c.InFlight, Waiting: c.Delayed + c.Blocked, Dead: c.DeadVisible, DeadInFlight: c.DeadInFlight,
	}
	for id, lag := range lags {
		s.Shards = append(s.Shards, QueueShard{Shard: id, Behind: lag.Records, Dead: lag.Dead, Age: lag.Age})
		if lag.Age < 0 && s.Oldest == 0 {
			s.Oldest = -1
		}
		s.Oldest = max(s.Oldest, lag.Age)
	}
	slices.SortFunc(s.Shards, func(a, b QueueShard) int { return cmp.Compare(a.Shard, b.Shard) })
	return s
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
