package kinesisclient

import "github.com/aws/aws-sdk-go-v2/service/kinesis"

// WithFastPuts returns a client that puts as that of a [Stream] does.
func WithFastPuts(c *kinesis.Client) *kinesis.Client { return kinesis.New(c.Options(), withFastPuts) }

// JSONOf returns what CBOR says as JSON.
func JSONOf(body []byte) ([]byte, error) { return jsonOf(body) }
