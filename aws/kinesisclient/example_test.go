package kinesisclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/client"
)

// copyShard is written against client.Stream, so it takes a stream of the
// service as well as one of the engine.
func copyShard(ctx context.Context, to, from client.Stream, shard weir.ShardID) error {
	r, err := from.Read(ctx, shard, weir.TrimHorizon(), client.Reading{})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var entries []weir.Entry
		for _, record := range b.Records {
			entries = append(entries, weir.Entry{PartitionKey: record.PartitionKey, Data: record.Data})
		}
		if len(entries) == 0 {
			continue
		}
		results, err := to.PutRecords(ctx, entries)
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.Err != nil {
				return r.Err
			}
		}
	}
}

func Example() {
	ctx := context.Background()
	server, err := kinesisserver.New(kinesisserver.Config{Accounts: instant()}) // stands for the service
	if err != nil {
		fmt.Println(err)
		return
	}
	listening := httptest.NewServer(server.Handler())
	defer listening.Close()
	c := kinesis.New(kinesis.Options{
		BaseEndpoint: &listening.URL, Region: "us-east-1", Credentials: anybody, Retryer: aws.NopRetryer{},
	})

	name := "orders"
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
		fmt.Println(err)
		return
	}
	s, err := kinesisclient.New(c, name)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.WaitActive(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := s.PutRecord(ctx, "user-1", []byte("bought a lamp")); err != nil {
		fmt.Println(err)
		return
	}
	if err := s.SplitShard(ctx, 0, weir.HashKey{}); err != nil { // so that the shard has an end
		fmt.Println(err)
		return
	}
	here, err := weir.NewStream("copy", weir.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := copyShard(ctx, client.Embedded(here), s, 0); err != nil {
		fmt.Println(err)
		return
	}
	for record, err := range here.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(record.PartitionKey, string(record.Data))
	}
	// Output: user-1 bought a lamp
}

// instant returns accounts of which nothing takes time.
func instant() *kinesisserver.Registry {
	return kinesisserver.NewRegistry(kinesisserver.RegistryConfig{
		Open: func(id, region string) (*account.Account, error) {
			c := account.Instant()
			c.ID, c.Region = id, region
			return account.New(c)
		},
	})
}

// anybody is credentials that a server which checks none takes.
var anybody = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
})
