package serve

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/console"
)

// queues returns the queues of a stream that deliver.
func (s source) queues(ctx context.Context, of console.Stream) ([]console.Queue, error) {
	a, err := s.account(of.At)
	if err != nil {
		return nil, err
	}
	ctx = account.WithoutCallRates(ctx)
	stats := slices.DeleteFunc(a.QueueStats(), func(q account.QueueStats) bool { return q.Stream != of.Name })
	slices.SortFunc(stats, func(x, y account.QueueStats) int { return strings.Compare(x.Name, y.Name) })
	var list []console.Queue
	for _, q := range stats {
		arn, err := queueARN(ctx, a, q.Name)
		if err != nil {
			return list, err
		}
		list = append(list, console.Queue{
			Name: q.Name, ARN: arn,
			Look:    func(context.Context) (console.QueueState, error) { return console.StateOf(q.Counts), nil },
			Restore: func(ctx context.Context, most int) (int, error) { return restore(ctx, a, arn, most) },
		})
	}
	return list, nil
}

// queueARN returns the ARN of a queue; empty if it has just been deleted.
func queueARN(ctx context.Context, a *account.Account, name string) (string, error) {
	in := &account.ListQueuesInput{}
	for {
		out, err := a.ListQueues(ctx, in)
		if err != nil {
			return "", err
		}
		for _, q := range out.QueueSummaries {
			if q.QueueName == name {
				return q.QueueARN, nil
			}
		}
		if out.NextToken == "" {
			return "", nil
		}
		in = &account.ListQueuesInput{NextToken: &out.NextToken}
	}
}

// restoredTogether is how many records of a queue an operation takes.
const restoredTogether = 10

// restore restores dead letters of a queue until there are no more, or so many
// are restored. The last look waits a second, which is the least an operation
// can be asked for.
func restore(ctx context.Context, a *account.Account, arn string, most int) (restored int, err error) {
	for restored < most {
		got, err := a.ReceiveDeadLetterQueueRecords(ctx, &account.ReceiveQueueRecordsInput{
			QueueARN: &arn, Limit: account.Ptr(int32(min(most-restored, restoredTogether))), WaitTimeSeconds: account.Ptr(int32(1)),
		})
		if err != nil || len(got.QueueRecords) == 0 {
			return restored, err
		}
		in := &account.QueueRecordsInput{QueueARN: &arn}
		for i := range got.QueueRecords {
			in.Entries = append(in.Entries, account.QueueEntry{ReceiptHandle: &got.QueueRecords[i].ReceiptHandle})
		}
		done, err := a.RestoreDeadLetterQueueRecords(ctx, in)
		if err != nil {
			return restored, err
		}
		restored += len(done.Successful)
		for _, bad := range done.Failed {
			err = errors.Join(err, &account.Error{Code: bad.ErrorCode, Message: bad.ErrorMessage})
		}
		if err != nil || len(got.QueueRecords) < restoredTogether {
			return restored, err
		}
	}
	return restored, nil
}
