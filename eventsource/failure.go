package eventsource

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Failure says which records were given up, and why. As JSON it is the
// document that the service sends to an on-failure destination.
type Failure struct {
	RequestContext RequestContext `json:"requestContext"`
	// ResponseContext is nil if the records were too old.
	ResponseContext  *ResponseContext `json:"responseContext,omitempty"`
	Version          string           `json:"version"`
	Timestamp        string           `json:"timestamp"`
	KinesisBatchInfo BatchInfo        `json:"KinesisBatchInfo"`

	// Event is what the function got last, or would have got, with the records.
	Event []byte `json:"-"`

	key string
}

// RequestContext says what was to be called, and why that was given up.
type RequestContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	// Condition is [RetryAttemptsExhausted] or [RecordAgeExceeded].
	Condition string `json:"condition"`
	// ApproximateInvokeCount is how often the records, as they were together
	// last, were given to the function; 1 at least.
	ApproximateInvokeCount int `json:"approximateInvokeCount"`
}

// Why records are given up.
const (
	RetryAttemptsExhausted = "RetryAttemptsExhausted"
	RecordAgeExceeded      = "RecordAgeExceeded"
)

// ResponseContext says what came of the last invocation.
type ResponseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	// FunctionError is "Unhandled" after an error, and nil if the function
	// answered, but said that records failed or what was not understood.
	FunctionError *string `json:"functionError"`
}

// BatchInfo says which records were given up. Of a window's final invocation,
// which has no records, there are no numbers and no arrivals.
type BatchInfo struct {
	ShardID                         string `json:"shardId"`
	StartSequenceNumber             string `json:"startSequenceNumber,omitempty"`
	EndSequenceNumber               string `json:"endSequenceNumber,omitempty"`
	ApproximateArrivalOfFirstRecord string `json:"approximateArrivalOfFirstRecord,omitempty"`
	ApproximateArrivalOfLastRecord  string `json:"approximateArrivalOfLastRecord,omitempty"`
	BatchSize                       int    `json:"batchSize"`
	StreamARN                       string `json:"streamArn"`
}

// A Form is how a failure is written.
type Form int

const (
	// QueueForm is what queues and topics get: the records are to be read from the
	// stream, by their numbers, before they expire.
	QueueForm Form = iota
	// BucketForm is what buckets get: it has the event as well, in the field
	// payload, as a string.
	BucketForm
)

// Document returns the failure as JSON.
func (f *Failure) Document(form Form) []byte {
	var payload *string
	if form == BucketForm {
		text := string(f.Event)
		payload = &text
	}
	document, err := json.Marshal(struct {
		*Failure
		Payload *string `json:"payload,omitempty"`
	}{f, payload})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return document
}

// Key returns the name that the object has in a bucket.
func (f *Failure) Key() string { return f.key }

const milliseconds = "2006-01-02T15:04:05.000Z"

// failure makes the document of a report.
func (r *runner) failure(j job) *Failure {
	s, now := r.source, time.Now().UTC()
	f := &Failure{
		RequestContext: RequestContext{newUUID(), s.function, RetryAttemptsExhausted, j.attempts}, Version: "1.0", Timestamp: now.Format(milliseconds),
		KinesisBatchInfo: batchInfo(r.progress.Shard(), s.source, j.items),
		Event:            r.desk.envelope.event(j.items, j.frame),
	}
	if j.aged {
		f.RequestContext.Condition = RecordAgeExceeded
	} else {
		f.ResponseContext = &ResponseContext{StatusCode: 200, ExecutedVersion: "$LATEST"}
		if unhandled := "Unhandled"; j.threw {
			f.ResponseContext.FunctionError = &unhandled
		}
	}
	f.key = fmt.Sprintf("aws/lambda/%s/%v/%s-%s", s.config.Mapping, r.progress.Shard(), now.Format("2006/01/02/2006-01-02T15.04.05"), newUUID())
	return f
}

func batchInfo(shard weir.ShardID, stream string, items []item) BatchInfo {
	b := BatchInfo{ShardID: shard.String(), BatchSize: len(items), StreamARN: stream}
	if n := len(items); n > 0 {
		first, last := &items[0].record, &items[n-1].record
		b.StartSequenceNumber, b.EndSequenceNumber = first.SequenceNumber.String(), last.SequenceNumber.String()
		b.ApproximateArrivalOfFirstRecord = first.ArrivalTime.UTC().Format(milliseconds)
		b.ApproximateArrivalOfLastRecord = last.ArrivalTime.UTC().Format(milliseconds)
	}
	return b
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
