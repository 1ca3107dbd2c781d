package kinesistest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir/aws/kinesistest"
)

// consume stands for the code under test.
func consume(context.Context, *kinesis.Client, func(...types.Record)) {}

// Programs of a page for each use are in aws/examples.
func ExampleNew() {
	var t *testing.T // a test's
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		check := k.Checker("orders", kinesistest.AtLeastOnce())
		go consume(t.Context(), k.Client(), check.Saw)
		k.Generate("orders", kinesistest.Load{Records: 1000, Over: time.Hour})
		k.WaitFor("all are seen", time.Minute, check.Complete)
		check.Check()
	})
}

func ExampleFake_Fail() {
	var t *testing.T // a test's
	k := kinesistest.New(t, kinesistest.Stream("orders", 2))
	k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.ExpiredIterator)
	k.Fail("PutRecords").Nth(2).ThrottleRecords(0, 7).Required()
}

func ExampleChaos() {
	var t *testing.T // a test's
	kinesistest.New(t, kinesistest.Stream("orders", 2), kinesistest.Chaos(42, kinesistest.Rough()))
}
