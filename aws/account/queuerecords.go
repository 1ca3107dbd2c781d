package account

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

const (
	maxReceived        = 10 // records of one receive
	maxReceivedBytes   = 10 << 20
	maxQueueEntries    = 10
	defaultReceiveWait = 9 * time.Second
	maxReceiveWait     = 20 * time.Second

	// passEvery is how long a receive lets pass before it looks again.
	passEvery = 100 * time.Millisecond
)

// queueRates are the call rates of operations on a queue's records, of which
// the service has none.
type queueRates struct {
	mu sync.Mutex // guards limiters
	limiters
}

// queueServing returns the queue of an ARN for an operation on records: one that
// is neither CREATING nor DELETING.
func (a *Account) queueServing(ctx context.Context, op string, arn *string) (*workQueue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if arn == nil {
		return nil, missing("queueARN")
	}
	id, err := a.queueID(*arn)
	if err != nil {
		return nil, err
	}
	q := a.queueByID(id)
	if q == nil {
		return nil, errorf(CodeResourceNotFound, msgQueueNotFound, *arn)
	}
	now := a.config.Now()
	q.catchUp(now)
	if !q.serving.Load() {
		return nil, errorf(CodeResourceNotFound, msgQueueNotFound, *arn)
	}
	a.serving(q.st.name) // carries out what has fallen due
	if a.config.CallRates.of(op, perQueue) >= 0 {
		q.rates.mu.Lock()
		defer q.rates.mu.Unlock()
		if !q.rates.allow(a.config.CallRates, op, perQueue, now) {
			return nil, errorf(CodeThrottling, msgRateQueue, q.id, a.config.ID)
		}
	}
	return q, nil
}

// catchUp carries out what has fallen due.
func (q *workQueue) catchUp(now time.Time) {
	if due := q.due.Load(); due != 0 && now.UnixNano() >= due {
		a := q.st.a
		a.mu.Lock()
		q.settleLocked(now)
		a.noteLocked()
		a.mu.Unlock()
	}
}

// A receiving is a receive in the engine's terms.
type receiving struct {
	dead       bool
	limit      int
	wait       time.Duration
	visibility time.Duration // zero: the queue's; negative: none
}

func receivingOf(dead bool, in *ReceiveQueueRecordsInput) (receiving, error) {
	r := receiving{dead: dead, limit: maxReceived, wait: defaultReceiveWait}
	if in.Limit != nil {
		if err := checkRange(*in.Limit, "limit", 1, maxReceived); err != nil {
			return r, err
		}
		r.limit = int(*in.Limit)
	}
	if in.WaitTimeSeconds != nil {
		if err := checkRange(*in.WaitTimeSeconds, "waitTimeSeconds", 1, int32(maxReceiveWait/time.Second)); err != nil {
			return r, err
		}
		r.wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	if in.VisibilityTimeoutSeconds != nil {
		if err := checkRange(*in.VisibilityTimeoutSeconds, "visibilityTimeoutSeconds", 0, int32(MaxVisibilityTimeout/time.Second)); err != nil {
			return r, err
		}
		if r.visibility = time.Duration(*in.VisibilityTimeoutSeconds) * time.Second; r.visibility == 0 {
			r.visibility = -1
		}
	}
	return r, nil
}

func (r receiving) op() string {
	if r.dead {
		return "ReceiveDeadLetterQueueRecords"
	}
	return "ReceiveQueueRecords"
}

// ReceiveQueueRecords receives up to ten records that are visible, and hides them
// from others. If there are none it waits for one, for as long as WaitTimeSeconds
// says on the account's clock, and no longer than that on the wall's; then it
// returns none. [Account.Wake] has it look at a clock that has jumped.
func (a *Account) ReceiveQueueRecords(ctx context.Context, in *ReceiveQueueRecordsInput) (*ReceiveQueueRecordsOutput, error) {
	return a.Receive(ctx, false, in, nil)
}

// ReceiveDeadLetterQueueRecords is [Account.ReceiveQueueRecords] for records that
// were received too often.
func (a *Account) ReceiveDeadLetterQueueRecords(ctx context.Context, in *ReceiveQueueRecordsInput) (*ReceiveQueueRecordsOutput, error) {
	return a.Receive(ctx, true, in, nil)
}

// Receive is [Account.ReceiveQueueRecords], or the same of dead letters. If it has
// to wait it calls before first, unless that is nil.
func (a *Account) Receive(ctx context.Context, dead bool, in *ReceiveQueueRecordsInput, before func()) (*ReceiveQueueRecordsOutput, error) {
	if in == nil {
		in = new(ReceiveQueueRecordsInput)
	}
	r, err := receivingOf(dead, in)
	if err != nil {
		return nil, err
	}
	q, err := a.queueServing(ctx, r.op(), in.QueueARN)
	if err != nil {
		return nil, err
	}
	list, err := q.receive(ctx, r, before)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		q.empty.Add(1)
	}
	q.recount(len(list))
	return &ReceiveQueueRecordsOutput{QueueRecords: list}, nil
}

