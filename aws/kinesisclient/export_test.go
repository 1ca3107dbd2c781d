package kinesisclient

import "github.com/aws/aws-sdk-go-v2/service/kinesis"

// WithFastPuts returns a client that puts as that of a [Stream] does.
func WithFastPuts(c *kinesis.Client) *kinesis.Client { return kinesis.New(c.Options(), withFastPuts) }
