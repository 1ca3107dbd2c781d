package kinesistest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir/aws/kinesistest"
)

// quiet is a test whose clean-up runs when it is told to.
type quiet struct {
	testing.TB
	cleanups []func()
}

func (q *quiet) Cleanup(f func()) { q.cleanups = append(q.cleanups, f) }
func (q *quiet) Failed() bool     { return false }

func (q *quiet) end() {
	for _, f := range q.cleanups {
		f()
	}
	q.cleanups = nil
}

// Making a fake with a stream. Goal: 50 µs and 64 KiB.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		q := &quiet{TB: b}
		kinesistest.New(q, kinesistest.Stream("orders", 2))
	}
}

// Making a fake with a stream, its client and a first call. Goal: 150 µs and 64
// KiB.
func BenchmarkNew_andACall(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		q := &quiet{TB: b}
		k := kinesistest.New(q, kinesistest.Stream("orders", 2))
		if _, err := k.Client().ListStreams(b.Context(), &kinesis.ListStreamsInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

// The same to the end of the test, where it looks for goroutines left behind.
func BenchmarkNew_fromBeginningToEnd(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		q := &quiet{TB: b}
		k := kinesistest.New(q, kinesistest.Stream("orders", 2))
		if _, err := k.Client().ListStreams(b.Context(), &kinesis.ListStreamsInput{}); err != nil {
			b.Fatal(err)
		}
		q.end()
	}
}

func BenchmarkCall(b *testing.B) {
	q := &quiet{TB: b}
	k := kinesistest.New(q, kinesistest.Config{KeepCalls: 1000}, kinesistest.Stream("orders", 2))
	defer q.end()
	c := k.Client()
	b.Run("op=PutRecord", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := c.PutRecord(b.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: aws.String("a"), Data: []byte("x")})
			if err != nil {
				b.Fatal(err)
			}
			k.Advance(1000000)
		}
	})
}