// receive receives records, and waits for them as long as it is to.
func (q *workQueue) receive(ctx context.Context, r receiving, before func()) ([]QueueRecord, error) {
	list, err := q.take(ctx, r, 0)
	if len(list) > 0 || err != nil {
		return q.records(list), err
	}
	if before != nil {
		before()
	}
	began, until := time.Now(), q.st.a.config.Now().Add(r.wait)
	for {
		left := min(until.Sub(q.st.a.config.Now()), r.wait-time.Since(began))
		if left <= 0 {
			return nil, nil
		}
		list, err := q.await(ctx, r, left)
		if len(list) > 0 || err != nil || !q.serving.Load() {
			return q.records(list), err
		}
		q.st.a.serving(q.st.name) // carries out what has fallen due
		q.catchUp(q.st.a.config.Now())
	}
}

// await waits for records until so much time has passed, or the clock jumps.
func (q *workQueue) await(ctx context.Context, r receiving, d time.Duration) ([]queue.Delivery, error) {
	if pass := q.st.a.config.Pass; pass != nil {
		if err := pass(ctx, min(d, passEvery)); err != nil {
			return nil, err
		}
		return q.take(ctx, r, 0)
	}
	changing, done := q.st.untilChange(ctx)
	defer done()
	waiting, cancel := context.WithTimeout(changing, d)
	defer cancel()
	list, err := q.take(waiting, r, -1)
	if len(list) == 0 && err == nil && q.serving.Load() {
		<-waiting.Done() // nothing is put any more
	}
	if waiting.Err() != nil && ctx.Err() == nil && len(list) == 0 {
		return nil, nil
	}
	return list, err
}

// take has the engine deliver. That there is nothing, or a queue no more, is no
// error.
func (q *workQueue) take(ctx context.Context, r receiving, wait time.Duration) ([]queue.Delivery, error) {
	request := queue.Request{Max: r.limit, MaxBytes: maxReceivedBytes, Wait: wait, Visibility: r.visibility}
	receive := q.engine.ReceiveWith
	if r.dead {
		receive = q.engine.DeadLetters().ReceiveWith
	}
	list, err := receive(ctx, request)
	if err == nil || errors.Is(err, queue.ErrTooManyInFlight) || errors.Is(err, io.EOF) || errors.Is(err, queue.ErrDeleted) {
		return list, nil
	}
	return nil, q.st.a.translate(err)
}

// records returns deliveries as the service has them.
func (q *workQueue) records(list []queue.Delivery) []QueueRecord {
	records := make([]QueueRecord, len(list))
	for i := range list {
		d, r := &list[i], &records[i]
		*r = QueueRecord{
			ReceiptHandle: q.engine.Text(d.Receipt), RecordId: q.st.recordID(d.SequenceNumber), PartitionKey: d.PartitionKey,
			Data: d.Data, ApproximateArrivalTimestamp: d.ArrivalTime, FirstReceiveTimestamp: d.FirstReceived,
			ReceiveCount: int32(d.Receives),
		}
	}
	return records
}

// recordID returns the id that a record has in all queues of the stream: it says
// nothing, and is another one in another stream, also of the same name.
func (st *stream) recordID(n weir.SequenceNumber) string {
	const bytes = 16
	b := make([]byte, 0, 256)
	b = append(b, st.arn...)
	b = binary.BigEndian.AppendUint64(b, uint64(st.created.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(n.Shard()))
	b = binary.BigEndian.AppendUint64(b, n.Index())
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:bytes])
}

