package delivery

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Types of errors: the part of an ErrorPrefix, and whom a line is from.
const (
	processingFailed       = "processing-failed"
	formatConversionFailed = "format-conversion-failed"
	partitionExceeded      = "activePartitionExceeded"
	deliveryFailed         = "delivery-failed"
	httpFailed             = "http-endpoint-failed"

	longestErrorType = formatConversionFailed
)

// Codes of errors that are not somebody else's.
const (
	codeTransform   = "Transform.Failed"
	codeDecompress  = "Decompression.Failed"
	codeLogs        = "CloudWatchLogs.NotAMessage"
	codeSplit       = "Deaggregation.Failed"
	codePartition   = "DynamicPartitioning.MetadataExtractionFailed"
	codePartitions  = "DynamicPartitioning.ActivePartitionLimitExceeded"
	codePrefix      = "DynamicPartitioning.PrefixTooLong"
	codeConversion  = "DataFormatConversion.Failed"
	codeRefused     = "Delivery.Refused"
	codeStream      = "Stream.Refused"
	codeHTTP        = "HttpEndpoint.DestinationException"
	codeHTTPTooMuch = "HttpEndpoint.RequestTooLarge"
)

// A failure is why a record goes to the error output.
type failure struct {
	kind     string
	code     string
	attempts int
	err      string
	source   string // ARN of the transform
}

// An errorLine is a record in the error output, as the service writes it. The
// conversion of formats has names of its own for some.
type errorLine struct {
	AttemptsMade           int    `json:"attemptsMade"`
	ArrivalTimestamp       int64  `json:"arrivalTimestamp"`
	ErrorCode              string `json:"errorCode,omitempty"`
	ErrorMessage           string `json:"errorMessage,omitempty"`
	LastErrorCode          string `json:"lastErrorCode,omitempty"`
	LastErrorMessage       string `json:"lastErrorMessage,omitempty"`
	AttemptEndingTimestamp int64  `json:"attemptEndingTimestamp"`
	RawData                []byte `json:"rawData"`
	SequenceNumber         string `json:"sequenceNumber"`
	SubsequenceNumber      uint64 `json:"subsequenceNumber"`
	PartitionKey           string `json:"partitionKey"`
	DataID                 string `json:"dataId"`
	LambdaArn              string `json:"lambdaArn,omitempty"`
}

// line returns the record as it stands in the error output, without the end of
// the line.
func (f failure) line(now time.Time, r *Record) Record {
	l := errorLine{
		AttemptsMade: max(1, f.attempts), ArrivalTimestamp: r.ArrivalTime.UnixMilli(),
		AttemptEndingTimestamp: now.UnixMilli(), RawData: r.Data,
		SequenceNumber: r.SequenceNumber.String(), SubsequenceNumber: r.Sub, PartitionKey: r.PartitionKey,
		DataID: r.id(), LambdaArn: f.source,
	}
	if l.RawData == nil {
		l.RawData = []byte{}
	}
	if f.kind == formatConversionFailed {
		l.LastErrorCode, l.LastErrorMessage = f.code, f.err
	} else {
		l.ErrorCode, l.ErrorMessage = f.code, f.err
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // strings and numbers only
	}
	out := *r
	out.Data, out.Keys = text, nil
	return out
}

// id names a record, or a part of one, like no other of the stream.
func (r *Record) id() string {
	return fmt.Sprintf("%v:%v:%d:%d", r.ShardID(), r.SequenceNumber, r.Sub, r.Part)
}

// longestMessage bounds what of an error goes into each line.
const longestMessage = 8192

func failureOf(kind, code string, attempts int, err error) failure {
	message := err.Error()
	if len(message) > longestMessage {
		message = message[:longestMessage]
	}
	return failure{kind: kind, code: code, attempts: attempts, err: message}
}

// refusal returns the failure of what a sink refused.
func refusal(e *RefusedError) failure {
	err := e.Err
	if err == nil {
		err = e
	}
	return failureOf(cmp.Or(e.Type, deliveryFailed), cmp.Or(e.Code, codeRefused), e.Attempts, err)
}
