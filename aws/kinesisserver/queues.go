package kinesisserver

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// receiveWith is ReceiveQueueRecords, or the same of dead letters. A receive that
// waits holds next to nothing of the server's budget meanwhile, and ends with an
// empty list when the server shuts down.
func receiveWith(dead bool) func(*exchange) error {
	return func(x *exchange) error {
		in := new(account.ReceiveQueueRecordsInput)
		bind(&x.value, x.op.input, in)
		return x.receive(dead, in)
	}
}

func (x *exchange) receive(dead bool, in *account.ReceiveQueueRecordsInput) error {
	s := x.server
	ctx, cancel := context.WithCancelCause(x.ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.subscriptions.closing, func() { cancel(errClosing) })()
	waited := false
	out, err := x.account.Receive(ctx, dead, in, func() {
		waited = true
		x.outlast()
	})
	if err != nil && context.Cause(ctx) == errClosing {
		out, err = &account.ReceiveQueueRecordsOutput{}, nil
	}
	if waited {
		http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(s.config.WriteTimeout)) // not supported in process
	}
	if err != nil {
		return err
	}
	return x.respondQueue(dead, in, out)
}

// respondQueue makes out the response. If there is no room for it the records are
// as if they had not been received, but for their counts.
func (x *exchange) respondQueue(dead bool, in *account.ReceiveQueueRecordsInput, out *account.ReceiveQueueRecordsOutput) error {
	n := 0
	for i := range out.QueueRecords {
		n += queueRecordBytes(&out.QueueRecords[i])
	}
	if !x.expect(n) {
		x.account.GiveBack(x.ctx, dead, in, out)
		return errTooBusy
	}
	x.out = slices.Grow(x.out, n)
	if x.protocol == protocolCBOR {
		x.out = appendCBORQueueRecords(x.out, out.QueueRecords)
	} else {
		x.out = appendJSONQueueRecords(x.out, out.QueueRecords)
	}
	return nil
}

// queueRecordBytes returns about how much a record of a queue takes in a
// response.
func queueRecordBytes(r *account.QueueRecord) int {
	const overhead = 240
	return base64.StdEncoding.EncodedLen(len(r.Data)) + len(r.ReceiptHandle) + len(r.RecordId) + 2*len(r.PartitionKey) + overhead
}

// appendJSONQueueRecords appends the output of a receive.
func appendJSONQueueRecords(dst []byte, records []account.QueueRecord) []byte {
	dst = append(dst, `{"QueueRecords":[`...)
	for i := range records {
		r := &records[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"ReceiptHandle":"`...)
		dst = append(dst, r.ReceiptHandle...) // which needs no escape, nor has the id
		dst = append(dst, `","RecordId":"`...)
		dst = append(dst, r.RecordId...)
		dst = append(dst, '"')
		if r.PartitionKey != "" {
			dst = append(dst, `,"PartitionKey":`...)
			dst = appendJSONText(dst, r.PartitionKey)
		}
		dst = append(dst, `,"Data":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, r.Data)
		dst = append(dst, `","ApproximateArrivalTimestamp":`...)
		dst = appendSeconds(dst, r.ApproximateArrivalTimestamp.UnixMilli())
		dst = append(dst, `,"FirstReceiveTimestamp":`...)
		dst = appendSeconds(dst, r.FirstReceiveTimestamp.UnixMilli())
		dst = append(dst, `,"ReceiveCount":`...)
		dst = strconv.AppendInt(dst, int64(r.ReceiveCount), 10)
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

func appendCBORQueueRecords(dst []byte, records []account.QueueRecord) []byte {
	dst = appendCBORText(appendHead(dst, cborMap, 1), "QueueRecords")
	dst = appendHead(dst, cborList, uint64(len(records)))
	for i := range records {
		r := &records[i]
		dst = appendHead(dst, cborMap, 6+one(r.PartitionKey != ""))
		dst = appendCBORText(appendCBORText(dst, "ReceiptHandle"), r.ReceiptHandle)
		dst = appendCBORText(appendCBORText(dst, "RecordId"), r.RecordId)
		if r.PartitionKey != "" {
			dst = appendCBORText(appendCBORText(dst, "PartitionKey"), r.PartitionKey)
		}
		dst = appendHead(appendCBORText(dst, "Data"), cborBytes, uint64(len(r.Data)))
		dst = append(dst, r.Data...)
		dst = appendCBORTime(appendCBORText(dst, "ApproximateArrivalTimestamp"), r.ApproximateArrivalTimestamp.UnixMilli())
		dst = appendCBORTime(appendCBORText(dst, "FirstReceiveTimestamp"), r.FirstReceiveTimestamp.UnixMilli())
		dst = appendCBORInt(appendCBORText(dst, "ReceiveCount"), int64(r.ReceiveCount))
	}
	return dst
}
