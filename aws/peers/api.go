package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const contentType = "application/x-amz-json-1.1"

// request puts together a request of an operation. The signature is of the form
// that peers ask for; none of them verifies it.
func request(path, operation, body string) []byte {
	return []byte("POST " + path + " HTTP/1.1\r\n" +
		"Host: 127.0.0.1\r\n" +
		"Content-Type: " + contentType + "\r\n" +
		"X-Amz-Target: Kinesis_20131202." + operation + "\r\n" +
		authorization + "\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body)
}

// authorization is the headers of a signature.
var authorization = "X-Amz-Date: 20250101T000000Z\r\n" +
	"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/kinesis/aws4_request, " +
	"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + strings.Repeat("0", 64)

// An api calls operations one at a time, off the clock.
type api struct{ addr string }

// call calls an operation and reads its output into out, unless that is nil. It
// returns how large the output is.
func (a api) call(operation string, in, out any) (int, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	c, err := dial(a.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(callTimeout))
	var answer []byte
	status, err := c.call(request("/", operation, string(body)), &answer)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", status, answer)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", operation, err)
	}
	return len(answer), nil
}

// create creates a stream and waits until it is ACTIVE.
func (a api) create(name string, shards int) error {
	if _, err := a.call("CreateStream", map[string]any{"StreamName": name, "ShardCount": shards}, nil); err != nil {
		return err
	}
	const patience, interval = 10 * time.Second, 2 * time.Millisecond
	for start := time.Now(); time.Since(start) < patience; time.Sleep(interval) {
		var out struct {
			StreamDescriptionSummary struct{ StreamStatus string }
		}
		_, err := a.call("DescribeStreamSummary", map[string]any{"StreamName": name}, &out)
		if err != nil || out.StreamDescriptionSummary.StreamStatus == "ACTIVE" {
			return err
		}
	}
	return fmt.Errorf("stream %s is not ACTIVE after %v", name, patience)
}

// remove deletes a stream, and its consumers.
func (a api) remove(name string) error {
	_, err := a.call("DeleteStream", map[string]any{"StreamName": name, "EnforceConsumerDeletion": true}, nil)
	return err
}

// uniqueStream returns a name that no stream had in this run.
func uniqueStream(prefix string) string {
	return fmt.Sprintf("%s-%d", prefix, time.Now().UnixNano())
}

// iterator returns an iterator from the trim horizon of the first shard.
func (a api) iterator(stream string) (string, error) {
	var out struct{ ShardIterator string }
	_, err := a.call("GetShardIterator", map[string]any{
		"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON",
	}, &out)
	return out.ShardIterator, err
}

// The records of all workloads.
const (
	batchSize = 500
	dataSize  = 100 // bytes
	distinct  = 16  // bodies with keys of their own
)

// record returns the members of the i-th record: a key of 16 bytes, and data.
func record(i int) string {
	data := make([]byte, dataSize)
	for j := range data {
		data[j] = byte(i*31 + j*7)
	}
	return fmt.Sprintf(`"Data":"%s","PartitionKey":"user-%011d"`, base64.StdEncoding.EncodeToString(data), i*7919)
}

// putRecords returns the n-th body of PutRecords.
func putRecords(stream string, n int) string {
	entries := make([]string, batchSize)
	for i := range entries {
		entries[i] = "{" + record(n*batchSize+i) + "}"
	}
	return `{"StreamName":"` + stream + `","Records":[` + strings.Join(entries, ",") + `]}`
}

// putRecord returns the n-th body of PutRecord.
func putRecord(stream string, n int) string {
	return `{"StreamName":"` + stream + `",` + record(n) + `}`
}

// fill puts batches of records into a stream.
func (a api) fill(stream string, batches int) error {
	for i := range batches {
		if err := a.putBatch(stream, i); err != nil {
			return err
		}
	}
	return nil
}

// putBatch puts the n-th batch and checks that all of it is stored.
func (a api) putBatch(stream string, n int) error {
	var out struct {
		FailedRecordCount int
		Records           []json.RawMessage
	}
	_, err := a.call("PutRecords", json.RawMessage(putRecords(stream, n)), &out)
	if err == nil && (out.FailedRecordCount > 0 || len(out.Records) != batchSize) {
		err = fmt.Errorf("PutRecords: %d of %d answers, %d refused", len(out.Records), batchSize, out.FailedRecordCount)
	}
	return err
}