// RecordID returns the RecordId that the record of a sequence number has in the
// queues of a stream; "" if there is no stream of that name.
func (a *Account) RecordID(stream string, n weir.SequenceNumber) string {
	if st := a.serving(stream); st != nil {
		return st.recordID(n)
	}
	return ""
}

// GiveBack has records visible again that were received and cannot be handed
// over. Their counts stay as they are.
func (a *Account) GiveBack(ctx context.Context, dead bool, in *ReceiveQueueRecordsInput, out *ReceiveQueueRecordsOutput) {
	give := &QueueVisibilityInput{QueueARN: in.QueueARN}
	for i := range out.QueueRecords {
		give.Entries = append(give.Entries, QueueVisibilityEntry{&out.QueueRecords[i].ReceiptHandle, Ptr(int32(0))})
	}
	if dead {
		_, _ = a.UpdateDeadLetterQueueRecordsVisibility(ctx, give) // or when their time is over
	} else {
		_, _ = a.UpdateQueueRecordsVisibility(ctx, give)
	}
}

// AcknowledgeQueueRecords takes records out of a queue for good. One whose
// time-out has passed is still taken out if nobody has received it again.
func (a *Account) AcknowledgeQueueRecords(ctx context.Context, in *QueueRecordsInput) (*QueueRecordsOutput, error) {
	return a.eachRecord(ctx, "AcknowledgeQueueRecords", in, func(q *queue.Queue) batchOf { return q.Acknowledge })
}

// AcknowledgeDeadLetterQueueRecords gives dead letters up: nobody receives them
// any more.
func (a *Account) AcknowledgeDeadLetterQueueRecords(ctx context.Context, in *QueueRecordsInput) (*QueueRecordsOutput, error) {
	return a.eachRecord(ctx, "AcknowledgeDeadLetterQueueRecords", in, func(q *queue.Queue) batchOf { return q.DeadLetters().Acknowledge })
}

// RestoreDeadLetterQueueRecords makes dead letters records like all others, which
// can be received as often as any.
func (a *Account) RestoreDeadLetterQueueRecords(ctx context.Context, in *QueueRecordsInput) (*QueueRecordsOutput, error) {
	return a.eachRecord(ctx, "RestoreDeadLetterQueueRecords", in, func(q *queue.Queue) batchOf { return q.DeadLetters().Restore })
}

// UpdateQueueRecordsVisibility says how long records stay hidden from now on; 0
// has them visible at once.
func (a *Account) UpdateQueueRecordsVisibility(ctx context.Context, in *QueueVisibilityInput) (*QueueRecordsOutput, error) {
	return a.hide(ctx, "UpdateQueueRecordsVisibility", in, func(q *queue.Queue) batchOfExtensions { return q.Extend })
}

// UpdateDeadLetterQueueRecordsVisibility is [Account.UpdateQueueRecordsVisibility]
// for dead letters.
func (a *Account) UpdateDeadLetterQueueRecordsVisibility(ctx context.Context, in *QueueVisibilityInput) (*QueueRecordsOutput, error) {
	return a.hide(ctx, "UpdateDeadLetterQueueRecordsVisibility", in, func(q *queue.Queue) batchOfExtensions { return q.DeadLetters().Extend })
}

// batchOf and batchOfExtensions are how the engine is told something of several
// deliveries.
type (
	batchOf           func(context.Context, ...queue.Receipt) ([]error, error)
	batchOfExtensions func(context.Context, ...queue.Extension) ([]error, error)
)

func (a *Account) eachRecord(ctx context.Context, op string, in *QueueRecordsInput, method func(*queue.Queue) batchOf) (*QueueRecordsOutput, error) {
	if in == nil {
		in = new(QueueRecordsInput)
	}
	handles, err := handlesOf(ctx, len(in.Entries), func(i int) *string { return in.Entries[i].ReceiptHandle })
	if err != nil {
		return nil, err
	}
	return a.batch(ctx, op, in.QueueARN, handles, func(q *workQueue, receipts []queue.Receipt, _ []int) ([]error, error) {
		return method(q.engine)(ctx, receipts...)
	})
}

