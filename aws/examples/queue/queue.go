// Package queue works on the records of a queue: the code under test of an
// example. The SDK for Go has no client for queues yet, so there is one here, of
// two operations, that signs and sends as the SDK does.
package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Record is a record that was received.
type Record struct {
	ReceiptHandle string
	RecordId      string
	PartitionKey  string
	Data          []byte
	ReceiveCount  int
}

// An Error is an error of the service.
type Error struct {
	Code    string `json:"__type"`
	Message string `json:"message"`
}

// Error has the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// A Client calls the operations of one queue.
type Client struct {
	config aws.Config
	arn    string
	signer *v4.Signer
}

// NewClient returns a client for the queue of an ARN. Without a BaseEndpoint in
// the configuration it calls the queue's own host.
func NewClient(c aws.Config, arn string) *Client { return &Client{c, arn, v4.NewSigner()} }

// Receive returns up to ten records, and waits for one as long as the service
// does; none if there was none in that time.
func (c *Client) Receive(ctx context.Context) ([]Record, error) {
	var out struct{ QueueRecords []Record }
	err := c.call(ctx, "ReceiveQueueRecords", map[string]any{"QueueARN": c.arn}, &out)
	return out.QueueRecords, err
}

// Acknowledge takes records out of the queue, and returns those for which that
// failed.
func (c *Client) Acknowledge(ctx context.Context, records []Record) (failed []Record, err error) {
	entries, byHandle := make([]map[string]string, len(records)), make(map[string]Record, len(records))
	for i, r := range records {
		entries[i] = map[string]string{"ReceiptHandle": r.ReceiptHandle}
		byHandle[r.ReceiptHandle] = r
	}
	var out struct {
		Failed []struct{ ReceiptHandle string }
	}
	err = c.call(ctx, "AcknowledgeQueueRecords", map[string]any{"QueueARN": c.arn, "Entries": entries}, &out)
	for _, f := range out.Failed {
		failed = append(failed, byHandle[f.ReceiptHandle])
	}
	return failed, err
}

// endpoint returns where calls go.
func (c *Client) endpoint() string {
	if c.config.BaseEndpoint != nil {
		return *c.config.BaseEndpoint
	}
	_, id, _ := strings.Cut(c.arn, ":queue/")
	return "https://" + id + ".data-kinesis-queues." + c.config.Region + ".amazonaws.com"
}

func (c *Client) call(ctx context.Context, op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	credentials, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "kinesis", c.config.Region, time.Now()); err != nil {
		return err
	}
	response, err := c.config.HTTPClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		failed := &Error{Code: response.Status}
		_ = json.Unmarshal(text, failed) // or the status has to do
		return fmt.Errorf("%s: %w", op, failed)
	}
	return json.Unmarshal(text, out)
}

// Work receives records and hands each to handle until ctx ends. What handle
// returns nil for is acknowledged; all else comes back when its time is over.
// When the service or the network fails it waits for a second: what was received
// and not acknowledged comes back as well.
func Work(ctx context.Context, c *Client, handle func(Record) error) error {
	for ctx.Err() == nil {
		records, err := c.Receive(ctx)
		var done []Record
		for _, r := range records {
			if handle(r) == nil {
				done = append(done, r)
			}
		}
		if len(done) > 0 {
			_, err = c.Acknowledge(ctx, done) // those that failed are received again
		}
		var refused *Error
		if errors.As(err, &refused) && refused.Code == "ResourceNotFoundException" {
			return err
		}
		if err != nil {
			pause(ctx, time.Second)
		}
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
