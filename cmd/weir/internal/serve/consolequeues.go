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
	stats := a.QueueStats(of.Name)
	if len(stats) == 0 {
		return nil, nil
	}
	arns, err := queueARNs(account.WithoutCallRates(ctx), a, of.Name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(stats, func(x, y account.QueueStats) int { return strings.Compare(x.Name, y.Name) })
	var list []console.Queue
	for _, q := range stats {
		arn, ok := arns[q.Name]
		if !ok {
			continue // it has just been deleted
		}
		list = append(list, console.Queue{
			Name: q.Name, ARN: arn,
			Look: func(context.Context) (console.QueueState, error) {
				lags, err := a.QueueLags(q.ID)
				return console.StateOf(q.Counts, lags), err
			},
			Restore: func(ctx context.Context, most int) (int, error) { return restore(ctx, a, arn, most) },
		})
	}
	return list, nil
}

// queueARNs returns the ARNs of a stream's queues by their names.
func queueARNs(ctx context.Context, a *account.Account, stream string) (map[string]string, error) {
	described, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: &stream})
	if err != nil {
		return nil, err
	}
	arns := make(map[string]string)
	in := &account.ListQueuesInput{StreamFilter: []account.StreamFilter{{StreamARN: &described.StreamDescriptionSummary.StreamARN}}}
	for {
		out, err := a.ListQueues(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, q := range out.QueueSummaries {
			arns[q.QueueName] = q.QueueARN
		}
		if out.NextToken == "" {
			return arns, nil
		}
		in.NextToken = &out.NextToken
	}
}

// restoredTogether is how many records of a queue an operation takes.
const restoredTogether = 10

// restore restores dead letters of a queue until there are no more, or so many
// are restored.
func restore(ctx context.Context, a *account.Account, arn string, most int) (restored int, err error) {
	ctx = account.WithoutCallRates(ctx)
	for restored < most {
		got, err := deadLetters(ctx, a, arn, min(most-restored, restoredTogether))
		if err != nil || len(got) == 0 {
			return restored, err
		}
		in := &account.QueueRecordsInput{QueueARN: &arn}
		for i := range got {
			in.Entries = append(in.Entries, account.QueueEntry{ReceiptHandle: &got[i].ReceiptHandle})
		}
		done, err := a.RestoreDeadLetterQueueRecords(ctx, in)
		if err != nil {
			return restored, err
		}
		restored += len(done.Successful)
		for _, bad := range done.Failed {
			err = errors.Join(err, &account.Error{Code: bad.ErrorCode, Message: bad.ErrorMessage})
		}
		if err != nil {
			return restored, err
		}
	}
	return restored, nil
}

// deadLetters receives dead letters, none if there are none now: an operation
// would wait for a second at least.
func deadLetters(ctx context.Context, a *account.Account, arn string, most int) ([]account.QueueRecord, error) {
	waiting, leave := context.WithCancel(ctx)
	defer leave()
	got, err := a.Receive(waiting, true, &account.ReceiveQueueRecordsInput{QueueARN: &arn, Limit: account.Ptr(int32(most))}, leave)
	switch {
	case err == nil:
		return got.QueueRecords, nil
	case waiting.Err() != nil && ctx.Err() == nil:
		return nil, nil // it would have waited
	}
	return nil, err
}
