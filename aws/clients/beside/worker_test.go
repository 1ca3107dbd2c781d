package beside_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
)

// region is the server's with the service's limits on throughput and calls.
const region = "eu-west-1"

// isWorker is the variable of the environment that makes the test's program a
// worker, with the arguments of the Java one.
const isWorker = "WEIR_BESIDE_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(isWorker) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := work(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// work is a worker of weir's group that writes what it is given to the end of a
// file, until ctx ends. Its arguments are an application, which has the name of
// its stream, an account, the worker's name, the file, and "fan-out" or "polling".
func work(ctx context.Context, args []string) error {
	name, account, worker := args[0], args[1], args[2]
	journal, err := os.OpenFile(args[3], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	k, err := kinesisOf(account)
	if err != nil {
		return err
	}
	s, err := kinesisclient.New(k, name)
	if err != nil {
		return err
	}
	reading := client.Reading{MaxRecords: 1000} // at once, though handlers get fewer
	if args[4] == "fan-out" {
		reading.MaxRecords = 0
		reading.Consumer = name // the library's, of which each shard has one reader at a time
		if err := s.RegisterConsumer(ctx, name); err != nil && !errors.Is(err, weir.ErrConsumerExists) {
			return err
		}
	}
	store, err := dynamolease.Open(ctx, tables(), name)
	if err != nil {
		return err
	}
	g, err := consumer.New(consumer.Config{
		Name: name, Streams: []client.Stream{s}, Store: store, Worker: worker, Reading: reading,
		Failover: failover, Patience: 2 * failover, SyncEvery: failover, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		MaxRecords: 7, // so that checkpoints lie within aggregates, too
		Handler: func(_ context.Context, b *consumer.Batch) error {
			var lines bytes.Buffer
			for _, r := range b.Records {
				fmt.Fprintf(&lines, "%s %s %s\n", worker, b.Shard, r.Data)
			}
			_, err := journal.Write(lines.Bytes())
			return err
		},
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// failover is that of both libraries' workers.
const failover = 5 * time.Second

func credentials(account string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
	})
}

// kinesisOf returns a client of an account of the server.
func kinesisOf(account string) (*kinesis.Client, error) {
	pem, err := os.ReadFile(os.Getenv("WEIR_CA"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return kinesis.New(kinesis.Options{
		Region: region, BaseEndpoint: aws.String(os.Getenv("WEIR_HTTPS")), Credentials: credentials(account),
		HTTPClient: &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: roots}}},
	}), nil
}

// tables returns a client of DynamoDB Local.
func tables() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(os.Getenv("WEIR_DYNAMODB")), Region: "us-east-1", Credentials: credentials("local"),
	})
}
