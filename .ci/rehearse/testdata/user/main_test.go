package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir/aws/kinesistest"
)

func TestPut(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("clicks", 4))
	_, err := k.Client().PutRecord(t.Context(), &kinesis.PutRecordInput{
		StreamName:   aws.String("clicks"),
		PartitionKey: aws.String("user-1"),
		Data:         []byte("hello"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Records("clicks"); len(got) != 1 || string(got[0].Data) != "hello" {
		t.Fatalf("%d records: %v", len(got), got)
	}
}
