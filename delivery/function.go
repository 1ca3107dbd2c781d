package delivery

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// Bounds of calls of a [Function].
const (
	// MaxPayloadBytes is how large a request and an answer may be.
	MaxPayloadBytes = 6 << 20
	// DefaultTimeout is how long a function may take.
	DefaultTimeout = 5 * time.Minute
)

// A Function is a [Transform] by the contract that the service has with Lambda
// functions: Invoke gets the records as JSON, and answers what becomes of each.
// docs/delivery.md has both forms. Invoke must be set.
//
// Each record's id must be in the answer exactly once: a record whose id is
// missing or there twice has failed, and one whose result is none of Ok, Dropped
// and ProcessingFailed. An answer that cannot be read, or with an id that was
// not asked for, is one of a call that failed.
type Function struct {
	// Invoke calls the function. It is called by several goroutines at a time.
	Invoke func(ctx context.Context, request []byte) (answer []byte, err error)
	// Name is the function's ARN, for the error output.
	Name string
	// DeliveryStream and Source are ARNs that the function is told. Empty means
	// ones with an account that nobody has.
	DeliveryStream, Source string
	// Region is told, too. Empty means us-east-1.
	Region string
	// Timeout is how long a call may take. Zero means [DefaultTimeout].
	Timeout time.Duration
}

// ARN returns the function's name.
func (f *Function) ARN() string { return f.Name }

// A request is what the function gets.
type request struct {
	InvocationID   string          `json:"invocationId"`
	DeliveryStream string          `json:"deliveryStreamArn"`
	Source         string          `json:"sourceKinesisStreamArn"`
	Region         string          `json:"region"`
	Records        []requestRecord `json:"records"`
}

type requestRecord struct {
	RecordID string          `json:"recordId"`
	Arrival  int64           `json:"approximateArrivalTimestamp"`
	Data     []byte          `json:"data"`
	Metadata requestMetadata `json:"kinesisRecordMetadata"`
}

type requestMetadata struct {
	ShardID           string `json:"shardId"`
	PartitionKey      string `json:"partitionKey"`
	Arrival           int64  `json:"approximateArrivalTimestamp"`
	SequenceNumber    string `json:"sequenceNumber"`
	SubsequenceNumber uint64 `json:"subsequenceNumber"`
}

// An answer is what the function says.
type answer struct {
	Records []struct {
		RecordID string  `json:"recordId"`
		Result   string  `json:"result"`
		Data     *string `json:"data"`
		Metadata struct {
			PartitionKeys map[string]json.RawMessage `json:"partitionKeys"`
		} `json:"metadata"`
	} `json:"records"`
}

// A codedError is one that error output has a code for.
type codedError struct {
	code string
	err  error
}

func (e *codedError) Error() string     { return e.err.Error() }
func (e *codedError) Unwrap() error     { return e.err }
func (e *codedError) ErrorCode() string { return e.code }

// Transform calls the function, more often than once if the records are more
// than one request can have.
func (f *Function) Transform(ctx context.Context, records []Record) ([]Result, error) {
	if f.Invoke == nil {
		return nil, &weir.ArgumentError{Field: "Function.Invoke", Reason: "is nil"}
	}
	results := make([]Result, len(records))
	for from := 0; from < len(records); {
		n := f.fit(records[from:])
		if n == 0 {
			results[from] = Result{Status: ProcessingFailed, Code: "Lambda.RequestTooLarge",
				Message: fmt.Sprintf("the record has %d bytes; a request has up to %d, in base64", len(records[from].Data), MaxPayloadBytes)}
			from++
			continue
		}
		if err := f.call(ctx, records[from:from+n], results[from:from+n]); err != nil {
			return nil, err
		}
		from += n
	}
	return results, nil
}

// fit returns how many of the records one request can have.
func (f *Function) fit(records []Record) int {
	// What is not data has no more than this: names, numbers and punctuation.
	const around, each = 1024, 512
	left := MaxPayloadBytes - around - len(f.DeliveryStream) - len(f.Source)
	for i := range records {
		// A character of a key takes up to six, escaped.
		left -= (len(records[i].Data)+2)/3*4 + 6*len(records[i].PartitionKey) + each
		if left < 0 {
			return i
		}
	}
	return len(records)
}