func (a *Account) hide(ctx context.Context, op string, in *QueueVisibilityInput, method func(*queue.Queue) batchOfExtensions) (*QueueRecordsOutput, error) {
	if in == nil {
		in = new(QueueVisibilityInput)
	}
	handles, err := handlesOf(ctx, len(in.Entries), func(i int) *string { return in.Entries[i].ReceiptHandle })
	if err != nil {
		return nil, err
	}
	for i, e := range in.Entries {
		member := fmt.Sprintf("entries.%d.member.visibilityTimeoutSeconds", i+1)
		if e.VisibilityTimeoutSeconds == nil {
			return nil, missing(member)
		}
		if err := checkRange(*e.VisibilityTimeoutSeconds, member, 0, int32(MaxVisibilityTimeout/time.Second)); err != nil {
			return nil, err
		}
	}
	return a.batch(ctx, op, in.QueueARN, handles, func(q *workQueue, receipts []queue.Receipt, of []int) ([]error, error) {
		list := make([]queue.Extension, len(receipts))
		for i, r := range receipts {
			list[i] = queue.Extension{Receipt: r, Visibility: time.Duration(*in.Entries[of[i]].VisibilityTimeoutSeconds) * time.Second}
		}
		return method(q.engine)(ctx, list...)
	})
}

// handlesOf returns the handles of entries.
func handlesOf(ctx context.Context, n int, handle func(int) *string) ([]string, error) {
	const member = "entries"
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case n < 1:
		return nil, errorf(CodeValidation, msgValidationUnshown, member, "Member must have length greater than or equal to 1")
	case n > maxQueueEntries:
		return nil, errorf(CodeValidation, msgValidationUnshown, member, "Member must have length less than or equal to 10")
	}
	list := make([]string, n)
	for i := range list {
		h := handle(i)
		if h == nil {
			return nil, missing(fmt.Sprintf("%s.%d.member.receiptHandle", member, i+1))
		}
		list[i] = *h
	}
	return list, nil
}

// batch does something with deliveries, those whose handles can be read: of says
// which entry each is. Success is per entry.
func (a *Account) batch(ctx context.Context, op string, arn *string, handles []string, do func(q *workQueue, receipts []queue.Receipt, of []int) ([]error, error)) (*QueueRecordsOutput, error) {
	q, err := a.queueServing(ctx, op, arn)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(handles))
	receipts, of := make([]queue.Receipt, 0, len(handles)), make([]int, 0, len(handles))
	for i, h := range handles {
		r, err := q.engine.ParseReceipt(h)
		if errs[i] = err; err == nil {
			receipts, of = append(receipts, r), append(of, i)
		}
	}
	if len(receipts) > 0 {
		failed, err := do(q, receipts, of)
		switch {
		case errors.Is(err, queue.ErrDeleted):
			return nil, errorf(CodeResourceNotFound, msgQueueNotFound, *arn)
		case err != nil:
			return nil, a.translate(err)
		}
		for i, err := range failed {
			errs[of[i]] = err
		}
	}
	out := &QueueRecordsOutput{Successful: []QueueEntryDone{}, Failed: []QueueEntryFailed{}}
	for i, h := range handles {
		if errs[i] == nil {
			out.Successful = append(out.Successful, QueueEntryDone{h})
			continue
		}
		code, message := a.receiptError(errs[i], q)
		out.Failed = append(out.Failed, QueueEntryFailed{h, code, message})
	}
	return out, nil
}

// receiptError words why an entry failed.
func (a *Account) receiptError(err error, q *workQueue) (code, message string) {
	switch {
	case errors.Is(err, queue.ErrInvalidReceipt):
		return CodeInvalidArgument, msgReceiptInvalid
	case errors.Is(err, queue.ErrStaleReceipt):
		return CodeResourceNotFound, msgReceiptGone
	case errors.Is(err, queue.ErrTooManyInFlight):
		return CodeThrottling, fmt.Sprintf(msgRateQueue, q.id, a.config.ID)
	default:
		_ = a.failed(err)
		return CodeInternalFailure, msgInternalFailure
	}
}