func (f *Function) call(ctx context.Context, records []Record, results []Result) error {
	text, ids := f.request(records)
	timeout := f.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := f.Invoke(ctx, text)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &codedError{"Lambda.FunctionTimedOut", fmt.Errorf("the function took longer than %v", timeout)}
	case err != nil:
		return &codedError{"Lambda.FunctionError", err}
	case len(got) > MaxPayloadBytes:
		return &codedError{"Lambda.ResponseTooLarge", fmt.Errorf("the answer has %d bytes; up to %d are allowed", len(got), MaxPayloadBytes)}
	}
	var a answer
	if err := json.Unmarshal(got, &a); err != nil {
		return &codedError{"Lambda.JsonProcessingException", fmt.Errorf("the answer is not one: %w", err)}
	}
	return a.read(ids, results)
}

// request returns what the function is given, and the place of each id.
func (f *Function) request(records []Record) (text []byte, ids map[string]int) {
	region := f.Region
	if region == "" {
		region = "us-east-1"
	}
	r := request{InvocationID: uuidOf(records[0].id(), len(records)), DeliveryStream: f.DeliveryStream, Source: f.Source, Region: region}
	if r.DeliveryStream == "" {
		r.DeliveryStream = "arn:aws:firehose:" + region + ":000000000000:deliverystream/weir"
	}
	if r.Source == "" {
		r.Source = "arn:aws:kinesis:" + region + ":000000000000:stream/weir"
	}
	ids = make(map[string]int, len(records))
	for i := range records {
		one := &records[i]
		id := one.id()
		ids[id] = i
		data := one.Data
		if data == nil {
			data = []byte{}
		}
		ms := one.ArrivalTime.UnixMilli()
		r.Records = append(r.Records, requestRecord{id, ms, data,
			requestMetadata{one.ShardID().String(), one.PartitionKey, ms, one.SequenceNumber.String(), one.Sub}})
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		panic(err) // strings and numbers only
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), ids
}

// read says what the answer makes of each record.
func (a *answer) read(ids map[string]int, results []Result) error {
	seen := make([]int, len(results))
	for _, r := range a.Records {
		i, asked := ids[r.RecordID]
		if !asked {
			return &codedError{"Lambda.UnknownRecordId", fmt.Errorf("the answer has record id %q, which was not asked for", r.RecordID)}
		}
		if seen[i]++; seen[i] > 1 {
			continue
		}
		results[i] = resultOf(r.Result, r.Data, r.Metadata.PartitionKeys)
	}
	for i, n := range seen {
		switch {
		case n == 0:
			results[i] = Result{Status: ProcessingFailed, Code: "Lambda.MissingRecordId", Message: "the answer does not have the record's id"}
		case n > 1:
			results[i] = Result{Status: ProcessingFailed, Code: "Lambda.DuplicatedRecordId", Message: fmt.Sprintf("the answer has the record's id %d times", n)}
		}
	}
	return nil
}

func resultOf(result string, data *string, keys map[string]json.RawMessage) Result {
	switch result {
	case "Dropped":
		return Result{Status: Dropped}
	case "Ok":
	case "ProcessingFailed":
		return Result{Status: ProcessingFailed, Code: "Lambda.ProcessingFailedStatus", Message: "the function has set the record's result to ProcessingFailed"}
	default:
		return Result{Status: ProcessingFailed, Code: "Lambda.UnknownResult", Message: fmt.Sprintf("result %q is none of Ok, Dropped and ProcessingFailed", result)}
	}
	if data == nil {
		return Result{Status: ProcessingFailed, Code: "Lambda.MissingData", Message: "the result is Ok, and there is no data"}
	}
	text, err := base64.StdEncoding.DecodeString(*data)
	if err != nil {
		return Result{Status: ProcessingFailed, Code: "Lambda.MalformedData", Message: "the data is not base64"}
	}
	r := Result{Data: text}
	for name, raw := range keys {
		if r.Keys == nil {
			r.Keys = make(map[string]string, len(keys))
		}
		var value string
		switch {
		case json.Unmarshal(raw, &value) == nil:
		case raw[0] != '{' && raw[0] != '[':
			value = string(raw) // a number, true or false
		}
		r.Keys[name] = value
	}
	return r
}
